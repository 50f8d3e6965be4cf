"""From what a terminal signed (EIP-712, node/domain/terminal_terms.py) to a payment, a reversal or a refund.

Stage before: intake_rpc, and rpc_sender.py, which proves who signed. Stage after: journal.
"""

from collections.abc import Collection
from typing import Final

from node.bridge.verify.acts import SaleAsks, sale_act
from node.bridge.verify.digests import Proof, body_digest
from node.bridge.verify.local_time import local_stamp
from node.bridge.verify.lookup import (
    Credentials,
    Purchase,
    Verified,
    build_payment,
    check_amount,
    find_member,
    find_merchant,
    original_number,
)
from node.bridge.verify.rpc_sender import Proved, check_stan, check_time
from node.domain.assignment import TenderSplit
from node.domain.directory import Merchant
from node.domain.errors import MalformedMessage
from node.domain.ids import Hash32, MemberId, MinorUnits
from node.domain.payment import OriginalKey, PaymentKey, Refund, Reversal
from node.domain.terminal_terms import (
    AdviceReversalTerms,
    CertificateTerms,
    CouponTerms,
    DiscountTerms,
    PaymentTerms,
    RefundTerms,
    ReversalTerms,
    Terms,
    members_of,
)
from node.iso8583.basket import PIN_RESULTS, read_items

PURCHASE_CLASS: Final = "020"
"""Of all signed messages but advices and reversals, so that `payment_reverse` finds each by its STAN and time."""
ADVICE_CLASS: Final = "022"
REVERSAL_CLASS: Final = "040"


def verify_payment(proved: Proved[PaymentTerms]) -> Verified:
    """A purchase that its terminal signed, with a coupon, a certificate or a discount if it asks for one.

    Raises errors of the tree.
    """
    terms, directory, rules = proved.terms, proved.directory, proved.rules
    merchant = find_merchant(directory, proved.terminal)
    check_amount(directory, terms.amount, terms.currency)
    if terms.pin_result not in PIN_RESULTS:
        raise MalformedMessage("pinResult is 0, 1 or 2")
    items = read_items(terms.items)
    member = find_member(rules.member_of, terms.card)
    split, act = sale_act(
        asks_of(terms),
        amount=MinorUnits(terms.amount),
        split=TenderSplit(coin=MinorUnits(terms.coin), stored_value=MinorUnits(terms.stored_value)),
        items=items,
        sale=sale_number(terms),
        directory=directory,
    )
    purchase = Purchase(
        key=proved.key(terms.amount, PURCHASE_CLASS),
        transmission_time=local_stamp(terms.time, 0),
        body=body_of(terms, member),
        time=terms.time,
        member=member,
        items=items,
        items_text=terms.items,
        split=split,
        pin_result=terms.pin_result,
        act=act,
    )
    return built(purchase, proved, merchant)


def built(purchase: Purchase, proved: Proved[Terms], merchant: Merchant) -> Verified:
    """The payment of a purchase that its terminal signed. Raises InvalidAmount, MalformedMessage."""
    return build_payment(
        purchase,
        directory=proved.directory,
        merchant=merchant,
        terminal=proved.terminal,
        credentials=Credentials(proof=Proof.SIGNATURE, evidence=proved.signature),
        randomness=proved.rules.randomness,
    )


def verify_reversal(proved: Proved[ReversalTerms]) -> Verified:
    """A reversal, signed by its terminal, of all of the message with that STAN and time: of an advice, or of what is
    none. Raises errors of the tree.

    The terminal and its merchant need not be active any more: what they sold before can be undone.
    """
    terms, terminal = proved.terms, proved.terminal
    check_stan(terms.original_stan)
    check_time("originalTime", terms.original_time)
    said: tuple[str, ...] = (terms.original_stan, str(terms.original_time), str(terms.amount))
    original = ADVICE_CLASS if isinstance(terms, AdviceReversalTerms) else PURCHASE_CLASS
    if original == ADVICE_CLASS:
        said = (*said, original)
    reversal = Reversal(
        key=proved.key(terms.amount, REVERSAL_CLASS),
        body=body_digest([("type", REVERSAL_CLASS), *_named(terms.stan, terms.time, said)]),
        original=OriginalKey(
            terminal=terminal.id,
            mti_class=original,
            stan=terms.original_stan,
            transmission_time=local_stamp(terms.original_time, 0),
        ),
        merchant=terminal.merchant,
        terminal=terminal.number,
        time=terms.time,
    )
    return Verified(entry=reversal)


def verify_refund(proved: Proved[RefundTerms]) -> Verified:
    """A refund of a payment of the terminal's merchant, signed by the terminal. Raises errors of the tree."""
    terms, terminal, rules = proved.terms, proved.terminal, proved.rules
    merchant = find_merchant(proved.directory, terminal)
    check_amount(proved.directory, terms.amount, terms.currency)
    member = find_member(rules.member_of, terms.card) if terms.card else None
    refund = Refund(
        key=proved.key(terms.amount, PURCHASE_CLASS),
        transmission_time=local_stamp(terms.time, 0),
        body=body_of(terms, member),
        original=original_number(terms.payment_id, rules.stream),
        amount=MinorUnits(terms.amount),
        merchant=merchant.id,
        terminal=terminal.number,
        member=member,
        time=terms.time,
    )
    return Verified(entry=refund)


def asks_of(terms: PaymentTerms) -> SaleAsks:
    """What a purchase asks for beside itself."""
    if isinstance(terms, CouponTerms):
        return SaleAsks(coupon=terms.coupon, coupon_discount=terms.coupon_discount)
    if isinstance(terms, CertificateTerms):
        return SaleAsks(
            certificate=terms.certificate,
            certificate_amount=terms.certificate_amount,
            certificate_signature=terms.code_signature,
        )
    return SaleAsks(discount=terms.discount) if isinstance(terms, DiscountTerms) else SaleAsks()


def sale_number(terms: Terms) -> int:
    """A number for the sale that a message is about: its time and trace number."""
    return terms.time * 10**6 + int(terms.stan)


def body_of(terms: Terms, member: MemberId | None) -> Hash32:
    """The digest of all that a repeat of this message has to say again; of the card, whose it is."""
    kind = type(terms)
    if isinstance(terms, PaymentTerms) and kind is PaymentTerms:
        told = (
            terms.currency,
            str(terms.amount),
            str(terms.coin),
            str(terms.stored_value),
            terms.pin_result,
            terms.items,
        )
        return body_digest([("type", PURCHASE_CLASS), ("member", str(member)), *_named(terms.stan, terms.time, told)])
    said = [(each.name, str(getattr(terms, each.attribute))) for each in members_of(kind) if each.attribute != "card"]
    return body_digest([("type", kind.TYPE), ("member", "" if member is None else str(member)), *said])


def key_of(proved: Proved[Terms], mti_class: str = PURCHASE_CLASS) -> PaymentKey:
    """What makes a message the same message."""
    return proved.key(getattr(proved.terms, "amount", 0), mti_class)


def bodies_of(proved: Proved[Terms], member: MemberId) -> Collection[Hash32]:
    """The digests that a message may have had when it came first, if it was this member's: its card may be nobody's
    now.
    """
    card = getattr(proved.terms, "card", "")
    now = proved.rules.member_of(card) if card else None
    members = {now} if now else {member} if card else {None, MemberId(0)}
    return {body_of(proved.terms, each) for each in members}


def _named(stan: str, time: int, said: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("stan", stan), ("time", str(time)), *((str(index), text) for index, text in enumerate(said))]
