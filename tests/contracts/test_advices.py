"""Sales offline that overdraw, posted through the ledger: shares, exactly once, undoing, arrears, audit and index."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Reverted
from benchmarks.suite import Suite
from benchmarks.world import Terms, terminal_id
from node.books.export import Format
from node.domain.act import Act, ActKind, undoing
from node.domain.acts.advice import BookAdvice
from node.domain.batch_format import encode_batch, gas_limit, make_batch
from node.domain.ids import MemberId, MinorUnits, StreamId
from node.domain.ids import Sequence as SequenceNumber
from node.indexer.tables import value as tables
from tests.contracts.auditing import audit_of
from tests.contracts.conftest import START
from tests.contracts.indexing import indexed, rows_of
from tests.contracts.suite.market_world import refusal
from tests.contracts.test_books import BEAN_CHECK, checked, exported
from tests.contracts.twin import AUTHORISATION, STREAM, Twin, coins, external, stored

pytestmark = [pytest.mark.anvil]
ADA, BOB = MemberId(71), MemberId(72)
DAY = 86_400
HAS, FLOOR, FUND = 3_000, 5_000, 10_000
PROPERTY = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


class Desk:
    """A shop whose till has a floor limit, a member with some value, and a fund."""

    def __init__(self, chain: Chain, terms: Terms) -> None:
        self.twin = Twin(chain, terms, Suite)
        assert isinstance(self.twin.world, Suite)
        self.world, self.ledger = self.twin.world, self.twin.ledger
        self.advices = self.world["Advices"]
        self.shop = self.twin.onboard(terminals=2, prepaid=10**6)
        self.twin.base(self.shop)
        self.twin.enrol(ADA, BOB)
        self.operate(self.world.cash, "approve", self.advices.address, 2**255)
        self.operate(self.world.registry, "setFloorLimit", terminal_id(self.shop, 0), FLOOR)
        self.operate(self.advices, "payIntoGuarantee", FUND)
        self.twin.recharge(ADA, HAS)

    def operate(self, contract: Any, name: str, *arguments: Any) -> Any:
        self.twin.tick()
        return contract.send(name, *arguments, sender=self.world.operator)

    def post(self, *lines: Any, act: Act | None = None, member: MemberId = ADA, terminal: int = 0) -> int:
        """Posts one payment by the chain alone, and tells why it was skipped; 0 when it was not."""
        payment = self.twin.payment(
            self.shop, member, *lines, act=None if act is None else act.data, terminal=terminal,
            authorisation=AUTHORISATION,
        )  # fmt: skip
        batch = make_batch(StreamId(1), (payment,))
        self.twin.tick()
        receipt = self.ledger.send("postBatch", encode_batch(batch), sender=self.world.poster, gas=gas_limit(batch))
        found = [event.args["reason"] for event in self.ledger.events(receipt) if event.name == "Skipped"]
        return found[0] if found else 0

    def booking(self, value: int, of_coins: int, original: int | None = None) -> Act:
        sequence = SequenceNumber(self.twin.sequence if original is None else original)
        return BookAdvice(original=sequence, value=MinorUnits(value), coins=MinorUnits(of_coins)).act()

    def sold_offline(self, value: int, of_coins: int = 0) -> int:
        """A sale that overdraws, booked; the sequence of its booking."""
        lines = [make(amount) for make, amount in ((stored, value), (coins, of_coins)) if amount]
        assert self.post(*lines) in (14, 15)
        assert self.post(act=self.booking(value, of_coins)) == 0
        return self.twin.sequence

    def forgive(self, sequence: int, value: int, of_coins: int = 0) -> None:
        """By the shop's finance group."""
        self.twin.tick()
        self.advices.send("forgive", STREAM, sequence, value, of_coins, sender=self.world.merchant)

    def undo(self, sequence: int) -> int:
        return self.post(act=undoing(ActKind.ADVICE, SequenceNumber(sequence)))

    def state(self) -> tuple[int, int, int, int, int]:
        """Payable, the member's value, the fund, what the member owes the fund, and the shop."""
        owed = [self.advices.view("adviceArrears", to, ADA)["value"] for to in (0, self.shop)]
        payable = self.ledger.view("merchant", self.shop)["payable_"]
        value = self.ledger.view("account", ADA)["value"]
        return payable, value, self.advices.view("guarantee"), owed[0], owed[1]


@pytest.fixture(scope="module")
def opened_desk(chain: Chain, terms: Terms) -> Desk:
    return Desk(chain, terms)


@pytest.fixture
def desk(opened_desk: Desk) -> Iterator[Desk]:
    with opened_desk.twin.forgotten():
        yield opened_desk


