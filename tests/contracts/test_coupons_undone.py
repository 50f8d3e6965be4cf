"""Write-offs that are undone: the longest trails, parts that grow by rounding, and whose numbers and pools they are."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Reverted
from benchmarks.world import STREAM
from node.domain.act import ActKind, undoing
from node.domain.acts.coupon import Face, WriteOff
from node.domain.batch_format import BatchPayment, make_batch
from node.domain.coupons import coupon_id, lone_use_id, use_id
from node.domain.ids import MerchantId, MinorUnits
from node.domain.ids import Sequence as SequenceNumber
from node.domain.leaf import Leaf
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.coupon_desk import ANN, BOB, OTHER, PAID, SHOP, Desk
from tests.contracts.suite.proofs import proven
from tests.contracts.twin import AUTHORISATION, ONE, stored

pytestmark = pytest.mark.anvil
PLATFORM, MERCHANT, MEMBER = 0, 1, 2
TRAIL = [MerchantId(number) for number in range(1, 16)]
FIRST_SHOP, SECOND_SHOP, DATA_USER = MerchantId(16), MerchantId(17), MerchantId(18)


@pytest.fixture(scope="module")
def opened(opened: Desk) -> Desk:
    opened.operator("IncentivePools", "setTreasury", opened.world.holder)
    return opened


def posted(desk: Desk, *payments: BatchPayment) -> list[int]:
    """Why payments of a batch were skipped."""
    receipt = desk.world.post(make_batch(ONE, payments))
    events = desk.world.ledger.events(receipt)
    assert events[-1].args["processed"] == len(payments)
    return [event.args["reason"] for event in events if event.name == "Skipped"]


def acting(desk: Desk, merchant: MerchantId, act: bytes) -> BatchPayment:
    desk.twin.now = desk.twin.chain.now()
    return desk.twin.payment(merchant, ANN, act=act, authorisation=AUTHORISATION)


def owed(desk: Desk, kind: int, number: int, *, cash: bool = False) -> int:
    return int(desk.pools.view("toSetOff", desk.pools.view("subjectOf", kind, number, cash)))


def test_undo_at_a_till_fits_its_gas_when_all_that_can_be_in_it_claimed_and_owe_others(desk: Desk) -> None:
    """Anybody claims for anybody, so this must not be in anybody's way."""
    for _ in range(len(TRAIL) + 3 - 3):
        desk.twin.base(desk.twin.onboard(prepaid=10**6))
    desk.operator("Consents", "consentFor", ANN, True)
    number = desk.campaign(
        face=Face.GIFT, first=2_000, distributors=4_000, member=3_000, data_owner=500, data_user_bps=500,
        data_user=DATA_USER, max_uses=9,
    )  # fmt: skip
    coupon = coupon_id(number, 0, 0)
    for holder, receiver in pairwise(TRAIL):
        desk.coupons.send("handOn", holder, [coupon], receiver, sender=desk.merchant)
    desk.coupons.send("give", TRAIL[-1], [coupon], [ANN], sender=desk.merchant)
    for shop, sale in ((FIRST_SHOP, 9_000), (SECOND_SHOP, 3_000)):
        data = WriteOff(coupon=coupon, discount=MinorUnits(0), sale=1 + shop, amount=MinorUnits(sale)).act().data
        sold = acting(desk, shop, data)
        assert posted(desk, sold) == []
        for merchant in (*TRAIL, DATA_USER):
            desk.pools.send("claimMerchant", merchant, False, sender=desk.world.stranger)
        desk.pools.send("claimPlatform", [SHOP], False, sender=desk.world.stranger)
        desk.claim(ANN, coupon)
        undo = acting(desk, shop, undoing(ActKind.COUPON, SequenceNumber(sold.sequence)).data)
        assert posted(desk, undo) == []
        assert desk.coupons.view("couponOf", coupon)["live"] == 0
    # each owes what the first sale gave it, less what the second paid of that, and what the second gave
    assert owed(desk, MEMBER, ANN) == 9_000 * 500 * 3_500 // 10_000
    assert owed(desk, MERCHANT, TRAIL[1]) == 9_000 * 500 * 4_000 // (14 * 10_000)
    assert owed(desk, MERCHANT, DATA_USER) == 9_000 * 500 * 500 // 10_000


def sold_for_cash(desk: Desk, coupon: int) -> Leaf:
    desk.twin.recharge(BOB, 5_000)
    desk.twin.pay(OTHER, BOB, stored(5_000))
    (leaf,) = desk.sold(coupon, ANN, PAID)
    return leaf


def refunded(desk: Desk, leaf: Leaf, amount: int) -> None:
    desk.twin.refund(Refund(sequence=desk.twin.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=amount),)))
    desk.pools.send("unwind", proven(desk.twin, leaf), sender=desk.world.stranger)
    desk.twin.now = desk.twin.chain.now()


