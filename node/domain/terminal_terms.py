"""What a terminal signs on JSON-RPC: EIP-712 typed data, hashed by hand so that both sides share every byte; pure.

Any EIP-712 signer gives the same digest for the types below (docs/rpc.md).
"""

from dataclasses import dataclass
from typing import Final

from node.domain.ids import Address, Hash32
from node.domain.merkle import keccak

_DOMAIN_TYPE: Final = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
NAME: Final = "Tillnet"
VERSION: Final = "1"
PAYMENT_TYPE: Final = (
    "Payment(string terminal,string stan,uint64 time,string card,string currency,uint48 amount,uint48 coin,"
    "uint48 storedValue,string pinResult,string items)"
)
REVERSAL_TYPE: Final = (
    "Reversal(string terminal,string stan,uint64 time,string originalStan,uint64 originalTime,uint48 amount)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentTerms:
    """A purchase as a terminal signs it: `time` in Unix seconds, amounts in minor units, `items` as in DE48's LI."""

    terminal: str
    stan: str
    time: int
    card: str
    currency: str
    amount: int
    coin: int
    stored_value: int
    pin_result: str
    items: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReversalTerms:
    """A reversal as a terminal signs it; the original by its STAN and its time."""

    terminal: str
    stan: str
    time: int
    original_stan: str
    original_time: int
    amount: int


def domain_separator(chain_id: int, contract: Address) -> Hash32:
    """The EIP-712 domain of a network: its chain id, and the ledger's address."""
    return keccak(
        keccak(_DOMAIN_TYPE)
        + keccak(NAME.encode())
        + keccak(VERSION.encode())
        + chain_id.to_bytes(32, "big")
        + bytes(contract).rjust(32, b"\0")
    )


def digest(domain: Hash32, terms: PaymentTerms | ReversalTerms) -> Hash32:
    """The 32 bytes that are signed. Raises OverflowError for a number below 0 or above 256 bits."""
    return keccak(b"\x19\x01" + domain + _struct_hash(terms))


def _struct_hash(terms: PaymentTerms | ReversalTerms) -> Hash32:
    if isinstance(terms, PaymentTerms):
        return keccak(
            _PAYMENT_TYPE_HASH
            + _text(terms.terminal)
            + _text(terms.stan)
            + _number(terms.time)
            + _text(terms.card)
            + _text(terms.currency)
            + _number(terms.amount)
            + _number(terms.coin)
            + _number(terms.stored_value)
            + _text(terms.pin_result)
            + _text(terms.items)
        )
    return keccak(
        _REVERSAL_TYPE_HASH
        + _text(terms.terminal)
        + _text(terms.stan)
        + _number(terms.time)
        + _text(terms.original_stan)
        + _number(terms.original_time)
        + _number(terms.amount)
    )


def _text(text: str) -> bytes:
    return keccak(text.encode())


def _number(number: int) -> bytes:
    return number.to_bytes(32, "big")


_PAYMENT_TYPE_HASH: Final = keccak(PAYMENT_TYPE.encode())
_REVERSAL_TYPE_HASH: Final = keccak(REVERSAL_TYPE.encode())
