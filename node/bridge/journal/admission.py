"""Takes verified messages into the journal: the same message once, a late original of a reversal never.

Runs in the writer's thread, a group of messages at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from node.bridge.entry import (
    Admitted,
    Kind,
    PaymentEntry,
    ReversalEntry,
    act_in,
    member_of,
    pack_payment,
    pack_undo,
    undo_key,
)
from node.bridge.journal.admitted import Admission, History, Keeps
from node.bridge.journal.advices import booking_of
from node.bridge.journal.group import Group, Known, key_text, reference_of
from node.bridge.journal.near import NO_TIME
from node.bridge.journal.originals import not_refundable, not_reversible, with_authorisation
from node.domain import ids
from node.domain.errors import (
    DuplicateOtherBody,
    OriginalNotFound,
    Overloaded,
    ReversedBefore,
    TillnetError,
)
from node.domain.ids import MemberId, RuleVersion
from node.domain.payment import Entry, Payment, Refund, Reversal, Status
from node.domain.refund_split import RefundParts

__all__ = ["NO_TIME", "Admission", "Admitter", "Keeps"]


class Admitter:
    """Numbers the entries of one stream. `next` is the sequence of the next one; `room` tells whether a new message
    may still come in, which repeats need not ask. Without `keeper` no items are kept.
    """

    def __init__(
        self,
        next_sequence: int,
        *,
        enrol: bool = False,
        history: History | None = None,
        keeper: Keeps | None = None,
        room: Callable[[Entry], bool] = lambda message: True,
    ) -> None:
        self.next = self._committed = next_sequence
        self._enrol, self._history, self._keeper, self._room = enrol, history, keeper, room

    def committed(self) -> None:
        """The SQL transaction that the last admissions were in is on the disk."""
        self._committed = self.next
        if self._keeper is not None:
            self._keeper.committed()

    def rolled_back(self) -> None:
        """It is not: its numbers are free again."""
        self.next = self._committed
        if self._keeper is not None:
            self._keeper.rolled_back()

    def admit(self, connection: Connection, group: Sequence[Admission]) -> list[Admitted | TillnetError]:
        """What became of each message of the group, in order; their rows are inserted, not yet committed."""
        if self._history is not None:
            self._history.claim(connection, group)
        if self._keeper is not None:
            self._keeper.begin(connection)
        keys = [key_text(each.message.key) for each in group]
        references = [reference_of(each.message) for each in group if not isinstance(each.message, Reversal)]
        batch = Group.of(connection, keys, references)
        results: list[Admitted | TillnetError] = []
        for key, admission in zip(keys, group, strict=True):
            message = admission.message
            found = None if self._history is None else self._history.find(batch, key, admission, self.next)
            if found is not None:
                results.append(found)
                continue
            if key not in batch.known and not self._room(message):
                results.append(Overloaded("too many payments wait for the chain"))
                continue
            if isinstance(message, Payment):
                results.append(self._payment(batch, key, admission, message))
                continue
            batch.flush()  # its original may stand in this very group
            if isinstance(message, Refund):
                results.append(self._refund(batch, key, admission, message))
            else:
                results.append(self._reversal(batch, key, admission, message))
        batch.flush()
        return results

    def _payment(self, batch: Group, key: str, admission: Admission, payment: Payment) -> Admitted | TillnetError:
        known = batch.known.get(key)
        reference = reference_of(payment)
        if known is not None:
            return _repeat(batch, known, payment.body, Kind.PAYMENT, reference)
        if batch.is_buried(reference, payment):
            return ReversedBefore()
        if payment.about is not None:
            batch.flush()  # what it is about may stand in this very group
            found = with_authorisation(payment, batch.original(payment.about, self.next))
            if isinstance(found, TillnetError):
                return found
            payment = found
        packed = pack_payment(payment, enrol=self._enrol)
        sequence = self._number()
        sealed = b"" if self._keeper is None else self._keeper.seal(batch.connection, payment, sequence, admission)
        debits = payment.waits
        # A payment that only earns, without an act, is answered as soon as this row is on the disk; so is an advice.
        code = None if debits else "00"
        batch.add(
            key,
            Known(sequence, Kind.PAYMENT, payment.body, _JOURNALED, code, None, None, packed, payment.merchant),
            (reference, debits, sealed, admission.received_at),
            approved=payment.approved,
        )
        entry = PaymentEntry(
            sequence=sequence,
            merchant=payment.merchant,
            member=payment.member,
            rule=RuleVersion(payment.lines[-1].rule_version if payment.lines else 0),
            lines=len(payment.lines),
            debits=debits,
            packed=packed,
            received_at=admission.received_at,
        )
        return Admitted(
            sequence=entry.sequence, status=Status.JOURNALED, response_code=code, entry=entry, duplicate=False
        )

    def _refund(self, batch: Group, key: str, admission: Admission, refund: Refund) -> Admitted | TillnetError:
        known = batch.known.get(key)
        reference = reference_of(refund)
        if known is not None:
            return _repeat(batch, known, refund.body, Kind.REFUND, reference)
        if batch.is_buried(reference, refund):
            return ReversedBefore()
        original = batch.original(refund.original, self.next)
        problem = not_refundable(original, refund)
        if original is None or problem is not None:
            return problem or OriginalNotFound()
        sequence = self._number()
        batch.add(
            key,
            Known(
                sequence,
                Kind.REFUND,
                refund.body,
                _JOURNALED,
                None,
                original.sequence,
                None,
                RefundParts(amount=refund.amount).pack(),
                refund.merchant,
            ),
            (reference, False, b"", admission.received_at),
        )
        entry = ReversalEntry(
            sequence=sequence,
            original=ids.Sequence(original.sequence),
            member=member_of(original.packed),
            received_at=admission.received_at,
            amount=refund.amount,
        )
        return Admitted(sequence=sequence, status=Status.JOURNALED, response_code=None, entry=entry, duplicate=False)

    def _reversal(self, batch: Group, key: str, admission: Admission, reversal: Reversal) -> Admitted | TillnetError:
        known = batch.known.get(key)
        if known is not None:
            if known.kind == Kind.REVERSAL:
                return reversed_again(known.original)
            return DuplicateOtherBody(key)
        original = batch.original(reversal.original, self.next, reversal=reversal)
        problem = None if original is None else not_reversible(original, reversal)
        if problem is not None:
            return problem
        if original is not None and original.reversed_by is not None:
            return reversed_again(original.sequence)
        sequence = self._number()
        reference = reference_of(reversal)
        status = Status.FINAL if original is None else Status.JOURNALED
        number = None if original is None else original.sequence
        batch.add(
            key,
            Known(sequence, Kind.REVERSAL, reversal.body, status.value, "00", number, None, b"", reversal.merchant),
            (reference, False, b"", admission.received_at),
        )
        if original is not None and act_in(original.packed) is not None:
            self._undo_act(batch, reference, original, admission.received_at)
        if original is not None and original.status == Status.DECLINED.value:
            self._undo_booking(batch, reference, original, admission.received_at)
        batch.flush()
        if original is None:
            batch.bury(reference, reversal, sequence, admission.received_at)
            return Admitted(sequence=None, status=status, response_code="00", entry=None, duplicate=False)
        # what was not answered yet never reads as an approval any more: a gateway may take a late answer for another's
        batch.connection.exec_driver_sql(
            "UPDATE entries SET reversed_by = ?, response_code = coalesce(response_code, '91') WHERE sequence = ?",
            (sequence, original.sequence),
        )
        entry = ReversalEntry(
            sequence=sequence,
            original=ids.Sequence(original.sequence),
            member=member_of(original.packed) if original.packed else MemberId(0),
            received_at=admission.received_at,
            unsent=original.status == _JOURNALED and original.response_code == "00" and original.kind == Kind.PAYMENT,
        )
        return Admitted(sequence=entry.original, status=status, response_code="00", entry=entry, duplicate=False)

    def _undo_booking(self, batch: Group, reference: str, original: Known, received_at: int) -> None:
        """The payment that undoes what books an advice that overdrew."""
        booking = booking_of(batch.connection, original.sequence)
        if booking is not None and booking.status is not Status.DECLINED:
            its = replace(original, packed=booking.packed)
            self._undo_act(batch, reference, its, received_at, of=booking.sequence)

    def _undo_act(
        self, batch: Group, reference: str, original: Known, received_at: int, *, of: ids.Sequence | None = None
    ) -> None:
        """The payment that undoes the original's act, or (`of`) that of what books it; it goes when that is final
        (bridge/undo.py)."""
        packed = pack_undo(original.packed, ids.Sequence(original.sequence) if of is None else of)
        undo = Known(
            self._number(), Kind.UNDO, b"", _JOURNALED, "00", original.sequence, None, packed, original.merchant
        )
        batch.add(undo_key(original.sequence), undo, (reference, False, b"", received_at))

    def _number(self) -> ids.Sequence:
        number, self.next = self.next, self.next + 1
        return ids.Sequence(number)


def _repeat(batch: Group, known: Known, body: bytes, kind: Kind, reference: str) -> Admitted | TillnetError:
    found = duplicate_of(known, body, kind)
    if isinstance(found, Admitted):
        batch.alias(reference, known)
    return found


def duplicate_of(known: Known, body: bytes, kind: Kind) -> Admitted | TillnetError:
    """The entry that a message repeats, unless it says something else."""
    if known.body != body or known.kind != kind:
        return DuplicateOtherBody()
    return Admitted(
        sequence=ids.Sequence(known.sequence),
        status=Status(known.status),
        response_code=known.response_code,
        entry=None,
        duplicate=True,
    )


def reversed_again(original: int | None) -> Admitted:
    """A reversal that came before, or of what was reversed before; None without an original."""
    return Admitted(
        sequence=None if original is None else ids.Sequence(original),
        status=Status.FINAL if original is None else Status.JOURNALED,
        response_code="00",
        entry=None,
        duplicate=True,
    )


_JOURNALED: Final = Status.JOURNALED.value
