"""Whether a message may do what it asks of an earlier one: a refund, a reversal, a completion.

Part of the journal, for admission.py and handed.py; pure.
"""

from dataclasses import replace

from node.bridge.entry import Kind, act_in, is_authorised, line_count, member_of
from node.bridge.journal.group import Known
from node.domain import ids
from node.domain.act import ActKind
from node.domain.acts.authorization import about
from node.domain.errors import InvalidTransaction, OriginalNotFound, TillnetError, WrongMac
from node.domain.payment import Payment, Refund, Reversal, Status


def not_refundable(original: Known | None, refund: Refund) -> TillnetError | None:
    """Why nothing of the original can go back; None if something may. How much is left the chain knows."""
    if original is None or original.kind != Kind.PAYMENT or original.merchant != refund.merchant:
        return OriginalNotFound("this merchant has no such payment")
    if refund.member is not None and refund.member != member_of(original.packed):
        return OriginalNotFound("it was paid with another card")
    if original.status == Status.DECLINED.value or original.reversed_by is not None:
        return OriginalNotFound("it was declined or reversed")
    if not line_count(original.packed):
        return OriginalNotFound("there is nothing to pay back")
    return None


def not_reversible(original: Known, reversal: Reversal) -> TillnetError | None:
    """Why a reversal may not undo its original; None if it may, or if that is undone."""
    if original.kind == Kind.REFUND:
        return InvalidTransaction("a refund cannot be reversed")
    if not reversal.proved and is_authorised(original.packed):
        return WrongMac("the reversal of what takes from a member, and of an act, needs one")
    return None


def with_authorisation(payment: Payment, original: Known | None) -> Payment | TillnetError:
    """A capture or a void with the authorisation that the journal found for it."""
    act = act_in(original.packed) if original is not None and original.kind == Kind.PAYMENT else None
    if original is None or act is None or act[0] != ActKind.AUTHORIZE or original.merchant != payment.merchant:
        return OriginalNotFound("this merchant has no such authorisation")
    if original.status == Status.DECLINED.value or original.reversed_by is not None:
        return OriginalNotFound("it was declined or reversed")
    member = member_of(original.packed)
    if payment.member not in (0, member):
        return OriginalNotFound("it was authorised with another card")
    assert payment.act is not None
    return replace(payment, member=member, act=about(payment.act.data, ids.Sequence(original.sequence)), about=None)
