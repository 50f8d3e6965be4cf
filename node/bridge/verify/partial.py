"""Partial approval: of what a message asks for as much as the member has, where the terminal can take the rest.

Part of verify; pure. The chain has the last word all the same: somebody else may spend it meanwhile.
"""

from dataclasses import replace

from node.bridge.verify.acts import authorize_act
from node.bridge.verify.lookup import Verified
from node.domain.act import ActKind
from node.domain.acts.authorization import Authorize
from node.domain.assignment import NO_RULE
from node.domain.directory import Merchant
from node.domain.errors import MalformedMessage
from node.domain.ids import MinorUnits
from node.domain.payment import Line, Payment, Tender


def wants_partial(said: str) -> bool:
    """Whether PA says that the terminal takes a part for an answer. Raises MalformedMessage."""
    if said not in ("", "0", "1"):
        raise MalformedMessage("PA is 0 or 1")
    return said == "1"


def tender_of(payment: Payment) -> Tender | None:
    """The one tender that all of a payment or an authorisation is in, None where a part of it could not be told."""
    if payment.act is not None:
        is_authorization = payment.act.data[0] == ActKind.AUTHORIZE
        return Authorize.read(payment.act.data).tender if is_authorization and not payment.lines else None
    tenders = {line.tender for line in payment.lines}
    return tenders.pop() if len(tenders) == 1 and Tender.EXTERNAL not in tenders else None


def lowered(verified: Verified, payment: Payment, tender: Tender, have: MinorUnits, merchant: Merchant) -> Verified:
    """The payment of no more than the member has; as it was where that is enough, or nothing.

    Its items say no longer what it is for, so the part earns by the merchant's base.
    """
    if not 0 < have < payment.key.amount:
        return verified
    if payment.act is not None:
        act = authorize_act(have, tender, time=payment.time)
        return replace(verified, entry=replace(payment, act=act, approved=have))
    version = NO_RULE if tender is Tender.COIN else merchant.base
    line = Line(amount=have, rule_version=version, tender=tender)
    return Verified(entry=replace(payment, lines=(line,), items_root=None, approved=have))
