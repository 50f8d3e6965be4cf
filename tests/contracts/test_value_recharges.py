"""Recharges and rebates: the worked examples of docs/value.md, each typed error by name, and what gains nothing."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Contract, Reverted, deploy
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId
from tests.contracts.suite.value_model import months_later
from tests.contracts.twin import AUTHORISATION, Twin, stored

pytestmark = [pytest.mark.anvil, pytest.mark.filterwarnings("ignore:A private pytest class")]
ADA, BOB = MemberId(71), MemberId(72)
LAST = 2**256 - 1
PROPERTY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
DAY = 86_400
MERCHANT, STORE, TERMINAL = range(3)
UNAUTHORIZED = "AccessManagedUnauthorized"


class Till:
    """A suite with a merchant of 5,000.00 deposit and a limit, a programme of 20 % in five months, two members."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world, self.ledger = twin, twin.world, twin.ledger
        self.value, self.rebates, self.cards = (self.world[n] for n in ("StoredValue", "Rebates", "MemberCards"))
        self.shop = twin.onboard(terminals=2, prepaid=10**6)
        twin.base(self.shop)
        twin.enrol(ADA, BOB)
        for contract in (self.value, self.rebates):
            self.operate(self.world.cash, "approve", contract.address, LAST)
        self.operate(self.ledger, "addDeposit", self.shop, 500_000)
        self.operate(self.ledger, "addDeposit", 0, 10**6)
        self.operate(self.value, "setLimit", self.shop, MERCHANT, 0, 400_000, 300_000)
        self.operate(self.rebates, "defineProgramme", 2_000, 5, 10_000)
        self.operate(self.rebates, "chooseProgramme", 0, 1)
        self.operate(self.rebates, "fundProgramme", 1, 60_000)

    def operate(self, contract: Contract, name: str, *arguments: Any) -> Any:
        return self.send(contract, name, *arguments, sender=self.world.operator)

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str) -> Any:
        self.twin.tick()
        return contract.send(name, *arguments, sender=sender)

    def counter(self, member: MemberId, amount: int, at_least: int = 0) -> None:
        self.send(self.value, "rechargeAt", self.shop, member, amount, at_least, sender=self.world.merchant)

    def act(self, data: bytes, **fields: Any) -> Any:
        """An act of the till's, as the ledger hands it over."""
        self.twin.tick()
        act = self.act_words(**fields)
        ledger = self.twin.chain.impersonate(self.ledger.address)
        return self.value.send("applyAct", act, data, sender=ledger)

    def act_words(self, **fields: Any) -> tuple[Any, ...]:
        given = {
            "stream": 1, "sequence": 1, "merchant": self.shop, "terminal": 0, "member": ADA, "time": 0, "amount": 0,
            "coins": 0, "left": 10**9, "authorisation": AUTHORISATION,
        } | fields  # fmt: skip
        return tuple(given.values())

    def value_of(self, member: MemberId) -> int:
        return int(self.ledger.view("account", member)["value"])

    def programme(self) -> tuple[int, int]:
        found = self.rebates.view("programmeOf", 1)
        return found["fund"], found["promised"]

    def to_day(self, day: int) -> None:
        """The next block is at noon of this day of the network."""
        self.twin.tick(day * DAY + 43_200 - self.twin.terms_offset - self.twin.now - 1)


def recharge_data(amount: int, at_least: int = 0, op: int = 0) -> bytes:
    return bytes([2, op]) + amount.to_bytes(6, "big") + at_least.to_bytes(6, "big")


def reversal_data(sequence: int) -> bytes:
    return b"\x82" + sequence.to_bytes(8, "big")


def refusal(contract: Contract, name: str, *arguments: Any, sender: str) -> tuple[str, tuple[Any, ...]]:
    with pytest.raises(Reverted) as caught:
        contract.view(name, *arguments, sender=sender)
    return caught.value.error, caught.value.values


