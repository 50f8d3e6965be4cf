"""What a payment carries beside its lines: the sealed items, the hash of who authorised it, and of what it said.

Part of verify; pure, the salt comes from the caller.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.domain.assignment import Item
from node.domain.ids import Hash32
from node.domain.merkle import keccak
from node.iso8583.basket import read_items

SALT_SIZE: Final = 16
_SEALED_VERSION: Final = b"\x01"
_AUTHORISATION: Final = b"\x04"


class Proof(IntEnum):
    """What a terminal proved itself with."""

    MAC = 1
    SIGNATURE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Sealed:
    """What the journal keeps beside a payment without reading it. `text` is the items' canonical text."""

    salt: bytes
    text: str

    @property
    def items(self) -> tuple[Item, ...]:
        """The line items, in their order."""
        return read_items(self.text)


def seal(salt: bytes, text: str) -> bytes:
    """The bytes that the journal keeps: empty without items."""
    return _SEALED_VERSION + salt + text.encode("ascii") if text else b""


def unseal(sealed: bytes) -> Sealed | None:
    """What `seal` put together, None without items. Raises ValueError for other bytes."""
    if not sealed:
        return None
    if sealed[:1] != _SEALED_VERSION or len(sealed) <= 1 + SALT_SIZE:
        raise ValueError("these are no sealed line items")
    return Sealed(salt=sealed[1 : 1 + SALT_SIZE], text=sealed[1 + SALT_SIZE :].decode("ascii"))


def authorisation(proof: Proof, pin_result: str, body: Hash32, evidence: bytes) -> Hash32:
    """keccak-256 of `0x04 | proof 1 | PIN result 1 | body 32 | MAC or signature`: who let a member be debited."""
    head = _AUTHORISATION + bytes((proof, int(pin_result)))
    return keccak(head + body + evidence)


def body_digest(parts: Iterable[tuple[str, str]]) -> Hash32:
    """SHA-256 over named texts, each with its length, in the given order; one content gives one digest."""
    text = "".join([f"{name}:{len(value)}:{value};" for name, value in parts])
    return Hash32(hashlib.sha256(text.encode()).digest())
