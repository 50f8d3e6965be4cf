"""CometBFT's signed headers: what is hashed and what is signed, byte for byte (docs/proofs.md, "Consensus"); pure.

Sources: CometBFT v0.40.0, types/block.go (Header.Hash), types/canonical.go and types/vote.go (VoteSignBytes),
types/validator_set.go (Hash), types/encoding_helper.go, crypto/merkle (RFC 6962), proto/tendermint/types/*.proto. The
JSON is that of its RPC (`commit`, `validators`), so that other programs read it too.
"""

import calendar
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from node.proofs.protobuf import field, fixed, number, octets, varint
from node.proofs.reading import Fields
from node.proofs.refusal import ProofRefused, Step

MAX_SIGNERS: Final = 1_000
HASH_BYTES, ADDRESS_BYTES, KEY_BYTES, SIGNATURE_BYTES = 32, 20, 32, 64
ABSENT, FOR_BLOCK, FOR_NIL = 1, 2, 3
"""BlockIDFlag."""
PRECOMMIT: Final = 2
KEY_TYPE: Final = "tendermint/PubKeyEd25519"
NO_TIME: Final = "0001-01-01T00:00:00Z"
NO_SECONDS: Final = -62_135_596_800
"""NO_TIME since 1970."""
_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{0,8}[1-9]))?Z")
_HASHES: Final = (
    "last_commit_hash", "data_hash", "validators_hash", "next_validators_hash", "consensus_hash", "app_hash",
    "last_results_hash", "evidence_hash",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Time:
    """Seconds since 1970, and nanoseconds."""

    seconds: int
    nanoseconds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockId:
    """A header's hash, and how its block was cut into parts: a vote is for both. Before height 1 it is empty."""

    hash: bytes
    parts: int
    parts_hash: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """A header; `hashes` are the eight in their order."""

    block_version: int
    app_version: int
    chain_id: str
    height: int
    time: Time
    last_block_id: BlockId
    hashes: tuple[bytes, ...]
    proposer: bytes

    @property
    def validators_hash(self) -> bytes:
        """Of the set that signs this header."""
        return self.hashes[2]

    @property
    def next_validators_hash(self) -> bytes:
        """Of the set that signs the next one."""
        return self.hashes[3]

    @property
    def app_hash(self) -> bytes:
        """The hash of the EVM block one below this height."""
        return self.hashes[5]


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """A validator's place in a commit; `time` is None and the rest is empty for one that is absent."""

    flag: int
    address: bytes
    time: Time | None
    signature: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """The precommits for a block, one place for each validator of its set."""

    height: int
    round: int
    block_id: BlockId
    votes: tuple[Vote, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Validator:
    """An ed25519 key and its voting power."""

    key: bytes
    power: int

    @property
    def address(self) -> bytes:
        """Its 20-byte name."""
        return hashlib.sha256(self.key).digest()[:ADDRESS_BYTES]


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedHeader:
    """A header, the commit for it and the set that it names. Nothing of it is checked yet."""

    header: Header
    commit: Commit
    validators: tuple[Validator, ...]


def read_signed_header(value: Any, where: str) -> SignedHeader:
    """A signed header in its JSON. Raises ProofRefused for another form, or a validator under another's name."""
    whole = Fields(value, where, ("header", "commit", "validators"))
    entries = whole.many("validators", MAX_SIGNERS)
    return SignedHeader(
        header=_header(whole["header"], f"the header in {where}"),
        commit=_commit(whole["commit"], f"the commit in {where}"),
        validators=tuple([_validator(each, f"validator {n} in {where}") for n, each in enumerate(entries)]),
    )


def header_hash(header: Header) -> bytes:
    """What a block is named by: the Merkle root of its header's fourteen fields."""
    last_commit, data, validators, following, consensus, app, results, evidence = map(_wrapped, header.hashes)
    return merkle_root(
        (
            number(1, header.block_version) + number(2, header.app_version),
            octets(1, header.chain_id.encode()),
            number(1, header.height),
            _time(header.time),
            _block_id(header.last_block_id),
            last_commit,
            data,
            validators,
            following,
            consensus,
            app,
            results,
            evidence,
            _wrapped(header.proposer),
        )
    )


def commit_hash(commit: Commit) -> bytes:
    """What the next header names a commit by: the Merkle root over its votes, absent ones included."""
    return merkle_root([_commit_vote(vote) for vote in commit.votes])


def vote_bytes(chain_id: str, commit: Commit, vote: Vote) -> bytes:
    """What a validator signed: the canonical vote, after its length. Raises ValueError for an absent one."""
    if vote.time is None:
        raise ValueError("an absent validator signed nothing")
    message = (
        number(1, PRECOMMIT)
        + fixed(2, commit.height)
        + fixed(3, commit.round)
        + (field(4, _block_id(commit.block_id)) if vote.flag == FOR_BLOCK else b"")
        + field(5, _time(vote.time))
        + octets(6, chain_id.encode())
    )
    return varint(len(message)) + message


def set_hash(validators: Sequence[Validator]) -> bytes:
    """The Merkle root over keys and powers of a set in its order: power falling, then address rising."""
    return merkle_root([field(1, octets(1, each.key)) + number(2, each.power) for each in validators])


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1: SHA-256 over 0x00 and a leaf, and over 0x01 and two nodes, split at the largest power of two."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle_root(leaves[:half]) + merkle_root(leaves[half:])).digest()


def _header(value: Any, where: str) -> Header:
    names = ("version", "chain_id", "height", "time", "last_block_id", *_HASHES, "proposer_address")
    found = Fields(value, where, names)
    version = Fields(found["version"], f"the version of {where}", ("block", "app"))
    return Header(
        block_version=version.decimal("block"),
        app_version=version.decimal("app"),
        chain_id=found.text("chain_id"),
        height=found.decimal("height"),
        time=_read_time(found.text("time"), where),
        last_block_id=_read_block_id(found["last_block_id"], where),
        hashes=tuple([found.name(name, HASH_BYTES, empty=True) for name in _HASHES]),
        proposer=found.name("proposer_address", ADDRESS_BYTES),
    )


def _commit(value: Any, where: str) -> Commit:
    found = Fields(value, where, ("height", "round", "block_id", "signatures"))
    return Commit(
        height=found.decimal("height"),
        round=found.whole("round", 31),
        block_id=_read_block_id(found["block_id"], where),
        votes=tuple([_vote(each, f"a signature of {where}") for each in found.many("signatures", MAX_SIGNERS)]),
    )


def _vote(value: Any, where: str) -> Vote:
    found = Fields(value, where, ("block_id_flag", "validator_address", "timestamp", "signature"))
    flag = found.whole("block_id_flag", 8)
    if flag == ABSENT:
        if (found["validator_address"], found["timestamp"], found["signature"]) != ("", NO_TIME, None):
            raise ProofRefused(Step.DOCUMENT, f"{where} is absent, and says something")
        return Vote(flag=flag, address=b"", time=None, signature=b"")
    if flag not in (FOR_BLOCK, FOR_NIL):
        raise ProofRefused(Step.DOCUMENT, f"{where} has the unknown flag {flag}")
    return Vote(
        flag=flag,
        address=found.name("validator_address", ADDRESS_BYTES),
        time=_read_time(found.text("timestamp"), where),
        signature=found.base64("signature", SIGNATURE_BYTES),
    )


def _validator(value: Any, where: str) -> Validator:
    found = Fields(value, where, ("address", "pub_key", "voting_power"))
    key = Fields(found["pub_key"], f"the key of {where}", ("type", "value"))
    if key.text("type") != KEY_TYPE:
        raise ProofRefused(Step.DOCUMENT, f"{where} has no ed25519 key")
    validator = Validator(key=key.base64("value", KEY_BYTES), power=found.decimal("voting_power"))
    if validator.address != found.name("address", ADDRESS_BYTES):
        raise ProofRefused(Step.VALIDATORS, f"{where} has another key's address")
    return validator


def _read_block_id(value: Any, where: str) -> BlockId:
    found = Fields(value, f"a block id of {where}", ("hash", "parts"))
    parts = Fields(found["parts"], f"the parts of a block id of {where}", ("total", "hash"))
    return BlockId(
        hash=found.name("hash", HASH_BYTES, empty=True),
        parts=parts.whole("total", 32),
        parts_hash=parts.name("hash", HASH_BYTES, empty=True),
    )


def _read_time(text: str, where: str) -> Time:
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        moment = datetime.fromisoformat(found[1])
    except ValueError:
        raise ProofRefused(Step.DOCUMENT, f"{where} has no time in UTC: {text!r}") from None
    return Time(seconds=calendar.timegm(moment.timetuple()), nanoseconds=int((found[2] or "").ljust(9, "0")))


def _commit_vote(vote: Vote) -> bytes:
    """CommitSig; an absent one has the zero time."""
    time = Time(seconds=NO_SECONDS, nanoseconds=0) if vote.time is None else vote.time
    return number(1, vote.flag) + octets(2, vote.address) + field(3, _time(time)) + octets(4, vote.signature)


def _wrapped(data: bytes) -> bytes:
    """google.protobuf.BytesValue."""
    return octets(1, data)


def _time(time: Time) -> bytes:
    return number(1, time.seconds) + number(2, time.nanoseconds)


def _block_id(block: BlockId) -> bytes:
    """BlockID and CanonicalBlockID have the same bytes."""
    return octets(1, block.hash) + field(2, number(1, block.parts) + octets(2, block.parts_hash))