@pytest.fixture(scope="module")
def opened_till(chain: Chain, terms: Terms) -> Till:
    twin = Twin(chain, terms, Suite)
    twin.terms_offset = terms.utc_offset  # type: ignore[attr-defined]
    return Till(twin)


@pytest.fixture
def till(opened_till: Till) -> Iterator[Till]:
    with opened_till.twin.forgotten():
        yield opened_till


def calendar_of(chain: Chain) -> Contract:
    """The contract's calendar, deployed once for a chain."""
    found = getattr(chain, "calendar", None)
    if found is None or chain.request("eth_getCode", found.address, "latest") == "0x":
        found = deploy(chain, "CalendarUser", sender=chain.accounts[0])
        chain.calendar = found  # type: ignore[attr-defined]
    return found


def day_of(year: int, month: int, day: int) -> int:
    return (datetime.date(year, month, day) - datetime.date(1970, 1, 1)).days


# --- rebates ---


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


def test_rebates_follow_a_merged_member_and_end_with_its_last_card(till: Till) -> None:
    till.counter(ADA, 100_000)
    merge, finance = till.world["MemberMerge"], till.twin.chain.accounts[6]
    till.operate(till.world.access, "grantRole", 2, finance, 0)
    till.operate(merge, "proposeMerge", ADA, BOB, b"\1" * 32)
    till.send(merge, "approveMerge", ADA, BOB, [], sender=finance)
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


# --- limits ---


def test_recharge_stops_when_the_limit_is_used_up_until_it_is_raised(till: Till) -> None:
    till.counter(ADA, 250_000)
    merchant = till.world.merchant
    error = refusal(till.value, "rechargeAt", till.shop, ADA, 50_001, 0, sender=merchant)
    assert error == ("LimitUsedUp", (till.shop, 0, 0, 50_000, 50_001))
    till.twin.tick(DAY)
    till.counter(ADA, 150_000)
    error = refusal(till.value, "rechargeAt", till.shop, ADA, 1, 0, sender=merchant)
    assert error == ("LimitUsedUp", (till.shop, 0, 0, 0, 1))
    raising = ("raiseLimit", till.shop, 0, 0, 10_000)
    for thief in (merchant, till.world.stranger, till.world.poster):
        assert refusal(till.value, *raising, sender=thief)[0] == UNAUTHORIZED
    till.operate(till.value, *raising)
    till.counter(ADA, 10_000)


def test_terminal_and_restricted_store_have_limits_of_their_own(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, TERMINAL, 1, 1_000, 1_000)
    till.act(recharge_data(1_000), terminal=1)
    assert _act_refusal(till, recharge_data(1), terminal=1) == 36
    till.act(recharge_data(2_000), terminal=0)
    till.operate(till.value, "setLimit", till.shop, STORE, 0, 500, 500)
    assert till.value.view("restrictedStores", till.shop) == 1
    assert _act_refusal(till, recharge_data(501)) == 36
    till.act(recharge_data(500))
    # an account that is bound to the store counts against it too
    merchant = till.world.merchant
    till.operate(till.value, "bindAccount", till.shop, merchant, 0, True)
    assert till.value.view("storeOf", till.shop, merchant) == (True, 0)
    assert refusal(till.value, "rechargeAt", till.shop, ADA, 1, 0, sender=merchant)[0] == "LimitUsedUp"
    till.operate(till.value, "removeLimit", till.shop, STORE, 0)
    till.counter(ADA, 1)


def test_closed_merchant_recharges_nobody_and_undoes_what_it_did(till: Till) -> None:
    till.counter(ADA, 1_000)
    till.operate(till.world.registry, "setMerchantActive", till.shop, False)
    merchant = till.world.merchant
    assert refusal(till.value, "rechargeAt", till.shop, ADA, 1, 0, sender=merchant) == ("MerchantClosed", (till.shop,))
    till.send(till.value, "undoRecharge", till.shop, ADA, 1_000, sender=merchant)
    assert till.value_of(ADA) == 0


