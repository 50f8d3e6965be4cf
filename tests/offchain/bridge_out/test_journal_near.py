"""Which original is meant: repeats with another transmission time, lost copies, reversals that know no time."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from node.bridge.journal.admission import NO_TIME, Admission
from node.bridge.journal.group import ALIASES
from node.bridge.journal.near import is_repeat
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.journal.store import Journal
from node.config import JournalSettings
from node.domain.errors import OriginalNotFound, ReversedBefore
from node.domain.ids import MinorUnits, StreamId
from node.domain.payment import Entry, Payment, Refund, Reversal
from tests.offchain.bridge_out.makers import authorize, capture, debit, payment, refund, reversal

FIRST, AGAIN, MUCH_LATER = "1122101112", "1122101157", "1122221112"
HOUR = 3_600


@pytest.fixture
async def journal(kept: JournalSettings) -> AsyncIterator[Journal]:
    opened = await Journal.open(kept)
    yield opened
    await opened.close()


async def admit(journal: Journal, message: Entry) -> Any:
    return await journal.admit(Admission(message, b"", 1_000))


def sent(message: Payment, at: str, **changes: Any) -> Payment:
    return replace(message, transmission_time=at, **changes)


def named(message: Reversal | Refund, at: str | None = None) -> Any:
    """The message as it comes over ISO 8583, where DE90 may name a copy that never came."""
    assert not hasattr(message.original, "number")
    time = message.original.transmission_time if at is None else at
    return replace(message, original=replace(message.original, exact=False, transmission_time=time))


async def test_reversal_finds_its_original_when_it_names_the_copy_that_was_lost(journal: Journal) -> None:
    original = await admit(journal, sent(debit(1), AGAIN))
    found = await admit(journal, named(reversal(2, debit(1)), FIRST))
    assert (found.sequence, found.response_code, found.duplicate) == (original.sequence, "00", False)
    assert (await admit(journal, named(reversal(3, debit(1)), FIRST))).duplicate


@pytest.mark.parametrize("at", [AGAIN, MUCH_LATER])
async def test_reversal_finds_its_original_when_it_names_a_repeat(journal: Journal, at: str) -> None:
    original = await admit(journal, sent(debit(1), FIRST))
    assert (await admit(journal, sent(debit(1), at))).duplicate
    assert (await admit(journal, named(reversal(2, debit(1)), at))).sequence == original.sequence


async def test_repeat_is_known_by_its_own_time_when_both_are_in_one_group(journal: Journal) -> None:
    one, other = (
        journal.admit(Admission(debit(1), b"", 1)),
        journal.admit(Admission(sent(debit(1), MUCH_LATER), b"", 1)),
    )
    await one
    await other
    assert (await admit(journal, named(reversal(2, debit(1)), MUCH_LATER))).entry is not None


async def test_refund_and_capture_find_what_they_name_by_a_repeat_or_a_lost_copy(journal: Journal) -> None:
    await admit(journal, sent(payment(1), AGAIN))
    await admit(journal, sent(authorize(2), AGAIN))
    for at in (FIRST, AGAIN):
        assert (await admit(journal, named(refund(10 + int(at[-1]), payment(1), 5), at))).entry.original == 1
        took = capture(20 + int(at[-1]), authorize(2))
        assert took.about is not None
        lost = replace(took, about=replace(took.about, exact=False, transmission_time=at))
        assert (await admit(journal, lost)).entry is not None
    with pytest.raises(OriginalNotFound):
        await admit(journal, named(refund(30, payment(1), 5), MUCH_LATER))


async def test_refund_is_refused_when_two_sales_are_near_the_time_that_it_names(journal: Journal) -> None:
    await admit(journal, sent(payment(1), AGAIN))
    await admit(journal, sent(payment(1, amount=2_000, body=b"o" * 32), "1122130000"))
    with pytest.raises(OriginalNotFound):
        await admit(journal, named(refund(10, payment(1), 5), FIRST))
    assert (await admit(journal, named(refund(11, payment(1), 5), AGAIN))).entry.original == 1


async def test_late_copy_is_declined_when_a_reversal_named_the_lost_one(journal: Journal) -> None:
    buried = await admit(journal, named(reversal(2, debit(1)), FIRST))
    assert (buried.sequence, buried.response_code) == (None, "00")
    for at in (AGAIN, FIRST):
        with pytest.raises(ReversedBefore):
            await admit(journal, sent(debit(1), at))


@pytest.mark.parametrize(
    ("at", "changes"),
    [
        (AGAIN, {"key": replace(debit(1).key, amount=MinorUnits(501))}),
        (AGAIN, {"time": reversal(2, debit(1)).time + 1}),
        (MUCH_LATER, {}),
        ("9999999999", {}),
    ],
)
async def test_another_sale_of_the_trace_number_is_neither_undone_nor_declined(
    journal: Journal, at: str, changes: dict[str, Any]
) -> None:
    """Of another amount, newer than the reversal, too far off, or with a time that is none."""
    other = sent(debit(1), at, **changes)
    before = await admit(journal, replace(other, key=replace(other.key, local_time="0101000000")))
    assert (await admit(journal, named(reversal(2, debit(1)), FIRST))).sequence is None
    after = await admit(journal, other)
    assert (before.duplicate, after.duplicate) == (False, False)


async def test_reversal_without_time_undoes_no_sale_of_another_day(journal: Journal) -> None:
    old = debit(1)
    await admit(journal, replace(old, time=old.time - 13 * HOUR))
    undo = named(reversal(2, old), NO_TIME)
    assert (await admit(journal, undo)).sequence is None
    tomorrow = replace(old, key=replace(old.key, local_time="1123101112"), transmission_time="1123101112")
    assert (await admit(journal, replace(tomorrow, time=old.time + 24 * HOUR))).entry is not None
    today = replace(old, key=replace(old.key, local_time="1122101113"), transmission_time=AGAIN)
    with pytest.raises(ReversedBefore):
        await admit(journal, today)


async def test_reversal_without_time_undoes_the_sale_of_its_amount(journal: Journal) -> None:
    for stan_of, amount in (("1122080000", 500), ("1122090000", 700)):
        sale = debit(1, amount=amount)
        await admit(journal, replace(sale, key=replace(sale.key, local_time=stan_of), transmission_time=stan_of))
    assert (await admit(journal, named(reversal(2, debit(1)), NO_TIME))).sequence == 1


async def test_signed_reversal_means_the_very_time_that_it_names(journal: Journal) -> None:
    await admit(journal, sent(debit(1), AGAIN))
    assert (await admit(journal, reversal(2, debit(1), time=FIRST))).sequence is None
    fresh = sent(debit(1), "1122101200")
    fresh = replace(fresh, key=replace(fresh.key, local_time="1122101200"))
    assert (await admit(journal, fresh)).entry is not None


async def test_aliases_of_one_entry_are_bounded(journal: Journal) -> None:
    for minute in range(ALIASES + 8):
        await admit(journal, sent(payment(1), f"112210{minute:02d}00"))
    kept = await journal.run(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM aliases").scalar())
    assert kept == ALIASES


async def test_migrate_bounds_tombstones_that_an_older_version_left(kept: JournalSettings) -> None:
    engine = engine_of(kept, StreamId(1))
    migrate(engine, "0005")
    day = debit(1).time
    with engine.begin() as connection:
        for name, time in (("TILL0001|020|000001", NO_TIME), ("TILL0001|020|000002", FIRST)):
            connection.exec_driver_sql(
                "INSERT INTO tombstones VALUES (?, ?, ?)", (f"{name}|{time}", 1, (day + 60) * 1_000)
            )
    journal = await Journal.open(kept)
    for blocked in (debit(1), debit(2)):
        with pytest.raises(ReversedBefore):
            await admit(journal, blocked)
    assert (await admit(journal, replace(debit(1), time=day + 24 * HOUR))).entry is not None
    assert (await admit(journal, sent(debit(2), AGAIN))).entry is not None
    await journal.close()


def test_is_repeat_knows_the_turn_of_the_year() -> None:
    assert is_repeat("1231235959", "0101000030") and is_repeat("0229120000", "0229130000")
    assert not is_repeat("0630120000", "1230120000") and not is_repeat("1332120000", "1332120000")
