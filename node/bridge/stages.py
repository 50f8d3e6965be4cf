"""The bridge's stages, put together by assembly.py and called by service.py; and the log lines that they share."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from node.bridge.answers import Waiting, answer_of
from node.bridge.backlog import Backlog
from node.bridge.batch import Batcher
from node.bridge.counters import Counters
from node.bridge.entry import ReversalEntry
from node.bridge.failpoint import FailPoint
from node.bridge.finality import Rebuild
from node.bridge.herald import Herald
from node.bridge.journal import reading
from node.bridge.journal.reading import Stored
from node.bridge.journal.store import Journal
from node.bridge.refunds import Refunds
from node.bridge.transaction import Sender
from node.chain.advices import AdviceBooked
from node.chain.blocks import Block, Blocks
from node.chain.payouts import Payout
from node.domain.answer import Answer
from node.domain.ids import Hash32, MinorUnits, Sequence, StreamId, payment_id

log = structlog.get_logger("bridge")


@dataclass(kw_only=True, slots=True)
class Stages:
    """One stream's stages. `clock` gives milliseconds of the Unix clock; `news` is set when a batch may go.

    `undone` tells what was refunded of a line after a block, minor units; `settled_block` is the newest whose effects
    are journaled. `on_block` is told each settled block, `payouts` finds what it paid out to merchants, `booked` which
    advices it booked (None where no contract does that); `registry_block` tells that of the Registry by which messages
    are verified. `away` tells whether the chain is, for longer than anybody waits. `received_at` and `reversals` hold
    what the chain has not settled yet, but for what `backlog` has on the disk; `advices` what books an advice, each
    with that.
    """

    stream: StreamId
    journal: Journal
    batcher: Batcher
    backlog: Backlog
    refunds: Refunds
    sender: Sender
    blocks: Blocks
    waiting: Waiting
    failpoint: FailPoint
    counters: Counters
    herald: Herald
    rebuild: Rebuild
    undone: Callable[[Hash32, int], Awaitable[MinorUnits]]
    currency: str
    clock: Callable[[], int]
    registry_block: Callable[[], int]
    received_at: dict[Sequence, int]
    away: Callable[[], bool]
    on_block: Callable[[Block], None]
    payouts: Callable[[Block], Awaitable[list[Payout]]]
    booked: Callable[[Block], Awaitable[list[AdviceBooked]]] | None = None
    settled_block: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    reversals: dict[Sequence, ReversalEntry] = field(default_factory=dict)
    advices: dict[Sequence, Sequence] = field(default_factory=dict)

    async def answer(self, sequences: Iterable[Sequence]) -> None:
        """Tells those who wait for these payments and refunds what the journal says."""
        wanted = [sequence for sequence in sequences if sequence in self.waiting]
        if not wanted:
            return
        found = await self.journal.insist(lambda connection: reading.stored(connection, wanted))
        for sequence in wanted:
            self.waiting.resolve(self.answer_of(found[sequence], duplicate=False), sequence)

    def answer_of(self, stored: Stored, *, duplicate: bool) -> Answer:
        """The answer to the message of a journaled payment or refund."""
        return answer_of(self.stream, stored, currency=self.currency, duplicate=duplicate)

    def log_transition(self, event: str, sequences: Iterable[int], **facts: object) -> None:
        """One line for a transition that payments made together; `payment_id` names them all."""
        names = " ".join([payment_id(self.stream, Sequence(sequence)) for sequence in sequences])
        if names:
            log.info(event, payment_id=names, **facts)
