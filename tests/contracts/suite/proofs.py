"""Proofs of lines, as ILedgerDoors.ProvenLeaf."""

from typing import Any

from node.domain.leaf import Leaf
from node.domain.merkle import keccak, proof_of
from tests.contracts.twin import Twin


def proven(twin: Twin, leaf: Leaf) -> tuple[Any, ...]:
    """The words of a leaf with its root and proof; a leaf that no batch had comes with the newest root."""
    root = twin.root_of_leaf.get(leaf.hash)
    if root is None:
        return (*leaf.words(), list(twin.trees)[-1], [keccak(b"wrong")])
    hashes = [each.hash for each in twin.trees[root]]
    return (*leaf.words(), root, list(proof_of(hashes, hashes.index(leaf.hash))))


def block_of(twin: Twin, leaf: Leaf) -> int:
    """The block that stored a leaf's root; 0 for a leaf that no batch had."""
    root = twin.root_of_leaf.get(leaf.hash)
    return int(twin.ledger.view("roots", root)) if root else 0
