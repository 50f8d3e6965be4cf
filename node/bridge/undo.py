"""Undoing payments: reversals and refunds that a terminal sent, and payments that were not final in time.

Between journal and batch. A payment that is in no batch yet is cancelled in the journal by its reversal; any other is
undone on the chain once it is final there; one that the chain declined needs nothing. A refund never cancels: it waits
until its original is final, and takes what is left of it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from sqlalchemy import Connection

from node.bridge.answers import TOO_LATE
from node.bridge.entry import PaymentEntry, ReversalEntry, act_in
from node.bridge.finality import RESPONSE_CODES
from node.bridge.journal import advices, reading, transitions
from node.bridge.journal.advices import Booking
from node.bridge.journal.reading import Original
from node.bridge.stages import Stages, log
from node.chain.rpc import RpcRefused
from node.domain.acts.advice import BookAdvice
from node.domain.announcement import Announcement
from node.domain.errors import ChainUnreachable
from node.domain.ids import MinorUnits, Sequence, payment_id
from node.domain.merkle import keccak
from node.domain.packed_leaves import leaf_amount, leaf_tender, leaves_of
from node.domain.payment import Status, Tender
from node.domain.refund_split import LineLeft, parts_of, split_refund

Spawn = Callable[[Coroutine[Any, Any, None]], None]
PAUSE: Final = 0.5
"""Seconds between two questions for what is left of a line; a refund's deadline bounds them."""
EXCEEDS, NOTHING = 21, 23
"""The ledger's reasons (docs/batch.md), said by the bridge, which sees it before."""


