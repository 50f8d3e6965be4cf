"""What the bridge keeps for each terminal beside payments: sign-on, business days, and what was said of them.

Behind the intakes (intake_ports.Desk); the journal holds all of it.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Final

import structlog

from node.bridge.journal import desk
from node.bridge.journal.store import Journal
from node.domain.errors import InvalidTransaction, Overloaded
from node.domain.ids import TerminalId
from node.domain.totals import Totals

log = structlog.get_logger("bridge")
THREADS: Final = 2
"""How many totals are added up at the same time; threads of their own, so that nothing else waits for them."""
MOST_TOTALS: Final = 64
"""How many may be under way or wait; beyond, 96."""


class JournalDesk:
    """The terminals' desk of one journal. `clock` gives milliseconds. Make one with `open`."""

    def __init__(self, journal: Journal, clock: Callable[[], int], signed_on: set[str]) -> None:
        self._journal, self._clock, self._signed_on = journal, clock, signed_on
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="totals")
        self._places = threading.BoundedSemaphore(MOST_TOTALS)

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
        """The totals of a closed day, or (None) of the open one; None for a day that was not closed.

        Raises Overloaded.
        """

        def read() -> Totals | None:
            # beside the writer: a year of a busy terminal takes a while
            with self._journal.engine.connect() as connection:
                range_ = desk.open_day(connection, terminal) if date is None else desk.day(connection, terminal, date)
                return None if range_ is None else desk.totals(connection, terminal, range_)

        if not self._places.acquire(blocking=False):
            raise Overloaded("too many totals are asked for")
        counting = self._threads.submit(read)
        # when it ends, and not when nobody waits for it any more
        counting.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(counting)

    async def reconciled(self, terminal: TerminalId, date: int, claimed: Totals, balanced: bool) -> None:
        """Keeps what the terminal said of a closed day. Raises JournalUnwritable."""
        text, now = json.dumps(asdict(claimed)), self._clock()
        await self._journal.run(lambda connection: desk.note_claim(connection, terminal, date, text, balanced, now))

    def close(self) -> None:
        """What waits is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)
