"""The bridge: calls its stages in turn, and answers in time.

    intake -> verify -> submit() -> journal -> batch -> transaction -> block -> finality -> answer

assembly.py makes one from settings; `Bridge.run` runs it until it is told to stop.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from node.bridge.answers import journaled_answer
from node.bridge.arrival import Arrived
from node.bridge.elsewhere import Elsewhere
from node.bridge.entry import Admitted, PaymentEntry, ReversalEntry
from node.bridge.journal import reading
from node.bridge.journal.admission import Admission
from node.bridge.settlement import Settlement
from node.bridge.stages import Stages, log
from node.bridge.undo import Undo
from node.chain.rpc import RpcRefused
from node.config import BridgeSettings
from node.domain.answer import Answer
from node.domain.errors import BrokenInvariant, ChainUnreachable, MalformedMessage, TillnetError
from node.domain.ids import Address, PaymentId, parse_payment_id, payment_id
from node.domain.payment import Entry, Refund, Reversal

TICK: Final = 0.05
"""Seconds between two looks at deadlines and at transactions that no block takes."""
MOST_WAITS: Final = 3
"""How often a batch waits once more because transactions are on their way: four waits still reach the next block."""
MEMBER_SHARE: Final = 10
"""No member has more than one in so many of the places for payments that wait."""
LOOK_SECONDS: Final = 1.0
"""Between two looks for a chain that was away at the start."""
STALE_MS: Final = 15_000
"""Without a new block for so long the bridge calls itself unhealthy."""


class Bridge:
    """One stream's bridge, from journal to answer; what the intakes call is `submit`, `status` and `health`."""

    def __init__(
        self,
        settings: BridgeSettings,
        ledger: Address,
        stages: Stages,
        known: Arrived,
        meet: Callable[[], Awaitable[Arrived]],
    ) -> None:
        """`known` is the chain as it was found at the start; `meet` looks for it where it was not."""
        self._settings = settings
        self._stages = stages
        self._meet = meet
        self._undo = Undo(stages, self._spawn)
        self._settlement = Settlement(stages, self._undo, ledger, settings.chain, last_block=known.last_block)
        if known.head is not None:
            self._settlement.arrive(known.head)
        self._elsewhere = Elsewhere(stages)
        self._started = stages.clock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def arrived(self) -> bool:
        """Whether the chain was met since the start."""
        return self._settlement.arrived.is_set()

    async def submit(self, entry: Entry, basket: bytes, patience_ms: int = 0) -> Answer:
        """Takes a verified message in and answers it: at once if it only earns or reverses, when final if not, after
        `patience_ms` at the latest (0: as the settings say).

        Raises Overloaded, JournalUnwritable, DuplicateOtherBody, ReversedBefore, OriginalNotFound, InvalidTransaction,
        MalformedMessage.
        """
        answer = await self._submit(entry, basket, patience_ms or self._stages.waiting.patience_ms)
        self._stages.failpoint.passed("before-answer")
        return answer

    async def _submit(self, entry: Entry, basket: bytes, patience_ms: int) -> Answer:
        stages = self._stages
        if len(basket) > self._settings.journal.sealed_bytes:
            raise MalformedMessage(f"{len(basket)} bytes of line items")
        stages.failpoint.passed("before-admit")
        came = stages.clock()
        try:
            admitted = await stages.journal.admit(Admission(entry, basket, came, stages.registry_block()))
        except TillnetError:
            stages.counters.refused.inc()
            raise
        (stages.counters.duplicate if admitted.duplicate else stages.counters.new).inc()
        if admitted.stream is not None:
            return await self._elsewhere.answer(entry, admitted, stages.clock() + patience_ms)
        sequence = admitted.sequence
        waits = admitted.response_code is None and sequence in stages.waiting
        if waits and not admitted.duplicate and sequence is not None:
            stages.waiting.wait_until(sequence, came if stages.away() else came + patience_ms)
        answer = await self._answer(entry, admitted)
        stages.counters.replied(stages.clock() - came, at_once=not waits)
        return answer

    def has_room(self, message: Entry) -> bool:
        """Whether a message that is new may still come in. Reversals have room of their own, beyond that of refunds.

        Asked in the journal's thread, once the message is known to be no repeat.
        """
        limit, stages = self._settings.batch.waiting, self._stages
        backlog = stages.backlog
        if isinstance(message, Reversal):
            return len(stages.reversals) < 2 * limit
        if isinstance(message, Refund):
            return len(stages.reversals) < limit
        if backlog.waiting_of(message.member) * MEMBER_SHARE >= limit:
            return False
        # what debits is in memory, and not for long
        return len(stages.batcher) < 2 * limit if message.waits else len(backlog) < self._settings.batch.backlog

    async def _answer(self, entry: Entry, admitted: Admitted) -> Answer:
        stages, sequence = self._stages, admitted.sequence
        if sequence is None or isinstance(entry, Reversal):
            return journaled_answer(stages.stream, sequence, admitted.status, duplicate=admitted.duplicate)
        if admitted.response_code is None and sequence in stages.waiting:
            answer = await stages.waiting.answer(sequence)
            return replace(answer, duplicate=True) if admitted.duplicate else answer
        if not admitted.duplicate and admitted.response_code is not None:
            return journaled_answer(stages.stream, sequence, admitted.status, duplicate=False)
        found = await stages.journal.run(lambda connection: reading.stored(connection, [sequence]))
        return stages.answer_of(found[sequence], duplicate=admitted.duplicate)

    def on_entry(self, entry: PaymentEntry | ReversalEntry) -> None:
        """A new entry is on the disk; the journal calls this in the order of the sequences."""
        stages = self._stages
        stages.failpoint.passed("after-admit")
        log.debug("journaled", payment_id=payment_id(stages.stream, entry.sequence))
        if isinstance(entry, PaymentEntry):
            if entry.debits:
                stages.waiting.expect(entry.sequence, entry.received_at)
            if not stages.backlog.add(entry):
                self._spawn(self._undo.too_late(entry.sequence, parted=True))
        else:
            if entry.is_refund:
                stages.waiting.expect(entry.sequence, entry.received_at)
            self._undo.begin(entry)
        stages.news.set()

    async def status(self, payment: PaymentId) -> Answer | None:
        """What the journal knows of a payment; None for one that is not of this stream, or unknown."""
        try:
            stream, sequence = parse_payment_id(payment)
        except ValueError:
            return None
        if stream != self._stages.stream or sequence >= 2**63:
            return None
        found = await self._stages.journal.run(lambda connection: reading.stored(connection, [sequence]))
        return self._stages.answer_of(found[sequence], duplicate=True) if sequence in found else None

    async def health(self) -> Mapping[str, object]:
        """How the bridge is: `ok` is false when the chain stands still or the queue is full."""
        stages = self._stages
        age = stages.clock() - self._settlement.block_seen_at
        waiting = len(stages.backlog)
        return {
            "ok": age < STALE_MS and not stages.away() and waiting < self._settings.batch.backlog,
            "stream": int(stages.stream),
            "unsettled": len(stages.received_at) + stages.backlog.count + len(stages.reversals),
            "waiting": waiting,
            "on_disk": stages.backlog.count,
            "unanswered": len(stages.waiting),
            "in_flight": stages.sender.in_flight,
            "journal_queue": stages.journal.waiting,
            "refused": stages.sender.refusal,
            "last_block": self._settlement.last_block,
            "last_block_age_ms": age,
            "chain_away": stages.away(),
        }

    async def run(self, stopping: asyncio.Event) -> None:
        """Runs until `stopping` is set; what is recorded goes on at the next start.

        Raises Unusable or BrokenInvariant when it cannot go on.
        """
        loops = [self._batches(), self._settlement.follow(), self._overdue(), self._repeats(), self._fill()]
        loops.append(_until(stopping))
        if self._settings.journal.url:
            loops.append(self._elsewhere.take_in())
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            done, _ = await asyncio.wait([*tasks, self._failure], return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for task in (*tasks, *self._tasks):
                task.cancel()
            # more than one may fail for the same reason: it is told once
            await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
            if self._failure.done():
                self._failure.exception()

    async def _look_for_chain(self) -> None:
        """Returns once the chain was met. Raises Unusable when it is another one, or the key may not post."""
        while not self.arrived:
            try:
                found = await self._meet()
            except (ChainUnreachable, RpcRefused) as error:
                log.debug("chain still away", reason=str(error))
                await asyncio.sleep(LOOK_SECONDS)
                continue
            assert found.head is not None
            log.info("chain met", block=found.head, last_block=found.last_block)
            self._settlement.arrive(found.head)

    async def _batches(self) -> None:
        """Forms and sends batches: full ones at once, others when the oldest payment has waited long enough."""
        await self._look_for_chain()
        stages, settings = self._stages, self._settings.batch
        batcher, pending = stages.batcher, stages.sender.pending
        while True:
            if len(pending) >= settings.in_flight or not (len(batcher) or stages.refunds.ready):
                await self._news(None)
                continue
            due = batcher.oldest + settings.max_wait_ms * (1 + min(len(pending), MOST_WAITS)) - stages.clock()
            if len(batcher) and len(batcher) < settings.max_payments and due > 0:
                await self._news(due / 1000)
                continue
            sent = await self._send_refunds()
            sent += await self._send_payments()
            if not sent:
                await self._news(TICK)  # all that waits waits for a reversal

    async def _news(self, seconds: float | None) -> None:
        self._stages.news.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stages.news.wait(), seconds)

    async def _send_payments(self) -> int:
        batcher = self._stages.batcher
        formed = batcher.take() if self._stages.clock() >= batcher.rest_until else None
        if formed is None:
            return 0
        batch = await self._stages.sender.send(formed)
        self._stages.counters.batches.labels("payments").inc()
        self._stages.log_transition("sent", formed.sequences, batch=batch)
        return 1

    async def _send_refunds(self) -> int:
        taken = self._stages.refunds.take()
        if taken is None:
            return 0
        formed, reversals = taken
        batch = await self._stages.sender.send(formed)
        for reversal in reversals:
            self._stages.batcher.release(reversal)
        self._stages.counters.batches.labels("refunds").inc()
        self._stages.log_transition("sent", formed.sequences, batch=batch)
        return 1

    async def _overdue(self) -> None:
        """Answers those whose deadline has passed; it waits for no gateway."""
        stages = self._stages
        while True:
            await asyncio.sleep(TICK)
            # what became final while no bridge ran is not too late
            since = 0 if self._settlement.caught_up.is_set() else self._started
            for sequence in stages.waiting.expired(stages.clock(), since=since):
                self._spawn(self._undo.too_late(sequence))

    async def _fill(self) -> None:
        """Reads what waits on the disk as the window empties."""
        while True:
            await asyncio.sleep(TICK)
            if self._stages.backlog.count:
                await self._stages.backlog.fill()
                self._stages.news.set()

    async def _repeats(self) -> None:
        """Repeats broadcasts that no block took, and looks for what the chain calls used."""
        await self._settlement.caught_up.wait()
        while True:
            await asyncio.sleep(TICK)
            await self._stages.sender.resend()
            await self._stages.sender.look_up()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something beside the loops; its failure is the bridge's."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled() or self._failure.done():
            return
        error = task.exception()
        if error is not None:
            self._failure.set_exception(error if isinstance(error, Exception) else BrokenInvariant(repr(error)))


async def _until(stopping: asyncio.Event) -> None:
    await stopping.wait()