class Undo:
    """The reversals and refunds of one stream. `spawn` runs something beside the caller."""

    def __init__(self, stages: Stages, spawn: Spawn) -> None:
        self._stages = stages
        self._spawn = spawn

    def begin(self, reversal: ReversalEntry) -> None:
        """A reversal or a refund was journaled."""
        stages = self._stages
        stages.reversals[reversal.sequence] = reversal
        stages.batcher.hold(reversal)
        if not reversal.is_refund and stages.backlog.cancel(reversal):
            self._spawn(self._cancel(reversal))
            return
        self.wait_for_original(reversal)

    def wait_for_original(self, reversal: ReversalEntry) -> None:
        """It goes on as soon as its original's fate is known; it may be already."""
        self._stages.refunds.wait(reversal)
        self._spawn(self.look_at_original(reversal))

    async def look_at_original(self, reversal: ReversalEntry) -> None:
        """Sends it on its way if its original is final and it is its turn, and ends it if that was declined."""
        stages = self._stages
        original = await stages.journal.insist(lambda connection: reading.original_of(connection, reversal.original))
        if original.status not in (Status.FINAL, Status.DECLINED):
            return  # not yet
        booking = await stages.journal.insist(lambda connection: advices.booking_of(connection, reversal.original))
        if booking is not None and not reversal.is_refund and not await self._has_ended(booking):
            return  # `booking_settled` looks again
        if not stages.refunds.begin(reversal):
            return  # begun meanwhile
        if original.status is Status.DECLINED:
            if reversal.is_refund:
                await self._decline(reversal, NOTHING)
                return
            if booking is not None and booking.status is Status.FINAL:
                await self._undo(reversal, original)
                return
            stages.failpoint.passed("before-finish")
            await stages.journal.insist(lambda connection: _finish_both(connection, reversal))
            stages.failpoint.passed("after-finish")
            self.end(reversal)
        elif reversal.is_refund:
            await self._split(reversal, original)
        else:
            await self._undo(reversal, original)

    def begin_booking(self, entry: PaymentEntry) -> None:
        """What books an advice that overdrew was journaled: it goes like any payment, and nobody waits for it."""
        stages = self._stages
        stages.advices[entry.sequence] = BookAdvice.read(act_in(entry.packed) or b"").original
        stages.received_at[entry.sequence] = entry.received_at
        stages.batcher.add(entry)
        stages.log_transition("books an advice that overdrew", [entry.sequence])
        stages.news.set()

    async def booking_settled(self, sequence: Sequence, *, done: bool = True) -> None:
        """What books an advice is final or declined, or (not `done`) waits for a batch again: a reversal may go on."""
        stages = self._stages
        reversal = stages.refunds.first(stages.advices[sequence])
        if done:
            del stages.advices[sequence]
        if reversal is not None:
            await self.look_at_original(reversal)

    async def _has_ended(self, booking: Booking) -> bool:
        """Whether the chain said its word on a booking, or never will: one that is in no batch yet is taken out."""
        stages = self._stages
        if booking.status in (Status.FINAL, Status.DECLINED):
            return True
        if stages.batcher.cancel(booking.sequence) is None:
            return False
        await stages.journal.insist(lambda connection: advices.cancel(connection, booking.sequence))
        stages.advices.pop(booking.sequence, None)
        stages.received_at.pop(booking.sequence, None)
        stages.log_transition("cancelled", [booking.sequence])
        return True

    async def too_late(self, sequence: Sequence, *, parted: bool = False) -> None:
        """A payment that debits was not final in time: it is answered 91, and its effect undone whenever it comes.
        `parted`: it is not among those that wait, and cannot be in time.

        A refund that is in no batch yet gets into none; of one that is, only the answer is not known yet.
        """
        stages = self._stages
        refund = stages.reversals.get(sequence)
        if refund is not None:
            await self._refund_too_late(refund)
            return
        cancelled = parted or stages.batcher.cancel(sequence) is not None
        stages.failpoint.passed("before-undo")
        now, told = stages.clock(), list[Announcement]()

        def note(connection: Connection) -> None:
            told[:] = stages.herald.ended(connection, sequence, now)  # anew when the disk refused before

        _, reversal = await stages.journal.time_out(sequence, now, unbatched=cancelled, then=note)
        stages.failpoint.passed("after-undo")
        log.warning("not final in time", payment_id=payment_id(stages.stream, sequence))
        if reversal is not None:
            self.begin(reversal)
        elif cancelled:
            stages.received_at.pop(sequence, None)
        await stages.answer([sequence])
        waiting = stages.refunds.first(sequence)
        if waiting is not None:
            # it came while the disk refused this, found its original waiting still, and nobody else tells it
            await self.look_at_original(waiting)
        await stages.herald.tell(told)

    def end(self, reversal: ReversalEntry) -> None:
        """It is settled; the next one that concerns the same original may go."""
        stages = self._stages
        stages.reversals.pop(reversal.sequence, None)
        stages.batcher.release(reversal)
        following = stages.refunds.done(reversal)
        if following is not None:
            self._spawn(self.look_at_original(following))
        stages.log_transition(
            "final", [reversal.sequence], **{_verb(reversal): payment_id(stages.stream, reversal.original)}
        )
        stages.news.set()

    async def _undo(self, reversal: ReversalEntry, original: Original) -> None:
        """Sends both parts of a reversal on their way: the lines by proof, the act by the payment that undoes it."""
        stages = self._stages
        act = await stages.journal.insist(lambda connection: reading.undo_of_act(connection, reversal.original))
        lines = bool(leaves_of(original.leaves, reversal.original))
        if not lines:
            await stages.journal.insist(lambda connection: transitions.finish_reversal(connection, reversal.sequence))
        if act is not None:
            stages.received_at[act.sequence] = act.received_at
            stages.batcher.give_back([act])
        if lines:
            stages.refunds.original_final(reversal, original)
        else:
            self.end(reversal)
        stages.news.set()

    async def _split(self, refund: ReversalEntry, original: Original) -> None:
        """Spreads a refund over what is left of its original's lines, and lets it go, or declines it."""
        stages = self._stages
        leaves = [leaf for _, leaf in leaves_of(original.leaves, refund.original)]
        while True:
            try:
                # as of the block that is settled here: earlier refunds of this payment are in it, whichever gateway is
                # asked; one that has not got so far refuses
                undone = [await stages.undone(keccak(leaf), stages.settled_block) for leaf in leaves]
                break
            except (ChainUnreachable, RpcRefused) as error:
                log.warning("what is left is not known", payment_id=self._name(refund), reason=str(error))
                await asyncio.sleep(PAUSE)
            if not stages.refunds.is_begun(refund):
                return
        lines = [
            LineLeft(tender=Tender(leaf_tender(leaf)), left=MinorUnits(leaf_amount(leaf) - gone))
            for leaf, gone in zip(leaves, undone, strict=True)
        ]
        if not stages.refunds.is_begun(refund):
            return  # withdrawn meanwhile
        split = split_refund(refund.amount or MinorUnits(0), lines)
        if split is None:
            await self._decline(refund, EXCEEDS if any(line.left for line in lines) else NOTHING)
            return
        packed = parts_of(lines, split).pack()
        stages.failpoint.passed("before-split")
        await stages.journal.insist(lambda connection: transitions.note_parts(connection, refund.sequence, packed))
        stages.failpoint.passed("after-split")
        if stages.refunds.is_begun(refund):
            stages.refunds.original_final(refund, original, split)
            stages.news.set()

    async def _decline(self, refund: ReversalEntry, reason: int) -> None:
        stages = self._stages
        if not stages.refunds.withdraw(refund):
            return
        told = await self._write_declined(refund, RESPONSE_CODES[reason], reason)
        log.warning("declined", payment_id=self._name(refund), reason=reason)
        self.end(refund)
        await stages.answer([refund.sequence])
        await stages.herald.tell(told)

    async def _write_declined(self, refund: ReversalEntry, code: str, reason: int | None) -> list[Announcement]:
        herald, now = self._stages.herald, self._stages.clock()

        def write(connection: Connection) -> list[Announcement]:
            transitions.decline_refund(connection, refund.sequence, code, reason)
            return herald.ended(connection, refund.sequence, now)

        self._stages.failpoint.passed("before-decline")
        told = await self._stages.journal.insist(write)
        self._stages.failpoint.passed("after-decline")
        return told

    async def _refund_too_late(self, refund: ReversalEntry) -> None:
        stages = self._stages
        withdrawn = stages.refunds.withdraw(refund)
        told = await self._write_declined(refund, TOO_LATE, None) if withdrawn else []
        log.warning("not final in time", payment_id=self._name(refund), withdrawn=withdrawn)
        await stages.answer([refund.sequence])
        if withdrawn:
            self.end(refund)
        await stages.herald.tell(told)

    async def _cancel(self, reversal: ReversalEntry) -> None:
        stages = self._stages
        now = stages.clock()

        def write(connection: Connection) -> list[Announcement]:
            transitions.cancel(connection, reversal.original, reversal.sequence)
            return stages.herald.cancelled(connection, reversal.sequence, now)

        stages.failpoint.passed("before-cancel")
        told = await stages.journal.insist(write)
        stages.failpoint.passed("after-cancel")
        await stages.backlog.forget(reversal.original)
        stages.received_at.pop(reversal.original, None)
        stages.log_transition("cancelled", [reversal.original])
        self.end(reversal)
        await stages.answer([reversal.original])
        await stages.herald.tell(told)

    def _name(self, reversal: ReversalEntry) -> str:
        return payment_id(self._stages.stream, reversal.sequence)


def _finish_both(connection: Connection, reversal: ReversalEntry) -> None:
    transitions.finish_reversal(connection, reversal.sequence)
    transitions.finish_undo(connection, reversal.original)


def _verb(reversal: ReversalEntry) -> str:
    return "refunds" if reversal.is_refund else "reverses"
