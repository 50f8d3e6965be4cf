"""What a terminal signs on JSON-RPC: EIP-712 typed data, hashed by hand so that both sides share every byte; pure.

Any EIP-712 signer gives the same digest for the types below (docs/rpc.md). A type's members are the parameters of its
method, by the same names; `snake_case` here is `camelCase` there. What is no payment is in desk_terms.py.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from node.domain.ids import Address, Hash32
from node.domain.merkle import keccak

_DOMAIN_TYPE: Final = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
NAME: Final = "Tillnet"
VERSION: Final = "1"
HEAD: Final = "string terminal,string stan,uint64 time"
"""What every type begins with."""
_SALE: Final = "string card,string currency,uint48 amount,uint48 coin,uint48 storedValue,string pinResult,string items"


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What all terms have: who signs, the trace number, and the terminal's clock in Unix seconds."""

    TYPE: ClassVar[str] = f"Terms({HEAD})"

    terminal: str
    stan: str
    time: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentTerms(Terms):
    """A purchase as a terminal signs it: amounts in minor units, `items` as in DE48's LI."""

    TYPE: ClassVar[str] = f"Payment({HEAD},{_SALE})"

    card: str
    currency: str
    amount: int
    coin: int
    stored_value: int
    pin_result: str
    items: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReversalTerms(Terms):
    """A reversal as a terminal signs it; the original by its STAN and its time."""

    TYPE: ClassVar[str] = f"Reversal({HEAD},string originalStan,uint64 originalTime,uint48 amount)"

    original_stan: str
    original_time: int
    amount: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundTerms(Terms):
    """A refund of a part of a payment; `card` may be empty."""

    TYPE: ClassVar[str] = f"Refund({HEAD},string card,string currency,uint48 amount,string paymentId)"

    card: str
    currency: str
    amount: int
    payment_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CouponTerms(PaymentTerms):
    """A purchase with a coupon; an empty `coupon_discount` leaves it to the bridge."""

    TYPE: ClassVar[str] = f"Coupon({HEAD},{_SALE},string coupon,string couponDiscount)"

    coupon: str
    coupon_discount: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CertificateTerms(PaymentTerms):
    """A purchase that a gift certificate pays a part of; without `code_signature` the card's member has to hold it."""

    TYPE: ClassVar[str] = (
        f"Certificate({HEAD},{_SALE},string certificate,string certificateAmount,string codeSignature)"
    )

    certificate: str
    certificate_amount: str
    code_signature: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscountTerms(PaymentTerms):
    """A purchase with the discount on what is paid in coins; an empty `discount` is what the network gives."""

    TYPE: ClassVar[str] = f"Discounted({HEAD},{_SALE},string discount)"

    discount: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PartTerms(Terms):
    """A purchase all in one tender, coin or storedValue, of as much as the member has: the terminal takes the rest."""

    TYPE: ClassVar[str] = (
        f"Part({HEAD},string card,string currency,uint48 amount,string tender,string pinResult,string items)"
    )

    card: str
    currency: str
    amount: int
    tender: str
    pin_result: str
    items: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AdviceTerms(PaymentTerms):
    """A sale that took place without the bridge: `outcome` says how it was decided, as DE39 of an advice does."""

    TYPE: ClassVar[str] = f"Advice({HEAD},{_SALE},string outcome,string approvalCode)"

    outcome: str
    approval_code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AdviceReversalTerms(ReversalTerms):
    """A reversal of an advice, by its STAN and its time."""

    TYPE: ClassVar[str] = f"AdviceReversal({HEAD},string originalStan,uint64 originalTime,uint48 amount)"


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteOffTerms(Terms):
    """A coupon's write-off for a sale that is posted elsewhere; `sale` is the till's number for it."""

    TYPE: ClassVar[str] = (
        f"WriteOff({HEAD},string card,string currency,uint48 amount,string coupon,string couponDiscount,string sale,"
        "string items)"
    )

    card: str
    currency: str
    amount: int
    coupon: str
    coupon_discount: str
    sale: str
    items: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RechargeTerms(Terms):
    """Money that the clerk took becomes stored value."""

    TYPE: ClassVar[str] = f"Recharge({HEAD},string card,string currency,uint48 amount,uint48 atLeast)"

    card: str
    currency: str
    amount: int
    at_least: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GiftTerms(Terms):
    """A gift for coins, or the hand-over of a reservation; one of the two is empty."""

    TYPE: ClassVar[str] = f"Gift({HEAD},string card,string gift,string reservation,string pinResult)"

    card: str
    gift: str
    reservation: str
    pin_result: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthorizationTerms(Terms):
    """Money of a member that is put aside; `tender` is coin or storedValue."""

    TYPE: ClassVar[str] = (
        f"Authorization({HEAD},string card,string currency,uint48 amount,string tender,string pinResult)"
    )

    card: str
    currency: str
    amount: int
    tender: str
    pin_result: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthorizationPartTerms(AuthorizationTerms):
    """As much as the member has is put aside: the terminal takes the rest."""

    TYPE: ClassVar[str] = (
        f"AuthorizationPart({HEAD},string card,string currency,uint48 amount,string tender,string pinResult)"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptureTerms(Terms):
    """A part of an authorisation, by its payment id; `card` may be empty, `reward` is points in units or empty."""

    TYPE: ClassVar[str] = (
        f"Capture({HEAD},string card,string currency,uint48 amount,string authorization,string reward)"
    )

    card: str
    currency: str
    amount: int
    authorization: str
    reward: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VoidTerms(Terms):
    """What was not captured of an authorisation goes back; `card` may be empty."""

    TYPE: ClassVar[str] = f"Void({HEAD},string card,string authorization)"

    card: str
    authorization: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionTerms(Terms):
    """That whoever brings this is told of all that becomes of the terminal's messages; good for one subscription."""

    TYPE: ClassVar[str] = f"Subscription({HEAD})"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a type: its name on the wire, the attribute that holds it, and whether it is text or a number."""

    name: str
    attribute: str
    is_text: bool


def members_of(kind: type[Terms]) -> tuple[Member, ...]:
    """The members of a type in their order."""
    return _members(kind.TYPE)


@lru_cache(maxsize=64)
def _members(text: str) -> tuple[Member, ...]:
    found = []
    for each in text[text.index("(") + 1 : -1].split(","):
        solidity, name = each.split(" ")
        attribute = re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)
        found.append(Member(name, attribute, solidity == "string"))
    return tuple(found)


def domain_separator(chain_id: int, contract: Address) -> Hash32:
    """The EIP-712 domain of a network: its chain id, and the ledger's address."""
    return keccak(
        keccak(_DOMAIN_TYPE)
        + keccak(NAME.encode())
        + keccak(VERSION.encode())
        + chain_id.to_bytes(32, "big")
        + bytes(contract).rjust(32, b"\0")
    )


def digest(domain: Hash32, terms: Terms) -> Hash32:
    """The 32 bytes that are signed. Raises OverflowError for a number below 0 or above 256 bits."""
    return keccak(b"\x19\x01" + domain + _struct_hash(terms))


def _struct_hash(terms: Terms) -> Hash32:
    kind = type(terms)
    parts = [_type_hash(kind.TYPE)]
    for member in members_of(kind):
        value = getattr(terms, member.attribute)
        parts.append(keccak(value.encode()) if member.is_text else value.to_bytes(32, "big"))
    return keccak(b"".join(parts))


@lru_cache(maxsize=64)
def _type_hash(text: str) -> Hash32:
    return keccak(text.encode())
