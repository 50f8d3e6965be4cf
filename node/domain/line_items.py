"""A payment's line items with the salts of their leaves: what the items root on the chain stands for; pure.

A salt of its own for each item (docs/decisions/0009): whoever is shown one item with its proof cannot try out what
lies behind the hashes beside it. Payments from before that have one salt for all of their items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.domain.assignment import Item
from node.domain.ids import Hash32
from node.domain.merkle import SALT_BYTES, item_leaf, keccak, proof_of, root_of

SALT_DOMAIN: Final = b"\x06"


class Salting(IntEnum):
    """How the salts of a payment's items follow from its 16 random bytes."""

    SHARED = 1
    """They are the salt of every item."""
    EACH = 2
    """keccak-256 of `0x06 | the random bytes 16 | index 2`, the first 16 bytes of it."""


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
        return tuple([item_salt(self.seed, index) for index in range(len(self.items))])

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


def item_salt(seed: bytes, index: int) -> bytes:
    """The salt of item `index` (from 0) of a payment with these random bytes."""
    if len(seed) != SALT_BYTES:
        raise ValueError(f"the seed has {len(seed)} bytes, not {SALT_BYTES}")
    return keccak(SALT_DOMAIN + seed + index.to_bytes(2, "big"))[:SALT_BYTES]


def salted_root(items: Sequence[Item], seed: bytes) -> Hash32 | None:
    """What the batch carries of a payment's items; None when it has none."""
    return LineItems(items=tuple(items), seed=seed).root if items else None
