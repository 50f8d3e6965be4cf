"""A batch's leaves as the journal keeps them: 128 bytes each, one after the other (docs/batch.md, "The leaf"); pure."""

from node.domain.ids import Hash32
from node.domain.leaf import LEAF_BYTES
from node.domain.merkle import keccak


def leaf_sequence(leaf: bytes) -> int:
    """The sequence in a leaf (docs/batch.md, word 0)."""
    return int.from_bytes(leaf[5:13], "big")


def leaf_points(leaf: bytes) -> int:
    """The points that a leaf's line gave, units (docs/batch.md, word 1)."""
    return int.from_bytes(leaf[50:57], "big")


def leaf_amount(leaf: bytes) -> int:
    """What a leaf's line amounts to, minor units (docs/batch.md, word 1)."""
    return int.from_bytes(leaf[40:46], "big")


def leaf_tender(leaf: bytes) -> int:
    """What a leaf's line was paid with (docs/batch.md, word 0)."""
    return leaf[14]


def leaves_of(leaves: bytes, sequence: int) -> list[tuple[int, bytes]]:
    """The leaves of one payment with their indexes, among all of its batch."""
    wanted = sequence.to_bytes(8, "big")
    return [
        (at // LEAF_BYTES, leaves[at : at + LEAF_BYTES])
        for at in range(0, len(leaves), LEAF_BYTES)
        if leaves[at + 5 : at + 13] == wanted
    ]


def hashes(leaves: bytes) -> list[Hash32]:
    """The hash of each leaf (128 bytes each)."""
    return [keccak(leaves[at : at + LEAF_BYTES]) for at in range(0, len(leaves), LEAF_BYTES)]
