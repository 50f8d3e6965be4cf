"""Coupons whose sale is refunded or undone: what comes back, in parts as at once."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.world import STREAM
from node.domain.acts.coupon import Face, WriteOff
from node.domain.coupons import lone_use_id, use_id
from node.domain.ids import MinorUnits
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.coupon_desk import ANN, BOB, CAT, OTHER, PAID, SHOP, Desk
from tests.contracts.suite.people import wait
from tests.contracts.suite.proofs import proven
from tests.contracts.suite.till import Act
from tests.contracts.twin import external

pytestmark = pytest.mark.anvil


def test_refund_takes_back_what_is_there_and_sets_off_the_rest(desk: Desk) -> None:
    first, second = desk.given(ANN), desk.given(ANN, serial=1)
    (leaf,) = desk.sold(first, ANN, PAID)
    assert desk.claim(ANN, first) == (1_350_000, 0)
    before = desk.prepaid(OTHER)
    desk.twin.refund(Refund(sequence=desk.twin.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=3_000),)))
    clawed = desk.prepaid(OTHER) - before
    desk.pools.send("unwind", proven(desk.twin, leaf), sender=desk.world.stranger)
    # a third of 4,500,000: the member's 450,000 are gone, the rest is back
    assert desk.prepaid(OTHER) - before - clawed == 1_500_000 - 450_000
    subject = desk.pools.view("subjectOf", 2, ANN, False)
    assert desk.pools.view("toSetOff", subject) == 450_000
    assert desk.refused("IncentivePools", "unwind", proven(desk.twin, leaf)) == ("NothingUndone", (bytes(leaf.hash),))
    desk.write_off(second)
    assert desk.claim(ANN, second) == (1_350_000 - 450_000, 0)
    assert desk.pools.view("toSetOff", subject) == 0


def test_sale_that_is_refunded_whole_gives_the_coupon_back(desk: Desk) -> None:
    coupon = desk.given(ANN)
    leaves = desk.sold(coupon, ANN, 4_000, 5_000)
    before = desk.prepaid(OTHER)
    refund = Refund(sequence=desk.twin.next_sequence(), kind=3, lines=tuple(Undo(leaf=each) for each in leaves))
    desk.twin.refund(refund)
    clawed = desk.prepaid(OTHER) - before
    for leaf in leaves:
        assert desk.coupons.view("couponOf", coupon)["live"] == 1
        desk.pools.send("unwind", proven(desk.twin, leaf), sender=desk.world.stranger)
    assert desk.prepaid(OTHER) - before - clawed == 4_500_000
    assert desk.world.ledger.view("balanceOf", desk.pools.address) == 0
    assert desk.coupons.view("couponOf", coupon)["live"] == 0
    desk.write_off(coupon)
    use = desk.coupons.view("usesOf", coupon)
    assert list(use) == [use_id(STREAM, leaves[0].sequence), lone_use_id(coupon, 1)]


def test_undoing_is_refused_by_name(desk: Desk) -> None:
    coupon = desk.given(ANN)
    (leaf,) = desk.sold(coupon, ANN, PAID)
    use = use_id(STREAM, leaf.sequence)
    assert desk.refused("IncentivePools", "unwind", proven(desk.twin, leaf)) == ("NothingUndone", (bytes(leaf.hash),))
    forged = (*proven(desk.twin, leaf)[:4], b"\1" * 32, [])
    assert desk.refused("IncentivePools", "unwind", forged)[0] == "NotProven"
    assert desk.refused("IncentivePools", "cancel", use, sender=desk.merchant) == ("NotAlone", (use,))
    (plain,) = desk.twin.pay(OTHER, ANN, external(500))
    error = desk.refused("IncentivePools", "unwind", proven(desk.twin, plain))
    assert error == ("UnknownUse", (use_id(STREAM, plain.sequence),))
    lone = desk.given(ANN, serial=1)
    desk.write_off(lone)
    alone = lone_use_id(lone, 0)
    assert desk.refused("IncentivePools", "cancel", alone, sender=desk.world.stranger)[0] == "NotInGroup"
    assert desk.refused("IncentivePools", "generate", 1, _sharing(), _sale()) == ("NotCoupons", (desk.world.operator,))
    wait(desk.twin, 2 * 86_400)
    assert desk.refused("IncentivePools", "cancel", alone, sender=desk.merchant) == ("TooLate", (alone,))


def _sharing() -> tuple[Any, ...]:
    return (1, False, True, 1, 0, 0, 0, 0, 0, 0, 2, [1])


def _sale() -> tuple[Any, ...]:
    return (1, 1, True, 1, 1)


def test_undo_at_a_till_is_for_the_same_day_merchant_and_member(desk: Desk) -> None:
    coupon = desk.given(ANN)
    act, data = desk.at_till(coupon, sequence=41)
    desk.coupons.send("applyAct", act, data, sender=desk.ledger)
    undo = b"\x81" + (41).to_bytes(8, "big")

    def undone(**changed: Any) -> Callable[[], Any]:
        words = desk.at_till(coupon, **({"sequence": 42, "amount": 0} | changed))[0]
        return lambda: desk.refused("Coupons", "applyAct", words, undo, sender=desk.ledger)

    assert undone(merchant=SHOP)() == ("ActRefused", (34,))
    assert undone(member=BOB)() == ("ActRefused", (38,))
    assert undone(stream=2)() == ("ActRefused", (31,))
    wait(desk.twin, 86_400)
    assert undone()() == ("ActRefused", (33,))
    again = desk.given(ANN, serial=1)
    desk.coupons.send("applyAct", *desk.at_till(again, sequence=43), sender=desk.ledger)
    undo = b"\x81" + (43).to_bytes(8, "big")
    words = desk.at_till(again, sequence=44, amount=0, authorisation=bytes(32))[0]
    desk.coupons.send("applyAct", words, undo, sender=desk.ledger)
    assert desk.coupons.view("couponOf", again)["live"] == 0
    assert undone()() == ("ActRefused", (32,))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), amount=st.integers(2, 20_000))
def test_refund_in_parts_ends_where_one_at_once_ends(desk: Desk, data: st.DataObject, amount: int) -> None:
    """Prepaid points, credits and the use are the same; nothing is made by rounding."""
    total = data.draw(st.integers(1, amount))
    cuts = sorted(data.draw(st.sets(st.integers(1, total), max_size=4)) - {total})
    number = desk.campaign(face=Face.GIFT, incentive=777, first=1_111, distributors=2_222, member=3_333)
    ends = []
    for serial, parts in enumerate(([total], [b - a for a, b in pairwise([0, *cuts, total])])):
        coupon = desk.given(ANN, BOB, CAT, campaign=number, serial=serial)
        before = desk.money()
        sequence = desk.twin.next_sequence()
        act = Act(merchant=OTHER, member=CAT, sequence=sequence, amount=amount)
        act_data = WriteOff(coupon=coupon, discount=MinorUnits(0)).act().data
        desk.coupons.send("applyAct", act.words(), act_data, sender=desk.ledger)
        desk.twin.now = desk.twin.chain.now()
        (leaf,) = desk.twin.post(desk.twin.payment(OTHER, CAT, external(amount), sequence=sequence)).leaves
        for part in parts:
            undo = Undo(leaf=leaf, amount=part)
            desk.twin.refund(Refund(sequence=desk.twin.next_sequence(), kind=1, lines=(undo,)))
            desk.pools.send("unwind", proven(desk.twin, leaf), sender=desk.world.stranger)
            desk.twin.now = desk.twin.chain.now()
        it = desk.pools.view("useOf", use_id(STREAM, sequence))
        assert it["basis"] == amount - total and it["units"] == (amount - total) * 777 * 10_000 // 10_000
        pool = desk.statistics.view("poolOf", coupon)
        held, first, platform, prepaid = (now - then for now, then in zip(desk.money(), before, strict=True))
        assert held == first + platform + pool["balance"] == it["units"]
        ends.append((it["units"], it["basis"], it["givenBack"], pool, first, platform, prepaid))
    assert ends[0] == ends[1]
