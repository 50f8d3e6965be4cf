"""The journal as the other stages see it: asynchronous, durable when a call returns.

Stage before: verify. Stages after: batch, transaction, finality. A write that the disk refuses fails the message that
asked for it, at once; what the chain has done already is written again and again, a bounded number of times.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar, cast

from sqlalchemy import Connection, Engine

from node.bridge.entry import Admitted, ReversalEntry
from node.bridge.journal import reading, transitions
from node.bridge.journal.admission import Admission, Admitter, Keeps
from node.bridge.journal.handed import Handed
from node.bridge.journal.lease import Fence, Unfenced
from node.bridge.journal.postgres import place_of
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.journal.writer import OnEntry, Writer
from node.config import JournalSettings
from node.domain.errors import JournalUnwritable, Unusable
from node.domain.ids import StreamId
from node.domain.payment import Entry

Result = TypeVar("Result")
PAUSE: Final = 1.0
"""Seconds between two attempts to write what the chain has done."""


class Journal:
    """Open one with `Journal.open`. One process at a time: of a file, whoever holds the lock beside it (start.py); of a
    stream in a database, whoever owns it (lease.py).
    """

    def __init__(self, engine: Engine, settings: JournalSettings, admitter: Admitter, writer: Writer) -> None:
        self.engine = engine
        self._settings = settings
        self._admitter = admitter
        self._writer = writer

    @staticmethod
    async def open(
        settings: JournalSettings,
        *,
        stream: StreamId = StreamId(1),
        on_entry: OnEntry = lambda entry: None,
        enrol: bool = False,
        fence: Fence | None = None,
        shared: bool = False,
        keeper: Keeps | None = None,
        passed: Callable[[str], None] = lambda point: None,
        room: Callable[[Entry], bool] = lambda message: True,
    ) -> "Journal":
        """Opens (or makes) the journal of a stream, brings its schema up to date, and starts the writer.

        `shared`: with other streams' journals in one database, among which terminals are handed over. `keeper` seals
        line items; without one they are not kept.
        `on_entry` is called in the event loop with each new entry, in the order of the sequences; `passed` in the
        writer's thread around each commit; `room` there, whether a new message may still come in.
        """
        engine = engine_of(settings, stream)
        migrate(engine)
        with engine.connect() as connection:
            sequence, _, _ = reading.next_numbers(connection)
        history = Handed(stream) if shared else None
        admitter = Admitter(sequence, enrol=enrol, history=history, keeper=keeper, room=room)
        writer = Writer(
            engine,
            admitter,
            limit=settings.queue,
            group=settings.group,
            on_entry=on_entry,
            fence=fence or Unfenced(),
            passed=passed,
        )
        return Journal(engine, settings, admitter, writer)

    @property
    def place(self) -> str:
        """The file or the database, as people call it."""
        return place_of(self.engine)

    @property
    def waiting(self) -> int:
        """Jobs that the writer has not begun."""
        return self._writer.waiting

    @property
    def next_sequence(self) -> int:
        """The sequence of the next entry."""
        return self._admitter.next

    async def admit(self, admission: Admission) -> Admitted:
        """Takes a message in; durable when this returns.

        Raises Overloaded, JournalUnwritable, DuplicateOtherBody, ReversedBefore, MalformedMessage.
        """
        return cast(Admitted, await self._writer.submit(admission))

    async def run(self, operation: Callable[[Connection], Result]) -> Result:
        """Runs a function of `transitions` or `reading` on the writer's connection; durable when this returns.

        Raises JournalUnwritable.
        """
        return cast(Result, await self._writer.submit(operation))

    async def insist(self, operation: Callable[[Connection], Result]) -> Result:
        """As `run`, for what must be written before anything else may happen.

        Raises Unusable when the disk refuses `write_attempts` times in a row.
        """
        for _ in range(self._settings.write_attempts):
            try:
                return await self.run(operation)
            except JournalUnwritable as error:
                failure = error
                await asyncio.sleep(PAUSE)
        raise Unusable(f"the journal {self.place} could not be written: {failure.detail}")

    async def still_ours(self) -> None:
        """Returns when this bridge owns the stream: before it sends anything that it has not just recorded.

        Raises LeaseLost, Unusable.
        """
        await self.insist(lambda connection: None)

    async def time_out(
        self,
        sequence: int,
        now: int,
        *,
        unbatched: bool,
        then: Callable[[Connection], None] = lambda connection: None,
    ) -> tuple[str, ReversalEntry | None]:
        """See transitions.time_out; the reversal's sequence is the next free one. `then` is in the same transaction."""

        def work(connection: Connection) -> tuple[str, ReversalEntry | None]:
            undo = self._admitter.next
            code, entry = transitions.time_out(connection, sequence, undo, now, unbatched=unbatched)
            if entry is not None:
                self._admitter.next, _, _ = reading.next_numbers(connection)
            then(connection)
            return code, entry

        return await self.insist(work)

    async def settle(self, work: Callable[[Connection, int], Result]) -> Result:
        """As `insist`, for what may journal entries of its own: it is given the next free sequence."""

        def numbered(connection: Connection) -> Result:
            done = work(connection, self._admitter.next)
            self._admitter.next, _, _ = reading.next_numbers(connection)
            return done

        return await self.insist(numbered)

    async def close(self) -> None:
        """Writes what waits, and lets go of the file."""
        await self._writer.close()
        self.engine.dispose()


def existing(settings: JournalSettings, stream: StreamId) -> Engine:
    """An engine on a journal that must be there. Raises Unusable when it is not."""
    if not settings.url and not settings.path.is_file():
        raise Unusable(f"there is no journal {settings.path}; has the bridge run?")
    return engine_of(settings, stream)
