"""From what a terminal signed (EIP-712, node/domain/terminal_terms.py) to a payment or a reversal.

Stage before: intake_rpc. Stage after: journal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from coincurve import PublicKey

from node.bridge.verify.acts import SaleAsks, sale_act
from node.bridge.verify.digests import Proof, body_digest
from node.bridge.verify.local_time import local_stamp
from node.bridge.verify.lookup import (
    Credentials,
    MemberOf,
    Purchase,
    Randomness,
    Verified,
    build_payment,
    check_amount,
    find_member,
    find_merchant,
    find_terminal,
    original_number,
)
from node.domain.assignment import TenderSplit
from node.domain.directory import Directory, Terminal
from node.domain.errors import MalformedMessage, WrongSignature
from node.domain.ids import Address, Hash32, MemberId, MinorUnits, StreamId, TerminalId
from node.domain.merkle import keccak
from node.domain.payment import OriginalKey, PaymentKey, Refund, Reversal
from node.domain.terminal_terms import (
    CertificateTerms,
    CouponTerms,
    DiscountTerms,
    PaymentTerms,
    RefundTerms,
    ReversalTerms,
    Terms,
    digest,
    members_of,
)
from node.iso8583.basket import PIN_RESULTS, read_items

_SIGNATURE_SIZE: Final = 65
# the upper half of s is the same signature again (EIP-2)
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_PURCHASE_CLASS: Final = "020"
_REVERSAL_CLASS: Final = "040"
_END_OF_TIME: Final = 2**32


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedRules:
    """What verify goes by; `domain` is the EIP-712 domain separator; older than `replay_seconds` is refused."""

    stream: StreamId
    utc_offset: int
    domain: Hash32
    replay_seconds: int
    ahead_seconds: int
    directory: Callable[[], Directory]
    member_of: MemberOf
    randomness: Randomness


def verify_payment(terms: PaymentTerms, signature: bytes, rules: SignedRules, received: int) -> Verified:
    """A purchase that its terminal signed, with a coupon, a certificate or a discount if it asks for one.

    `received` is Unix seconds. Raises errors of the tree.
    """
    directory = rules.directory()
    terminal = signed_by(terms, signature, directory, rules, received)
    merchant = find_merchant(directory, terminal)
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
    said = (terms.currency, str(terms.amount), str(terms.coin), str(terms.stored_value), terms.pin_result, terms.items)
    purchase = Purchase(
        key=key_of(terms, terms.amount, terminal, rules, _PURCHASE_CLASS),
        transmission_time=local_stamp(terms.time, 0),
        body=(
            body_digest([("type", _PURCHASE_CLASS), ("member", str(member)), *_named(terms.stan, terms.time, said)])
            if type(terms) is PaymentTerms
            else body_of(terms, member)
        ),
        time=terms.time,
        member=member,
        items=items,
        items_text=terms.items,
        split=split,
        pin_result=terms.pin_result,
        act=act,
    )
    return build_payment(
        purchase,
        directory=directory,
        merchant=merchant,
        terminal=terminal,
        credentials=Credentials(proof=Proof.SIGNATURE, evidence=signature),
        randomness=rules.randomness,
    )


def verify_reversal(terms: ReversalTerms, signature: bytes, rules: SignedRules, received: int) -> Verified:
    """A reversal, signed by its terminal, of all of the purchase with that STAN and time. Raises errors of the tree."""
    directory = rules.directory()
    terminal = signed_by(terms, signature, directory, rules, received)
    merchant = find_merchant(directory, terminal)
    _check_stan(terms.original_stan)
    if not 0 < terms.original_time < _END_OF_TIME:
        raise MalformedMessage("originalTime is Unix seconds")
    said = (terms.original_stan, str(terms.original_time), str(terms.amount))
    reversal = Reversal(
        key=key_of(terms, terms.amount, terminal, rules, _REVERSAL_CLASS),
        body=body_digest([("type", _REVERSAL_CLASS), *_named(terms.stan, terms.time, said)]),
        original=OriginalKey(
            terminal=terminal.id,
            mti_class=_PURCHASE_CLASS,
            stan=terms.original_stan,
            transmission_time=local_stamp(terms.original_time, 0),
        ),
        merchant=merchant.id,
        terminal=terminal.number,
        time=terms.time,
    )
    return Verified(entry=reversal)


def verify_refund(terms: RefundTerms, signature: bytes, rules: SignedRules, received: int) -> Verified:
    """A refund of a payment of the terminal's merchant, signed by the terminal. Raises errors of the tree."""
    directory = rules.directory()
    terminal = signed_by(terms, signature, directory, rules, received)
    merchant = find_merchant(directory, terminal)
    check_amount(directory, terms.amount, terms.currency)
    member = find_member(rules.member_of, terms.card) if terms.card else None
    refund = Refund(
        key=key_of(terms, terms.amount, terminal, rules, _PURCHASE_CLASS),
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
    said = [(each.name, str(getattr(terms, each.attribute))) for each in members_of(kind) if each.attribute != "card"]
    return body_digest([("type", kind.TYPE), ("member", "" if member is None else str(member)), *said])


def signer_of(message: Hash32, signature: bytes) -> Address:
    """Who signed these 32 bytes: r 32, s 32, v 1 (0, 1, 27 or 28), s in its lower half. Raises WrongSignature."""
    if len(signature) != _SIGNATURE_SIZE:
        raise WrongSignature(f"it has {_SIGNATURE_SIZE} bytes")
    recovery = signature[64] - 27 if signature[64] >= 27 else signature[64]
    if recovery not in (0, 1) or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise WrongSignature("its v or its s is out of range")
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes((recovery,)), message, hasher=None)
    except Exception:
        # coincurve raises plain Exception, or ValueError, where no key fits
        raise WrongSignature("no key could have made it") from None
    return Address(keccak(key.format(compressed=False)[1:])[12:])


def signed_by(terms: Terms, signature: bytes, directory: Directory, rules: SignedRules, received: int) -> Terminal:
    """The terminal that signed. Raises MalformedMessage, UnknownTerminal, WrongSignature."""
    _check_stan(terms.stan)
    if not 0 < terms.time < _END_OF_TIME:
        raise MalformedMessage("time is Unix seconds")
    terminal = find_terminal(directory, TerminalId(terms.terminal), rules.stream)
    if terminal.signer is None:
        raise WrongSignature("no key is registered for this terminal")
    if signer_of(digest(rules.domain, terms), signature) not in (terminal.signer, terminal.previous_signer):
        raise WrongSignature("it is not this terminal's")
    if not received - rules.replay_seconds <= terms.time <= received + rules.ahead_seconds:
        raise WrongSignature("its time is too far from now")
    return terminal


def _check_stan(stan: str) -> None:
    if not (len(stan) == 6 and stan.isascii() and stan.isdecimal()):
        raise MalformedMessage("a STAN has six digits")


def key_of(terms: Terms, amount: int, terminal: Terminal, rules: SignedRules, mti_class: str) -> PaymentKey:
    """What makes this message the same message."""
    return PaymentKey(
        terminal=terminal.id,
        stan=terms.stan,
        local_time=local_stamp(terms.time, rules.utc_offset),
        amount=MinorUnits(amount),
        mti_class=mti_class,
    )


def _named(stan: str, time: int, said: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("stan", stan), ("time", str(time)), *((str(index), text) for index, text in enumerate(said))]
