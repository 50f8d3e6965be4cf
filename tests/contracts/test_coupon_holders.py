"""Whose a coupon is when it is written off: its holder signs, members that were merged are one, and what went wrong is
taken back."""

import pytest

from node.domain.act import ActKind, undoing
from node.domain.acts.coupon import WriteOff
from node.domain.coupons import lone_use_id, member_owner
from node.domain.ids import MemberId, MerchantId, MinorUnits
from node.domain.ids import Sequence as SequenceNumber
from node.domain.leaf import Leaf
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.codes import CODES
from tests.contracts.suite.coupon_desk import ANN, BOB, CAT, KEY, OFF, OTHER, PAID, POOR, SHOP, Desk
from tests.contracts.suite.coupon_holders import FAR, sign_write_off
from tests.contracts.suite.people import merge, wait
from tests.contracts.suite.proofs import proven
from tests.contracts.test_coupons_undone import acting, posted

pytestmark = pytest.mark.anvil
DAY = 86_400
DOOR_SETTLE = 128
MEMBER = 2
MOST_CREDITORS = 32


# --- the holder's part ---


def test_coupon_of_a_holder_with_a_key_is_not_written_off_by_a_clerk_alone(desk: Desk) -> None:
    coupon = desk.given(ANN)
    says = (ANN, OTHER, coupon, 7, PAID, OFF)
    wrong = [
        b"",
        sign_write_off(desk.coupons, KEY, *says, chain_id=4_242),
        sign_write_off(desk.coupons, KEY, *says, name="Till Consents"),
        sign_write_off(desk.coupons, KEY, *says, nonce=1),
        sign_write_off(desk.coupons, KEY, *says, deadline=FAR - 1),
        sign_write_off(desk.coupons, CODES[1], *says),
        sign_write_off(desk.coupons, KEY, ANN, POOR, *says[2:]),
        sign_write_off(desk.coupons, KEY, *says[:3], 8, PAID, OFF),
        sign_write_off(desk.coupons, KEY, *says[:4], PAID + 10, OFF),
        sign_write_off(desk.coupons, KEY, *says[:5], OFF + 1),
    ]
    for signature in wrong:
        terms = desk.terms(coupon, sale=7, signature=signature)
        assert desk.refused("Coupons", "writeOff", *terms, sender=desk.merchant)[0] == "NotMember"
    late = desk.terms(coupon, sale=7, deadline=1, signature=sign_write_off(desk.coupons, KEY, *says, deadline=1))
    assert desk.refused("Coupons", "writeOff", *late, sender=desk.merchant) == ("SignatureExpired", (1,))
    good = desk.terms(coupon, sale=7)
    desk.coupons.send("writeOff", *good, sender=desk.merchant)
    assert desk.refused("Coupons", "writeOff", *good, sender=desk.merchant)[0] == "NotMember"  # the nonce is used


def test_clerk_s_word_counts_for_a_holder_without_a_key(desk: Desk) -> None:
    desk.write_off(desk.given(BOB))


def test_operator_annuls_what_the_holder_did_not_ask_for(desk: Desk) -> None:
    coupon = desk.given(BOB)
    desk.write_off(coupon, POOR)
    use = lone_use_id(coupon, 0)
    assert desk.refused("IncentivePools", "annul", use, "") == ("NoReason", ())
    assert desk.refused("IncentivePools", "annul", 5, "nobody") == ("UnknownUse", (5,))
    wait(desk.twin, 3 * DAY)
    assert desk.refused("IncentivePools", "cancel", use, sender=desk.merchant) == ("TooLate", (use,))
    receipt = desk.operator("IncentivePools", "annul", use, "was not there")
    told = {event.name: event.args for event in desk.pools.events(receipt)}
    assert (told["WriteOffAnnulled"]["use"], told["WriteOffAnnulled"]["reason"]) == (use, "was not there")
    assert desk.coupons.view("couponOf", coupon)["live"] == 0
    money = desk.statistics.view("ofMerchant", POOR)["points"]
    assert (money["owed"], money["writeOffs"]) == (0, 0)
    assert desk.refused("IncentivePools", "annul", use, "again") == ("TooLate", (use,))
    desk.write_off(coupon)


