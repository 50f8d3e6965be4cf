"""The checks that both intakes share: is there such a terminal, of this merchant, with this member; is the amount one.

Part of verify; reads a frozen directory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from node.bridge.lines.basket import SEED_BYTES, pack_items
from node.bridge.verify.digests import Proof, authorisation
from node.domain.act import Act
from node.domain.assignment import Item, TenderSplit, assign_lines
from node.domain.directory import Directory, Merchant, Terminal
from node.domain.errors import (
    InvalidAmount,
    MalformedMessage,
    OriginalNotFound,
    UnknownMember,
    UnknownMerchant,
    UnknownTerminal,
)
from node.domain.ids import Hash32, MemberId, MinorUnits, StreamId, TerminalId, parse_payment_id
from node.domain.line_items import salted_root
from node.domain.payment import Entry, OriginalKey, OriginalNumber, Payment, PaymentKey

MemberOf = Callable[[str], MemberId | None]
"""A card or loyalty id to its member."""
Randomness = Callable[[int], bytes]
"""That many random bytes."""


_MAX_SEQUENCE: Final = 2**63


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What may be journaled; `basket` (lines/basket.py) is sealed by the journal's writer and kept beside it.

    With `partial` the terminal can take the rest where only a part is approved.
    """

    entry: Entry
    basket: bytes = b""
    partial: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """How the message was proved, None if it came without proof and the bridge does not insist."""

    proof: Proof
    evidence: bytes


def find_terminal(directory: Directory, terminal: TerminalId, stream: StreamId) -> Terminal:
    """The terminal, if it is active on this stream. Raises UnknownTerminal."""
    found = find_sender(directory, terminal, stream)
    check_active(found)
    return found


def find_sender(directory: Directory, terminal: TerminalId, stream: StreamId) -> Terminal:
    """The terminal, if it is registered on this stream, active or not. Raises UnknownTerminal."""
    found = directory.terminals.get(terminal)
    if found is None:
        raise UnknownTerminal("it is not registered")
    if found.stream != stream:
        raise UnknownTerminal("it is not active on this bridge")
    return found


def check_active(terminal: Terminal) -> None:
    """Raises UnknownTerminal."""
    if not terminal.active:
        raise UnknownTerminal("it is not active on this bridge")


def find_merchant(directory: Directory, terminal: Terminal) -> Merchant:
    """The terminal's merchant, if it is active. Raises UnknownMerchant."""
    merchant = directory.merchants.get(terminal.merchant)
    if merchant is None or not merchant.active:
        raise UnknownMerchant("the terminal's merchant is not active")
    return merchant


def find_member(member_of: MemberOf, card: str) -> MemberId:
    """The member with this card. Raises UnknownMember; the card never gets into a message or a log."""
    member = member_of(card) if card else None
    if member is None:
        raise UnknownMember()
    return member


def check_amount(directory: Directory, amount: int, currency: str) -> None:
    """Raises InvalidAmount."""
    if currency != directory.currency:
        raise InvalidAmount(f"the currency is not {directory.currency}")
    if amount <= 0:
        raise InvalidAmount("it is zero")
    if amount > directory.max_line_amount:
        raise InvalidAmount(f"it is above the limit of {directory.max_line_amount}")


def original_number(payment: str, stream: StreamId) -> OriginalNumber:
    """The payment with this id. Raises MalformedMessage, OriginalNotFound when it is another bridge's."""
    try:
        of, sequence = parse_payment_id(payment)
    except ValueError:
        raise MalformedMessage("a payment id looks like 1-42") from None
    if of != stream or sequence >= _MAX_SEQUENCE:
        raise OriginalNotFound("this bridge has no such payment")
    return OriginalNumber(number=sequence, whole=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Purchase:
    """The content of a purchase, whichever way it came; `items_text` is the canonical text of `items`."""

    key: PaymentKey
    transmission_time: str
    body: Hash32
    time: int
    member: MemberId
    items: Sequence[Item]
    items_text: str
    split: TenderSplit
    pin_result: str
    act: Act | None = None


def build_payment(
    purchase: Purchase,
    *,
    directory: Directory,
    merchant: Merchant,
    terminal: Terminal,
    credentials: Credentials | None,
    randomness: Randomness,
) -> Verified:
    """The payment: lines by rule version and tender, items root, authorisation. Raises InvalidAmount, MalformedMessage.

    A payment that debits, or carries an act, without credentials is for the caller to refuse.
    """
    lines = assign_lines(
        amount=purchase.key.amount,
        items=purchase.items,
        split=purchase.split,
        merchant=merchant,
        product_sets=directory.product_sets,
        time=purchase.time,
    )
    seed = randomness(SEED_BYTES) if purchase.items else b""
    granted = None
    if credentials is not None and (purchase.act is not None or any(line.tender.debits for line in lines)):
        granted = authorisation(credentials.proof, purchase.pin_result, purchase.body, credentials.evidence)
    payment = Payment(
        key=purchase.key,
        transmission_time=purchase.transmission_time,
        body=purchase.body,
        merchant=merchant.id,
        terminal=terminal.number,
        member=purchase.member,
        time=purchase.time,
        lines=lines,
        items_root=salted_root(purchase.items, seed),
        authorisation=granted,
        act=purchase.act,
    )
    return Verified(entry=payment, basket=pack_items(seed, purchase.items_text))


@dataclass(frozen=True, kw_only=True, slots=True)
class ActOrder:
    """An act without a sale, whichever way it came; `member` 0 where `about` says whose it is."""

    key: PaymentKey
    transmission_time: str
    body: Hash32
    time: int
    member: MemberId
    act: Act
    pin_result: str = "0"
    about: OriginalKey | OriginalNumber | None = None


def build_act(order: ActOrder, *, merchant: Merchant, terminal: Terminal, credentials: Credentials) -> Verified:
    """The payment without lines that carries an act."""
    payment = Payment(
        key=order.key,
        transmission_time=order.transmission_time,
        body=order.body,
        merchant=merchant.id,
        terminal=terminal.number,
        member=order.member,
        time=order.time,
        lines=(),
        items_root=None,
        authorisation=authorisation(credentials.proof, order.pin_result, order.body, credentials.evidence),
        act=order.act,
        about=order.about,
    )
    return Verified(entry=payment)


def split_of(amount: MinorUnits, source: str, said: TenderSplit | None) -> TenderSplit | None:
    """How much of the amount the chain takes, by the "from account" of the processing code; None where that is unknown.

    `00` takes what the private elements say, `60` all of it from stored value, `90` all of it in coins.
    """
    match source:
        case "00":
            return said if said is not None else TenderSplit()
        case "60" if said is None:
            return TenderSplit(stored_value=amount)
        case "90" if said is None:
            return TenderSplit(coin=amount)
    return None
