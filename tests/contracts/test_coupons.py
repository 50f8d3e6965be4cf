"""Coupons written off: every refusal by its name, and what their incentive adds up to."""

from typing import Any

import pytest

from node.domain.acts.coupon import Face, WriteOff
from node.domain.coupons import coupon_id
from node.domain.ids import Hash32, MinorUnits
from node.domain.merkle import product_leaf, product_leaves, product_set_root, proof_of
from tests.contracts.conftest import EPOCH
from tests.contracts.suite.coupon_desk import ANN, BOB, CAT, LATER, OFF, OTHER, PAID, POOR, SHOP, Desk
from tests.contracts.suite.people import wait
from tests.contracts.twin import stored

pytestmark = pytest.mark.anvil
BASKET = 10_000
PRODUCTS = [f"{code:013d}" for code in range(7)]


# --- writing off ---


def test_write_off_is_refused_by_name(desk: Desk) -> None:
    fixed = desk.campaign(face=Face.SUM, value=500, minimum=2_000, starts=LATER, share=False)
    short = desk.campaign(until=desk.twin.now + 1_000)
    ours, early, brief = desk.given(ANN), desk.given(ANN, campaign=fixed), desk.given(ANN, campaign=short)
    ours_twice = desk.terms(ours)
    wait(desk.twin, 1_000)

    def refused(coupon: int, **changed: Any) -> tuple[str, Any]:
        return desk.refused("Coupons", "writeOff", *desk.terms(coupon, **changed), sender=desk.merchant)

    assert refused(coupon_id(1, 0, 99))[0] == "UnknownCoupon"
    assert refused(coupon_id(1, 0, 5))[0] == "NotHolder"
    assert refused(early) == ("NotValidYet", (early, LATER))
    assert refused(brief)[0] == "CouponExpired"
    assert refused(ours, discount=OFF + 1) == ("BadDiscount", (ours, OFF + 1, OFF))
    assert refused(ours, discount=OFF - 10) == ("BadDiscount", (ours, OFF - 10, OFF - 1))
    assert refused(ours, amount=0, discount=0) == ("NothingSold", (ours,))
    assert refused(ours, amount=2**40, discount=0)[0] == "AmountTooLarge"
    assert refused(ours, amount=2**48, discount=0)[0] == "AmountTooLarge"
    assert refused(ours, sale=0) == ("NoSale", (ours,))
    closed = desk.refused("Coupons", "writeOff", *desk.terms(ours, POOR), sender=desk.world.stranger)
    assert closed[0] == "NotInGroup"
    desk.operator("registry", "setMerchantActive", POOR, False)
    assert desk.refused("Coupons", "writeOff", *desk.terms(ours, POOR), sender=desk.merchant) == (
        "MerchantClosed", (POOR,),
    )  # fmt: skip
    desk.operator("ledger", "pause")
    assert refused(ours) == ("NetworkPaused", ())
    desk.operator("ledger", "unpause")
    desk.coupons.send("writeOff", *ours_twice, sender=desk.merchant)
    assert refused(ours) == ("CouponUsedUp", (ours,))


def test_minimum_basket_counts_before_the_discount(desk: Desk) -> None:
    number = desk.campaign(face=Face.SUM, value=500, minimum=2_000)
    coupon = desk.given(ANN, campaign=number)
    low = desk.terms(coupon, amount=1_499, discount=500)
    assert desk.refused("Coupons", "writeOff", *low, sender=desk.merchant) == ("BasketTooSmall", (coupon, 1_999, 2_000))
    desk.write_off(coupon, amount=1_500, discount=500)


def test_product_set_is_proved_or_the_coupon_is_refused(desk: Desk) -> None:
    root, leaves = product_set_root(PRODUCTS), product_leaves(PRODUCTS)
    number = desk.campaign(product_set=bytes(root))
    coupon = desk.given(ANN, campaign=number)
    good = {"product": PRODUCTS[3].encode(), "proof": list(proof_of(leaves, leaves.index(product_leaf(PRODUCTS[3]))))}
    for wrong in ({}, {"product": b""}, {"product": b"other"}, {"proof": []}, {"proof": good["proof"][::-1]}):
        terms = desk.terms(coupon, **((good | wrong) if wrong else {}))
        refused = desk.refused("Coupons", "writeOff", *terms, sender=desk.merchant)
        assert refused == ("ProductSetNotProved", (coupon, bytes(root)))
    # at a till the same, and the proof in the act's bytes
    proof = tuple(Hash32(node) for node in good["proof"])
    act, bare = desk.at_till(coupon)
    assert desk.refused("Coupons", "applyAct", act, bare, sender=desk.ledger) == ("ActRefused", (34,))
    data = WriteOff(coupon=coupon, discount=MinorUnits(OFF), product=PRODUCTS[3], proof=proof).act().data
    for broken in (data[:-1], data + b"\0", bare + b"\xff"):
        assert desk.refused("Coupons", "applyAct", act, broken, sender=desk.ledger) == ("ActRefused", (34,))
    desk.coupons.send("applyAct", act, data, sender=desk.ledger)


