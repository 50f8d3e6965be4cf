"""What an EVM block's header commits to: receipts with their logs, accounts with their storage; pure.

Sources: the Yellow Paper, appendices B (RLP) and D (Merkle Patricia trie); EIP-2718 (typed receipts), EIP-1186
(eth_getProof). Before it node/proofs/verify.py, which knows what should stand there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import rlp
from rlp.exceptions import DecodingError

from node.domain.ids import Hash32
from node.domain.merkle import keccak
from node.proofs.refusal import ProofRefused, Step

EMPTY_TRIE: Final = keccak(b"\x80")
HEADER_FIELDS: Final = 15
"""The least that a header has; later forks append."""
PARENT, STATE_ROOT, RECEIPTS_ROOT, NUMBER, TIMESTAMP = 0, 3, 5, 8, 11
BRANCH_ITEMS, SHORT_ITEMS, LOG_PARTS, RECEIPT_PARTS, ACCOUNT_PARTS = 17, 2, 3, 4, 4
LEAF_MARK, ODD_MARK = 2, 1
TYPED_BELOW: Final = 0x80
SMALL_NODE: Final = 600
"""Bytes of a branch, about; a leaf may hold a whole receipt."""
NODES: Final = 4_096
"""Of them that are kept as what they say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A block's header, as far as proofs need it; `time` in seconds since 1970."""

    hash: Hash32
    number: int
    time: int
    state_root: Hash32
    receipts_root: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """An event: who wrote it (20 bytes), its topics and its data."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


def read_header(raw: bytes) -> Block:
    """A header in RLP. Raises ProofRefused."""
    parts = _list(_decode(raw, Step.BLOCK), Step.BLOCK, "the header")
    fits = len(parts) >= HEADER_FIELDS and all(isinstance(each, bytes) for each in parts)
    if not fits or len(parts[STATE_ROOT]) != len(EMPTY_TRIE) or len(parts[RECEIPTS_ROOT]) != len(EMPTY_TRIE):
        raise ProofRefused(Step.BLOCK, "the header is none")
    number, time = int.from_bytes(parts[NUMBER], "big"), int.from_bytes(parts[TIMESTAMP], "big")
    if max(number, time) >= 2**37:
        raise ProofRefused(Step.BLOCK, "its number or its time is beyond all reason")
    return Block(
        hash=keccak(raw),
        number=number,
        time=time,
        state_root=Hash32(parts[STATE_ROOT]),
        receipts_root=Hash32(parts[RECEIPTS_ROOT]),
    )


def read_log(receipt: bytes, place: int) -> Log:
    """The log at a place of a receipt, typed or not. Raises ProofRefused when there is none."""
    body = receipt[1:] if receipt and receipt[0] < TYPED_BELOW else receipt
    parts = _list(_decode(body, Step.LOG), Step.LOG, "the receipt")
    if len(parts) != RECEIPT_PARTS or parts[0] != b"\x01":
        raise ProofRefused(Step.LOG, "the receipt is not one of success")
    logs = _list(parts[3], Step.LOG, "what the receipt has of logs")
    if place >= len(logs):
        raise ProofRefused(Step.LOG, f"the receipt has {len(logs)} logs, none at {place}")
    log = _list(logs[place], Step.LOG, "the log")
    if len(log) != LOG_PARTS or not isinstance(log[1], list):
        raise ProofRefused(Step.LOG, "the log is none")
    address, topics, data = log
    if not all(isinstance(each, bytes) for each in (address, data, *topics)):
        raise ProofRefused(Step.LOG, "the log is none")
    return Log(address=address, topics=tuple(topics), data=data)


def storage_root(account: bytes) -> Hash32:
    """The root of an account's storage, from its entry in the state. Raises ProofRefused."""
    parts = _list(_decode(account, Step.STATE), Step.STATE, "the account")
    if len(parts) != ACCOUNT_PARTS or not isinstance(parts[2], bytes):
        raise ProofRefused(Step.STATE, "the account is none")
    return Hash32(parts[2])


