"""What a terminal signs on JSON-RPC: EIP-712 typed data, hashed by hand so that both sides share every byte; pure.

Any EIP-712 signer gives the same digest for the types below (docs/rpc.md). A type's members are the parameters of its
method, by the same names; `snake_case` here is `camelCase` there.
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
_HEAD: Final = "string terminal,string stan,uint64 time"
_SALE: Final = "string card,string currency,uint48 amount,uint48 coin,uint48 storedValue,string pinResult,string items"


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What all terms have: who signs, the trace number, and the terminal's clock in Unix seconds."""

    TYPE: ClassVar[str] = f"Terms({_HEAD})"

    terminal: str
    stan: str
    time: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentTerms(Terms):
    """A purchase as a terminal signs it: amounts in minor units, `items` as in DE48's LI."""

    TYPE: ClassVar[str] = f"Payment({_HEAD},{_SALE})"

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

    TYPE: ClassVar[str] = f"Reversal({_HEAD},string originalStan,uint64 originalTime,uint48 amount)"

    original_stan: str
    original_time: int
    amount: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundTerms(Terms):
    """A refund of a part of a payment; `card` may be empty."""

    TYPE: ClassVar[str] = f"Refund({_HEAD},string card,string currency,uint48 amount,string paymentId)"

    card: str
    currency: str
    amount: int
    payment_id: str


PAYMENT_TYPE: Final = PaymentTerms.TYPE
REVERSAL_TYPE: Final = ReversalTerms.TYPE


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
