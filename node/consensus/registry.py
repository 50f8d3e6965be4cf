"""The two genesis contracts as the validator application reads them: calldata, answers, and the set that CometBFT gets.

Pure. Used by node/consensus/permissions.py (which asks geth) and by node/network (genesis, supervision, `till`). The
contracts' specification is in interfaces/IValidatorRegistry.sol and IAccountRegistry.sol.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from Crypto.Hash import keccak

from node.domain.errors import TillnetError
from node.domain.ids import Address

VALIDATOR_REGISTRY: Final = Address(bytes.fromhex("0000000000000000000000000000000000007111"))
ACCOUNT_REGISTRY: Final = Address(bytes.fromhex("0000000000000000000000000000000000007112"))
SEND, DEPLOY = 1, 2
"""Permissions of an account, bits."""
ALL_PERMISSIONS: Final = SEND | DEPLOY
MOST_VALIDATORS: Final = 64
MOST_OBSERVERS: Final = 256
MOST_PEERS: Final = MOST_VALIDATORS + MOST_OBSERVERS
"""Nodes that the registry lets connect."""
MOST_POWER: Final = 1_000_000
KEY_BYTES: Final = 32
NODE_ID_BYTES: Final = 20
WORD: Final = 32


class NodeStatus(IntEnum):
    """What the registry knows of a p2p node (IValidatorRegistry.NodeStatus)."""

    UNKNOWN = 0
    OF_VALIDATOR = 1
    OF_OBSERVER = 2
    REMOVED = 3


class BadAnswer(TillnetError):
    """A genesis contract's answer is not what its interface says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidatorKey:
    """A validator's ed25519 public key (32 bytes), voting power and p2p node id (40 hex digits)."""

    public_key: bytes
    power: int
    node_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Validator:
    """An entry of the registry: votes with `account`, signs blocks with `key`, connects as `node_id`."""

    account: Address
    power: int
    key: bytes
    node_id: bytes
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Observer:
    """A node that may connect and follow."""

    node_id: bytes
    name: str


def cleaned(entries: Iterable[tuple[bytes, int]], genesis: Sequence[ValidatorKey]) -> dict[bytes, int]:
    """Power by public key, as CometBFT takes it, whatever stands in the registry.

    Total and deterministic: keys of another length, powers outside 1 to 1,000,000 and repeated keys are left out, no
    more than 64 are taken, and if nothing is left it is the genesis set. An update that CometBFT refuses would halt
    every node, and it refuses an empty set, duplicates, and powers that add up to more than 2^60.
    """
    found: dict[bytes, int] = {}
    for key, power in entries:
        if len(key) == KEY_BYTES and 1 <= power <= MOST_POWER and len(found) < MOST_VALIDATORS:
            found.setdefault(key, power)
    return found or {each.public_key: each.power for each in genesis}


def difference(before: dict[bytes, int], after: dict[bytes, int]) -> list[tuple[bytes, int]]:
    """What turns one cleaned set into another, by key: new powers, and 0 for those that go."""
    changed = [(key, power) for key, power in after.items() if before.get(key) != power]
    return sorted(changed + [(key, 0) for key in before if key not in after])


def consensus_address(key: bytes) -> bytes:
    """CometBFT's 20-byte name of a validator (crypto/ed25519, PubKey.Address)."""
    return hashlib.sha256(key).digest()[:20]


def call_data(signature: str, *words: bytes | int) -> bytes:
    """Calldata of a function whose arguments are all static: each an integer, or bytes (bytesN) put to the left."""
    return selector(signature) + b"".join(map(encode_word, words))


def permissions_call(accounts: Sequence[bytes]) -> bytes:
    """Calldata of AccountRegistry.permissionsOfAll."""
    words = [encode_word(WORD), encode_word(len(accounts)), *(account.rjust(WORD, b"\0") for account in accounts)]
    return selector("permissionsOfAll(address[])") + b"".join(words)


def selector(signature: str) -> bytes:
    """The first four bytes of a call."""
    return keccak.new(digest_bits=256, data=signature.encode()).digest()[:4]


def encode_word(value: bytes | int) -> bytes:
    """One ABI word: an integer to the right, bytes to the left."""
    return value.to_bytes(WORD, "big") if isinstance(value, int) else value.ljust(WORD, b"\0")


def read_validators(answer: bytes) -> list[Validator]:
    """The answer of validators(). Raises BadAnswer; an empty answer (no such contract) is an empty list."""
    return [
        Validator(
            account=Address(row[0][12:]),
            power=int.from_bytes(row[1], "big"),
            key=row[2],
            node_id=row[3][:NODE_ID_BYTES],
            name=_text(row[4]),
        )
        for row in _rows(answer, 5)
    ]


def read_observers(answer: bytes) -> list[Observer]:
    """The answer of observers(). Raises BadAnswer."""
    return [Observer(node_id=row[0][:NODE_ID_BYTES], name=_text(row[1])) for row in _rows(answer, 2)]


def read_numbers(answer: bytes) -> list[int]:
    """The answer of a function that returns one array of numbers. Raises BadAnswer."""
    return [int.from_bytes(row[0], "big") for row in _rows(answer, 1)]


def read_number(answer: bytes) -> int:
    """One word as a number; 0 for an empty answer."""
    return int.from_bytes(answer[:WORD], "big")


def _rows(answer: bytes, width: int) -> list[list[bytes]]:
    """A returned array of static structs of `width` words."""
    if not answer:
        return []
    count = int.from_bytes(answer[WORD : 2 * WORD], "big")
    body = answer[2 * WORD :]
    if int.from_bytes(answer[:WORD], "big") != WORD or len(body) != count * width * WORD:
        raise BadAnswer(f"{len(answer)} bytes are no list of {width} words each")
    words = [body[place : place + WORD] for place in range(0, len(body), WORD)]
    return [words[place : place + width] for place in range(0, len(words), width)]


def _text(word: bytes) -> str:
    return word.rstrip(b"\0").decode(errors="replace")
