"""Rebates: the worked examples of docs/value.md, months, and what gains nothing."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Contract, deploy
from tests.contracts.suite.value_model import months_later
from tests.contracts.suite.value_till import ADA, BOB, DAY, Till, day_of, refusal

pytestmark = [pytest.mark.anvil, pytest.mark.filterwarnings("ignore:A private pytest class")]
PROPERTY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def calendar_of(chain: Chain) -> Contract:
    """The contract's calendar, deployed once for a chain."""
    found = getattr(chain, "calendar", None)
    if found is None or chain.request("eth_getCode", found.address, "latest") == "0x":
        found = deploy(chain, "CalendarUser", sender=chain.accounts[0])
        chain.calendar = found  # type: ignore[attr-defined]
    return found


def test_thousand_in_brings_forty_a_month_for_five_months(till: Till) -> None:
    start = day_of(2024, 1, 31)
    till.to_day(start)
    till.counter(ADA, 100_000)
    assert till.programme() == (40_000, 20_000)
    due = [till.rebates.view("dueDay", ADA, 0, number) for number in range(1, 6)]
    assert due == [day_of(2024, m, d) for m, d in ((2, 29), (3, 31), (4, 30), (5, 31), (6, 30))]
    seen = []
    for day in due:
        till.to_day(day - 1)
        till.operate(till.world.cash, "withdraw", 0, bytes(32))
        assert refusal(till.rebates, "releaseRebates", ADA, [0], sender=till.world.stranger) == ("NotDue", (ADA, 0))
        till.to_day(day)
        till.send(till.rebates, "releaseRebates", ADA, [0], sender=till.world.stranger)
        seen.append(till.value_of(ADA))
    assert seen == [104_000, 108_000, 112_000, 116_000, 120_000]
    assert till.programme() == (40_000, 0)
    assert refusal(till.rebates, "releaseRebates", ADA, [0], sender=till.world.stranger)[0] == "NoPromise"


def test_months_that_were_missed_come_in_one_release(till: Till) -> None:
    till.to_day(day_of(2024, 1, 31))
    till.counter(ADA, 100_000)
    till.to_day(day_of(2024, 4, 29))
    till.operate(till.world.cash, "withdraw", 0, bytes(32))
    assert till.rebates.view("dueOf", ADA, 0) == (2, 8_000)
    till.to_day(day_of(2030, 1, 1))
    till.operate(till.rebates, "releaseRebates", ADA, [0])
    assert till.value_of(ADA) == 120_000


@PROPERTY
@given(start=st.integers(0, 60_000), months=st.integers(1, 120), late=st.integers(-1, 1))
def test_months_of_the_contract_are_the_calendar_s(chain: Chain, start: int, months: int, late: int) -> None:
    calendar = calendar_of(chain)
    day = months_later(start, months)
    assert calendar.view("monthsLater", start, months) == day
    assert calendar.view("monthsPassed", start, day + late) == months + (late if late < 0 else 0)


@PROPERTY
@given(amount=st.integers(1, 10**6), bps=st.integers(1, 10_000), months=st.integers(1, 120), when=st.integers(0, 4_000))
def test_rebates_paid_never_pass_what_was_promised(till: Till, amount: int, bps: int, months: int, when: int) -> None:
    with till.twin.forgotten():
        till.operate(till.rebates, "defineProgramme", bps, months, 0)
        till.operate(till.rebates, "chooseProgramme", 0, 2)
        till.operate(till.rebates, "fundProgramme", 2, 10**6)
        till.operate(till.value, "recharge", ADA, amount, 0)
        promise = till.rebates.view("promiseOf", ADA, 0)
        assert promise["total"] == amount * bps // 10_000
        for wait in (when, 4_000):
            till.twin.tick(wait * DAY)
            till.operate(till.world.cash, "withdraw", 0, bytes(32))
            if till.rebates.view("dueOf", ADA, 0)[1]:
                till.operate(till.rebates, "releaseRebates", ADA, [0])
            assert till.value_of(ADA) <= amount + promise["total"]
        assert till.value_of(ADA) == amount + promise["total"]
        assert till.rebates.view("programmeOf", 2)["promised"] == 0


