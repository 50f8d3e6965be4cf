"""What merchants get for payments in two steps, period by period: statements, refunds, payouts, fees."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.escrow import CASH, COINS, HOUR, NOBODY, VALUE, terms_now
from tests.contracts.suite.guarantee import make_indebted, owed
from tests.contracts.suite.settlement_counter import ANN, DAY, OTHER, SHOP, UNKNOWN, Counter, refused

pytestmark = [pytest.mark.anvil, pytest.mark.usefixtures("forgotten")]


def test_refund_beyond_held_money_is_carried_forward_until_the_deposit_is_whole(counter: Counter) -> None:
    world, operator = counter.world, counter.world.operator
    world.ledger.send("addDeposit", SHOP, 8_000, sender=operator)
    terms = counter.captured(amount=10_000)
    world.chain.set_next_time(counter.now + DAY)
    world.registry.send("setGroups", SHOP, world.merchant, 255, sender=world.merchant)
    world["MerchantPayouts"].send("setPayout", SHOP, world.holder, sender=world.merchant)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    assert counter.balance(world.holder) == 9_850
    terms = terms_now(counter.now, **{**terms.__dict__, "salt": 9, "capture_by": counter.now + DAY * 9})
    terms = terms.but(authorize_by=counter.now + HOUR, refund_by=counter.now + DAY * 99)
    counter.authorize(terms)
    counter.clerk("capture", terms, 4_000, 0)
    counter.clerk("refund", terms, 4_000)
    # 3,940 were held; the deposit gave the rest
    says = counter.escrow.view("statementOf", SHOP)
    assert (says["refunds"], says["covered"], says["net"], says["carryForward"]) == (4_000, 60, 0, 60)
    assert world.ledger.view("deposits", SHOP) == 7_940
    counter.clerk("capture", terms, 6_000, 0)
    says = counter.escrow.view("statementOf", SHOP)
    assert (says["gross"], says["restored"], says["net"], says["carryForward"]) == (10_000, 60, 5_850, 0)
    world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    assert world.ledger.view("deposits", SHOP) == 8_000
    assert counter.balance(world.holder) == 9_850 + 5_850


def test_only_the_operator_reaches_for_the_guarantee_fund(counter: Counter) -> None:
    terms = counter.captured(merchant=OTHER, amount=10_000)
    world = counter.world
    assert counter.escrow.view("expectedRefund", terms.words()) == (10_000, terms.refund_by, 0, False)
    call = (terms.words(), 9_851)
    assert refused(lambda: counter.escrow.view("refund", *call, sender=world.merchant)) == (
        "InsufficientFunds", OTHER, 9_851,
    )  # fmt: skip
    operator = world.operator
    assert refused(lambda: counter.escrow.view("chargeBack", *call, "torn", sender=operator))[0] == "InsufficientFunds"
    # else a merchant that was paid out, and a friend as its payer, could share what is in the fund
    world.ledger.send("addDeposit", 0, 150, sender=operator)
    assert refused(lambda: counter.escrow.view("refund", *call, sender=world.merchant))[0] == "InsufficientFunds"
    counter.escrow.send("chargeBack", terms.words(), 10_000, "torn", sender=operator)
    assert world.ledger.view("guaranteed", OTHER) == 150


def test_refund_leaves_what_the_merchant_owes_the_guarantee_fund(counter: Counter) -> None:
    make_indebted(counter.world, OTHER, 9_000)
    terms = counter.captured(merchant=OTHER, amount=10_000)
    assert owed(counter.world, OTHER) == (9_850, 9_000)
    call = (terms.words(), 851)
    assert refused(lambda: counter.escrow.view("refund", *call, sender=counter.world.merchant)) == (
        "InsufficientFunds", OTHER, 851,
    )  # fmt: skip
    counter.clerk("refund", terms, 850)
    assert owed(counter.world, OTHER) == (9_000, 9_000)
    assert counter.escrow.view("expectedRefund", terms.words()) == (9_150, terms.refund_by, 0, False)
    # what the operator orders the fund pays in any case
    counter.escrow.send("chargeBack", terms.words(), 9_000, "torn", sender=counter.world.operator)
    assert owed(counter.world, OTHER) == (0, 9_000)


def test_held_money_repays_the_guarantee_fund_at_settlement_before_the_merchant_gets_any(counter: Counter) -> None:
    world, ledger = counter.world, counter.world.ledger
    make_indebted(world, SHOP, 9_000)
    world["MerchantPayouts"].send("setPayout", SHOP, world.stranger, sender=world.merchant)
    terms = counter.captured(amount=10_000)
    assert counter.escrow.view("expectedRefund", terms.words())[3] is False
    counter.clerk("refund", terms, 850)
    world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    assert (owed(world, SHOP), counter.balance(world.stranger)) == ((0, 0), 0)
    assert ledger.view("deposits", 0) == 9_000
    counter.captured(amount=10_000, salt=2)
    world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    assert counter.balance(world.stranger) == 9_850


@pytest.mark.parametrize("repaid", ["by a deposit", "out of the payable", "at settlement"])
def test_chargeback_that_the_guarantee_fund_paid_is_taken_from_the_merchant_once(counter: Counter, repaid: str) -> None:
    world, ledger = counter.world, counter.world.ledger
    ledger.send("addDeposit", 0, 10_000, sender=world.operator)
    ledger.send("addDeposit", SHOP, 60, sender=world.operator)
    world["MerchantPayouts"].send("setPayout", SHOP, world.stranger, sender=world.merchant)
    first = counter.captured(amount=4_000)
    world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    paid_out = counter.balance(world.stranger)
    counter.escrow.send("chargeBack", first.words(), 4_000, "torn", sender=world.operator)
    assert owed(world, SHOP) == (0, 3_940)
    if repaid == "by a deposit":
        ledger.send("addDeposit", SHOP, 3_940, sender=world.operator)
    elif repaid == "out of the payable":
        ledger.send("creditPayable", SHOP, 3_941, sender=world.operator)
        world["MerchantPayouts"].send("payOut", SHOP, 1, sender=world.merchant)
        paid_out += 1
    counter.captured(amount=10_000, salt=2)
    says = counter.escrow.view("statementOf", SHOP)
    owing = 60 + (3_940 if repaid == "at settlement" else 0)
    assert (says["restored"], says["net"], says["carryForward"]) == (owing, 9_850 - owing, 0)
    world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    assert (owed(world, SHOP), ledger.view("deposits", 0)) == ((60, 0), 10_000)
    assert counter.balance(world.stranger) == paid_out + 9_850 - owing


def test_carry_forward_lasts_until_fund_and_deposit_are_whole(counter: Counter) -> None:
    world, ledger = counter.world, counter.world.ledger
    ledger.send("addDeposit", 0, 2_940, sender=world.operator)
    ledger.send("addDeposit", SHOP, 1_000, sender=world.operator)
    world["MerchantPayouts"].send("setPayout", SHOP, world.stranger, sender=world.merchant)

    def sold(amount: int) -> tuple[Any, ...]:
        """What fund and deposit have after a day on which this was sold, and what is carried forward."""
        terms = counter.captured(amount=amount, salt=counter.now)
        world.chain.set_next_time(counter.now + DAY)
        counter.escrow.send("settle", SHOP, sender=world.stranger)
        carry = counter.escrow.view("statementOf", SHOP)["carryForward"]
        return ledger.view("deposits", 0), ledger.view("deposits", SHOP), carry, terms

    *_, terms = sold(4_000)
    counter.escrow.send("chargeBack", terms.words(), 3_940, "torn", sender=world.operator)
    assert (ledger.view("deposits", 0), owed(world, SHOP)) == (0, (0, 2_940))
    assert sold(1_000)[:3] == (985, 0, 2_955)
    assert sold(2_000)[:3] == (2_940, 15, 985)
    assert sold(1_000)[:3] == (2_940, 1_000, 0)
    assert counter.balance(world.stranger) == 3_940


def test_settlement_waits_for_its_day_and_payout_for_its_delay(counter: Counter) -> None:
    world, payouts = counter.world, counter.world["MerchantPayouts"]
    counter.captured(amount=1_000)
    today = world.ledger.view("currentDay")
    assert refused(lambda: counter.escrow.view("settle", SHOP)) == ("NotSettlementDay", SHOP, today, today + 1)
    assert counter.escrow.view("creditProcessing", SHOP) == (985, today + 1, 0)
    assert refused(lambda: counter.escrow.view("settle", UNKNOWN)) == ("NotAdmitted", UNKNOWN)
    assert refused(lambda: payouts.view("payOut", SHOP, 5, sender=world.merchant)) == ("NoPayout", SHOP)
    assert refused(lambda: payouts.view("setPayout", SHOP, world.holder, sender=world.operator))[0] == "NotInGroup"
    payouts.send("setPayout", SHOP, world.holder, sender=world.merchant)
    assert payouts.view("payoutNow", SHOP) == world.holder.lower()
    payouts.send("setPayout", SHOP, world.stranger, sender=world.merchant)
    assert payouts.view("payoutNow", SHOP) == world.holder.lower()
    world.chain.set_next_time(counter.now + 2 * DAY)
    world.cash.send("withdraw", 0, bytes(32), sender=world.operator)
    assert payouts.view("payoutNow", SHOP) == world.stranger.lower()


@pytest.mark.parametrize(
    ("fee", "shares", "error"),
    [
        (10_001, [10_000], ("BadFee", 10_001)),
        (5, [], ("BadShares", 0, 0)),
        (5, [9_999], ("BadShares", 1, 9_999)),
        (5, [5_000, 5_001], ("BadShares", 2, 10_001)),
        (5, [1_000] * 10, ("BadShares", 10, 10_000)),
    ],
)
def test_terms_with_a_merchant_are_refused_when_they_do_not_add_up(
    counter: Counter, fee: int, shares: list[int], error: tuple[Any, ...]
) -> None:
    words = (SHOP, fee, False, [(counter.platform, bps) for bps in shares])
    assert refused(lambda: counter.escrow.view("setMerchantTerms", *words, sender=counter.world.operator)) == error
    nobody = (SHOP, 5, False, [(NOBODY, 10_000)])
    assert refused(lambda: counter.escrow.view("setMerchantTerms", *nobody, sender=counter.world.operator)) == (
        "BadShares", 1, 10_000,
    )  # fmt: skip
    unknown = (9, 0, False, [])
    assert refused(lambda: counter.escrow.view("setMerchantTerms", *unknown, sender=counter.world.operator)) == (
        "UnknownMerchant", 9,
    )  # fmt: skip
    assert refused(lambda: counter.escrow.view("claimFees", counter.platform))[0] == "NothingToClaim"


QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(
    parts=st.lists(st.integers(1, 700), min_size=1, max_size=5),
    tender=st.sampled_from([CASH, VALUE, COINS]),
    reward=st.integers(0, 999_999),
)
def test_refund_in_parts_ends_where_refund_at_once_does(
    counter: Counter, parts: list[int], tender: int, reward: int
) -> None:
    ends = []
    for amounts in (parts, [sum(parts)]):
        mark = counter.world.chain.snapshot()
        member = ANN if tender != CASH or reward else 0
        terms = counter.captured(
            tender=tender, amount=4_000, member=member, min_reward=0 if tender == COINS else reward
        )
        for amount in amounts:
            counter.clerk("refund", terms, amount)
        ends.append(counter.worth() | counter.escrow.view("payment", counter.escrow.view("idOf", terms.words())))
        counter.world.chain.revert(mark)
    assert {**ends[0], "capturedAt": 0} == {**ends[1], "capturedAt": 0}


@QUICK
@given(
    captures=st.lists(st.integers(1, 997), min_size=1, max_size=5),
    fee=st.integers(0, 10_000),
    split=st.integers(0, 10_000),
)
def test_fees_and_net_are_gross_and_every_cent_is_claimable(
    counter: Counter, captures: list[int], fee: int, split: int
) -> None:
    world, mark = counter.world, counter.world.chain.snapshot()
    shares = [(counter.acquirer, split), (counter.platform, 10_000 - split)]
    counter.escrow.send("setMerchantTerms", SHOP, fee, False, shares, sender=world.operator)
    terms = counter.terms(amount=5_000, max_fee_bps=10_000)
    counter.authorize(terms)
    for amount in captures:
        counter.clerk("capture", terms, amount, 0)
    says = counter.escrow.view("statementOf", SHOP)
    assert says["fees"] + says["net"] == says["gross"] == sum(captures)
    assert says["fees"] == sum(captures) * fee // 10_000
    world.chain.set_next_time(counter.now + DAY)
    counter.escrow.send("settle", SHOP, sender=world.stranger)
    claimable = [counter.escrow.view("claimable", receiver) for receiver in (counter.acquirer, counter.platform)]
    assert claimable == [says["fees"] * split // 10_000, says["fees"] - says["fees"] * split // 10_000]
    world.chain.revert(mark)


def test_fee_is_the_same_when_a_merchant_captures_by_the_cent(counter: Counter) -> None:
    terms = counter.terms(amount=4_000)
    counter.authorize(terms)
    for _ in range(60):
        counter.clerk("capture", terms, 66, 0)
    says = counter.escrow.view("statementOf", SHOP)
    assert (says["gross"], says["fees"]) == (3_960, 59)
