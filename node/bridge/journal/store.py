"""The journal as the other stages see it: asynchronous, durable when a call returns.

Stage before: verify. Stages after: batch, transaction, finality. A write that the disk refuses fails the message that
asked for it, at once; what the chain has done already is written again and again, a bounded number of times.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, cast

from sqlalchemy import Connection, Engine

from node.bridge.entry import Admitted, ReversalEntry
from node.bridge.journal import reading, transitions
from node.bridge.journal.admission import Admission, Admitter
from node.bridge.journal.schema import migrate, open_engine
from node.bridge.journal.writer import OnEntry, Writer
from node.config import JournalSettings
from node.domain.errors import JournalUnwritable, Unusable

Result = TypeVar("Result")
PAUSE: Final = 1.0
"""Seconds between two attempts to write what the chain has done."""


class Journal:
    """Open one with `Journal.open`. One process at a time: the writer holds a lock on the file beside it."""

    def __init__(self, engine: Engine, settings: JournalSettings, admitter: Admitter, on_entry: OnEntry) -> None:
        self.engine = engine
        self._settings = settings
        self._admitter = admitter
        self._writer = Writer(engine, admitter, limit=settings.queue, group=settings.group, on_entry=on_entry)

    @staticmethod
    async def open(
        settings: JournalSettings,
        *,
        on_entry: OnEntry = lambda entry: None,
        enrol: bool = False,
        first_sequence: int = 1,
    ) -> "Journal":
        """Opens (or makes) the journal's file, brings its schema up to date, and starts the writer.

        `on_entry` is called in the event loop with each new entry, in the order of the sequences.
        """
        engine = open_engine(settings.path, busy_timeout_ms=settings.busy_timeout_ms)
        migrate(engine)
        with engine.connect() as connection:
            sequence, _, _ = reading.next_numbers(connection)
        return Journal(engine, settings, Admitter(max(sequence, first_sequence), enrol=enrol), on_entry)

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
        raise Unusable(f"the journal {self._settings.path} could not be written: {failure.detail}")

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

    async def close(self) -> None:
        """Writes what waits, and lets go of the file."""
        await self._writer.close()
        self.engine.dispose()


def existing(path: Path) -> Engine:
    """An engine on a journal that must be there. Raises Unusable when it is not."""
    if not path.is_file():
        raise Unusable(f"there is no journal {path}; has the bridge run?")
    return open_engine(path)
