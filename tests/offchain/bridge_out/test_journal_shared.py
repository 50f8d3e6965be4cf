"""A journal on PostgreSQL: who owns a stream, what a bridge that lost it can do, and a database that goes away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import cast

import psycopg
import pytest
from sqlalchemy.engine.base import RootTransaction
from sqlalchemy.exc import InternalError, OperationalError

from benchmarks.database import Cluster
from node.bridge.journal import reading, transitions
from node.bridge.journal.lease import Lease, owner_of
from node.bridge.journal.postgres import open_postgres, schema_of
from node.bridge.journal.store import Journal
from node.config import JournalSettings
from node.domain.errors import JournalUnwritable, LeaseLost
from node.domain.ids import StreamId
from tests.offchain.bridge_out.conftest import until
from tests.offchain.bridge_out.makers import payment
from tests.offchain.bridge_out.test_journal import admission

STREAM, OTHER = StreamId(1), StreamId(2)
LONG, SHORT = 60_000, 1_000


def lease(database: str, owner: str, *, stream: StreamId = STREAM, length_ms: int = LONG) -> Lease:
    return Lease.open(database, stream, owner=owner, length_ms=length_ms)


async def taken(database: str, owner: str, **more: int) -> Lease:
    made = lease(database, owner, **more)  # type: ignore[arg-type]
    assert await asyncio.wait_for(made.take(asyncio.Event()), 10)
    return made


@asynccontextmanager
async def journal_of(database: str, fence: Lease) -> AsyncIterator[Journal]:
    opened = await Journal.open(JournalSettings(url=database, write_attempts=20), fence=fence)
    try:
        yield opened
    finally:
        await opened.close()


@contextmanager
def asked(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def expire(database: str) -> None:
    with asked(database) as connection:
        connection.execute("UPDATE bridges.leases SET expires_at = clock_timestamp()")


async def test_take_waits_when_another_owns_the_stream_and_takes_the_next_token_when_it_ends(database: str) -> None:
    first = await taken(database, "first")
    second = lease(database, "second")
    waiting = asyncio.create_task(second.take(asyncio.Event()))
    other = await taken(database, "third", stream=OTHER)  # another stream is not concerned
    assert not waiting.done()
    first.release()
    assert await asyncio.wait_for(waiting, 10)
    assert (first.token, second.token, other.token) == (1, 2, 1)


async def test_keep_renews_the_lease_when_all_other_threads_are_busy(database: str) -> None:
    first = await taken(database, "first", length_ms=SHORT)
    busy = threading.Event()
    others = [asyncio.create_task(asyncio.to_thread(busy.wait, 30)) for _ in range(64)]
    keeping = asyncio.create_task(first.keep())

    def until_when() -> datetime:
        with asked(database) as connection:
            row = connection.execute("SELECT expires_at FROM bridges.leases").fetchone()
            assert row is not None
            return cast(datetime, row[0])

    began = until_when()

    async def renewed() -> bool:
        return until_when() > began + timedelta(milliseconds=2 * SHORT)

    try:
        await until(renewed, "the lease is renewed")
    finally:
        busy.set()
        keeping.cancel()
        await asyncio.gather(keeping, *others, return_exceptions=True)


async def test_take_ends_when_the_bridge_is_told_to_stop(database: str) -> None:
    await taken(database, "first")
    stopping = asyncio.Event()
    waiting = asyncio.create_task(lease(database, "second").take(stopping))
    stopping.set()
    assert await asyncio.wait_for(waiting, 10) is False


async def test_take_lets_one_have_it_when_many_want_it(database: str) -> None:
    await taken(database, "first", length_ms=SHORT)
    wanting = [lease(database, f"bridge {n}") for n in range(6)]
    stopping = asyncio.Event()
    tries = [asyncio.create_task(each.take(stopping)) for each in wanting]
    await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
    stopping.set()
    assert sorted(await asyncio.gather(*tries)) == [False] * 5 + [True]
    assert [each.token for each in wanting if each.token] == [2]


async def test_keep_renews_when_nobody_took_it_and_ends_when_somebody_did(database: str) -> None:
    first = await taken(database, "first", length_ms=SHORT)
    keeping = asyncio.create_task(first.keep())
    second = lease(database, "second")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(second.take(asyncio.Event()), 2.5 * SHORT / 1000)
    with asked(database) as connection:
        connection.execute("UPDATE bridges.leases SET token = token + 1, owner = 'a thief'")
    with pytest.raises(LeaseLost, match="Another bridge has taken the stream over: stream 1 is owned by a thief"):
        await asyncio.wait_for(keeping, 10)


async def test_a_bridge_that_slept_writes_nothing_when_another_took_over(database: str) -> None:
    first = await taken(database, "first")
    async with journal_of(database, first) as asleep:
        await asleep.admit(admission(payment(1)))
        expire(database)
        second = await taken(database, "second")
        async with journal_of(database, second) as awake:
            assert awake.next_sequence == 2
            for attempt in (
                asleep.admit(admission(payment(2))),
                asleep.still_ours(),
                asleep.run(reading.counts),
                asleep.insist(lambda connection: transitions.set_meta(connection, "who", "first")),
            ):
                with pytest.raises(LeaseLost, match="owned by second"):
                    await attempt
            assert (await awake.admit(admission(payment(3)))).sequence == 2
            assert (await awake.admit(admission(payment(1)))).duplicate
            assert "who" not in await awake.run(reading.meta)


async def test_owner_of_tells_who_has_the_stream(database: str) -> None:
    engine = open_postgres(database, schema_of(STREAM))
    with engine.connect() as connection:
        assert owner_of(connection, STREAM) is None  # no bridge was ever here
    first = await taken(database, "first")
    with engine.connect() as connection:
        assert owner_of(connection, STREAM) == "first"
    first.release()
    with engine.connect() as connection:
        assert owner_of(connection, STREAM) is None


async def test_take_comes_after_a_write_that_is_under_way(database: str) -> None:
    first = await taken(database, "first")
    engine = open_postgres(database, schema_of(STREAM))
    with engine.connect() as connection:
        transaction = connection.begin()
        first.check(connection)
        expired = asyncio.create_task(asyncio.to_thread(expire, database))  # waits for the row
        await asyncio.sleep(0)
        transaction.commit()
        await expired
    with engine.connect() as connection, connection.begin():
        assert first.check(connection)  # nobody took it: the token is still its own
    await taken(database, "second")
    with engine.connect() as connection, connection.begin(), pytest.raises(LeaseLost):
        first.check(connection)


async def test_take_is_not_held_up_when_the_owner_stopped_in_the_middle_of_a_write(database: str) -> None:
    first = await taken(database, "first", length_ms=SHORT)
    engine = open_postgres(database, schema_of(STREAM))
    with engine.connect() as connection:
        transaction = connection.begin()
        first.check(connection)  # and now it sleeps, with the lock on the row: the server ends its session
        second = await taken(database, "second")
        with pytest.raises(InternalError, match="idle-in-transaction timeout"):
            transaction.commit()
    assert second.token == 2


async def test_streams_of_one_database_have_journals_of_their_own(database: str) -> None:
    for stream in (STREAM, OTHER):
        owner = await taken(database, "one", stream=stream)
        journal = await Journal.open(JournalSettings(url=database), stream=stream, fence=owner)
        assert (await journal.admit(admission(payment(1)))).sequence == 1
        await journal.close()


async def test_admit_is_answered_once_the_database_is_back(cluster: Cluster, database: str) -> None:
    first = await taken(database, "first")
    async with journal_of(database, first) as journal:
        await journal.admit(admission(payment(1)))
        await asyncio.to_thread(cluster.stop, at_once=True)
        try:
            with pytest.raises(JournalUnwritable):
                await journal.admit(admission(payment(2)))
        finally:
            await asyncio.to_thread(cluster.start)

        async def written() -> bool:
            try:
                await journal.admit(admission(payment(2)))
            except JournalUnwritable:
                return False
            return True

        await until(written, "the journal takes messages again")
        again = await journal.admit(admission(payment(1)))
        assert (again.duplicate, journal.next_sequence) == (True, 3)


async def test_admit_knows_what_became_of_a_commit_when_its_answer_is_lost(database: str) -> None:
    """The server ends the session at the commit, before or after it took place: the message is told the truth."""
    owner = await taken(database, "first")
    cut: list[str] = []

    def passed(point: str) -> None:
        if point != "before-commit" or not cut:
            return
        how = cut.pop()
        with asked(database) as other:
            (pid,) = other.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'till bridge, stream_1'"
                " AND state LIKE 'idle in transaction%'"
            ).fetchone() or (0,)
            assert pid, how
            other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))

    journal = await Journal.open(JournalSettings(url=database), fence=owner, passed=passed)
    cut.append("before")
    with pytest.raises(JournalUnwritable):
        await journal.admit(admission(payment(1)))
    first = await journal.admit(admission(payment(1)))
    assert (first.duplicate, first.sequence) == (False, 1)
    await journal.close()


async def test_admit_is_answered_when_only_the_answer_of_the_commit_is_lost(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await taken(database, "first")
    journal = await Journal.open(JournalSettings(url=database), fence=owner)
    real = RootTransaction._connection_commit_impl

    def lost(transaction: RootTransaction) -> None:
        monkeypatch.undo()
        real(transaction)
        raise OperationalError("COMMIT", {}, psycopg.OperationalError("the connection is lost"))

    monkeypatch.setattr(RootTransaction, "_connection_commit_impl", lost)
    first = await journal.admit(admission(payment(1)))
    assert (first.duplicate, first.sequence) == (False, 1)
    assert (await journal.admit(admission(payment(1)))).duplicate
    assert (await journal.admit(admission(payment(2)))).sequence == 2
    await journal.close()


async def test_committed_tells_what_became_of_a_transaction(database: str) -> None:
    owner = await taken(database, "first")
    engine = open_postgres(database, schema_of(STREAM))
    with engine.connect() as connection:
        with connection.begin():
            done = owner.check(connection)
        undone_in = connection.begin()
        undone = owner.check(connection)
        undone_in.rollback()
    assert (owner.committed(done), owner.committed(undone)) == (True, False)
