"""Business days and their totals in the journal; the totals against a model that counts by itself."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from node.bridge.desk import MOST_TOTALS, JournalDesk
from node.bridge.journal import desk
from node.bridge.journal.admission import Admission, Admitter
from node.bridge.journal.schema import engine_of, migrate, open_engine
from node.bridge.journal.store import Journal
from node.config import JournalSettings
from node.domain.acts.recharge import Recharge
from node.domain.errors import InvalidTransaction, Overloaded
from node.domain.ids import MinorUnits, Sequence, StreamId, TerminalId
from node.domain.payment import Entry, Payment
from node.domain.totals import Totals
from tests.offchain.bridge_out.makers import TERMINAL, act, authorize, capture, debit, payment, refund, reversal

CODES = {6: "14", 14: "51", 22: "51", 31: "25"}
OTHER = TerminalId("TILL0002")
RECHARGE = Recharge(amount=MinorUnits(500)).act()


def advised(stan: int, **more: Any) -> Payment:
    made = debit(stan, **more)
    return replace(made, advice=True, key=replace(made.key, mti_class="022"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(tmp_path / "journal.sqlite")
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(JournalSettings(path=tmp_path / "journal.sqlite"))
    yield opened
    await opened.close()


def approve(connection: Connection) -> None:
    """Everything that waits is answered 00."""
    connection.exec_driver_sql("UPDATE entries SET response_code = '00' WHERE response_code IS NULL")


async def admit(journal: Journal, message: Entry) -> Sequence | None:
    return (await journal.admit(Admission(message, b"", 1_000))).sequence


# --- totals -----------------------------------------------------------------------------------------------------------


async def test_totals_count_each_kind_of_message_on_its_side(journal: Journal) -> None:
    sale, value, advice = payment(1, amount=1_000), debit(2, amount=500), advised(3, amount=70)
    charge = act(4, RECHARGE)
    charge = replace(charge, key=replace(charge.key, amount=MinorUnits(500)))
    put_aside = authorize(5, amount=400)
    taken = capture(6, put_aside, amount=200)
    taken = replace(taken, key=replace(taken.key, amount=MinorUnits(200), mti_class="022"))
    part = replace(debit(7, amount=900), approved=MinorUnits(300))
    for message in (sale, value, advice, charge, put_aside, taken, part, payment(8, terminal=OTHER)):
        await admit(journal, message)
    await journal.run(approve)
    await admit(journal, refund(9, sale, 250))
    await admit(journal, reversal(10, value))
    await admit(journal, reversal(11, charge))
    await admit(journal, reversal(12, payment(99)))  # of nothing
    await journal.run(approve)
    found = await JournalDesk(journal, lambda: 5, set()).totals(TERMINAL, None)
    assert found == Totals(
        credits=2,
        credit_amount=500 + 250,
        credit_reversals=1,
        credit_reversal_amount=500,
        debits=5,
        debit_amount=1_000 + 500 + 70 + 200 + 300,
        debit_reversals=1,
        debit_reversal_amount=500,
    )
    assert found.net == 750 - 500 - 2_070 + 500


async def test_totals_leave_out_what_was_not_approved(journal: Journal) -> None:
    late, refused, open_ = debit(1, amount=5), debit(2, amount=7), debit(3, amount=11)
    for message in (late, refused, open_):
        await admit(journal, message)

    def answer(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE entries SET response_code = '91' WHERE sequence = 1")
        connection.exec_driver_sql("UPDATE entries SET response_code = '51' WHERE sequence = 2")

    await journal.run(answer)
    await admit(journal, reversal(4, late))
    assert await JournalDesk(journal, lambda: 5, set()).totals(TERMINAL, None) == Totals()
    await journal.run(approve)
    assert await JournalDesk(journal, lambda: 5, set()).totals(TERMINAL, None) == Totals(debits=1, debit_amount=11)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sale"), st.sampled_from([TERMINAL, OTHER]), st.integers(1, 10**6)),
        st.tuples(st.just("reverse"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("refund"), st.integers(0, 30), st.integers(1, 500)),
        st.tuples(st.just("close"), st.sampled_from([TERMINAL, OTHER]), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_totals_of_every_day_are_what_a_model_counts(tmp_path: Path, steps: list[tuple[str, Any, int]]) -> None:
    engine = open_engine(tmp_path / "journal.sqlite")
    migrate(engine, "base")
    migrate(engine)
    admitter, sales, reversed_ = Admitter(1), [], set()
    model: dict[tuple[str, int], dict[str, int]] = {}
    today = {TERMINAL: 0, OTHER: 0}

    def count(terminal: str, side: str, money: str, amount: int) -> None:
        day = model.setdefault((terminal, today[TerminalId(terminal)]), {})
        day[side] = day.get(side, 0) + 1
        day[money] = day.get(money, 0) + amount

    with engine.begin() as connection:
        for stan, (what, which, amount) in enumerate(steps, start=1):
            if what == "close":
                today[which] += 1
                assert desk.cut_over(connection, which, today[which], 9)
                continue
            if what == "sale":
                message: Entry = payment(stan, amount=amount, terminal=which)
                sales.append(message)
                count(which, "debits", "debit_amount", amount)
            elif not sales:
                continue
            else:
                sale = sales[which % len(sales)]
                if what == "refund":
                    message = refund(stan, sale, amount)
                    if sale.key.stan in reversed_:
                        continue
                    count(message.key.terminal, "credits", "credit_amount", amount)
                else:
                    message = reversal(stan, sale)
                    if sale.key.stan not in reversed_:
                        count(sale.key.terminal, "debit_reversals", "debit_reversal_amount", sale.key.amount)
                    reversed_.add(sale.key.stan)
            admitter.admit(connection, [Admission(message, b"", stan)])
            approve(connection)
        for terminal, last in today.items():
            for day in range(last + 1):
                range_ = desk.open_day(connection, terminal) if day == last else desk.day(connection, terminal, day + 1)
                assert range_ is not None
                assert desk.totals(connection, terminal, range_) == Totals(**model.get((terminal, day), {}))
    engine.dispose()


# --- business days ----------------------------------------------------------------------------------------------------


async def test_cut_over_closes_a_day_once_and_days_only_go_on(journal: Journal) -> None:
    counter = JournalDesk(journal, lambda: 5, set())
    await admit(journal, payment(1, amount=10))
    await counter.cut_over(TERMINAL, 20_000)
    await admit(journal, payment(2, amount=100))
    await counter.cut_over(TERMINAL, 20_000)  # a repeat
    assert await counter.totals(TERMINAL, 20_000) == Totals(debits=1, debit_amount=10)
    assert await counter.totals(TERMINAL, None) == Totals(debits=1, debit_amount=100)
    await counter.cut_over(TERMINAL, 20_001)
    assert await counter.totals(TERMINAL, 20_001) == Totals(debits=1, debit_amount=100)
    assert await counter.totals(TERMINAL, None) == Totals()
    assert await counter.totals(TERMINAL, 20_002) is None and await counter.totals(OTHER, 20_000) is None
    with pytest.raises(InvalidTransaction, match="later business day"):
        await counter.cut_over(TERMINAL, 19_999)


async def test_totals_keep_nobody_waiting_when_too_many_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    busy = threading.Event()

    def slow(*_: object) -> Totals:
        assert busy.wait(20)
        return Totals()

    monkeypatch.setattr(desk, "totals", slow)
    counter = JournalDesk(journal, lambda: 5, set())
    asked = [asyncio.create_task(counter.totals(TERMINAL, None)) for _ in range(80)]
    try:
        await asyncio.wait_for(asyncio.to_thread(lambda: None), 5)  # where all else has its threads
        assert [each for each in asked if each.done()]
    finally:
        busy.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in found] == [Totals] * MOST_TOTALS + [Overloaded] * (80 - MOST_TOTALS)
    assert await counter.totals(TERMINAL, None) == Totals()
    counter.close()


def test_totals_read_only_the_days_rows(kept: JournalSettings) -> None:
    engine = engine_of(kept, StreamId(1))
    migrate(engine)
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        if engine.dialect.name != "sqlite":
            connection.execute(text("SET enable_seqscan = off"))  # of an empty table it would read all
        said: list[str] = []

        def explained(statement: Any) -> list[Any]:
            compiled = statement.compile(engine, compile_kwargs={"literal_binds": True})
            said.extend(str(row) for row in connection.exec_driver_sql(explain + str(compiled)))
            return []

        spy = SimpleNamespace(execute=explained, dialect=engine.dialect)
        desk.totals(cast(Connection, spy), TERMINAL, (1_000, 2_000))
    plan = " ".join(said)
    assert "entries_by_terminal" in plan and "sequence" in plan
    engine.dispose()


async def test_what_a_terminal_said_and_who_signed_on_outlives_the_process(tmp_path: Path, journal: Journal) -> None:
    counter = await JournalDesk.open(journal, lambda: 5)
    assert not counter.signed_on(TERMINAL)
    for terminal, on in ((TERMINAL, True), (OTHER, True), (OTHER, False), (TERMINAL, True)):
        await counter.sign(terminal, on)
    await counter.cut_over(TERMINAL, 20_000)
    await counter.reconciled(TERMINAL, 20_000, Totals(debits=3), False)
    again = await JournalDesk.open(journal, lambda: 6)
    assert again.signed_on(TERMINAL) and not again.signed_on(OTHER)

    def said(connection: Connection) -> tuple[Any, ...]:
        return tuple(connection.exec_driver_sql("SELECT claimed, balanced, claimed_at FROM days").one())

    claimed, balanced, at = await journal.run(said)
    assert ('"debits": 3' in claimed, bool(balanced), at) == (True, False, 5)
