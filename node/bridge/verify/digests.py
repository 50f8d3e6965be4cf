"""What a payment carries beside its lines: the hash of who authorised it, and of what it said.

Part of verify; pure.
"""

import hashlib
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from node.domain.ids import Hash32
from node.domain.merkle import keccak

_AUTHORISATION: Final = b"\x04"


class Proof(IntEnum):
    """What a terminal proved itself with."""

    MAC = 1
    SIGNATURE = 2


def authorisation(proof: Proof, pin_result: str, body: Hash32, evidence: bytes) -> Hash32:
    """keccak-256 of `0x04 | proof 1 | PIN result 1 | body 32 | MAC or signature`: who let a member be debited."""
    head = _AUTHORISATION + bytes((proof, int(pin_result)))
    return keccak(head + body + evidence)


def body_digest(parts: Iterable[tuple[str, str]]) -> Hash32:
    """SHA-256 over named texts, each with its length, in the given order; one content gives one digest."""
    text = "".join([f"{name}:{len(value)}:{value};" for name, value in parts])
    return Hash32(hashlib.sha256(text.encode()).digest())