def test_recharge_never_draws_on_the_guarantee_fund(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, MERCHANT, 0, 10**6, 10**6)
    merchant = till.world.merchant
    error = refusal(till.value, "rechargeAt", till.shop, ADA, 500_001, 0, sender=merchant)
    assert error == ("MerchantShort", (till.shop, 500_000, 500_001))
    till.counter(ADA, 500_000)
    assert till.ledger.view("deposits", 0) == 10**6
    assert till.value_of(ADA) == 500_000


def test_recharge_leaves_what_the_merchant_owes_the_guarantee_fund(till: Till) -> None:
    part = till.world.stranger
    till.operate(till.ledger, "setDoors", part, 32)
    till.send(till.ledger, "drawOn", till.shop, 500_100, part, sender=part)
    assert till.ledger.view("guaranteed", till.shop) == 100
    merchant = till.world.merchant
    for payable, held in ((100, 0), (200, 200)):
        till.operate(till.ledger, "creditPayable", till.shop, payable)
        error = refusal(till.value, "rechargeAt", till.shop, ADA, held + 1, 0, sender=merchant)
        assert error == ("MerchantShort", (till.shop, held, held + 1))
    till.counter(ADA, 200)
    assert till.ledger.view("merchant", till.shop)["payable_"] == 100 == till.ledger.view("guaranteed", till.shop)


@pytest.mark.parametrize(
    ("contract", "name", "arguments", "error"),
    [
        ("StoredValue", "recharge", (ADA, 0, 0), "ZeroAmount"),
        ("StoredValue", "recharge", (ADA, 2**48, 0), "TooMuch"),
        ("StoredValue", "recharge", (999, 5, 0), "UnknownMember"),
        ("StoredValue", "recharge", (ADA, 5, 1), "RebateTooSmall"),
        ("StoredValue", "rechargeAt", (1, ADA, 5, 0), "NotInGroup"),
        ("StoredValue", "undoRecharge", (1, ADA, 5), "NotInGroup"),
        ("StoredValue", "forgiveValueArrears", (1, ADA, 5), "NotInGroup"),
        ("StoredValue", "setLimit", (1, 3, 0, 5, 5), "BadScope"),
        ("StoredValue", "setLimit", (1, 0, 1, 5, 5), "BadScope"),
        ("StoredValue", "raiseLimit", (1, 1, 7, 5), "UnknownLimit"),
        ("StoredValue", "removeLimit", (1, 2, 7), "UnknownLimit"),
        ("StoredValue", "fundStartingValues", (0,), "ZeroAmount"),
        ("StoredValue", "withdrawStartingFund", (5, "0x" + "77" * 20), "FundTooSmall"),
        ("StoredValue", "noteNet", (ADA, 5), UNAUTHORIZED),
        ("StoredValue", "merge", (ADA, BOB, []), UNAUTHORIZED),
        ("StoredValue", "applyByLedger", ((0,) * 9 + (bytes(32),), b"\2"), "NotSelf"),
        ("StoredValue", "applyAct", ((0,) * 9 + (bytes(32),), b"\2"), "NotLedger"),
        ("Rebates", "takeIn", (1, ADA, 5, 0), UNAUTHORIZED),
        ("Rebates", "takeBack", (ADA, 5, 0, 0), UNAUTHORIZED),
        ("Rebates", "give", (ADA, 5), UNAUTHORIZED),
        ("Rebates", "payOut", (ADA,), UNAUTHORIZED),
        ("Rebates", "noteNet", (ADA, 5), UNAUTHORIZED),
        ("Rebates", "merge", (ADA, BOB), UNAUTHORIZED),
        ("Rebates", "defineProgramme", (0, 5, 0), "BadProgramme"),
        ("Rebates", "defineProgramme", (10_001, 5, 0), "BadProgramme"),
        ("Rebates", "defineProgramme", (5, 0, 0), "BadProgramme"),
        ("Rebates", "defineProgramme", (5, 121, 0), "BadProgramme"),
        ("Rebates", "chooseProgramme", (0, 9), "UnknownProgramme"),
        ("Rebates", "openProgramme", (9, True), "UnknownProgramme"),
        ("Rebates", "fundProgramme", (9, 5), "UnknownProgramme"),
        ("Rebates", "fundProgramme", (1, 0), "ZeroAmount"),
        ("Rebates", "fundProgramme", (1, 2**48), "TooMuch"),
        ("Rebates", "withdrawFund", (1, 60_001, "0x" + "77" * 20), "FundTooSmall"),
        ("Rebates", "releaseRebates", (ADA, [0]), "NoPromise"),
        ("Rebates", "releaseRebates", (ADA, []), "ZeroAmount"),
        ("Rebates", "sweepPromise", (ADA, 0), "NoPromise"),
    ],
)  # fmt: skip
def test_stored_value_refuses_by_name(
    till: Till, contract: str, name: str, arguments: tuple[Any, ...], error: str
) -> None:
    operator = till.world.operator
    assert refusal(till.world[contract], name, *arguments, sender=operator)[0] == error


