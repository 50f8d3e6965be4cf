"""Says what happened, to those who listen now and to those who must not miss it.

Between settlement and undo, which change the journal's state, and the announcer and the outbox of webhooks. What goes
to webhooks is written in the SQL transaction of the change itself; listeners are told after it.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Final, Protocol

from sqlalchemy import Connection

from node.bridge.announcer import Announcer
from node.bridge.entry import BatchResult
from node.bridge.happenings import Happenings
from node.chain.payouts import Payout
from node.domain.announcement import Announcement


class Outbox(Protocol):
    """Keeps announcements for those who must not miss them (journal/outbox.py)."""

    @property
    def wants(self) -> bool:
        """Whether there is anybody to keep them for."""
        ...

    def put(self, connection: Connection, announcements: list[Announcement]) -> None:
        """Keeps them, in the caller's transaction."""
        ...

    def wake(self) -> None:
        """There may be something new to deliver."""
        ...


class Herald:
    """Of one stream. `outbox` is None where there are no webhooks."""

    def __init__(self, happenings: Happenings, announcer: Announcer, outbox: Outbox | None = None) -> None:
        self._happenings: Final = happenings
        self.announcer: Final = announcer
        self._outbox: Final = outbox

    def settled(
        self, connection: Connection, results: list[BatchResult], payouts: list[Payout], now: int
    ) -> list[Announcement]:
        """These batches were settled on this connection, and this was paid out to merchants in their block."""
        happened = self._happenings
        return self._keep(
            connection, chain(happened.settled(connection, results, now), happened.paid_out(payouts, now))
        )

    def ended(self, connection: Connection, sequence: int, now: int) -> list[Announcement]:
        """This entry may have ended on this connection, in no batch."""
        return self._keep(connection, self._happenings.ended(connection, sequence, now))

    def cancelled(self, connection: Connection, reversal: int, now: int) -> list[Announcement]:
        """This reversal cancelled its original on this connection."""
        return self._keep(connection, self._happenings.cancelled(connection, reversal, now))

    async def tell(self, announcements: list[Announcement]) -> None:
        """The transaction that they were found in is on the disk."""
        if announcements:
            if self._outbox is not None:
                self._outbox.wake()
            await self.announcer.announce(announcements)

    def _keep(self, connection: Connection, found: Iterator[Announcement]) -> list[Announcement]:
        if not self.announcer.listens and (self._outbox is None or not self._outbox.wants):
            return []  # nothing is read
        announcements = list(found)
        if self._outbox is not None:
            self._outbox.put(connection, announcements)
        return announcements