def stored_word(value: bytes) -> int:
    """A word of storage, from its entry in the trie. Raises ProofRefused."""
    word = _decode(value, Step.STATE)
    if not isinstance(word, bytes) or not 1 <= len(word) <= 32 or word[0] == 0:
        raise ProofRefused(Step.STATE, "what is stored is no word")
    return int.from_bytes(word, "big")


def trie_value(root: Hash32, key: bytes, nodes: Sequence[bytes], step: Step) -> bytes | None:
    """What a trie with this root has under a key; None when it has nothing there.

    `nodes` are those on the way, from the root on, that are not inside of another; each is used, in this order. Raises
    ProofRefused when one is not the one whose hash is expected, is missing or left over.
    """
    if root == EMPTY_TRIE and not nodes:
        return None
    path, left = _nibbles(key), iter(nodes)
    node: Any = _next(left, root, step)
    value: Any = None
    while True:
        reference, path, value = _step(node, path, step)
        if reference is None:
            break
        node = reference if isinstance(reference, list) else _next(left, reference, step)
    if next(left, None) is not None:
        raise ProofRefused(step, "a node is left over")
    if value is None:
        return None
    if not isinstance(value, bytes):
        raise ProofRefused(step, "what the trie has there is no value")
    return value


def index_key(index: int) -> bytes:
    """The key of a transaction's receipt: its place in the block, in RLP."""
    encoded: bytes = rlp.encode(index)
    return encoded


def _step(node: Any, path: tuple[int, ...], step: Step) -> tuple[Any, tuple[int, ...], Any]:
    """Where it goes on from a node (a hash, a node inside of it, None at the end), the path left, the value there."""
    parts = _list(node, step, "a node")
    if len(parts) == BRANCH_ITEMS:
        if not path:
            return None, (), parts[16] or None
        return _reference(parts[path[0]], step), path[1:], None
    if len(parts) != SHORT_ITEMS or not isinstance(parts[0], bytes) or not parts[0]:
        raise ProofRefused(step, "a node is none")
    mark, nibbles = parts[0][0] >> 4, _nibbles(parts[0])
    if mark > (LEAF_MARK | ODD_MARK):
        raise ProofRefused(step, "a node is none")
    own = nibbles[1:] if mark & ODD_MARK else nibbles[2:]
    if mark & LEAF_MARK:
        return None, (), parts[1] if own == path else None
    if path[: len(own)] != own:
        return None, (), None
    return _reference(parts[1], step), path[len(own) :], None


def _reference(value: Any, step: Step) -> Any:
    if isinstance(value, list) or len(value) == len(EMPTY_TRIE):
        return value
    if value:
        raise ProofRefused(step, "a node names another by what is no hash")
    return None


def _next(left: Any, expected: bytes, step: Step) -> Any:
    raw = next(left, None)
    if raw is None:
        raise ProofRefused(step, f"the node 0x{expected.hex()} is missing")
    if keccak(raw) != expected:
        raise ProofRefused(step, f"a node does not have the hash 0x{expected.hex()}")
    return _decode(raw, step)


def _nibbles(data: bytes) -> tuple[int, ...]:
    return tuple([half for byte in data for half in (byte >> 4, byte & 15)])


def _decode(raw: bytes, step: Step) -> Any:
    try:
        return _decoded(raw) if len(raw) <= SMALL_NODE else rlp.decode(raw)
    except (DecodingError, RecursionError) as failure:
        raise ProofRefused(step, f"bytes are no RLP ({type(failure).__name__})") from None


@lru_cache(maxsize=NODES)
def _decoded(raw: bytes) -> Any:
    """What bytes say; nobody changes it. Proofs of one root have their first nodes in common."""
    return rlp.decode(raw)


def _list(value: Any, step: Step, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ProofRefused(step, f"{what} is no list")
    return value
