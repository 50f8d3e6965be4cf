"""A block's receipts as their trie has them, and the nodes that lead to one of them; pure.

Whatever is built here is compared with the header's receipts root before anybody sees it (node/explorer/prove.py).
Sources: the Yellow Paper, appendix D; EIP-2718.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

import rlp

from node.chain.rlp import Rlp, encode_list
from node.domain.ids import Hash32
from node.domain.merkle import keccak

Nibbles = tuple[int, ...]
HASH_BYTES: Final = 32
"""A node of fewer bytes stands inside of the one that names it."""


def encode_receipt(receipt: Mapping[str, Any]) -> bytes:
    """A receipt as JSON-RPC gives it, in its consensus form."""
    logs: list[Rlp] = [
        [_data(log["address"]), [_data(topic) for topic in log["topics"]], _data(log["data"])]
        for log in receipt["logs"]
    ]
    body = encode_list(
        [_whole(receipt["status"]), _whole(receipt["cumulativeGasUsed"]), _data(receipt["logsBloom"]), logs]
    )
    kind = int(receipt.get("type", "0x0"), 16)
    return bytes([kind]) + body if kind else body


def encode_header(block: Mapping[str, Any]) -> bytes:
    """A block's header as JSON-RPC gives it (Cancun's fields, then Prague's if there are any), in RLP."""
    fields = [
        *(_data(block[name]) for name in ("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot")),
        *(_data(block[name]) for name in ("receiptsRoot", "logsBloom")),
        *(_whole(block[name]) for name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")),
        *(_data(block[name]) for name in ("extraData", "mixHash", "nonce")),
        _whole(block["baseFeePerGas"]),
        _data(block["withdrawalsRoot"]),
        *(_whole(block[name]) for name in ("blobGasUsed", "excessBlobGas")),
        _data(block["parentBeaconBlockRoot"]),
    ]
    if "requestsHash" in block:
        fields.append(_data(block["requestsHash"]))
    return encode_list(fields)


def prove_entry(entries: Mapping[bytes, bytes], key: bytes) -> tuple[Hash32, list[bytes]]:
    """The root of the trie of these entries, and its nodes on the way to `key`, from the root on."""
    if not entries:
        return keccak(rlp.encode(b"")), []
    pairs = sorted((_nibbles(name), value) for name, value in entries.items())
    way: list[bytes] = []
    node = _node(pairs, _nibbles(key), way)
    root: bytes = rlp.encode(node)
    if len(root) < HASH_BYTES:
        way.append(root)
    return keccak(root), way[::-1]


def _node(pairs: Sequence[tuple[Nibbles, bytes]], key: Nibbles | None, way: list[bytes]) -> Any:
    """The node over these pairs, whose paths begin here; adds what is on the way to `key` (None: none of it is)."""
    if not pairs:
        return b""
    if len(pairs) == 1:
        return _kept([_packed(pairs[0][0], leaf=True), pairs[0][1]], key, way)
    shared = _shared(pairs[0][0], pairs[-1][0])
    if shared:
        below = [(path[len(shared) :], value) for path, value in pairs]
        onward = key[len(shared) :] if key is not None and key[: len(shared)] == shared else None
        return _kept([_packed(shared, leaf=False), _named(_node(below, onward, way))], key, way)
    branch: list[Any] = []
    for nibble in range(16):
        below = [(path[1:], value) for path, value in pairs if path and path[0] == nibble]
        onward = key[1:] if key and key[0] == nibble else None
        branch.append(_named(_node(below, onward, way)))
    return _kept([*branch, next((value for path, value in pairs if not path), b"")], key, way)


def _kept(node: list[Any], key: Nibbles | None, way: list[bytes]) -> list[Any]:
    """The node; noted when it is on the way, and has a hash of its own."""
    if key is not None:
        encoded: bytes = rlp.encode(node)
        if len(encoded) >= HASH_BYTES:
            way.append(encoded)
    return node


def _named(node: Any) -> Any:
    """How a node stands in the one above it."""
    if node == b"":
        return node
    encoded: bytes = rlp.encode(node)
    return keccak(encoded) if len(encoded) >= HASH_BYTES else node


def _packed(path: Nibbles, *, leaf: bool) -> bytes:
    """Hex prefix: a mark for a leaf and for an odd number of nibbles, then the nibbles."""
    mark = (2 if leaf else 0) + len(path) % 2
    whole = (mark, *path) if len(path) % 2 else (mark, 0, *path)
    return bytes(high << 4 | low for high, low in zip(whole[::2], whole[1::2], strict=True))


def _shared(first: Nibbles, last: Nibbles) -> Nibbles:
    """What all paths between the first and the last of a sorted list begin with."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return tuple(left for left, _ in alike)


def _nibbles(data: bytes) -> Nibbles:
    return tuple([half for byte in data for half in (byte >> 4, byte & 15)])


def _data(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _whole(text: str) -> bytes:
    """A number without leading zeros, nothing for 0."""
    number = int(text, 16)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
