"""The payments that wait for a batch: a window of them in memory (batch.py), what does not fit on the disk alone.

Between journal and batch. As long as the chain takes what comes, everything is in the window. While it is away the
window fills up; what only earns is then left where it is anyway, in the journal, and read from there in its order when
there is room again. What debits never waits there, for somebody waits for its answer: it goes into the window at once,
or, behind an earlier payment of its member that is on the disk, not at all.
"""

import asyncio
from array import array
from functools import partial
from typing import Final

from node.bridge.batch import Batcher
from node.bridge.entry import PaymentEntry, ReversalEntry
from node.bridge.journal import waiting
from node.bridge.journal.store import Journal
from node.config import BatchSettings
from node.domain.errors import BrokenInvariant
from node.domain.ids import MemberId, Sequence

BUCKETS: Final = 2**22
"""Members on the disk are counted in so many buckets (16 MB); two that share one count for each other, too."""
FULL_BATCHES: Final = 8
"""So many batches' worth is kept in the window of what is read back: what debits waits behind no more than that."""
PAGE: Final = 1_000
"""Sequences that are read at once: some ten milliseconds of the journal's thread."""
SCAN: Final = 10_000
"""The same at the start, of which nothing but the members is kept."""


class Backlog:
    """Of one stream. `count` payments are on the disk alone, each above `_upto`; those that only earn and are in the
    window are not. `received_at` tells when those came that the window has.
    """

    def __init__(
        self, settings: BatchSettings, batcher: Batcher, journal: Journal, received_at: dict[Sequence, int]
    ) -> None:
        self._settings, self._batcher, self._journal = settings, batcher, journal
        self._received_at = received_at
        self.count = 0
        self._upto = 0
        self._members = array("I")
        # taken out while they were on the disk, as long as the journal does not say so
        self._gone: set[Sequence] = set()
        self._reading = asyncio.Lock()

    def __len__(self) -> int:
        """All that wait for a batch."""
        return len(self._batcher) + self.count

    def waiting_of(self, member: MemberId) -> int:
        """How many payments of a member wait; on the disk those count with them that share a bucket."""
        return self._batcher.waiting_of(member) + self._on_disk(member)

    def add(self, entry: PaymentEntry) -> bool:
        """A payment that was just journaled, or is taken up. False for one that debits and may not go before what its
        member has on the disk: it is kept nowhere, and gets into no batch.
        """
        if entry.sequence > self._upto:
            if entry.debits and self._on_disk(entry.member):
                return False
            if not entry.debits and not entry.acts:
                if self.count or len(self._batcher) >= self._settings.waiting:
                    self._put_by(entry.member)
                    return True
                self._upto = entry.sequence
        self._received_at[entry.sequence] = entry.received_at
        self._batcher.add(entry)
        return True

    def cancel(self, reversal: ReversalEntry) -> bool:
        """Takes the reversal's original out, which is in no batch yet; false when it is too late.

        `forget` it when the journal says so, too.
        """
        if self._batcher.cancel(reversal.original) is not None:
            return True
        if not reversal.unsent or reversal.original <= self._upto:
            return False
        self._gone.add(reversal.original)
        self._take(reversal.member)
        return True

    async def forget(self, sequence: Sequence) -> None:
        """The journal says that it waits no more."""
        async with self._reading:
            self._gone.discard(sequence)

    async def take_up(self) -> list[PaymentEntry]:
        """What the last process left of payments that only earn: as many as the window holds, the others counted."""
        first = await self._journal.insist(waiting.first)
        window: list[PaymentEntry] = []
        at, last = (self._journal.next_sequence if first is None else first) - 1, self._journal.next_sequence - 1
        while at < last and len(window) < self._settings.waiting:
            upto = min(at + PAGE, last)
            window += await self._journal.insist(partial(waiting.page, after=at, upto=upto))
            del window[self._settings.waiting :]
            at = upto if len(window) < self._settings.waiting else window[-1].sequence
        self._upto = at
        while at < last:
            upto = min(at + SCAN, last)
            for member in await self._journal.insist(partial(waiting.members, after=at, upto=upto)):
                self._put_by(member)
            at = upto
        return window

    async def fill(self) -> None:
        """Reads from the disk as long as there is room in the window."""
        room = min(self._settings.waiting, FULL_BATCHES * self._settings.max_payments)
        async with self._reading:
            while self.count and len(self._batcher) < room:
                await self._read()

    async def _read(self) -> None:
        after, upto = self._upto, self._upto + min(PAGE, self._settings.waiting)
        if after >= self._journal.next_sequence:
            raise BrokenInvariant(f"{self.count} payments that wait on the disk are not there")
        found = await self._journal.insist(partial(waiting.page, after=after, upto=upto))
        # what comes from now on may be below `upto`, if this is the end
        self._upto = max(self._upto, found[-1].sequence if found else upto)
        for entry in found:
            if entry.sequence not in self._gone:
                self._take(entry.member)
                self._received_at[entry.sequence] = entry.received_at
                self._batcher.add(entry)

    def _on_disk(self, member: MemberId) -> int:
        return self._members[member % BUCKETS] if self._members else 0

    def _put_by(self, member: MemberId) -> None:
        if not self._members:
            self._members = array("I", bytes(4 * BUCKETS))
        self._members[member % BUCKETS] += 1
        self.count += 1

    def _take(self, member: MemberId) -> None:
        self._members[member % BUCKETS] -= 1
        self.count -= 1
        if not self.count:
            self._members = array("I")
