"""What the bridge keeps for each terminal beside payments: sign-on, business days, and what was said of them.

Behind the intakes (intake_ports.Desk); the journal holds all of it.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict

import structlog

from node.bridge.journal import desk
from node.bridge.journal.store import Journal
from node.domain.errors import InvalidTransaction
from node.domain.ids import TerminalId
from node.domain.totals import Totals

log = structlog.get_logger("bridge")


class JournalDesk:
    """The terminals' desk of one journal. `clock` gives milliseconds. Make one with `open`."""

    def __init__(self, journal: Journal, clock: Callable[[], int], signed_on: set[str]) -> None:
        self._journal, self._clock, self._signed_on = journal, clock, signed_on

    @classmethod
    async def open(cls, journal: Journal, clock: Callable[[], int]) -> "JournalDesk":
        """With what the last process knew."""
        return cls(journal, clock, await journal.insist(desk.signed_on))

    def signed_on(self, terminal: TerminalId) -> bool:
        """Whether the terminal signed on, and not off since."""
        return terminal in self._signed_on

    async def sign(self, terminal: TerminalId, on: bool) -> None:
        """The terminal signs on or off. Raises JournalUnwritable."""
        now = self._clock()
        await self._journal.run(lambda connection: desk.sign(connection, terminal, on, now))
        (self._signed_on.add if on else self._signed_on.discard)(terminal)
        log.info("signed on" if on else "signed off", terminal=terminal)

    async def cut_over(self, terminal: TerminalId, date: int) -> None:
        """Closes the terminal's business day. Raises InvalidTransaction, JournalUnwritable."""
        now = self._clock()
        if not await self._journal.run(lambda connection: desk.cut_over(connection, terminal, date, now)):
            raise InvalidTransaction("a later business day is closed already")
        log.info("business day closed", terminal=terminal, date=date)

    async def totals(self, terminal: TerminalId, date: int | None) -> Totals | None:
        """The totals of a closed day, or (None) of the open one; None for a day that was not closed."""

        def read() -> Totals | None:
            # beside the writer: a year of a busy terminal takes a while
            with self._journal.engine.connect() as connection:
                range_ = desk.open_day(connection, terminal) if date is None else desk.day(connection, terminal, date)
                return None if range_ is None else desk.totals(connection, terminal, range_)

        return await asyncio.to_thread(read)

    async def reconciled(self, terminal: TerminalId, date: int, claimed: Totals, balanced: bool) -> None:
        """Keeps what the terminal said of a closed day. Raises JournalUnwritable."""
        text, now = json.dumps(asdict(claimed)), self._clock()
        await self._journal.run(lambda connection: desk.note_claim(connection, terminal, date, text, balanced, now))