def test_booking_shares_a_sale_between_member_guarantee_and_shop(desk: Desk) -> None:
    desk.sold_offline(9_000)
    assert desk.state() == (FLOOR, 0, FUND - 2_000, 2_000, 4_000)
    assert desk.world.cash.view("balanceOf", desk.advices.address) == desk.advices.view("cashOwed") == FUND - 2_000
    totals = desk.ledger.view("totals")
    assert desk.world.cash.view("balanceOf", desk.ledger.address) == sum(totals.values())


@PROPERTY
@given(sale=st.integers(HAS + 1, 20_000), floor=st.integers(0, 20_000), fund=st.integers(0, FUND))
def test_merchant_gets_no_more_than_the_member_has_or_the_floor_limit(
    desk: Desk, sale: int, floor: int, fund: int
) -> None:
    with desk.twin.forgotten():
        desk.operate(desk.world.registry, "setFloorLimit", terminal_id(desk.shop, 0), floor)
        if fund < FUND:
            desk.operate(desk.advices, "takeFromGuarantee", FUND - fund, desk.world.holder)
        desk.sold_offline(sale)
        payable, value, left, to_fund, to_shop = desk.state()
        due = desk.advices.view("guaranteeDue", desk.shop)
        assert payable + due == max(HAS, min(sale, floor))
        assert HAS + to_fund + to_shop == sale and value == 0
        assert fund - left == payable - HAS and (due == 0 or left == 0)


def test_booking_is_refused_when_it_is_not_due(desk: Desk) -> None:
    first = desk.sold_offline(9_000)
    before = desk.state()
    assert desk.post(act=desk.booking(9_000, 0, first - 1)) == 32  # twice
    assert desk.post(act=desk.booking(9_000, 0, 10**6)) == 31  # never posted
    assert desk.post(act=desk.booking(0, 0, first)) == 35
    assert desk.post(external(5), act=desk.booking(5, 0, first)) == 34
    assert desk.post(act=Act(data=b"\x09\0")) == 30
    desk.twin.set_state(ADA, locked=True)
    assert desk.post(act=desk.booking(5, 0, first)) == 11
    desk.twin.set_state(ADA)
    desk.twin.set_limit(10_000)
    assert desk.post(act=desk.booking(1_001, 0, first)) == 13  # 9,000 of the day are used up
    assert desk.state() == before


def test_reversal_undoes_all_of_a_booking_and_only_once(desk: Desk) -> None:
    before = desk.state()
    first = desk.sold_offline(9_000)
    assert desk.post(act=undoing(ActKind.ADVICE, SequenceNumber(first)), member=BOB) == 31
    assert desk.undo(first) == 0
    assert desk.state() == before
    assert desk.undo(first) == 31
    assert desk.post(act=desk.booking(9_000, 0, first - 1)) == 32  # a sale that was reversed is not booked again


def test_reversal_is_refused_when_its_day_has_passed(desk: Desk) -> None:
    first = desk.sold_offline(9_000)
    desk.twin.tick(2 * 86_400)
    assert desk.undo(first) == 33


def test_reversal_gives_back_what_the_member_has_paid_of_its_debt(desk: Desk) -> None:
    before = desk.state()
    first = desk.sold_offline(9_000)
    desk.operate(desk.world.cash, "approve", desk.world["StoredValue"].address, 2**255)
    desk.operate(desk.world["StoredValue"], "recharge", ADA, 2_500, 0)
    assert desk.state()[1:] == (500, FUND, 0, 4_000)  # the guarantee is paid at once
    desk.twin.tick()
    desk.advices.send("collect", desk.shop, ADA, sender=desk.world.stranger)
    assert desk.state()[1:] == (0, FUND, 0, 3_500)
    assert desk.undo(first) == 0
    assert desk.state() == (before[0], HAS + 2_500, FUND, 0, 0)


@pytest.mark.parametrize("creditor", ["guarantee", "shop"])
def test_reversal_gives_back_nothing_of_what_was_forgiven(desk: Desk, creditor: str) -> None:
    """Nor does the debt of another sale become smaller by it."""
    before = desk.state()
    first, second = desk.sold_offline(9_000), desk.sold_offline(1_000)
    assert desk.state()[3:] == (3_000, 4_000)
    if creditor == "guarantee":
        desk.operate(desk.advices, "forgiveGuarantee", STREAM, first, 1_500, 0)
        assert desk.advices.view("forgiven", STREAM, first, 0) == {"value": 1_500, "coins": 0}
        forgiven, left = 1_500, (1_000, 0)
    else:
        desk.forgive(first, 3_000)
        desk.forgive(first, 1_000)
        forgiven, left = 4_000, (1_000, 0)
    assert sum(desk.state()[3:]) == 7_000 - forgiven
    assert desk.undo(first) == 0
    payable, value, fund, *owed = desk.state()
    assert (value, tuple(owed)) == (HAS, left)
    assert payable + fund == before[0] + FUND  # of the second sale: 1,000 from the fund to the shop
    desk.undo(second)
    assert desk.state() == before