def test_coupon_that_stands_alone_refuses_a_sale_with_another(desk: Desk) -> None:
    stackable = desk.campaign(stackable=True)
    first, second = (desk.given(ANN, campaign=stackable, serial=each) for each in (0, 1))
    lonely = desk.given(ANN)
    desk.write_off(first, sale=7)
    desk.write_off(second, sale=7)
    refused = desk.refused("Coupons", "writeOff", *desk.terms(lonely, sale=7), sender=desk.merchant)
    assert refused == ("NotStackable", (lonely, 7))
    desk.write_off(lonely, sale=8)
    third = desk.given(ANN, campaign=stackable, serial=2)
    refused = desk.refused("Coupons", "writeOff", *desk.terms(third, sale=8), sender=desk.merchant)
    assert refused == ("NotStackable", (third, 8))
    desk.write_off(third, SHOP, sale=8)  # another merchant's sale of this number


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        (12, {"authorisation": bytes(32)}),
        (38, {"member": BOB}),
        (35, {"amount": PAID + 10}),
        (34, {"amount": 0}),  # alone, without a reference of the sale
    ],
)
def test_act_is_refused_for_its_reason(desk: Desk, reason: int, changed: dict[str, Any]) -> None:
    act, data = desk.at_till(desk.given(ANN), **changed)
    if reason == 34:
        data = WriteOff(coupon=coupon_id(1, 0, 0), discount=MinorUnits(OFF), amount=MinorUnits(PAID)).act().data
    assert desk.refused("Coupons", "applyAct", act, data, sender=desk.ledger) == ("ActRefused", (reason,))


def test_act_of_no_coupon_is_unknown(desk: Desk) -> None:
    act, data = desk.at_till(coupon_id(7, 0, 0))
    for bytes_ in (data, data[:28], b"\x81" + bytes(8), b"\x81", b"\x81" + bytes(9)):
        assert desk.refused("Coupons", "applyAct", act, bytes_, sender=desk.ledger) == ("ActRefused", (31,))


def test_coupon_s_time_is_the_terminal_s_when_its_clock_is_near(desk: Desk) -> None:
    coupon = desk.given(ANN, campaign=desk.campaign(until=desk.twin.now + 1_000))
    wait(desk.twin, 10_000)
    late, data = desk.at_till(coupon, time=desk.twin.now)
    assert desk.refused("Coupons", "applyAct", late, data, sender=desk.ledger) == ("ActRefused", (33,))
    far, _ = desk.at_till(coupon, time=desk.twin.now - 259_300)
    assert desk.refused("Coupons", "applyAct", far, data, sender=desk.ledger) == ("ActRefused", (33,))
    in_time, _ = desk.at_till(coupon, time=desk.twin.now - 9_500)
    desk.coupons.send("applyAct", in_time, data, sender=desk.ledger)


# --- money ---


