"""What was answered 00 and the chain then declined, and parts that were approved: what the journal knows of them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.bridge.answers import answer_of
from node.bridge.entry import Kind, PaymentEntry
from node.bridge.journal import exceptions, reading, transitions
from node.bridge.journal.admission import Admission
from node.bridge.journal.exceptions import What
from node.bridge.journal.store import Journal
from node.config import JournalSettings
from node.domain.ids import MinorUnits, Sequence, StreamId
from node.domain.payment import Status
from tests.offchain.bridge_out.makers import TERMINAL, debit, payment, reversal
from tests.offchain.bridge_out.test_desk import admit, advised, approve
from tests.offchain.bridge_out.test_journal import result, transaction

CODES = {6: "14", 14: "51", 22: "51", 31: "25"}


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(JournalSettings(path=tmp_path / "journal.sqlite"))
    yield opened
    await opened.close()


async def settle(journal: Journal, batch: int, declined: dict[int, int], kind: Kind = Kind.PAYMENT) -> None:
    numbers = list(declined)
    await journal.run(lambda connection: transitions.record_batch(connection, kind, numbers, transaction(batch, batch)))
    done = result(batch, kind=kind, declined={Sequence(each): reason for each, reason in declined.items()})
    await journal.run(lambda connection: transitions.settle(connection, 12, [done], CODES, 99))


async def listed(journal: Journal, **more: bool) -> list[exceptions.Noted]:
    return await journal.run(lambda connection: list(exceptions.noted(connection, **more)))


async def test_an_advice_is_answered_at_once_and_an_exception_when_it_overdraws(journal: Journal) -> None:
    admitted = await journal.admit(Admission(advised(1, amount=700), b"", 1_000))
    assert (admitted.response_code, admitted.status) == ("00", Status.JOURNALED)
    assert isinstance(admitted.entry, PaymentEntry) and not admitted.entry.debits
    await admit(journal, debit(2))
    await admit(journal, payment(3, member=99))
    await settle(journal, 1, {1: 14, 2: 14, 3: 6})
    first, second = await listed(journal)
    assert (first.sequence, first.what, first.reason, first.terminal, first.stan) == (
        1,
        What.ADVICE,
        14,
        TERMINAL,
        "000001",
    )
    assert (first.amount, first.merchant, first.noted_at, first.closed_at) == (700, 1, 99, None)
    assert (second.sequence, second.what, second.reason) == (3, What.SALE, 6)  # 2 was told 51 itself
    again = await journal.admit(Admission(advised(1, amount=700), b"", 2_000))
    assert (again.duplicate, again.response_code) == (True, "00")
    stored = await journal.run(lambda connection: reading.stored(connection, [1, 2]))
    assert [stored[each].response_code for each in (1, 2)] == ["00", "51"]


async def test_a_reversal_that_the_ledger_declines_is_an_exception(journal: Journal) -> None:
    sale = payment(1)
    await admit(journal, sale)
    await settle(journal, 1, {})
    await admit(journal, reversal(2, sale))
    await settle(journal, 2, {2: 22}, Kind.REVERSAL)
    (found,) = await listed(journal)
    assert (found.what, found.original, found.stan) == (What.REVERSAL, 1, "000001")


async def test_an_exception_is_closed_once_or_by_its_reversal(journal: Journal) -> None:
    messages = [advised(1), advised(2)]
    for each in messages:
        await admit(journal, each)
    await settle(journal, 1, {1: 14, 2: 14})
    undo = reversal(3, messages[0])
    undo = replace(undo, original=replace(undo.original, mti_class="022"))
    await admit(journal, undo)
    assert [each.sequence for each in await listed(journal)] == [2]
    assert await journal.run(lambda connection: exceptions.close(connection, 2, "the member paid in cash", 100))
    assert not await journal.run(lambda connection: exceptions.close(connection, 2, "again", 101))
    assert not await journal.run(lambda connection: exceptions.close(connection, 7, "nothing", 101))
    assert await listed(journal) == []
    everything = await listed(journal, closed=True)
    assert [(each.sequence, each.closed_at, each.note) for each in everything] == [
        (1, None, None),
        (2, 100, "the member paid in cash"),
    ]


async def test_a_part_is_kept_with_what_was_approved(journal: Journal) -> None:
    await admit(journal, replace(debit(1, amount=300), approved=MinorUnits(300)))
    await settle(journal, 1, {})
    await journal.run(lambda connection: connection.exec_driver_sql("UPDATE entries SET batch = 1"))
    await journal.run(approve)
    found = await journal.run(lambda connection: reading.stored(connection, [1]))
    answer = answer_of(StreamId(1), found[1], currency="840", duplicate=True)
    assert (answer.response_code, answer.amount, answer.approved) == ("10", 300, True)
    assert answer.text == "ONLY 3.00 APPROVED, TAKE THE REST OTHERWISE"


async def test_a_sale_that_is_too_late_in_no_batch_is_declined_though_its_reversal_came_first(journal: Journal) -> None:
    sale = debit(1)
    await admit(journal, sale)
    await admit(journal, reversal(2, sale))
    code, undo = await journal.time_out(1, 5_000, unbatched=True)
    stored = await journal.run(lambda connection: reading.stored(connection, [1]))
    assert (code, undo, stored[1].status, stored[1].response_code) == ("91", None, Status.DECLINED, "91")