def test_forgiving_is_refused_beyond_what_the_sale_left_owing(desk: Desk) -> None:
    first, second = desk.sold_offline(9_000), desk.sold_offline(7_000)
    assert desk.state()[3:] == (7_000, 6_000)
    assert refusal(lambda: desk.forgive(first, 4_001)) == ("OwesLess", (desk.shop, ADA, 4_000, 0))
    assert refusal(lambda: desk.forgive(first, 0, 1)) == ("OwesLess", (desk.shop, ADA, 4_000, 0))
    assert refusal(lambda: desk.forgive(first, 0)) == ("ZeroAmount", ())
    assert refusal(lambda: desk.forgive(10**6, 1))[0] == "NotInGroup"
    unknown = ("OwesLess", (0, 0, 0, 0))
    assert refusal(lambda: desk.operate(desk.advices, "forgiveGuarantee", STREAM, 10**6, 1, 0)) == unknown
    desk.forgive(first, 3_000)
    assert refusal(lambda: desk.forgive(first, 1_001)) == ("OwesLess", (desk.shop, ADA, 1_000, 0))
    desk.twin.recharge(ADA, 2_500)
    desk.twin.tick()
    desk.advices.send("collect", desk.shop, ADA, sender=desk.world.stranger)
    assert desk.state()[3:] == (4_500, 3_000)  # paid to the guarantee first
    assert refusal(lambda: desk.forgive(second, 2_001)) == ("OwesLess", (desk.shop, ADA, 2_000, 0))


