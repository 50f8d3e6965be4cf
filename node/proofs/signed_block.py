"""The EVM block that a proof leads to, and who signed for it: what every kind of proof has in common.

Before it node/proofs/consensus.py; after it verify.py and liability.py, which read what the block commits to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.ids import Address, Hash32
from node.domain.merkle import keccak
from node.proofs.anchor import Anchor
from node.proofs.comet import SignedHeader, read_signed_header
from node.proofs.consensus import Power, check_anchor, check_walk
from node.proofs.ethereum import Block, read_header, storage_root, stored_word, trie_value
from node.proofs.reading import Fields
from node.proofs.refusal import ProofRefused, Step

MAX_HEADERS: Final = 1_000
MAX_NODES: Final = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """The block that a proof leads to, and who signed for it. `height` is CometBFT's, one above the block's number.

    `validators_hash` names the set that is trusted, `changes` is how often validators changed since then. Without an
    anchor it is the set that the proof begins with, and nobody has said that it is to be trusted.
    """

    chain_id: str
    ledger: Address
    block: Block
    height: int
    power: Power
    validators_hash: Hash32
    changes: int
    anchored: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedBlock:
    """A block that is signed, and follows from `headers[start]`, whose signers the anchor names, if there is one."""

    block: Block
    headers: Sequence[SignedHeader]
    power: Power
    start: int
    anchor: Anchor | None

    def by(self, ledger: Address) -> Signed:
        """What is signed of this ledger. Raises ProofRefused when the anchor names another one."""
        if self.anchor is not None and ledger != self.anchor.ledger:
            raise ProofRefused(Step.ANCHOR, f"the ledger is 0x{ledger.hex()}, not 0x{self.anchor.ledger.hex()}")
        last = self.headers[-1].header
        return Signed(
            chain_id=last.chain_id,
            ledger=ledger,
            block=self.block,
            height=last.height,
            power=self.power,
            validators_hash=Hash32(self.headers[self.start].header.validators_hash),
            changes=len(self.headers) - 1 - self.start,
            anchored=self.anchor is not None,
        )

    def storage_of(self, ledger: Address, nodes: Sequence[bytes]) -> Hash32:
        """The root of the ledger's storage after the block. Raises ProofRefused."""
        account = trie_value(self.block.state_root, keccak(ledger), nodes, Step.STATE)
        if account is None:
            raise ProofRefused(Step.STATE, "the block has no such ledger")
        return storage_root(account)


def signed_block(document: Fields, anchor: Anchor | None) -> SignedBlock:
    """The block of a proof's `headers` and `block`. Raises ProofRefused."""
    headers = [
        read_signed_header(each, f"headers[{number}]")
        for number, each in enumerate(document.many("headers", MAX_HEADERS))
    ]
    power = check_walk(headers)
    start = 0 if anchor is None else check_anchor(headers, anchor)
    last = headers[-1].header
    raw = document.data("block")
    if keccak(raw) != last.app_hash:
        raise ProofRefused(Step.BLOCK, f"the block is not the one that height {last.height} names")
    block = read_header(raw)
    if block.number != last.height - 1:
        raise ProofRefused(Step.BLOCK, f"height {last.height} names the block {block.number}")
    return SignedBlock(block=block, headers=headers, power=power, start=start, anchor=anchor)


def word_at(root: Hash32, slot: bytes, nodes: Sequence[bytes]) -> int | None:
    """A word of a storage with this root, None where nothing is stored. Raises ProofRefused."""
    value = trie_value(root, keccak(slot), nodes, Step.STATE)
    return None if value is None else stored_word(value)
