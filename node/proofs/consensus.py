"""Whether headers are signed as they must be, and follow from the anchor (docs/proofs.md, "Consensus").

Before it node/proofs/comet.py, which says what is hashed and signed; after it node/proofs/verify.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.proofs.anchor import Anchor
from node.proofs.comet import ABSENT, FOR_BLOCK, SignedHeader, Vote, header_hash, set_hash, vote_bytes
from node.proofs.refusal import ProofRefused, Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Power:
    """Voting power that signed, of all that the set has."""

    signed: int
    total: int


def check_signed(signed: SignedHeader) -> Power:
    """The power that signed a header; all that the set has when everybody did.

    Raises ProofRefused unless the set is the one that the header names, and more than two thirds of it signed.
    """
    header, commit = signed.header, signed.commit
    place = f"height {header.height}"
    if set_hash(signed.validators) != header.validators_hash:
        raise ProofRefused(Step.VALIDATORS, f"{place} names another set of validators")
    if len({each.key for each in signed.validators}) != len(signed.validators):
        raise ProofRefused(Step.VALIDATORS, f"a key stands twice in the set of {place}")
    if commit.height != header.height:
        raise ProofRefused(Step.HEADER, f"the commit is of height {commit.height}, the header of {header.height}")
    if commit.block_id.hash != header_hash(header):
        raise ProofRefused(Step.HEADER, f"the commit at {place} is for another header")
    if len(commit.votes) != len(signed.validators):
        raise ProofRefused(
            Step.SIGNATURES, f"{place} has {len(signed.validators)} validators, and {len(commit.votes)} signatures"
        )
    power = Power(
        # all signatures count, and a wrong one refuses the proof even where the others suffice
        signed=sum(_power_of(signed, number, vote) for number, vote in enumerate(commit.votes)),
        total=sum(each.power for each in signed.validators),
    )
    if power.signed * 3 <= power.total * 2:
        raise ProofRefused(Step.SIGNATURES, f"{power.signed} of {power.total} power signed {place}")
    return power


def check_walk(headers: Sequence[SignedHeader]) -> Power:
    """The power that signed the last of these headers, which lead to it from one set of validators to the next.

    Each but the last changes the validators, and the one after it is signed by the set that it changes them to.
    """
    if not headers:
        raise ProofRefused(Step.SIGNATURES, "nothing is signed")
    power = check_signed(headers[0])
    for before, after in pairwise(headers):
        old, new = before.header, after.header
        if new.chain_id != old.chain_id or new.height <= old.height:
            raise ProofRefused(Step.CHANGES, f"height {new.height} does not come after height {old.height}")
        if old.next_validators_hash == old.validators_hash:
            raise ProofRefused(Step.CHANGES, f"height {old.height} changes no validators")
        if new.validators_hash != old.next_validators_hash:
            raise ProofRefused(
                Step.CHANGES, f"height {old.height} hands over to other validators than height {new.height} has"
            )
        power = check_signed(after)
    return power


def check_anchor(headers: Sequence[SignedHeader], anchor: Anchor) -> int:
    """The place of the first header that the anchor's set signed at its height or later; what follows it is trusted.

    Raises ProofRefused when there is none, or the chain is another one.
    """
    chain_id = headers[-1].header.chain_id
    if chain_id != anchor.chain_id:
        raise ProofRefused(Step.ANCHOR, f"it is of the chain {chain_id}, not of {anchor.chain_id}")
    for place, each in enumerate(headers):
        if each.header.height >= anchor.height and each.header.validators_hash == anchor.validators_hash:
            return place
    raise ProofRefused(
        Step.ANCHOR,
        f"no header from height {anchor.height} on is signed by the validators "
        f"0x{anchor.validators_hash.hex()} that are trusted",
    )


def _power_of(signed: SignedHeader, number: int, vote: Vote) -> int:
    """What a vote adds to the power for the block: a vote for nothing, or none, adds nothing."""
    if vote.flag == ABSENT:
        return 0
    validator, where = signed.validators[number], f"signature {number} of height {signed.header.height}"
    if vote.address != validator.address:
        raise ProofRefused(Step.SIGNATURES, f"{where} is not of the validator that stands there")
    try:
        Ed25519PublicKey.from_public_bytes(validator.key).verify(
            vote.signature, vote_bytes(signed.header.chain_id, signed.commit, vote)
        )
    except (InvalidSignature, ValueError):
        raise ProofRefused(Step.SIGNATURES, f"{where} is wrong") from None
    return validator.power if vote.flag == FOR_BLOCK else 0
