"""From JSON parameters to typed terms, strictly: every member once, of its type, and no other.

Between the exchange and verify; pure. The table of parameters is also what OpenRPC's document says (openrpc.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from node.domain.account_terms import LinesTerms
from node.domain.desk_terms import DeskTerms, TotalsTerms
from node.domain.errors import MalformedMessage
from node.domain.ids import PaymentId, parse_payment_id
from node.domain.terminal_terms import (
    CaptureTerms,
    RefundTerms,
    SubscriptionTerms,
    Terms,
    VoidTerms,
    members_of,
)

Signed = TypeVar("Signed", bound=Terms)
NUMBERS_BELOW: Final = 2**48
IDEMPOTENCY_KEY: Final = "idempotencyKey"
PIN_BLOCK: Final = "pinBlock"
_SIGNATURE_DIGITS: Final = 130


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter means, how long it may be at most (None for a number), and what it is when it is left out."""

    meaning: str
    longest: int | None = None
    default: str | int | None = None


PARAMETERS: Final[Mapping[str, Parameter]] = {
    "terminal": Parameter("The terminal, as the Registry knows it.", 8),
    "stan": Parameter("Six digits that the terminal uses once with this time.", 6),
    "time": Parameter("The terminal's clock, Unix seconds."),
    "card": Parameter("A card's number, a loyalty id, a phone number or the text of a QR code.", 120),
    "currency": Parameter("ISO 4217 number, three digits.", 3),
    "amount": Parameter("Minor units, in all tenders together."),
    "coin": Parameter("How much of it is paid in coins, minor units.", default=0),
    "storedValue": Parameter("How much of it is paid from stored value, minor units.", default=0),
    "pinResult": Parameter("0: no PIN was asked for, 1: the card checked it, 2: it is in pinBlock.", 1, "0"),
    "items": Parameter("Line items as in object LI of ISO 8583.", 65_536, ""),
    "originalStan": Parameter("The STAN of what is undone.", 6),
    "originalTime": Parameter("Its time, Unix seconds."),
    "paymentId": Parameter("A payment's id, such as 1-42.", 31),
    "authorization": Parameter("The payment id of an authorisation.", 31),
    "coupon": Parameter("The coupon's number.", 20),
    "couponDiscount": Parameter("What the coupon takes off, minor units; empty: the bridge computes it.", 15, ""),
    "certificate": Parameter("The certificate's number.", 20),
    "certificateAmount": Parameter("How much of it is used, minor units; empty: as much as can be.", 15, ""),
    "codeSignature": Parameter("The signature by a certificate's code; empty: the member holds it.", 132, ""),
    "discount": Parameter("The discount, minor units; empty: what the network gives.", 15, ""),
    "sale": Parameter("The till's number for the sale; empty: made of time and STAN.", 20, ""),
    "atLeast": Parameter("What the member gets at least, minor units.", default=0),
    "gift": Parameter("The gift's number, or empty.", 20, ""),
    "reservation": Parameter("The reservation's number, or empty.", 39, ""),
    "tender": Parameter("coin or storedValue.", 11),
    "reward": Parameter("Points for this part, units; empty: in proportion.", 17, ""),
    "outcome": Parameter("How the sale was decided: DE39 of an advice, such as 00 or Y1.", 2, "00"),
    "approvalCode": Parameter("The code that the terminal gave, as in DE38, or empty.", 6, ""),
    "day": Parameter("A business day, YYYY-MM-DD.", 10),
    "credits": Parameter("How many refunds and recharges were approved."),
    "creditReversals": Parameter("How many of them were reversed."),
    "debits": Parameter("How many sales and completions were approved."),
    "debitReversals": Parameter("How many of them were reversed."),
    "creditAmount": Parameter("The amount of the credits, minor units."),
    "creditReversalAmount": Parameter("The amount of those that were reversed, minor units."),
    "debitAmount": Parameter("The amount of the debits, minor units."),
    "debitReversalAmount": Parameter("The amount of those that were reversed, minor units."),
    "signature": Parameter("EIP-712 by the terminal's key: r, s, v as 0x and 130 digits.", _SIGNATURE_DIGITS + 2),
    IDEMPOTENCY_KEY: Parameter(
        "A name for this request, unsigned: the same name with another request is refused.", 64, ""
    ),
    PIN_BLOCK: Parameter("The card's PIN, encrypted, unsigned: a PIN block's hexadecimal digits, or empty.", 32, ""),
    "subscription": Parameter("A subscription of this connection.", 20),
    "merchant": Parameter("The merchant, as the Registry knows it."),
    "reader": Parameter("An X25519 key: whose copies of content keys are wanted, 0x and 64 digits.", 66),
    "after": Parameter("Only payments with a higher sequence.", default=0),
}
"""Every parameter of every method, by its name."""
_CARDLESS: Final = (RefundTerms, CaptureTerms, VoidTerms)
"""What can be asked for without a card: whose it is follows from what it is about."""


LINES_NAMES: Final = ("merchant", "reader", "after", "time", "signature")
SUBSCRIPTION_NAMES: Final = (*(member.name for member in members_of(SubscriptionTerms)), "signature")


