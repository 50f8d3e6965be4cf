"""A Merkle tree whose nodes carry sums, of points and of stored value, over accounts; pure (docs/proofs.md).

A node's hash is over the sums below it, so nobody is left out of the root's sums, or counted with less. Sums have 64
bits and never turn over; nothing negative has a place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.ids import Address, Hash32
from node.domain.merkle import keccak

LEAF_DOMAIN: Final = b"\x07"
NODE_DOMAIN: Final = b"\x08"
SUM_BYTES: Final = 8
SALT_BYTES: Final = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """A node: its hash, and what all accounts below it hold; points in units, value in minor units."""

    hash: Hash32
    points: int
    value: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What one account holds. The salt keeps others from trying out whose leaf it is."""

    account: Address
    points: int
    value: int
    salt: bytes

    @property
    def leaf(self) -> Sums:
        """Its leaf. Raises OverflowError for a sum that is negative or has more than 64 bits."""
        data = LEAF_DOMAIN + self.salt + self.account + _number(self.points) + _number(self.value)
        return Sums(hash=keccak(data), points=self.points, value=self.value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """A node on the way up, and whether it stands on the left."""

    node: Sums
    left: bool


def join(left: Sums, right: Sums) -> Sums:
    """The node above two. Raises OverflowError when their sums have more than 64 bits."""
    data = b"".join(each.hash + _number(each.points) + _number(each.value) for each in (left, right))
    sums = Sums(hash=keccak(NODE_DOMAIN + data), points=left.points + right.points, value=left.value + right.value)
    if max(sums.points, sums.value) >= 2**64:
        raise OverflowError("a sum has more than 64 bits")
    return sums


def levels_of(leaves: Sequence[Sums]) -> list[list[Sums]]:
    """The tree over these leaves, the root last: pairs in their order, an odd last node moves up. At least one leaf."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [join(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
        levels.append([*above, below[-1]] if len(below) % 2 else above)
    return levels


def path_of(levels: Sequence[Sequence[Sums]], index: int) -> tuple[Beside, ...]:
    """What stands beside the way from leaf `index` to the root."""
    found = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            found.append(Beside(node=level[sibling], left=sibling < index))
        index //= 2
    return tuple(found)


def sums_from_path(leaf: Sums, path: Sequence[Beside]) -> Sums:
    """The root that a path leads to. Raises OverflowError."""
    node = leaf
    for beside in path:
        node = join(beside.node, node) if beside.left else join(node, beside.node)
    return node


def _number(number: int) -> bytes:
    return number.to_bytes(SUM_BYTES, "big")