def test_annulment_is_for_write_offs_that_came_alone_and_for_a_time(desk: Desk) -> None:
    (leaf,) = desk.sold(desk.given(BOB), BOB, PAID)
    use = int.from_bytes(leaf.stream.to_bytes(4, "big") + leaf.sequence.to_bytes(8, "big"), "big")
    assert desk.refused("IncentivePools", "annul", use, "why") == ("NotAlone", (use,))
    alone = desk.given(BOB, serial=1)
    desk.write_off(alone)
    wait(desk.twin, 121 * DAY)
    use = lone_use_id(alone, 0)
    assert desk.refused("IncentivePools", "annul", use, "why") == ("TooLate", (use,))


# --- members that were merged ---


def test_coupon_of_a_merged_member_is_the_survivor_s_to_pass_on(desk: Desk) -> None:
    coupon = desk.given(BOB)
    merge(desk.twin, BOB, ANN, SHOP)
    assert desk.refused("Coupons", "passOnFor", coupon, CAT, CAT)[0] == "NotHolder"
    desk.coupons.send("passOn", coupon, ANN, CAT, 0, b"", sender=desk.key)
    assert list(desk.coupons.view("trailOf", coupon)[0]) == [SHOP, BOB, CAT]
    owners = ["0x" + member_owner(each).hex() for each in (BOB, CAT)]
    assert [desk.coupons.view("balanceOf", owner) for owner in owners] == [0, 1]


def test_coupon_of_a_merged_member_is_the_survivor_s_at_a_till_and_to_undo(desk: Desk) -> None:
    coupon = desk.given(BOB)
    merge(desk.twin, BOB, ANN, SHOP)
    data = WriteOff(coupon=coupon, discount=MinorUnits(OFF), sale=1, amount=MinorUnits(PAID)).act().data
    sold = acting(desk, OTHER, data)
    assert posted(desk, sold) == []
    assert posted(desk, acting(desk, OTHER, undoing(ActKind.COUPON, SequenceNumber(sold.sequence)).data)) == []
    assert desk.coupons.view("couponOf", coupon)["live"] == 0
    # by a clerk the survivor's key counts
    assert desk.refused("Coupons", "writeOff", *desk.terms(coupon), sender=desk.merchant)[0] == "NotMember"
    desk.holders[coupon] = ANN
    desk.write_off(coupon)


@pytest.mark.parametrize("receiver", [ANN, BOB])
def test_members_that_were_merged_are_in_a_trail_once(desk: Desk, receiver: MemberId) -> None:
    coupon = desk.given(BOB, CAT)
    merge(desk.twin, BOB, ANN, SHOP)
    refused = desk.refused("Coupons", "passOnFor", coupon, CAT, receiver)
    assert refused == ("AlreadyInTrail", (coupon, "0x" + member_owner(receiver).hex()))


def test_what_a_merged_member_owes_its_survivor_owes(desk: Desk) -> None:
    owing, paying = desk.given(BOB), desk.given(CAT, serial=1)
    desk.write_off(owing)
    desk.claim(BOB, owing)
    desk.pools.send("cancel", lone_use_id(owing, 0), sender=desk.merchant)
    part = 1_350_000
    assert desk.refused("IncentivePools", "inheritDebts", BOB, False) == ("NothingToInherit", (BOB,))
    merge(desk.twin, BOB, CAT, SHOP)
    assert desk.refused("IncentivePools", "inheritDebts", BOB, True) == ("NothingToInherit", (BOB,))
    desk.pools.send("inheritDebts", BOB, False, sender=desk.world.stranger)
    assert [debt(desk, member) for member in (BOB, CAT)] == [0, part]
    desk.write_off(paying, SHOP)
    before = desk.prepaid(OTHER)
    assert desk.claim(CAT, paying) == (0, 0)
    assert (desk.prepaid(OTHER) - before, debt(desk, CAT)) == (part, 0)


def test_claim_of_a_merged_member_pays_what_either_number_owes(desk: Desk) -> None:
    first, second = desk.given(CAT), desk.given(BOB, serial=1)
    desk.write_off(first)
    desk.claim(CAT, first)
    desk.pools.send("cancel", lone_use_id(first, 0), sender=desk.merchant)
    desk.write_off(second, SHOP)
    merge(desk.twin, BOB, CAT, SHOP)
    before = desk.world.ledger.view("account", CAT)["current"]
    desk.pools.send("claim", BOB, [second], sender=desk.world.stranger)
    assert desk.world.ledger.view("account", CAT)["current"] == before
    assert debt(desk, CAT) == 0