@PROPERTY
@given(cycles=st.lists(st.integers(1, 60_000), min_size=1, max_size=6), data=st.data())
def test_deposit_and_withdraw_gains_nothing(till: Till, cycles: list[int], data: st.DataObject) -> None:
    """Whatever is recharged, undone and paid out: no more comes out than went in, and the same money earns once."""
    with till.twin.forgotten():
        till.operate(till.cards, "setKind", 1, 0, 0, 10_000, 0)
        to, paid_in = "0x" + "77" * 20, 0
        till.world.give_key(ADA, till.world.holder)
        for card, amount in enumerate(cycles, start=1):
            till.operate(till.cards, "issueCards", 0, 1, [card])
            till.operate(till.cards, "activate", card, ADA)
            till.operate(till.value, "recharge", ADA, amount, 0)
            paid_in += amount
            till.twin.tick(data.draw(st.sampled_from([0, 40, 200])) * DAY)
            till.operate(till.world.cash, "withdraw", 0, bytes(32))
            # a month of a small promise may come to nothing, and there is nothing to release then
            ready = [i for i in range(card) if till.rebates.view("dueOf", ADA, i)[1]]
            if ready:
                till.operate(till.rebates, "releaseRebates", ADA, ready)
            till.send(till.value, "closeCard", card, to, 0, 0, b"", sender=till.world.holder)
        assert till.world.cash.view("balanceOf", to) <= paid_in
        balance = till.rebates.view("balanceOf", ADA)
        assert balance["net"] == 0
        # the mark is the most that ever was in at once
        assert balance["highWater"] == max(cycles)


def test_what_was_taken_out_does_not_earn_again(till: Till) -> None:
    till.counter(ADA, 100_000)
    till.send(till.value, "undoRecharge", till.shop, ADA, 100_000, sender=till.world.merchant)
    assert till.programme() == (60_000, 0)
    till.counter(ADA, 100_000)
    assert till.programme() == (40_000, 20_000)


def test_promise_is_reduced_to_the_fund_or_refused(till: Till) -> None:
    till.operate(till.rebates, "withdrawFund", 1, 50_000, till.world.operator)
    merchant = till.world.merchant
    error = refusal(till.value, "rechargeAt", till.shop, ADA, 100_000, 20_000, sender=merchant)
    assert error == ("RebateTooSmall", (10_000, 20_000))
    till.counter(ADA, 100_000)
    assert till.rebates.view("promiseOf", ADA, 0)["total"] == 10_000


def test_closed_programme_and_small_recharges_promise_nothing(till: Till) -> None:
    till.counter(ADA, 9_999)
    till.operate(till.rebates, "openProgramme", 1, False)
    till.counter(ADA, 100_000)
    assert till.programme() == (60_000, 0)


def test_kind_of_card_multiplies_the_rebate(till: Till) -> None:
    till.operate(till.cards, "setKind", 1, 0, 0, 15_000, 0)
    till.operate(till.cards, "issueCards", 0, 1, [1])
    till.operate(till.cards, "activate", 1, ADA)
    till.counter(ADA, 100_000)
    assert till.rebates.view("promiseOf", ADA, 0)["total"] == 30_000


def merge(till: Till) -> None:
    """Ada is Bob from now on."""
    merging, finance = till.world["MemberMerge"], till.twin.chain.accounts[6]
    till.operate(till.world.access, "grantRole", 2, finance, 0)
    till.operate(merging, "proposeMerge", ADA, BOB, b"\1" * 32)
    till.send(merging, "approveMerge", ADA, BOB, [], sender=finance)


def test_merged_members_have_paid_in_what_both_did(till: Till) -> None:
    till.counter(ADA, 100_000)
    till.counter(BOB, 30_000)
    merge(till)
    ada, bob = (till.rebates.view("balanceOf", member) for member in (ADA, BOB))
    assert (ada["net"], ada["highWater"]) == (0, 0)
    assert (bob["net"], bob["highWater"]) == (130_000, 130_000)


def test_rebates_follow_a_merged_member_and_end_with_its_last_card(till: Till) -> None:
    till.counter(ADA, 100_000)
    merge(till)
    till.twin.tick(31 * DAY)
    till.operate(till.rebates, "releaseRebates", ADA, [0])
    assert till.value_of(BOB) == 104_000
    till.operate(till.cards, "setKind", 1, 0, 0, 10_000, 0)
    till.operate(till.cards, "issueCards", 0, 1, [1])
    till.operate(till.cards, "activate", 1, BOB)
    assert refusal(till.rebates, "sweepPromise", ADA, 0, sender=till.world.stranger)[0] == "PromiseStands"
    till.operate(till.value, "setCounterLimit", 10**9)
    till.operate(till.value, "closeCardAt", 1, till.shop, b"\1" * 32)
    till.twin.tick(31 * DAY)
    till.operate(till.world.cash, "withdraw", 0, bytes(32))
    assert refusal(till.rebates, "releaseRebates", ADA, [0], sender=till.world.stranger)[0] == "PromiseForfeited"
    till.operate(till.rebates, "sweepPromise", ADA, 0)
    assert till.programme() == (56_000, 0)