def test_coins_that_are_short_are_owed_and_come_back_as_coins(desk: Desk) -> None:
    assert desk.post(external(10_000)) == 0
    par = desk.twin.model.par
    held = sum(desk.ledger.view("account", ADA)[name] for name in ("current", "previous"))
    first = desk.sold_offline(0, held // par + 40)
    assert desk.advices.view("adviceArrears", 0, ADA) == {"value": 0, "coins": 40}
    assert desk.undo(first) == 0
    assert sum(desk.ledger.view("account", ADA)[name] for name in ("current", "previous")) == held


def test_reversal_gives_back_coins_that_were_collected_for_the_shop(desk: Desk) -> None:
    """Beyond the floor limit it is the shop that the member owed, and that pays back what it got."""
    par = desk.twin.model.par
    desk.operate(desk.world.registry, "setFloorLimit", terminal_id(desk.shop, 0), 0)
    first = desk.sold_offline(0, 40)
    assert desk.post(external(10_000)) == 0
    before, held = desk.state(), sum(desk.ledger.view("account", ADA)[name] for name in ("current", "previous"))
    assert held >= 40 * par
    desk.twin.tick()
    desk.advices.send("collect", desk.shop, ADA, sender=desk.world.stranger)
    assert desk.state()[0] == before[0] + 40
    assert desk.undo(first) == 0
    assert desk.state() == before
    assert sum(desk.ledger.view("account", ADA)[name] for name in ("current", "previous")) == held


def test_what_is_due_to_merchants_is_not_taken_out_of_the_fund(desk: Desk) -> None:
    desk.operate(desk.advices, "takeFromGuarantee", FUND, desk.world.holder)
    desk.sold_offline(9_000)
    assert desk.advices.view("guaranteeDue", 0) == 2_000
    desk.operate(desk.advices, "payIntoGuarantee", 2_300)
    taken = refusal(lambda: desk.operate(desk.advices, "takeFromGuarantee", 301, desk.world.holder))
    assert taken == ("GuaranteeShort", (300, 301))
    desk.operate(desk.advices, "takeFromGuarantee", 300, desk.world.holder)
    assert desk.advices.view("guarantee") == 2_000


def test_coins_of_both_ages_come_back_when_two_epochs_have_ended(chain: Chain, terms: Terms) -> None:
    """Epochs of a day that end ten minutes after the network's day does: two may end before a reversal is too late."""
    midnight = START - (START + terms.utc_offset) % DAY
    daily = replace(terms, epoch_start=midnight - 10 * DAY + 600, epoch_length=DAY)
    mark = chain.snapshot()
    desk = Desk(chain, daily)

    def until(day: int, seconds: int) -> None:
        desk.twin.tick(midnight + day * DAY + seconds - desk.twin.now)

    until(1, 0)
    assert desk.post(external(10_000)) == 0
    until(1, 660)
    assert desk.post(external(20_000)) == 0
    until(2, 0)
    account = desk.ledger.view("account", ADA)
    assert account["previous"] and account["current"] > account["previous"]
    first = desk.sold_offline(0, (account["current"] + account["previous"]) // desk.twin.model.par + 40)
    until(3, DAY - 60)
    assert desk.undo(first) == 0
    back = desk.ledger.view("account", ADA)
    assert back["current"] + back["previous"] == account["current"] + account["previous"]
    chain.revert(mark)


def test_card_is_not_given_up_while_its_member_owes(desk: Desk) -> None:
    desk.sold_offline(9_000)
    cards, value = desk.world["MemberCards"], desk.world["StoredValue"]
    desk.operate(cards, "setKind", 1, 0, 0, 10_000, 0)
    desk.operate(cards, "issueCards", 0, 1, [1])
    desk.operate(cards, "activate", 1, ADA)
    desk.operate(value, "setCounterLimit", 10**6)
    with pytest.raises(Reverted) as caught:
        desk.operate(value, "closeCardAt", 1, desk.shop, b"\1" * 32)
    assert (caught.value.error, caught.value.values) == ("OwesValue", (ADA, 6_000))


def test_merged_member_owes_what_was_owed_and_every_merchant_has_to_be_named(desk: Desk) -> None:
    desk.sold_offline(9_000)
    merge, finance = desk.world["MemberMerge"], desk.twin.chain.accounts[6]
    desk.operate(desk.world.access, "grantRole", 2, finance, 0)
    desk.operate(merge, "proposeMerge", ADA, BOB, b"\1" * 32)
    desk.twin.tick()
    with pytest.raises(Reverted) as caught:
        merge.view("approveMerge", ADA, BOB, [], sender=finance)
    assert (caught.value.error, caught.value.values) == ("OwesMore", (ADA, 4_000))
    merge.send("approveMerge", ADA, BOB, [desk.shop], sender=finance)
    owed = [desk.advices.view("adviceArrears", to, BOB)["value"] for to in (0, desk.shop)]
    assert owed == [2_000, 4_000]
    assert [desk.advices.view("owing", member) for member in (ADA, BOB)] == [0, 6_000]


def test_audit_and_index_follow_when_sales_were_booked_and_undone(desk: Desk, tmp_path: Path) -> None:
    first = desk.sold_offline(9_000)
    desk.twin.recharge(ADA, 100)
    second = desk.sold_offline(700)
    assert desk.undo(second) == 0
    audit = audit_of(desk.world)
    assert audit.agrees, list(audit.findings)
    assert (audit.checked["advices"], audit.checked["advices undone"]) == (2, 1)
    holding = next(each for each in audit.holdings if (each.part, each.what) == ("Advices", "cash"))
    assert holding.holds == holding.owes == FUND - 2_000
    engine = indexed(desk.twin.chain, desk.world, tmp_path / "index.sqlite")
    found = {row["sequence"]: row for row in rows_of(engine, tables.advices)}
    engine.dispose()
    assert [
        tuple(found[each][name] for name in ("taken", "guaranteed", "owed", "state")) for each in (first, second)
    ] == [
        (HAS, 2_000, 6_000, "booked"),
        (100, 600, 600, "undone"),
    ]
    assert len(found) == 2


async def test_books_tell_the_guarantee_when_a_sale_was_booked(desk: Desk, tmp_path: Path) -> None:
    desk.sold_offline(9_000)
    await exported(desk.twin, Format.BEANCOUNT, tmp_path / "books.beancount")
    assert checked(BEAN_CHECK, tmp_path / "books.beancount") == ""
    text = (tmp_path / "books.beancount").read_text()
    assert f"balance Liabilities:Held:Advices  -{(FUND - 2_000) / 100:.2f} ~ 0 CASH" in text


def test_audit_names_the_booking_when_its_sale_was_not_skipped(desk: Desk) -> None:
    """Whoever has the posting key can book a sale that took effect; the contract cannot know."""
    assert desk.post(stored(1_000)) == 0
    assert desk.post(act=desk.booking(5_000, 0)) == 0
    audit = audit_of(desk.world)
    assert not audit.agrees
    assert "did not skip for want" in " ".join(each.text for each in audit.findings)