def names_of(kind: type[Terms]) -> tuple[str, ...]:
    """The parameters of a method that is signed, in their order."""
    beside = (IDEMPOTENCY_KEY,) if issubclass(kind, DeskTerms) else (IDEMPOTENCY_KEY, PIN_BLOCK)
    return (*(member.name for member in members_of(kind)), "signature", *beside)


def default_of(kind: type[Terms], name: str) -> str | int | None:
    """What a parameter is where it is left out; None: it must be there."""
    if (name == "card" and kind in _CARDLESS) or (name == "day" and kind is TotalsTerms):
        return ""
    return PARAMETERS[name].default


def terms_of(kind: type[Signed], params: object) -> tuple[Signed, bytes]:
    """The terms of a method that is signed, and the signature. Raises MalformedMessage."""
    given = _members(params, {name: default_of(kind, name) for name in names_of(kind)})
    values: dict[str, Any] = {
        member.attribute: _text(given, member.name) if member.is_text else _number(given, member.name)
        for member in members_of(kind)
    }
    return kind(**values), _signature(given)


def idempotency_key(params: object) -> str:
    """The request's name, empty without one; after `terms_of`. Raises MalformedMessage."""
    given = params if isinstance(params, dict) else {}
    return _text({IDEMPOTENCY_KEY: "", **given}, IDEMPOTENCY_KEY)


def pin_block_of(params: object) -> bytes:
    """The encrypted PIN block beside the signed terms, empty without one; after `terms_of`. Raises MalformedMessage."""
    given = params if isinstance(params, dict) else {}
    try:
        return bytes.fromhex(_text({PIN_BLOCK: "", **given}, PIN_BLOCK))
    except ValueError:
        raise MalformedMessage("pinBlock is a PIN block as hexadecimal digits") from None


def payment_named(params: object) -> PaymentId:
    """The payment id of `payment_status`. Raises MalformedMessage."""
    text = _members(params, {"paymentId": None})["paymentId"]
    try:
        parse_payment_id(text if isinstance(text, str) else "")
    except ValueError:
        raise MalformedMessage("paymentId looks like 1-42") from None
    return PaymentId(text)


def subscription_asked(params: object) -> PaymentId | tuple[SubscriptionTerms, bytes]:
    """What `till_subscribe` is about: a payment, or all of a terminal, which signs it. Raises MalformedMessage."""
    if isinstance(params, dict) and "paymentId" in params:
        return payment_named(params)
    given = _members(params, dict.fromkeys(SUBSCRIPTION_NAMES))
    terms = SubscriptionTerms(terminal=_text(given, "terminal"), stan=_text(given, "stan"), time=_number(given, "time"))
    return terms, _signature(given)


def lines_asked(params: object) -> tuple[LinesTerms, bytes]:
    """What `lines_read` is about, and the account's signature. Raises MalformedMessage."""
    given = _members(params, {**dict.fromkeys(LINES_NAMES), "after": 0})
    merchant = _number(given, "merchant")
    if not 0 < merchant < 2**32:
        raise MalformedMessage("merchant is a number of 32 bits")
    terms = LinesTerms(
        merchant=merchant, reader=_text(given, "reader"), after=_number(given, "after"), time=_number(given, "time")
    )
    return terms, _signature(given)


def subscription_named(params: object) -> str:
    """The subscription of `till_unsubscribe`. Raises MalformedMessage."""
    return _text(_members(params, {"subscription": None}), "subscription")


def nothing_asked(params: object) -> None:
    """Of a method without parameters. Raises MalformedMessage."""
    if params not in ({}, []):
        raise MalformedMessage("there are no parameters")


def _members(params: object, defaults: Mapping[str, str | int | None]) -> dict[str, Any]:
    if not isinstance(params, dict):
        raise MalformedMessage("the parameters are an object")
    unknown = sorted(str(name) for name in params if name not in defaults)
    if unknown:
        # what has digits in it may be anybody's card
        name = unknown[0] if unknown[0].isascii() and unknown[0].isalpha() else ""
        raise MalformedMessage(f"there is no parameter {name[:32]}".rstrip())
    for name, default in defaults.items():
        if default is None and name not in params:
            raise MalformedMessage(f"the parameter {name} is missing")
    return {**defaults, **params}


def _text(given: dict[str, Any], name: str) -> str:
    value = given[name]
    longest = PARAMETERS[name].longest or 0
    if not isinstance(value, str) or len(value) > longest or not value.isascii():
        raise MalformedMessage(f"{name} is an ASCII text of at most {longest} characters")
    return value


def _number(given: dict[str, Any], name: str) -> int:
    value = given[name]
    # bool is an int to Python
    if type(value) is not int or not 0 <= value < NUMBERS_BELOW:
        raise MalformedMessage(f"{name} is a whole number from 0 on")
    return value


def _signature(given: dict[str, Any]) -> bytes:
    value = given["signature"]
    try:
        if isinstance(value, str) and value.startswith("0x") and len(value) == 132 and value.isascii():
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise MalformedMessage("the signature is 0x and 130 hexadecimal digits")