def debt(desk: Desk, member: int) -> int:
    return int(desk.pools.view("toSetOff", desk.pools.view("subjectOf", MEMBER, member, False)))


# --- what is taken back ---


def test_sale_s_number_is_free_again_when_its_lonely_coupon_was_taken_back(desk: Desk) -> None:
    wrong, right, third = (desk.given(ANN, serial=each) for each in (0, 1, 2))
    desk.write_off(wrong, sale=7)
    refused = desk.refused("Coupons", "writeOff", *desk.terms(right, sale=7), sender=desk.merchant)
    assert refused == ("NotStackable", (right, 7))
    desk.pools.send("cancel", lone_use_id(wrong, 0), sender=desk.merchant)
    desk.write_off(right, sale=7)
    refused = desk.refused("Coupons", "writeOff", *desk.terms(third, sale=7), sender=desk.merchant)
    assert refused == ("NotStackable", (third, 7))


def sold_on(desk: Desk, leaf: Leaf, amount: int) -> None:
    """A part of the line is settled, as when its goods are sold on."""
    twin, part = desk.twin, desk.world.stranger
    desk.world.ledger.send("setDoors", part, DOOR_SETTLE, sender=desk.world.operator)
    words = proven(twin, leaf)
    twin.now = twin.chain.now()
    twin.act(desk.world.ledger, "settleLine", words, amount, model=lambda: settle(desk, leaf, amount), sender=part)


def settle(desk: Desk, leaf: Leaf, amount: int) -> None:
    desk.twin.model.settle_line(leaf, amount)


def test_coupon_is_not_used_again_when_what_it_bought_was_sold_on(desk: Desk) -> None:
    coupon = desk.given(ANN)
    (leaf,) = desk.sold(coupon, ANN, PAID)
    sold_on(desk, leaf, PAID)
    assert desk.world.ledger.view("refunded", leaf.hash)[0] == desk.world.ledger.view("settled", leaf.hash) == PAID
    refused = desk.refused("IncentivePools", "unwind", proven(desk.twin, leaf))
    assert refused == ("NothingUndone", (bytes(leaf.hash),))
    assert desk.coupons.view("couponOf", coupon)["live"] == 1
    assert desk.claim(ANN, coupon) == (1_350_000, 0)


def test_rest_of_a_line_is_undone_as_it_is_refunded_when_a_part_was_sold_on(desk: Desk) -> None:
    coupon = desk.given(ANN)
    (leaf,) = desk.sold(coupon, ANN, PAID)
    sold_on(desk, leaf, 3_000)
    for part in (1_000, 5_000):
        undo = Undo(leaf=leaf, amount=part)
        desk.twin.refund(Refund(sequence=desk.twin.next_sequence(), kind=1, lines=(undo,)))
        desk.pools.send("unwind", proven(desk.twin, leaf), sender=desk.world.stranger)
        desk.twin.now = desk.twin.chain.now()
    use = desk.pools.view("useOf", desk.coupons.view("usesOf", coupon)[0])
    assert (use["basis"], use["units"], use["givenBack"]) == (3_000, 1_500_000, False)


def test_claim_pays_thirty_two_creditors_and_the_next_one_the_others(desk: Desk) -> None:
    """However many there are, a claim fits a transaction."""
    shops = [MerchantId(desk.twin.onboard(prepaid=100)) for _ in range(MOST_CREDITORS + 2)]
    campaign = desk.campaign(count=3, max_uses=255, share=False, incentive=10, member=10_000, first=0, distributors=0)
    owing, paying = (desk.given(BOB, campaign=campaign, serial=each) for each in (0, 1))
    desk.twin.now = desk.twin.chain.now()
    for shop in shops:
        desk.write_off(owing, shop)
    each = 100_000
    assert desk.claim(BOB, owing) == (each * len(shops), 0)
    for number in range(len(shops)):
        desk.pools.send("cancel", lone_use_id(owing, number), sender=desk.merchant)
    assert debt(desk, BOB) == each * len(shops)
    for _ in range(len(shops) + 1):
        desk.write_off(paying)
    held = desk.claim(BOB, paying)
    assert held == (3 * each, 0)
    assert debt(desk, BOB) == 2 * each
    desk.write_off(paying)
    desk.write_off(paying)
    assert desk.claim(BOB, paying) == (0, 0)
    assert debt(desk, BOB) == 0
