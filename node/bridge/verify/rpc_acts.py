"""From what a terminal signed to acts without a sale: recharge, gift, write-off, authorisation, capture, void.

Part of verify, beside rpc.py.
"""

from dataclasses import replace
from typing import Final

from node.bridge.verify.acts import authorize_act, gift_act, number_of, reward_of, write_off
from node.bridge.verify.digests import Proof
from node.bridge.verify.iso8583_acts import authorisation_named
from node.bridge.verify.local_time import local_stamp
from node.bridge.verify.lookup import (
    ActOrder,
    Credentials,
    Verified,
    build_act,
    check_amount,
    find_member,
    find_merchant,
)
from node.bridge.verify.rpc import PURCHASE_CLASS, body_of, sale_number
from node.bridge.verify.rpc_sender import Proved, SignedRules
from node.domain.act import Act
from node.domain.acts.authorization import Capture, Void
from node.domain.acts.recharge import Recharge
from node.domain.errors import MalformedMessage
from node.domain.ids import MemberId, MinorUnits, Sequence, StreamId
from node.domain.payment import OriginalNumber, Tender
from node.domain.terminal_terms import (
    AuthorizationPartTerms,
    AuthorizationTerms,
    CaptureTerms,
    GiftTerms,
    RechargeTerms,
    Terms,
    VoidTerms,
    WriteOffTerms,
)
from node.iso8583.basket import PIN_RESULTS, read_items

_SALE_BITS: Final = 64
_TENDERS: Final = {"coin": Tender.COIN, "storedValue": Tender.STORED_VALUE}


def verify_recharge(proved: Proved[RechargeTerms]) -> Verified:
    """`value_recharge`. Raises errors of the tree."""
    terms = proved.terms
    check_amount(proved.directory, terms.amount, terms.currency)
    act = Recharge(amount=MinorUnits(terms.amount), at_least=MinorUnits(terms.at_least)).act()
    return _order(proved, act, amount=terms.amount, card=terms.card)


def verify_gift(proved: Proved[GiftTerms]) -> Verified:
    """`gift_redeem`. Raises errors of the tree."""
    terms = proved.terms
    return _order(proved, gift_act(terms.gift, terms.reservation), card=terms.card, pin_result=terms.pin_result)


def verify_write_off(proved: Proved[WriteOffTerms]) -> Verified:
    """`coupon_write_off`; the amount may be 0 for a coupon that is good for a gift. Raises errors of the tree."""
    terms = proved.terms
    if terms.amount:
        check_amount(proved.directory, terms.amount, terms.currency)
    told = write_off(
        terms.coupon,
        terms.coupon_discount,
        basket=terms.amount,
        sale=number_of(terms.sale, _SALE_BITS, "sale") if terms.sale else sale_number(terms),
        items=read_items(terms.items),
        directory=proved.directory,
    )
    return _order(proved, told.act(), amount=terms.amount, card=terms.card)


def verify_authorization(proved: Proved[AuthorizationTerms]) -> Verified:
    """`authorization_create`, and `authorization_part`. Raises errors of the tree."""
    terms = proved.terms
    check_amount(proved.directory, terms.amount, terms.currency)
    act = authorize_act(MinorUnits(terms.amount), tender_named(terms.tender), time=terms.time)
    verified = _order(proved, act, amount=terms.amount, card=terms.card, pin_result=terms.pin_result)
    return replace(verified, partial=isinstance(terms, AuthorizationPartTerms))


def tender_named(name: str) -> Tender:
    """Raises MalformedMessage."""
    tender = _TENDERS.get(name)
    if tender is None:
        raise MalformedMessage("tender is coin or storedValue")
    return tender


def verify_capture(proved: Proved[CaptureTerms]) -> Verified:
    """`authorization_capture`. Raises errors of the tree."""
    terms = proved.terms
    check_amount(proved.directory, terms.amount, terms.currency)
    reward = reward_of(terms.reward)
    stream, sequence = authorisation_named(terms.authorization)
    about = _about(stream, sequence, proved.rules)
    act = Capture(
        stream=stream, sequence=Sequence(0) if about else sequence, amount=MinorUnits(terms.amount), reward=reward
    ).act()
    return _order(proved, act, amount=terms.amount, card=terms.card, about=about)


def verify_void(proved: Proved[VoidTerms]) -> Verified:
    """`authorization_void`. Raises errors of the tree."""
    terms = proved.terms
    stream, sequence = authorisation_named(terms.authorization)
    about = _about(stream, sequence, proved.rules)
    act = Void(stream=stream, sequence=Sequence(0) if about else sequence).act()
    return _order(proved, act, card=terms.card, about=about)


def _about(stream: StreamId, sequence: Sequence, rules: SignedRules) -> OriginalNumber | None:
    return OriginalNumber(number=sequence, whole=True) if stream == rules.stream else None


def _order(
    proved: Proved[Terms],
    act: Act,
    *,
    card: str,
    amount: int = 0,
    pin_result: str = "0",
    about: OriginalNumber | None = None,
) -> Verified:
    """The payment that carries the act. Raises UnknownMember, UnknownMerchant, MalformedMessage."""
    terms = proved.terms
    if pin_result not in PIN_RESULTS:
        raise MalformedMessage("pinResult is 0, 1 or 2")
    nobody = about is not None and not card
    member = MemberId(0) if nobody else find_member(proved.rules.member_of, card)
    order = ActOrder(
        key=proved.key(amount, PURCHASE_CLASS),
        transmission_time=local_stamp(terms.time, 0),
        body=body_of(terms, member),
        time=terms.time,
        member=member,
        act=act,
        pin_result=pin_result,
        about=about,
    )
    merchant = find_merchant(proved.directory, proved.terminal)
    credentials = Credentials(proof=Proof.SIGNATURE, evidence=proved.signature)
    return build_act(order, merchant=merchant, terminal=proved.terminal, credentials=credentials)