@pytest.mark.parametrize(
    ("contract", "name", "arguments"),
    [
        ("StoredValue", "recharge", (ADA, 5, 0)),
        ("StoredValue", "withdrawStartingFund", (5, "0x" + "77" * 20)),
        ("StoredValue", "setLimit", (1, 0, 0, 5, 5)),
        ("StoredValue", "removeLimit", (1, 0, 0)),
        ("StoredValue", "bindAccount", (1, "0x" + "77" * 20, 0, True)),
        ("Rebates", "defineProgramme", (5, 5, 0)),
        ("Rebates", "openProgramme", (1, False)),
        ("Rebates", "chooseProgramme", (0, 0)),
        ("Rebates", "withdrawFund", (1, 5, "0x" + "77" * 20)),
    ],
)
def test_powers_of_operator_and_finance_are_nobody_else_s(
    till: Till, contract: str, name: str, arguments: tuple[Any, ...]
) -> None:
    assert refusal(till.world[contract], name, *arguments, sender=till.world.merchant)[0] == UNAUTHORIZED


def test_recharge_waits_while_the_network_is_paused(till: Till) -> None:
    till.counter(ADA, 1_000)
    till.operate(till.ledger, "pause")
    merchant = till.world.merchant
    assert refusal(till.value, "rechargeAt", till.shop, ADA, 5, 0, sender=merchant)[0] == "NetworkPaused"
    # but what was done is undone
    till.send(till.value, "undoRecharge", till.shop, ADA, 1_000, sender=merchant)
    assert till.value_of(ADA) == 0


def test_merchant_without_a_limit_may_not_recharge(till: Till) -> None:
    till.operate(till.value, "removeLimit", till.shop, MERCHANT, 0)
    merchant = till.world.merchant
    assert refusal(till.value, "rechargeAt", till.shop, ADA, 5, 0, sender=merchant) == ("NoLimit", (till.shop,))


# --- undoing ---


def test_spent_recharge_that_is_undone_becomes_a_debt_that_the_next_one_pays(till: Till) -> None:
    till.counter(ADA, 1_000)
    till.twin.model.recharge(ADA, 1_000)
    till.twin.post(till.twin.payment(till.shop, ADA, stored(600)))
    till.send(till.value, "undoRecharge", till.shop, ADA, 1_000, sender=till.world.merchant)
    assert till.value_of(ADA) == 0
    assert till.value.view("valueArrears", till.shop, ADA) == 600
    till.counter(ADA, 700)
    assert till.value_of(ADA) == 100
    assert till.value.view("valueArrears", 0, ADA) == 0
    till.send(till.value, "undoRecharge", till.shop, ADA, 700, sender=till.world.merchant)
    assert till.value.view("valueArrears", till.shop, ADA) == 600
    till.send(till.value, "forgiveValueArrears", till.shop, ADA, 600, sender=till.world.merchant)
    assert refusal(till.value, "forgiveValueArrears", till.shop, ADA, 1, sender=till.world.merchant)[0] == "NothingDue"


