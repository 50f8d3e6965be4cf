"""Who owns a stream: a lease with a fencing token, for bridges that share a PostgreSQL journal (docs/bridges.md).

The token grows by one with each owner and never falls. Every SQL transaction that writes a stream's journal locks the
lease's row and looks whether the token is still its own: a bridge that slept while another took over can write nothing,
and what is not recorded is never sent. Times are the database's clock.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from node.bridge.journal.postgres import SHARED, open_postgres, reason_of
from node.bridge.journal.schema import SHARED_MIGRATIONS, migrate
from node.domain.errors import LeaseLost, Unusable
from node.domain.ids import StreamId

log = structlog.get_logger("bridge")
RENEWALS: Final = 4
"""How often a lease is renewed in its length."""
LOOK_SECONDS: Final = 0.25
"""How often a bridge that waits for a stream looks whether its lease has ended."""
OUTCOME_TRIES: Final = 60
OUTCOME_SECONDS: Final = 0.5
"""How often, and how many seconds apart, it is asked what became of a commit whose answer got lost."""
SECOND_MS: Final = 1_000
Result = TypeVar("Result")


class Fence(Protocol):
    """What the journal's writer asks in each SQL transaction, and after a commit whose answer got lost."""

    def check(self, connection: Connection) -> str:
        """The transaction's name. Raises LeaseLost when another bridge owns the stream."""
        ...

    def committed(self, name: str) -> bool:
        """Whether the transaction of this name took place. Raises Unusable when that cannot be found out."""
        ...


class Unfenced:
    """A journal in a file, which one process locks for itself: a commit that fails did not take place."""

    def check(self, connection: Connection) -> str:
        """Nothing to check."""
        return ""

    def committed(self, name: str) -> bool:
        """No."""
        return False


class Lease:
    """One stream's lease as one bridge has it. `engine` is on the shared schema; `owner` is for people."""

    def __init__(self, engine: Engine, stream: StreamId, *, owner: str, length_ms: int) -> None:
        self._engine, self._stream = engine, stream
        self._owner, self._length = owner, length_ms
        # of its own: a lease must not end because all other threads are busy
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lease")
        self.token = 0

    @staticmethod
    def open(url: str, stream: StreamId, *, owner: str, length_ms: int) -> "Lease":
        """A lease that is nobody's yet, or another's. Raises Unusable when the database cannot be used."""
        engine = open_postgres(url, SHARED)
        migrate(engine, folder=SHARED_MIGRATIONS)
        return Lease(engine, stream, owner=owner, length_ms=length_ms)

    async def take(self, stopping: asyncio.Event) -> bool:
        """Waits until the stream is this bridge's; false when `stopping` comes first.

        Whatever the database says while it waits, it asks again.
        """
        told = ""
        while not stopping.is_set():
            try:
                holder = await self._in_thread(self._try_take)
            except SQLAlchemyError as error:
                holder = f"not known: {reason_of(error)}"
            if holder is None:
                log.info("stream owned", stream=int(self._stream), token=self.token, owner=self._owner)
                return True
            if holder != told:
                log.info("waiting for the stream", stream=int(self._stream), owner=holder)
            told = holder
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)
        return False

    async def keep(self) -> None:
        """Renews the lease, for ever. A database that is away is asked again: without it nothing is written anyway.

        Raises LeaseLost.
        """
        while True:
            await asyncio.sleep(self._length / RENEWALS / SECOND_MS)
            try:
                await self._in_thread(self._renew)
            except SQLAlchemyError as error:
                log.warning("lease not renewed", stream=int(self._stream), reason=reason_of(error))

    def release(self) -> None:
        """Ends the lease now, so that another bridge need not wait; one that another has already stays as it is."""
        with contextlib.suppress(SQLAlchemyError), self._engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE leases SET expires_at = clock_timestamp() WHERE stream = ? AND token = ?",
                (self._stream, self.token),
            )

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def check(self, connection: Connection) -> str:
        """The name of this SQL transaction. The row stays locked until its end: nobody takes over in the middle of it.

        Raises LeaseLost.
        """
        row = connection.exec_driver_sql(
            "SELECT pg_current_xact_id()::text FROM bridges.leases WHERE stream = ? AND token = ? FOR SHARE",
            (self._stream, self.token),
        ).first()
        if row is None:
            raise LeaseLost(self._holder(connection))
        return str(row[0])

    def committed(self, name: str) -> bool:
        """Whether the SQL transaction of this name took place, after the connection was lost in its commit.

        Raises Unusable when the database does not come back.
        """
        for _ in range(OUTCOME_TRIES):
            with contextlib.suppress(SQLAlchemyError), self._engine.connect() as connection:
                status = connection.exec_driver_sql("SELECT pg_xact_status(?::xid8)", (name,)).scalar_one()
                if status in ("committed", "aborted"):
                    return bool(status == "committed")
            time.sleep(OUTCOME_SECONDS)  # in the writer's thread: nothing else may be written before this is known
        raise Unusable("the database was lost in the middle of a commit; start the bridge again when it is back")

    def _try_take(self) -> str | None:
        """None when the lease is this bridge's now, else whose it is."""
        with self._engine.begin() as connection:
            # a look first: an attempt would lock the row under the owner's writes
            row = connection.exec_driver_sql(
                "SELECT owner FROM leases WHERE stream = ? AND expires_at > clock_timestamp()", (self._stream,)
            ).first()
            if row is not None:
                return str(row[0])
            token = connection.exec_driver_sql(
                "INSERT INTO leases (stream, owner, token, expires_at)"
                " VALUES (?, ?, 1, clock_timestamp() + ? * interval '1 millisecond')"
                " ON CONFLICT (stream) DO UPDATE SET owner = excluded.owner, token = leases.token + 1,"
                " expires_at = excluded.expires_at WHERE leases.expires_at <= clock_timestamp() RETURNING token",
                (self._stream, self._owner, self._length),
            ).scalar_one_or_none()
            if token is None:
                return self._holder(connection)
            self.token = int(token)
            return None

    def _renew(self) -> None:
        with self._engine.begin() as connection:
            renewed = connection.exec_driver_sql(
                "UPDATE leases SET expires_at = clock_timestamp() + ? * interval '1 millisecond'"
                " WHERE stream = ? AND token = ?",
                (self._length, self._stream, self.token),
            ).rowcount
            if not renewed:
                raise LeaseLost(self._holder(connection))

    def _holder(self, connection: Connection) -> str:
        row = connection.exec_driver_sql("SELECT owner FROM bridges.leases WHERE stream = ?", (self._stream,)).first()
        return f"stream {self._stream} is owned by {'nobody' if row is None else row[0]}"


def owner_of(connection: Connection, stream: int) -> str | None:
    """Who owns a stream now; None when nobody does."""
    if connection.exec_driver_sql("SELECT to_regclass('bridges.leases')").scalar() is None:
        return None
    owner = connection.exec_driver_sql(
        "SELECT owner FROM bridges.leases WHERE stream = ? AND expires_at > clock_timestamp()", (stream,)
    ).scalar()
    return None if owner is None else str(owner)
