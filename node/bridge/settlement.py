"""Follows final blocks, has what they did journaled, and tells everybody who waits for it.

Between finality and answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from node.bridge import finality
from node.bridge.entry import BatchResult, Kind, PaymentEntry, Pending
from node.bridge.journal import advices, reading, transitions
from node.bridge.stages import Stages, log
from node.bridge.undo import Undo
from node.chain.advices import AdviceBooked
from node.chain.blocks import Block
from node.chain.payouts import Payout
from node.chain.rpc import RpcRefused
from node.config import ChainSettings
from node.domain.announcement import Announcement
from node.domain.errors import ChainUnreachable, Unusable
from node.domain.ids import Address, Sequence, payment_id

Result = TypeVar("Result")


class Settlement:
    """The following of one ledger's blocks after `last_block`."""

    def __init__(
        self, stages: Stages, undo: Undo, ledger: Address, settings: ChainSettings, *, last_block: int
    ) -> None:
        self._stages, self._undo, self._ledger, self._settings = stages, undo, ledger, settings
        stages.settled_block, self._head = last_block, 0
        self.arrived = asyncio.Event()
        """Set once the chain was met (arrival.py)."""
        self.caught_up = asyncio.Event()
        """Set once the block is settled that was the newest then."""
        self.block_seen_at = stages.clock()

    def arrive(self, head: int) -> None:
        """The chain was met; its newest block is this one."""
        self._head = head
        if self.last_block >= head:
            self.caught_up.set()
        self.arrived.set()

    @property
    def last_block(self) -> int:
        """The newest block that is settled."""
        return self._stages.settled_block

    async def follow(self) -> None:
        """Settles every final block, in order, for ever, once the chain was met."""
        await self.arrived.wait()
        async for block in self._stages.blocks.follow(self.last_block):
            mined, payouts = await self._at_last(block, partial(self._read, block))
            results: list[BatchResult] = []
            for each in mined:
                results.append(
                    await self._at_last(block, partial(finality.result_of, each, block, self._stages.rebuild))
                )
                await asyncio.sleep(0)  # a batch takes milliseconds: messages come in between
            bookings = await self._at_last(block, partial(self._bookings, block, results))
            await self._settle(block, results, payouts, bookings)

    async def _at_last(self, block: Block, ask: Callable[[], Awaitable[Result]]) -> Result:
        """What the chain says of a block; nothing can go on before a gateway tells."""
        while True:
            try:
                return await ask()
            except (ChainUnreachable, RpcRefused) as error:
                # one that is behind the one that told of the block refuses, and may stand still: the next one is asked
                log.warning("block not there yet", block=block.number, reason=str(error))
                self._stages.blocks.turn_away()
                await asyncio.sleep(self._settings.poll_ms / 1000)

    async def _read(self, block: Block) -> tuple[list[finality.Mined], list[Payout]]:
        stages = self._stages
        payouts = await stages.payouts(block)
        return await finality.mined_in(block, stages.blocks, self._ledger, stages.sender.batch_of), payouts

    async def _bookings(self, block: Block, results: list[BatchResult]) -> dict[Sequence, AdviceBooked]:
        """What became of advices that overdrew, if the block books any of ours."""
        stages = self._stages
        settled = (number for each in results for number in stages.sender.pending[each.batch].sequences)
        if stages.booked is None or not any(number in stages.advices for number in settled):
            return {}
        found = await stages.booked(block)
        return {each.sequence: each for each in found if each.stream == stages.stream}

    async def _settle(
        self,
        block: Block,
        results: list[BatchResult],
        payouts: list[Payout],
        bookings: Mapping[Sequence, AdviceBooked],
    ) -> None:
        stages, now = self._stages, self._stages.clock()
        codes = dict(finality.RESPONSE_CODES)
        if results:
            stages.failpoint.passed("before-settle")

        def write(connection: Connection, first: int) -> tuple[list[Announcement], list[PaymentEntry]]:
            transitions.settle(connection, block.number, results, codes, now)
            advices.booked(connection, bookings, now)
            begun = [] if stages.booked is None else advices.begin(connection, results, first, now)
            return stages.herald.settled(connection, results, payouts, now), begun

        announcements, begun = await stages.journal.settle(write)
        if results:
            stages.failpoint.passed("after-settle")
        stages.settled_block, self.block_seen_at = block.number, now
        if block.number >= self._head:
            self.caught_up.set()
        stages.sender.base_fee = block.base_fee
        stages.on_block(block)
        for result in results:
            await self._settled(result, now)
        for entry in begun:
            self._undo.begin_booking(entry)
        await stages.herald.tell(announcements)
        counters = stages.counters
        counters.block.set(block.number)
        counters.waiting.set(len(stages.backlog))
        counters.in_flight.set(len(stages.sender.pending))
        stages.news.set()

    async def _settled(self, result: BatchResult, now: int) -> None:
        stages = self._stages
        pending = stages.sender.finished(result.batch)
        back = set(result.given_back)
        if result.kind is Kind.REVERSAL:
            if result.short_of_gas:
                stages.refunds.more_gas()
            await self._reversals_settled(pending, back)
        else:
            if back:
                entries = await stages.journal.insist(lambda connection: reading.payments(connection, back))
                stages.batcher.give_back(entries)
                for number in back & stages.advices.keys():
                    await self._undo.booking_settled(Sequence(number), done=False)
                for reversal in [stages.refunds.withdraw_reversal(number) for number in back]:
                    if reversal is not None:
                        self._undo.begin(reversal)  # neither of the two need go to the chain any more
            if result.short_of_gas:
                stages.batcher.more_gas()
            if result.paused:
                stages.batcher.rest_until = now + self._settings.pause_ms
            await self._payments_settled([Sequence(each) for each in pending.sequences if each not in back], now)
        self._report(result, [each for each in pending.sequences if each not in back and each not in result.declined])
        if result.reverted:
            raise Unusable(
                f"block {result.block} refused the whole of batch {result.batch}; is this bridge's key still the"
                f" poster of stream {stages.stream}?"
            )

    async def _reversals_settled(self, pending: Pending, back: set[Sequence]) -> None:
        settled = [Sequence(number) for number in pending.sequences if number not in back]
        await self._stages.answer(settled)  # refunds are waited for
        for number in pending.sequences:
            reversal = self._stages.reversals.get(Sequence(number))
            if reversal is not None and number in back:
                self._undo.wait_for_original(reversal)
            elif reversal is not None:
                self._undo.end(reversal)

    async def _payments_settled(self, sequences: list[Sequence], now: int) -> None:
        """Answers who waits, and lets the reversals go that waited for these payments."""
        stages = self._stages
        for sequence in sequences:
            received_at = stages.received_at.pop(sequence, None)
            if received_at is not None:
                stages.counters.became_final(now - received_at)
        await stages.answer(sequences)
        for sequence in sequences:
            reversal = stages.refunds.first(sequence)
            if reversal is not None:
                await self._undo.look_at_original(reversal)
            if sequence in stages.advices:
                await self._undo.booking_settled(sequence)

    def _report(self, result: BatchResult, final: list[int]) -> None:
        stages = self._stages
        stages.counters.settled.labels("final").inc(len(final))
        stages.counters.settled.labels("declined").inc(len(result.declined))
        stages.counters.settled.labels("given back").inc(len(result.given_back))
        if result.kind is Kind.PAYMENT:
            stages.log_transition("final", final, batch=result.batch, block=result.block)
        stages.log_transition("given back", result.given_back, batch=result.batch, block=result.block)
        for number, reason in result.declined.items():
            name = payment_id(stages.stream, Sequence(number))
            log.warning("declined", payment_id=name, reason=reason, batch=result.batch, block=result.block)
