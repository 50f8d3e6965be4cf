"""The commutative keccak tree of docs/batch.md: leaves of a batch, line items of a payment, product sets.

Each pair is hashed as keccak(min, max) and an odd last node moves up as it is, so OpenZeppelin's MerkleProof verifies
it. Used by verify (items), batch (product sets), finality (refund proofs) and by whoever checks a proof; pure.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sha3 import keccak_256

from node.domain.assignment import Item
from node.domain.ids import Hash32, StreamId
from node.domain.ids import Sequence as SequenceNumber

ITEM_DOMAIN: Final = b"\x02"
PRODUCT_DOMAIN: Final = b"\x03"
SALT_BYTES: Final = 16
NO_ITEMS: Final = Hash32(bytes(32))
"""The items root of a payment without items, and the root of a batch that accepted nothing."""


def keccak(data: bytes) -> Hash32:
    """keccak-256 as Ethereum has it (not FIPS 202's SHA3-256)."""
    # seven times as fast as eth_hash with its default backend: a basket of ten items takes twenty hashes
    return Hash32(keccak_256(data).digest())


def root_of(leaves: Sequence[Hash32]) -> Hash32:
    """The root over `leaves` in their order; 32 zero bytes when there is none, the leaf itself when there is one."""
    if not leaves:
        return NO_ITEMS
    level = list(leaves)
    while len(level) > 1:
        level = _fold(level)
    return level[0]


def proof_of(leaves: Sequence[Hash32], index: int) -> tuple[Hash32, ...]:
    """The siblings that lead from leaf `index` to the root, from the bottom up. Raises IndexError out of range."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} among {len(leaves)}")
    level, siblings = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            siblings.append(level[sibling])
        level, index = _fold(level), index // 2
    return tuple(siblings)


def root_from_proof(leaf: Hash32, proof: Iterable[Hash32]) -> Hash32:
    """The root that `proof` leads to from `leaf`; compare it with one that the chain holds."""
    node = leaf
    for sibling in proof:
        node = _pair(node, sibling)
    return node


def item_leaf(item: Item, index: int, salt: bytes) -> Hash32:
    """The leaf of line item number `index` (from 0). Raises ValueError when a field does not fit its width."""
    code = _code(item.product)
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt has {len(salt)} bytes, not {SALT_BYTES}")
    try:
        numbers = index.to_bytes(2, "big") + item.amount.to_bytes(6, "big") + item.quantity.to_bytes(4, "big")
    except OverflowError as error:
        raise ValueError(f"item {index} of {item.product!r}: a number is negative or too large") from error
    return keccak(ITEM_DOMAIN + salt + numbers + bytes([len(code)]) + code)


def item_leaves(items: Sequence[Item], salt: bytes) -> tuple[Hash32, ...]:
    """The leaves of a payment's items, in the order of the receipt."""
    return tuple(item_leaf(item, index, salt) for index, item in enumerate(items))


def items_root(items: Sequence[Item], salt: bytes) -> Hash32 | None:
    """What the batch carries of a payment's items; None when it has none."""
    return root_of(item_leaves(items, salt)) if items else None


def receipt_token(item: Hash32, stream: StreamId, sequence: SequenceNumber) -> int:
    """The number of the token of a line item (its leaf) of a payment, when it is sold on (IReceiptMarket.tokenOf)."""
    payment = stream.to_bytes(32, "big") + sequence.to_bytes(32, "big")
    return int.from_bytes(keccak(item + payment), "big")


def product_leaf(product: str) -> Hash32:
    """The leaf of one product code in a product set."""
    return keccak(PRODUCT_DOMAIN + _code(product))


def product_leaves(products: Iterable[str]) -> tuple[Hash32, ...]:
    """The leaves of a product set: distinct codes, sorted as ASCII."""
    return tuple(product_leaf(product) for product in sorted(set(products)))


def product_set_root(products: Iterable[str]) -> Hash32:
    """The root that names a product set in a rule. Raises ValueError when the set is empty."""
    leaves = product_leaves(products)
    if not leaves:
        raise ValueError("a product set holds at least one product")
    return root_of(leaves)


def _code(product: str) -> bytes:
    if not 1 <= len(product) <= 32 or not product.isascii() or not product.isprintable():
        raise ValueError(f"a product code is 1 to 32 printable ASCII characters, not {product!r}")
    return product.encode("ascii")


def _fold(level: Sequence[Hash32]) -> list[Hash32]:
    pairs = [_pair(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def _pair(left: Hash32, right: Hash32) -> Hash32:
    return keccak(left + right if left < right else right + left)