def test_incentive_is_claimable_at_once_by_everybody(desk: Desk) -> None:
    """Ten per cent off 100.00; 5 % of 90.00 is 4.50, at par 4,500,000 units."""
    coupon = desk.given(ANN, BOB, CAT)
    before = desk.prepaid(SHOP), desk.prepaid(OTHER)
    desk.write_off(coupon)
    units = 4_500_000
    assert before[1] - desk.prepaid(OTHER) == units
    each = units * 1_500 // 20_000
    assert desk.claim(ANN, coupon) == (each, 0) and desk.claim(BOB, coupon) == (each, 0)
    assert desk.claim(CAT, coupon) == (units * 3_000 // 10_000, 0)
    desk.pools.send("claimMerchant", SHOP, False, sender=desk.world.stranger)
    assert desk.prepaid(SHOP) - before[0] == units * 2_000 // 10_000
    assert desk.refused("IncentivePools", "claimPlatform", [SHOP], False)[0] == "NoTreasury"
    desk.operator("IncentivePools", "setTreasury", desk.world.holder)
    desk.pools.send("claimPlatform", [SHOP], False, sender=desk.world.stranger)
    rest = units - units * 2_000 // 10_000 - 2 * each - units * 3_000 // 10_000
    assert desk.world.ledger.view("balanceOf", desk.world.holder) == rest
    assert desk.world.ledger.view("balanceOf", desk.pools.address) == 0
    for call in (("claim", ANN, [coupon]), ("claimMerchant", SHOP, False), ("claimPlatform", [SHOP], False)):
        assert desk.refused("IncentivePools", *call) == ("NothingToClaim", ())
    assert desk.refused("IncentivePools", "claim", 99, [coupon]) == ("NotInTrail", (coupon, 99))
    pool = desk.statistics.view("poolOf", coupon)
    assert (pool["generated"], pool["paid"], pool["balance"], pool["expired"]) == (units, units, 0, 0)


def test_nobody_is_rewarded_for_its_own_coupon(desk: Desk) -> None:
    desk.write_off(desk.given(ANN), SHOP)
    units, platform = desk.pools.view("creditOf", SHOP, False)
    assert units == 0
    assert platform == 4_500_000 - 4_500_000 * 3_000 // 10_000


def test_data_scheme_rewards_the_member_that_consented_and_the_merchant_that_paid(desk: Desk) -> None:
    terms = {"data_owner": 1_000, "data_user_bps": 500, "data_user": POOR, "max_uses": 2}
    number = desk.campaign(**terms)
    without = desk.given(ANN, campaign=number)
    desk.operator("Consents", "consentFor", ANN, True)
    consented = desk.given(ANN, BOB, campaign=number, serial=1)
    for coupon in (without, consented):
        desk.write_off(coupon)
    assert desk.coupons.view("couponOf", consented)["consented"]
    assert not desk.coupons.view("couponOf", without)["consented"]
    assert desk.statistics.view("claimableOf", without, ANN) == 4_500_000 * 3_000 // 10_000
    assert desk.statistics.view("claimableOf", consented, ANN) == 4_500_000 * 2_500 // 10_000
    assert desk.pools.view("creditOf", POOR, False)[0] == 2 * 4_500_000 * 500 // 10_000
    desk.world["Consents"].send("consent", ANN, False, 0, b"", sender=desk.key)
    assert not desk.world["Consents"].view("consentOf", ANN)
    refused = desk.refused("Consents", "consent", BOB, True, 0, b"", sender=desk.key)
    assert refused[0] == "NotMember"
    assert desk.refused("Consents", "consentFor", 99, True) == ("UnknownMember", (99,))


def test_cash_incentive_comes_from_payable_and_goes_to_value_and_payable(desk: Desk) -> None:
    desk.operator("IncentivePools", "setTreasury", desk.world.holder)
    desk.twin.recharge(BOB, 5_000)
    desk.twin.pay(OTHER, BOB, stored(1_000))
    coupon = desk.given(ANN, campaign=desk.campaign(cash=True, share=False, incentive=333))
    desk.write_off(coupon)
    payable = desk.world.ledger.view("merchant", OTHER)["payable_"]
    assert payable == 1_000 - 333
    assert desk.claim(ANN, coupon) == (0, 99)
    shop = desk.world.ledger.view("merchant", SHOP)["payable_"]
    desk.pools.send("claimMerchant", SHOP, True, sender=desk.world.stranger)
    assert desk.world.ledger.view("merchant", SHOP)["payable_"] - shop == 66
    desk.pools.send("claimPlatform", [SHOP], True, sender=desk.world.stranger)
    assert desk.world.cash.view("balanceOf", desk.world.holder) == 333 - 99 - 66
    assert desk.world.cash.view("balanceOf", desk.pools.address) == 0


def test_unclaimed_incentive_expires_as_with_its_owner(desk: Desk) -> None:
    coupon = desk.given(ANN, BOB)
    desk.write_off(coupon)
    desk.claim(ANN, coupon)
    wait(desk.twin, EPOCH)
    assert desk.statistics.view("claimableOf", coupon, BOB) == 1_350_000
    wait(desk.twin, EPOCH)
    assert desk.refused("IncentivePools", "claim", BOB, [coupon]) == ("NothingToClaim", ())
    assert desk.refused("IncentivePools", "claimMerchant", SHOP, False) == ("NothingToClaim", ())
    pool = desk.statistics.view("poolOf", coupon)
    assert (pool["balance"], pool["expired"]) == (0, 1_350_000)
    assert pool["generated"] == pool["paid"] + pool["expired"]
    assert desk.world.ledger.view("balanceOf", desk.pools.address) == 0