@pytest.mark.parametrize("claimed", [False, True])
def test_platform_s_part_may_grow_when_the_others_have_all_of_it(desk: Desk, claimed: bool) -> None:
    """450 is 225 each; of the 1 that is left of it neither has a half."""
    coupon = desk.given(ANN, campaign=desk.campaign(cash=True, first=5_000, distributors=0, member=5_000))
    leaf = sold_for_cash(desk, coupon)
    if claimed:
        assert desk.claim(ANN, coupon) == (0, 225)
        desk.pools.send("claimMerchant", SHOP, True, sender=desk.world.stranger)
    before = desk.world.ledger.view("merchant", OTHER)["payable_"]
    refunded(desk, leaf, 8_980)
    assert desk.pools.view("creditOf", SHOP, True) == (0, 0 if claimed else 1)
    assert desk.world.ledger.view("merchant", OTHER)["payable_"] - before == (0 if claimed else 449)
    refunded(desk, leaf, 20)
    assert desk.world.ledger.view("merchant", OTHER)["payable_"] - before == (0 if claimed else 450)
    assert [owed(desk, kind, who, cash=True) for kind, who in ((MEMBER, ANN), (MERCHANT, SHOP), (PLATFORM, 0))] == (
        [225, 225, 0] if claimed else [0, 0, 0]
    )
    assert desk.world.cash.view("balanceOf", desk.pools.address) == desk.pools.view("cashOwed") == 0


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_undone_in_parts_the_merchant_gets_all_of_it_and_the_platform_owes_what_it_claimed_alone(
    desk: Desk, data: st.DataObject
) -> None:
    """Whatever the weights, the parts and whoever claimed between them."""
    with desk.twin.forgotten():
        first = data.draw(st.sampled_from([5_000, 3_333, 1, 9_999]))
        coupon = desk.given(ANN, campaign=desk.campaign(cash=True, first=first, distributors=0, member=10_000 - first))
        leaf = sold_for_cash(desk, coupon)
        before = desk.world.ledger.view("merchant", OTHER)["payable_"]
        cuts = sorted(data.draw(st.sets(st.integers(1, PAID - 1), max_size=4)))
        claimed = 0
        for start, end in pairwise([0, *cuts, PAID]):
            for who in data.draw(st.sets(st.sampled_from([PLATFORM, MERCHANT, MEMBER]))):
                claimed += claim_of(desk, who, coupon) if who == PLATFORM else 0 * claim_of(desk, who, coupon)
            refunded(desk, leaf, end - start)
        back = desk.world.ledger.view("merchant", OTHER)["payable_"] - before
        debts = {kind: owed(desk, kind, who, cash=True) for kind, who in ((0, 0), (1, SHOP), (2, ANN))}
        assert back + sum(debts.values()) == 450
        assert debts[PLATFORM] <= claimed
        assert desk.world.cash.view("balanceOf", desk.pools.address) == desk.pools.view("cashOwed") == 0


def claim_of(desk: Desk, kind: int, coupon: int) -> int:
    """Units claimed; 0 when there was nothing."""
    calls: dict[int, tuple[Any, ...]] = {
        PLATFORM: ("claimPlatform", [SHOP], True),
        MERCHANT: ("claimMerchant", SHOP, True),
        MEMBER: ("claim", ANN, [coupon]),
    }
    held = desk.pools.view("cashOwed")
    try:
        desk.pools.send(*calls[kind], sender=desk.world.stranger)
    except Reverted as reverted:
        assert reverted.error == "NothingToClaim"
    desk.twin.now = desk.twin.chain.now()
    return int(held - desk.pools.view("cashOwed"))


def test_pools_serve_the_coupons_that_they_were_made_with_whatever_the_ledger_says(desk: Desk) -> None:
    assert desk.pools.view("servedCoupons") == desk.coupons.address.lower()
    thief = desk.world.stranger
    assert desk.refused("IncentivePools", "serve", sender=thief) == ("ServesOthers", (desk.coupons.address.lower(),))
    desk.world.ledger.send("setActTarget", 1, thief, sender=desk.world.operator)
    coupon = desk.given(ANN)
    desk.write_off(coupon)
    assert desk.refused("IncentivePools", "cancel", lone_use_id(coupon, 0), sender=thief)[0] == "NotInGroup"
    assert desk.claim(ANN, coupon) == (1_350_000, 0)


def test_write_off_is_refused_when_a_stream_with_the_number_of_lone_ones_took_its_use(desk: Desk) -> None:
    coupon = desk.given(ANN, campaign=desk.campaign(max_uses=2))
    act, data = desk.at_till(coupon, stream=0xFFFF_FF01, sequence=coupon)
    desk.coupons.send("applyAct", act, data, sender=desk.ledger)
    use = use_id(0xFFFF_FF01, SequenceNumber(coupon))
    assert use == lone_use_id(coupon, 1) != use_id(STREAM, SequenceNumber(coupon))
    refused = desk.refused("Coupons", "writeOff", *desk.terms(coupon), sender=desk.merchant)
    assert refused == ("UseTaken", (use,))
