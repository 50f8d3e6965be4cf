"""The journal: durable, grouped, one effect a message, legal transitions only."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from node.bridge.entry import BatchResult, Kind, ReversalEntry, TransactionRow
from node.bridge.journal import claims, reading, transitions, waiting
from node.bridge.journal.admission import NO_TIME, Admission
from node.bridge.journal.schema import current_revision, engine_of, migrate, open_engine
from node.bridge.journal.store import Journal
from node.bridge.journal.tables import metadata
from node.config import JournalSettings
from node.domain.errors import (
    BrokenInvariant,
    DuplicateOtherBody,
    JournalUnwritable,
    Overloaded,
    ReversedBefore,
    Unusable,
    WrongMac,
)
from node.domain.ids import Hash32, Sequence, StreamId
from node.domain.payment import Payment, Reversal, Status
from tests.offchain.bridge_out.makers import debit, payment, reversal


@pytest.fixture
async def journal(kept: JournalSettings) -> AsyncIterator[Journal]:
    opened = await Journal.open(kept)
    yield opened
    await opened.close()


def admission(message: Payment | Reversal) -> Admission:
    return Admission(message, b"sealed", 1_000)


def transaction(batch: int = 1, nonce: int = 0) -> TransactionRow:
    return TransactionRow(
        hash=Hash32(bytes([batch]) * 32),
        batch=batch,
        nonce=nonce,
        raw=b"\x02raw",
        max_fee=9,
        priority_fee=1,
        gas=21_000,
        created_at=5,
    )


def result(batch: int = 1, **changes: object) -> BatchResult:
    values: dict[str, object] = {
        "batch": batch,
        "kind": Kind.PAYMENT,
        "block": 12,
        "processed": 1,
        "root": Hash32(b"r" * 32),
        "leaves": b"",
        "declined": {},
        "given_back": (),
    }
    return BatchResult(**(values | changes))  # type: ignore[arg-type]


async def status_of(journal: Journal, sequence: int) -> Status:
    found = await journal.run(lambda connection: reading.stored(connection, [sequence]))
    return found[sequence].status


async def test_admit_returns_a_new_entry_when_the_message_is_new(journal: Journal) -> None:
    admitted = await journal.admit(admission(payment(1)))
    assert (admitted.sequence, admitted.status, admitted.response_code) == (1, Status.JOURNALED, "00")
    assert admitted.entry is not None and not admitted.duplicate


async def test_admit_leaves_the_answer_open_when_the_payment_debits(journal: Journal) -> None:
    assert (await journal.admit(admission(debit(1)))).response_code is None


async def test_admit_returns_the_first_entry_when_the_message_is_repeated(journal: Journal) -> None:
    first = await journal.admit(admission(payment(1)))
    again = await journal.admit(admission(payment(1)))
    assert (again.sequence, again.duplicate, again.entry) == (first.sequence, True, None)


async def test_admit_knows_a_repeat_when_both_are_in_one_group(journal: Journal) -> None:
    results = await asyncio.gather(*[journal.admit(admission(payment(1))) for _ in range(20)])
    assert sorted(each.duplicate for each in results) == [False] + [True] * 19
    assert {each.sequence for each in results} == {1}


async def test_admit_refuses_when_the_key_is_known_with_another_body(journal: Journal) -> None:
    await journal.admit(admission(payment(1)))
    with pytest.raises(DuplicateOtherBody):
        await journal.admit(admission(payment(1, body=b"x" * 32)))


async def test_admit_numbers_without_gaps_when_many_come_at_once(journal: Journal) -> None:
    admitted = await asyncio.gather(*[journal.admit(admission(payment(stan, member=stan))) for stan in range(700)])
    assert sorted(each.sequence or 0 for each in admitted) == list(range(1, 701))


async def test_admit_declines_a_late_original_when_its_reversal_came_first(journal: Journal) -> None:
    buried = await journal.admit(admission(reversal(2, payment(1))))
    assert (buried.sequence, buried.status, buried.response_code) == (None, Status.FINAL, "00")
    for _ in range(2):
        with pytest.raises(ReversedBefore):
            await journal.admit(admission(payment(1)))


async def test_admit_declines_a_late_original_when_its_reversal_did_not_know_the_time(journal: Journal) -> None:
    await journal.admit(admission(reversal(2, payment(1), time=NO_TIME)))
    with pytest.raises(ReversedBefore):
        await journal.admit(admission(payment(1)))


@pytest.mark.parametrize("time", [None, NO_TIME])
async def test_admit_finds_the_original_when_a_reversal_comes(journal: Journal, time: str | None) -> None:
    original = await journal.admit(admission(payment(1, member=9)))
    admitted = await journal.admit(admission(reversal(2, payment(1), time=time)))
    assert admitted.sequence == original.sequence
    assert isinstance(admitted.entry, ReversalEntry)
    assert (admitted.entry.original, admitted.entry.member) == (original.sequence, 9)


async def test_admit_makes_one_reversal_when_it_is_repeated_under_any_key(journal: Journal) -> None:
    await journal.admit(admission(payment(1)))
    await journal.admit(admission(reversal(2, payment(1))))
    for stan in (2, 3, 2):
        again = await journal.admit(admission(reversal(stan, payment(1))))
        assert (again.duplicate, again.entry, again.response_code) == (True, None, "00")


async def test_admit_refuses_a_reversal_without_mac_of_what_was_authorised_by_one(journal: Journal) -> None:
    await journal.admit(admission(debit(1)))
    await journal.admit(admission(payment(2)))
    with pytest.raises(WrongMac):
        await journal.admit(admission(replace(reversal(3, debit(1)), proved=False)))
    assert (await journal.admit(admission(replace(reversal(4, payment(2)), proved=False)))).response_code == "00"
    assert (await journal.admit(admission(reversal(3, debit(1))))).response_code == "00"
    with pytest.raises(WrongMac):
        await journal.admit(admission(replace(reversal(5, debit(1)), proved=False)))


async def test_never_sent_lists_a_payment_and_its_reversal_when_it_was_reversed_before_it_went_out(
    journal: Journal,
) -> None:
    for message in (payment(1), payment(2), reversal(3, payment(1))):
        await journal.admit(admission(message))
    assert await journal.run(lambda connection: list(reading.never_sent(connection))) == []
    await journal.run(lambda connection: transitions.cancel(connection, 1, 3))
    # the second payment is still on its way
    assert await journal.run(lambda connection: list(reading.never_sent(connection))) == [1, 3]


async def test_admit_finds_the_original_when_both_are_in_one_group(journal: Journal) -> None:
    first, second = await asyncio.gather(
        journal.admit(admission(payment(1))), journal.admit(admission(reversal(2, payment(1))))
    )
    assert second.sequence == first.sequence


async def test_admit_tells_each_new_entry_in_order_even_when_the_sender_is_gone(kept: JournalSettings) -> None:
    told: list[int] = []
    journal = await Journal.open(kept, on_entry=lambda entry: told.append(entry.sequence))
    waiters = [asyncio.create_task(journal.admit(admission(payment(stan)))) for stan in range(50)]
    await asyncio.sleep(0)
    for waiter in waiters[::2]:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    await journal.run(lambda connection: None)
    await journal.close()
    assert told == list(range(1, 51))


async def test_admit_refuses_when_the_queue_is_full(kept: JournalSettings) -> None:
    journal = await Journal.open(replace(kept, queue=10))
    results = await asyncio.gather(
        *[journal.admit(admission(payment(stan))) for stan in range(3_000)], return_exceptions=True
    )
    taken = [each for each in results if not isinstance(each, Exception)]
    assert {type(each) for each in results if isinstance(each, Exception)} == {Overloaded}
    assert len(taken) == journal.next_sequence - 1
    await journal.close()


async def test_admit_has_room_for_reversals_when_the_queue_is_full(kept: JournalSettings) -> None:
    journal = await Journal.open(replace(kept, queue=10))
    busy = threading.Event()
    held = asyncio.create_task(journal.run(lambda connection: busy.wait(20)))
    sales = [asyncio.create_task(journal.admit(admission(payment(stan)))) for stan in range(30)]
    undone = [asyncio.create_task(journal.admit(admission(reversal(50 + n, payment(n))))) for n in range(20)]
    await asyncio.sleep(0)
    busy.set()
    results = await asyncio.gather(held, *sales, return_exceptions=True)
    reversals = await asyncio.gather(*undone, return_exceptions=True)
    await journal.close()
    assert Overloaded in {type(each) for each in results}
    refused = [isinstance(each, Overloaded) for each in reversals]
    assert (refused[:9], refused[-1]) == ([False] * 9, True)  # the writer may have begun with one


async def test_sequences_begin_with_one_when_something_is_settled_before_the_first_message(journal: Journal) -> None:
    assert await journal.settle(lambda connection, sequence: sequence) == journal.next_sequence == 1


async def test_settle_makes_payments_final_declined_or_journaled_again(journal: Journal) -> None:
    for stan in range(1, 5):
        await journal.admit(admission(debit(stan, member=stan)))
    await journal.run(
        lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1, 2, 3, 4], transaction())
    )
    assert await status_of(journal, 1) is Status.BATCHED
    await journal.run(lambda connection: transitions.mark_sent(connection, 1))
    assert await status_of(journal, 1) is Status.SENT
    settled = result(processed=3, declined={Sequence(2): 14}, given_back=(Sequence(4),))
    await journal.run(lambda connection: transitions.settle(connection, 12, [settled], {14: "51"}, 99))
    found = await journal.run(lambda connection: reading.stored(connection, [1, 2, 3, 4]))
    assert [found[each].status.value for each in (1, 2, 3, 4)] == ["final", "declined", "final", "journaled"]
    assert [found[each].response_code for each in (1, 2, 3, 4)] == ["00", "51", "00", None]
    assert (await journal.run(reading.meta))[transitions.LAST_BLOCK] == "12"


async def test_record_batch_stops_everything_when_an_entry_is_in_a_batch_already(journal: Journal) -> None:
    await journal.admit(admission(payment(1)))
    await journal.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1], transaction()))
    with pytest.raises(BrokenInvariant):
        await journal.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1], transaction(2, 1)))
    assert await journal.run(reading.next_numbers) == (2, 2, 1)  # nothing of the second one stayed


async def test_settle_stops_everything_when_a_batch_is_settled_twice(journal: Journal) -> None:
    await journal.admit(admission(payment(1)))
    await journal.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1], transaction()))
    await journal.run(lambda connection: transitions.settle(connection, 12, [result()], {}, 99))
    with pytest.raises(BrokenInvariant):
        await journal.run(lambda connection: transitions.settle(connection, 13, [result()], {}, 99))


async def test_time_out_journals_a_reversal_when_the_payment_is_on_its_way(journal: Journal) -> None:
    await journal.admit(admission(debit(1)))
    await journal.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1], transaction()))
    code, undo = await journal.time_out(1, 50, unbatched=False)
    assert code == "91" and undo is not None and (undo.sequence, undo.original) == (2, 1)
    assert (await journal.time_out(1, 60, unbatched=False)) == ("91", None)
    await journal.run(lambda connection: transitions.settle(connection, 12, [result()], {}, 99))
    found = await journal.run(lambda connection: reading.stored(connection, [1]))
    assert (found[1].status, found[1].response_code) == (Status.FINAL, "91")  # the answer stays what was said
    again = await journal.admit(admission(reversal(9, debit(1))))
    assert again.duplicate  # the terminal's own reversal finds the payment undone


async def test_time_out_declines_when_the_payment_is_in_no_batch(journal: Journal) -> None:
    await journal.admit(admission(debit(1)))
    assert await journal.time_out(1, 50, unbatched=True) == ("91", None)
    assert await status_of(journal, 1) is Status.DECLINED


async def test_time_out_returns_the_stored_answer_when_the_payment_was_final_in_time(journal: Journal) -> None:
    await journal.admit(admission(debit(1)))
    await journal.run(lambda connection: transitions.record_batch(connection, Kind.PAYMENT, [1], transaction()))
    await journal.run(lambda connection: transitions.settle(connection, 12, [result()], {}, 99))
    assert await journal.time_out(1, 50, unbatched=False) == ("00", None)


async def test_open_gives_back_everything_when_the_process_was_killed(kept: JournalSettings) -> None:
    code = f"""
