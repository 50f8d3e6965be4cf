"""A payment's line items with the salts of their leaves: what the items root on the chain stands for; pure.

A salt of its own for each item (docs/decisions/0010): whoever is shown one item with its proof cannot try out what
lies behind the hashes beside it. Payments from before that have one salt for all of their items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import shake_256
from typing import Final

from node.domain.assignment import Item
from node.domain.ids import Hash32
from node.domain.merkle import SALT_BYTES, item_leaf, proof_of, root_of

SALT_DOMAIN: Final = b"\x06"


class Salting(IntEnum):
    """How the salts of a payment's items follow from its 16 random bytes."""

    SHARED = 1
    """They are the salt of every item."""
    EACH = 2
    """Item i has bytes 16 i to 16 i + 15 of what SHAKE256 (FIPS 202) makes of `0x06 | the random bytes 16`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LineItems:
    """The items of one payment in the order of the receipt, at least one, and the 16 random bytes of its salts."""

    items: tuple[Item, ...]
    seed: bytes
    salting: Salting = Salting.EACH

    @property
    def salts(self) -> tuple[bytes, ...]:
        """The salt of each item, 16 bytes."""
        if self.salting is Salting.SHARED:
            return (self.seed,) * len(self.items)
        return salts_of(self.seed, len(self.items))

    @property
    def leaves(self) -> tuple[Hash32, ...]:
        """The leaf of each item. Raises ValueError when a field does not fit its width."""
        salted = zip(self.items, self.salts, strict=True)
        return tuple([item_leaf(item, index, salt) for index, (item, salt) in enumerate(salted)])

    @property
    def root(self) -> Hash32:
        """The items root. Raises ValueError when a field does not fit its width."""
        return root_of(self.leaves)

    def proof(self, index: int) -> tuple[Hash32, ...]:
        """What leads from an item's leaf to the root. Raises IndexError."""
        return proof_of(self.leaves, index)


def salts_of(seed: bytes, count: int) -> tuple[bytes, ...]:
    """The salts of so many items of a payment with these random bytes. Raises ValueError when they are not 16."""
    if len(seed) != SALT_BYTES:
        raise ValueError(f"the seed has {len(seed)} bytes, not {SALT_BYTES}")
    # one call for all of them: a keccak for each takes half as long again as the whole tree
    salts = shake_256(SALT_DOMAIN + seed).digest(SALT_BYTES * count)
    return tuple([salts[at : at + SALT_BYTES] for at in range(0, len(salts), SALT_BYTES)])


def salted_root(items: Sequence[Item], seed: bytes) -> Hash32 | None:
    """What the batch carries of a payment's items; None when it has none."""
    return LineItems(items=tuple(items), seed=seed).root if items else None