def test_undo_is_refused_by_name(till: Till) -> None:
    merchant = till.world.merchant
    undo = ("undoRecharge", till.shop, ADA)
    assert refusal(till.value, *undo, 5, sender=merchant) == ("NothingToUndo", (till.shop, ADA))
    till.counter(ADA, 1_000)
    assert refusal(till.value, *undo, 999, sender=merchant) == ("OtherAmount", (999, 1_000))
    till.twin.tick(2 * DAY)
    till.operate(till.world.cash, "withdraw", 0, bytes(32))
    assert refusal(till.value, *undo, 1_000, sender=merchant)[0] == "UndoTooLate"
    till.counter(ADA, 1_000)
    till.operate(till.value, "recharge", ADA, 5, 0)
    assert refusal(till.value, *undo, 1_000, sender=merchant)[0] == "NothingToUndo"


def test_undo_gives_the_limits_back(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, TERMINAL, 0, 5_000, 5_000)
    till.operate(till.value, "setLimit", till.shop, STORE, 0, 5_000, 5_000)
    till.act(recharge_data(5_000))
    till.act(recharge_data(5_000, op=1))
    for scope in (MERCHANT, STORE, TERMINAL):
        limit = till.value.view("limitOf", till.shop, scope, 0)
        assert (limit["left"], limit["usedToday"]) == (400_000 if scope == MERCHANT else 5_000, 0)


def test_undo_of_the_day_before_gives_no_room_in_today_s_limit(till: Till) -> None:
    till.counter(ADA, 200_000)
    till.operate(till.ledger, "addDeposit", till.shop, 200_000)
    today = int(till.ledger.view("currentDay"))
    till.twin.tick(DAY)
    till.counter(BOB, 150_000)
    assert till.ledger.view("currentDay") == today + 1
    till.send(till.value, "undoRecharge", till.shop, ADA, 200_000, sender=till.world.merchant)
    limit = till.value.view("limitOf", till.shop, MERCHANT, 0)
    assert (limit["left"], limit["usedToday"]) == (250_000, 150_000)


def test_undo_leaves_limits_alone_that_were_set_anew_since(till: Till) -> None:
    till.counter(ADA, 5_000)
    till.operate(till.value, "setLimit", till.shop, MERCHANT, 0, 100, 100_000)
    till.send(till.value, "undoRecharge", till.shop, ADA, 5_000, sender=till.world.merchant)
    limit = till.value.view("limitOf", till.shop, MERCHANT, 0)
    assert (limit["left"], limit["usedToday"]) == (100, 5_000)


def test_account_that_is_bound_to_no_store_does_not_pass_by_a_restricted_one(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, STORE, 0, 500, 500)
    clerk = till.world.holder
    till.send(till.world.registry, "setGroups", till.shop, clerk, 16, sender=till.world.merchant)
    call = ("rechargeAt", till.shop, ADA, 501, 0)
    assert refusal(till.value, *call, sender=clerk) == ("AccountNotBound", (till.shop, clerk.lower()))
    till.operate(till.value, "bindAccount", till.shop, clerk, 1, True)
    till.send(till.value, *call, sender=clerk)
    till.operate(till.value, "bindAccount", till.shop, clerk, 0, True)
    assert refusal(till.value, *call, sender=clerk)[0] == "LimitUsedUp"


def test_member_that_owes_is_not_paid_out(till: Till) -> None:
    till.operate(till.cards, "setKind", 1, 0, 0, 10_000, 0)
    till.operate(till.cards, "issueCards", 0, 1, [1])
    till.operate(till.cards, "activate", 1, ADA)
    till.counter(ADA, 1_000)
    till.twin.model.recharge(ADA, 1_000)
    till.twin.post(till.twin.payment(till.shop, ADA, stored(600)))
    till.send(till.value, "undoRecharge", till.shop, ADA, 1_000, sender=till.world.merchant)
    error = refusal(till.value, "closeCardAt", 1, till.shop, b"\1" * 32, sender=till.world.operator)
    assert error == ("OwesValue", (ADA, 600))