import asyncio, os, signal
from pathlib import PosixPath
from node.bridge.journal.store import Journal
from node.bridge.journal.admission import Admission
from node.config import JournalSettings
from tests.offchain.bridge_out.makers import payment
async def main():
    journal = await Journal.open({kept!r})
    await asyncio.gather(*[journal.admit(Admission(payment(n), b"", 1)) for n in range(30)])
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=False)
    assert ended.returncode == -signal.SIGKILL
    journal = await Journal.open(kept)
    waits = await journal.run(lambda connection: waiting.page(connection, 0, 100))
    assert [entry.sequence for entry in waits] == list(range(1, 31))
    assert (await journal.admit(admission(payment(5)))).duplicate
    await journal.close()


@pytest.mark.parametrize("kept", ["sqlite"], indirect=True)
async def test_admit_fails_cleanly_and_loses_nothing_when_the_disk_is_full(journal: Journal) -> None:
    await journal.admit(admission(payment(1)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(f"{journal.engine.url.database}-wal"), before[1]))
    try:
        with pytest.raises(JournalUnwritable):
            await journal.admit(admission(payment(2)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (await journal.admit(admission(payment(1)))).duplicate
    assert (await journal.admit(admission(payment(2)))).sequence == 2


async def test_admit_holds_while_another_program_writes(journal: Journal, kept: JournalSettings) -> None:
    stopping, writes = threading.Event(), [0]

    def write() -> None:
        engine = engine_of(kept, StreamId(1))
        while not stopping.is_set():
            with engine.begin() as connection:
                transitions.set_meta(connection, "other", str(writes[0]))
            writes[0] += 1

    other = threading.Thread(target=write)
    other.start()
    try:
        for start in range(0, 1_000, 50):
            admissions = [journal.admit(admission(payment(start + number))) for number in range(50)]
            assert len(await asyncio.gather(*admissions)) == 50
    finally:
        stopping.set()
        other.join()
    assert writes[0] > 1


# what SQLAlchemy cannot read back of SQLite, test_desk.py looks at
@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_migrate_matches_the_tables_and_goes_down_again(kept: JournalSettings) -> None:
    engine = engine_of(kept, StreamId(1))
    migrate(engine)
    with engine.connect() as connection:
        assert claims.CLAIMS.metadata is metadata
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    newest = current_revision(engine)
    migrate(engine, "0001")
    assert current_revision(engine) == "0001"
    migrate(engine, "base")
    assert current_revision(engine) is None
    migrate(engine)
    assert current_revision(engine) == newest


def test_migrate_refuses_when_the_journal_is_of_a_newer_version(kept: JournalSettings) -> None:
    engine = engine_of(kept, StreamId(1))
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unusable, match="newer version"):
        migrate(engine)


def test_migrate_refuses_when_the_file_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_text("these are no pages of a database\n" * 100)
    with pytest.raises(Unusable):
        migrate(open_engine(path))


def test_open_engine_commits_to_the_disk(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "journal.sqlite")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    assert sqlite3.sqlite_version_info >= (3, 38)  # json_each, UPSERT, partial indexes
