"""Undoing payments: reversals that a terminal sent, and those of payments that were not final in time.

Between journal and batch. A payment that is in no batch yet is cancelled in the journal; any other is undone on the
chain once it is final there; one that the chain declined needs nothing.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from node.bridge.entry import ReversalEntry
from node.bridge.journal import reading, transitions
from node.bridge.stages import Stages, log
from node.domain.ids import Sequence, payment_id
from node.domain.payment import Status

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Undo:
    """The reversals of one stream. `spawn` runs something beside the caller."""

    def __init__(self, stages: Stages, spawn: Spawn) -> None:
        self._stages = stages
        self._spawn = spawn

    def begin(self, reversal: ReversalEntry) -> None:
        """A reversal was journaled."""
        stages = self._stages
        stages.reversals[reversal.sequence] = reversal
        stages.batcher.hold(reversal)
        if stages.batcher.cancel(reversal.original) is not None:
            self._spawn(self._cancel(reversal))
            return
        self.wait_for_original(reversal)

    def wait_for_original(self, reversal: ReversalEntry) -> None:
        """The reversal goes on as soon as its original's fate is known; it may be already."""
        self._stages.refunds.wait(reversal)
        self._spawn(self.look_at_original(reversal))

    async def look_at_original(self, reversal: ReversalEntry) -> None:
        """Sends the reversal on its way if its original is final, and ends it if that was declined."""
        stages = self._stages
        original = await stages.journal.insist(lambda connection: reading.original_of(connection, reversal.original))
        if reversal.original not in stages.refunds.awaiting:
            return  # told by a block meanwhile
        if original.status is Status.FINAL:
            stages.refunds.original_final(reversal, original)
            stages.news.set()
        elif original.status is Status.DECLINED:
            stages.refunds.original_declined(reversal)
            await stages.journal.insist(lambda connection: transitions.finish_reversal(connection, reversal.sequence))
            self.end(reversal)

    async def too_late(self, sequence: Sequence) -> None:
        """A payment that debits was not final in time: it is answered 91, and its effect undone whenever it comes."""
        stages = self._stages
        cancelled = stages.batcher.cancel(sequence)
        stages.failpoint.passed("before-undo")
        _, reversal = await stages.journal.time_out(sequence, stages.clock(), unbatched=cancelled is not None)
        stages.failpoint.passed("after-undo")
        log.warning("not final in time", payment_id=payment_id(stages.stream, sequence))
        if reversal is not None:
            self.begin(reversal)
        elif cancelled is not None:
            stages.received_at.pop(sequence, None)
        await stages.answer([sequence])

    def end(self, reversal: ReversalEntry) -> None:
        """The reversal is settled."""
        stages = self._stages
        stages.reversals.pop(reversal.sequence, None)
        stages.batcher.release(reversal)
        stages.log_transition("final", [reversal.sequence], reverses=payment_id(stages.stream, reversal.original))
        stages.news.set()

    async def _cancel(self, reversal: ReversalEntry) -> None:
        stages = self._stages
        await stages.journal.insist(
            lambda connection: transitions.cancel(connection, reversal.original, reversal.sequence)
        )
        stages.received_at.pop(reversal.original, None)
        stages.log_transition("cancelled", [reversal.original])
        self.end(reversal)
        await stages.answer([reversal.original])
