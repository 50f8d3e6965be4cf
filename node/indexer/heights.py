"""Who proposed a height and who signed it, checked: CometBFT's headers, the votes in their commits, the EVM blocks.

Pure. Before it node/network/heights.py, which gives what validators signed; after it node/indexer/record.py. A height
is believed when the next one is there too: that names the commit that counts, and the EVM block's hash.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from node.chain.checked import LyingNode
from node.proofs.comet import FOR_BLOCK, FOR_NIL, SignedHeader, commit_hash, header_hash, read_signed_header
from node.proofs.consensus import check_signed
from node.proofs.refusal import ProofRefused


@dataclass(frozen=True, kw_only=True, slots=True)
class Height:
    """A height: its header's hash, who proposed it, in which round, and how each of its set voted, by CometBFT's names.

    `missed` are those whose vote for the block is not in its commit, with whether they voted for none.
    """

    number: int
    hash: bytes
    proposer: bytes
    round: int
    signed: tuple[bytes, ...]
    missed: tuple[tuple[bytes, bool], ...]
    power: int
    total: int


def checked_heights(
    found: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]],
    before: bytes | None,
    block_hash: Callable[[int], bytes | None],
) -> list[Height]:
    """All of these heights but the last; each comes with its set. `before` is the hash of the header before the first.

    Raises LyingNode when one of them contradicts itself, its neighbours, or the EVM block of its number.
    """
    try:
        read = [read_signed_header({**signed, "validators": those}, "the height") for signed, those in found]
        powers = [check_signed(each) for each in read]
    except ProofRefused as refused:
        raise LyingNode(
            f"what validators are said to have signed is refuted ({refused.step}): {refused.reason}"
        ) from None
    if read and before is not None and read[0].header.last_block_id.hash != before:
        raise LyingNode(f"height {read[0].header.height} does not follow the one before it")
    heights = []
    for (this, after), power in zip(pairwise(read), powers, strict=False):
        _check_next(this, after, block_hash(this.header.height))
        heights.append(_height(this, power.signed, power.total))
    return heights


def _check_next(this: SignedHeader, after: SignedHeader, block: bytes | None) -> None:
    """Whether the next header names this one, its commit, its successors and its EVM block."""
    number, header = this.header.height, after.header
    pairs = (
        ("height", header.height, number + 1),
        ("chain", header.chain_id, this.header.chain_id),
        ("header before", header.last_block_id.hash, header_hash(this.header)),
        ("commit", header.hashes[0], commit_hash(this.commit)),
        ("validators", header.validators_hash, this.header.next_validators_hash),
        ("block", header.app_hash, block),
    )
    for what, said, wanted in pairs:
        if said != wanted:
            raise LyingNode(f"height {number + 1} names another {what} than that of height {number}")


def _height(signed: SignedHeader, power: int, total: int) -> Height:
    votes = [
        (each.address, vote.flag) for each, vote in zip(signed.validators, signed.commit.votes, strict=True)
    ]  # fmt: skip
    return Height(
        number=signed.header.height,
        hash=header_hash(signed.header),
        proposer=signed.header.proposer,
        round=signed.commit.round,
        signed=tuple(address for address, flag in votes if flag == FOR_BLOCK),
        missed=tuple((address, flag == FOR_NIL) for address, flag in votes if flag != FOR_BLOCK),
        power=power,
        total=total,
    )
