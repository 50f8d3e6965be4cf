"""RLP and the root of a block's tries, written for speed: a block may carry thousands of logs.

node/explorer/receipt_trie.py makes proofs from the same tries. Sources: the Yellow Paper, appendices B to D.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from node.domain.merkle import keccak

Rlp: TypeAlias = "bytes | Sequence[Rlp]"
HASH_BYTES: Final = 32
"""A node of fewer bytes stands inside of the one that names it."""


def encode_text(text: bytes) -> bytes:
    """Bytes, as RLP has them."""
    size = len(text)
    if size == 1 and text[0] < 0x80:
        return text
    return _head(0x80, size) + text


def encode_list(items: Sequence[Rlp], encoded: bytes = b"") -> bytes:
    """A list of these items and of what is encoded already, behind them."""
    body = b"".join([encode_text(item) if isinstance(item, bytes) else encode_list(item) for item in items]) + encoded
    return _head(0xC0, len(body)) + body


def root_of_list(values: Sequence[bytes]) -> bytes:
    """The root of the trie that holds each value under its index: of a block's transactions, or receipts."""
    if not values:
        return keccak(b"\x80")
    pairs = sorted([(_nibbles(encode_text(bytes_of(index))), value) for index, value in enumerate(values)])
    return keccak(_node(pairs, 0))


def bytes_of(number: int) -> bytes:
    """A number without leading zeros, nothing for 0."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def whole_in(text: str) -> int:
    """A number of JSON-RPC."""
    return int(text, 16)


def number_in(text: str) -> bytes:
    """A number of JSON-RPC, as RLP wants it."""
    return bytes_of(int(text, 16))


def data_in(text: str) -> bytes:
    """Bytes of JSON-RPC."""
    return bytes.fromhex(text[2:])


def _head(base: int, size: int) -> bytes:
    if size <= 55:
        return bytes((base + size,))
    length = bytes_of(size)
    return bytes((base + 55 + len(length),)) + length


def _node(pairs: Sequence[tuple[bytes, bytes]], depth: int) -> bytes:
    """The encoded node over pairs of (nibbles, value) that are sorted and share their first `depth` nibbles."""
    first, last = pairs[0][0], pairs[-1][0]
    if len(pairs) == 1:
        return encode_list([_packed(first[depth:], 0x20), pairs[0][1]])
    shared = depth
    while shared < len(first) and first[shared] == last[shared]:
        shared += 1
    if shared > depth:
        return encode_list([_packed(first[depth:shared], 0)], _named(_node(pairs, shared)))
    branches = [b"\x80"] * 16
    start = 0
    # an index's encoding is never the beginning of another's: no value stands in a branch itself
    while start < len(pairs):
        nibble = pairs[start][0][depth]
        end = start + 1
        while end < len(pairs) and pairs[end][0][depth] == nibble:
            end += 1
        branches[nibble] = _named(_node(pairs[start:end], depth + 1))
        start = end
    return encode_list([], b"".join(branches) + b"\x80")


def _named(node: bytes) -> bytes:
    """How an encoded node stands in the one above it."""
    return node if len(node) < HASH_BYTES else b"\xa0" + keccak(node)


def _packed(path: bytes, mark: int) -> bytes:
    """Hex prefix: a mark for a leaf and for an odd number of nibbles, then the nibbles."""
    whole = bytes((mark >> 4 | 1,)) + path if len(path) % 2 else bytes((mark >> 4, 0)) + path
    return bytes([high << 4 | low for high, low in zip(whole[::2], whole[1::2], strict=True)])


def _nibbles(data: bytes) -> bytes:
    return bytes([half for byte in data for half in (byte >> 4, byte & 15)])