# --- acts ---


def _act_refusal(till: Till, data: bytes, **fields: Any) -> int:
    till.twin.tick()
    ledger = till.twin.chain.impersonate(till.ledger.address)
    with pytest.raises(Reverted) as caught:
        till.value.send("applyAct", till.act_words(**fields), data, sender=ledger)
    assert caught.value.error == "ActRefused"
    return int(caught.value.values[0])


def test_act_recharges_and_its_undoing_is_a_debit(till: Till) -> None:
    till.act(recharge_data(10_000, 2_000))
    assert till.value_of(ADA) == 10_000
    ledger = till.twin.chain.impersonate(till.ledger.address)
    assert till.value.view("applyAct", till.act_words(), recharge_data(10_000, op=1), sender=ledger) == 10_000
    till.act(recharge_data(10_000, op=1))
    assert till.value_of(ADA) == 0


@pytest.mark.parametrize(
    ("reason", "data", "fields"),
    [
        (30, b"\2", {}),
        (30, recharge_data(5, op=2), {}),
        (30, reversal_data(5) + b"\0", {}),
        (31, reversal_data(5), {}),
        (30, b"\3" + recharge_data(5)[1:], {}),
        (30, recharge_data(5), {"member": 999}),
        (34, recharge_data(5), {"amount": 1}),
        (34, recharge_data(5), {"merchant": 9}),
        (35, recharge_data(0), {}),
        (36, recharge_data(300_001), {}),
        (37, recharge_data(10_000, 2_001), {}),
        (32, recharge_data(5, op=1), {}),
        (12, recharge_data(5, op=1), {"authorisation": bytes(32)}),
        (13, recharge_data(5, op=1), {"left": 4}),
    ],
)
def test_act_is_refused_with_its_reason(till: Till, reason: int, data: bytes, fields: dict[str, Any]) -> None:
    assert _act_refusal(till, data, **fields) == reason


def test_act_that_undoes_is_refused_with_its_reason(till: Till) -> None:
    till.act(recharge_data(5))
    assert _act_refusal(till, recharge_data(6, op=1)) == 35
    till.twin.tick(2 * DAY)
    till.operate(till.world.cash, "withdraw", 0, bytes(32))
    assert _act_refusal(till, recharge_data(5, op=1)) == 33


def test_reversal_undoes_what_its_sequence_recharged_and_nothing_else(till: Till) -> None:
    till.act(recharge_data(5), sequence=7)
    assert _act_refusal(till, reversal_data(8)) == 31
    assert _act_refusal(till, reversal_data(7), stream=2) == 31
    assert _act_refusal(till, reversal_data(7), merchant=2) == 32
    # no limit and no authorisation: the stream undoes what it did
    till.act(reversal_data(7), sequence=9, left=0, authorisation=bytes(32))
    assert till.value_of(ADA) == 0
    assert _act_refusal(till, reversal_data(7)) == 32
    till.act(recharge_data(5), sequence=10)
    till.counter(ADA, 5)
    assert _act_refusal(till, reversal_data(10)) == 31


def test_reversal_of_a_locked_member_leaves_a_debt(till: Till) -> None:
    till.act(recharge_data(500), sequence=7)
    till.twin.set_state(ADA, locked=True)
    till.act(reversal_data(7))
    assert till.value_of(ADA) == 500
    assert till.value.view("valueArrears", till.shop, ADA) == 500
    till.twin.set_state(ADA)
    till.counter(ADA, 600)
    assert till.value_of(ADA) == 600


def test_act_is_refused_when_the_merchant_s_money_is_used_up(till: Till) -> None:
    till.operate(till.value, "setLimit", till.shop, MERCHANT, 0, 10**6, 10**6)
    assert _act_refusal(till, recharge_data(500_001)) == 37
