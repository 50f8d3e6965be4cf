"""CometBFT's hashes and sign bytes, by the vectors of its own tests (v0.40.0), and the form its JSON must have.

Header: types/block_test.go, TestHeaderHash. Votes: types/vote_test.go, TestVoteSignBytesTestVectors. Tree:
crypto/merkle/tree_test.go, TestHashFromByteSlices.
"""

import copy
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from node.proofs.comet import (
    FOR_BLOCK,
    FOR_NIL,
    BlockId,
    Commit,
    Header,
    Time,
    Validator,
    Vote,
    header_hash,
    merkle_root,
    read_signed_header,
    set_hash,
    vote_bytes,
)
from node.proofs.refusal import ProofRefused, Step
from tests.offchain.proofs.chain_of_our_own import signed_header, signers

NO_BLOCK = BlockId(hash=b"", parts=0, parts_hash=b"")
YEAR_ONE = Time(seconds=-62_135_596_800, nanoseconds=0)
"""Go's zero time, which its vectors use."""
YEAR_ONE_BYTES = "2a0b088092b8c398feffffff01"


def named(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def test_header_hash_is_that_of_cometbfts_own_test() -> None:
    header = Header(
        block_version=1,
        app_version=2,
        chain_id="chainId",
        height=3,
        time=Time(seconds=1_570_983_284, nanoseconds=0),  # 2019-10-13 16:14:44 UTC
        last_block_id=BlockId(hash=bytes(32), parts=6, parts_hash=bytes(32)),
        hashes=(
            named("last_commit_hash"),
            named("data_hash"),
            named("validators_hash"),
            named("next_validators_hash"),
            named("consensus_hash"),
            named("app_hash"),
            named("last_results_hash"),
            named("evidence_hash"),
        ),
        proposer=named("proposer_address")[:20],
    )
    assert header_hash(header).hex() == "f740121f553b5418c3efbd343c2dbfe9e007bb67b0d020a0741374bab65242a4"


@pytest.mark.parametrize(
    ("chain_id", "height", "round", "expected"),
    [
        # the second vector as it is; the others, of votes without a type, with a precommit's 0802 and its two bytes
        ("", 1, 1, "210802110100000000000000190100000000000000" + YEAR_ONE_BYTES),
        ("", 0, 0, "0f0802" + YEAR_ONE_BYTES),
        (
            "test_chain_id",
            1,
            1,
            "300802110100000000000000190100000000000000" + YEAR_ONE_BYTES + "320d746573745f636861696e5f6964",
        ),
    ],
)
def test_vote_bytes_are_those_of_cometbfts_own_test(chain_id: str, height: int, round: int, expected: str) -> None:
    commit = Commit(height=height, round=round, block_id=NO_BLOCK, votes=())
    vote = Vote(flag=FOR_NIL, address=bytes(20), time=YEAR_ONE, signature=bytes(64))
    assert vote_bytes(chain_id, commit, vote).hex() == expected


def test_vote_bytes_name_the_block_only_when_the_vote_is_for_it() -> None:
    commit = Commit(height=1, round=0, block_id=BlockId(hash=b"\xaa" * 32, parts=1, parts_hash=b"\xbb" * 32), votes=())
    vote = Vote(flag=FOR_BLOCK, address=bytes(20), time=YEAR_ONE, signature=bytes(64))
    block_id = "22480a20" + "aa" * 32 + "122408011220" + "bb" * 32
    assert block_id in vote_bytes("", commit, vote).hex()
    assert "aa" * 32 not in vote_bytes("", commit, Vote(flag=FOR_NIL, address=b"", time=YEAR_ONE, signature=b"")).hex()
    with pytest.raises(ValueError, match="signed nothing"):
        vote_bytes("", commit, Vote(flag=1, address=b"", time=None, signature=b""))


@pytest.mark.parametrize(
    ("leaves", "root"),
    [
        ((), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (("010203",), "054edec1d0211f624fed0cbca9d4f9400b0e491c43742af2c5b0abebf0c990d8"),
        (("",), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (("010203", "040506"), "82e6cfce00453804379b53962939eaa7906b39904be0813fcadd31b100773c4b"),
        (
            ("0102", "0304", "0506", "0708", "090a"),
            "f326493eceab4f2d9ffbc78c59432a0a005d6ea98392045c74df5d14a113be18",
        ),
    ],
)
def test_merkle_root_is_that_of_cometbfts_own_test(leaves: tuple[str, ...], root: str) -> None:
    assert merkle_root(list(map(bytes.fromhex, leaves))).hex() == root


def test_set_hash_is_over_keys_and_powers_in_their_order() -> None:
    one, other = Validator(key=b"\x01" * 32, power=10), Validator(key=b"\x02" * 32, power=300)
    # SimpleValidator{pub_key: PublicKey{ed25519}, voting_power}: proto/tendermint/types/validator.proto
    leaves = ["0a220a20" + "01" * 32 + "100a", "0a220a20" + "02" * 32 + "10ac02"]
    assert set_hash([one, other]) == merkle_root(list(map(bytes.fromhex, leaves)))
    assert set_hash([other, one]) != set_hash([one, other])


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    *way, last, value = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in way:
            place = place[step]
        place[last] = value

    return change


VOTE = ("commit", "signatures", 0)


@pytest.mark.parametrize(
    "change",
    [
        _set("header", "height", "07"),
        _set("header", "height", 7),
        _set("header", "height", "-7"),
        _set("header", "height", str(2**63)),
        _set("header", "height", "٧"),  # a digit, but none of ours
        _set("header", "time", "2026-11-23T03:02:53.120400Z"),
        _set("header", "time", "2026-11-23T03:02:53.1204+00:00"),
        _set("header", "time", "2026-02-30T03:02:53Z"),
        _set("header", "time", "2026-11-23T03:02:60Z"),
        _set("header", "chain_id", "tillnet-\ud800"),
        _set("header", "chain_id", "t" * 201),
        _set("header", "app_hash", "ab" * 32),
        _set("header", "app_hash", "AB" * 31),
        _set("header", "extra", 1),
        _set("header", "version", {"block": "11"}),
        _set("commit", "round", True),
        _set("commit", "round", -1),
        _set("commit", "round", 2**31),
        _set(*VOTE, "block_id_flag", 4),
        _set(*VOTE, "block_id_flag", 1),
        _set(*VOTE, "signature", None),
        _set(*VOTE, "signature", "A" * 88),
        _set("validators", 0, "pub_key", "type", "tendermint/PubKeySecp256k1"),
        _set("validators", 0, "proposer_priority", "0"),
        _set("validators", "none"),
    ],
)
def test_signed_header_is_refused_in_any_other_form(change: Callable[[dict[str, Any]], None]) -> None:
    document = copy.deepcopy(signed_header(7, signers(10, 10, 10, 10)))
    read_signed_header(document, "it")
    change(document)
    with pytest.raises(ProofRefused) as refused:
        read_signed_header(document, "it")
    assert refused.value.step is Step.DOCUMENT


def test_base64_is_refused_with_bits_that_say_nothing() -> None:
    document = signed_header(7, signers(10, 10, 10, 10))
    signature = document["commit"]["signatures"][0]["signature"]
    # 64 bytes leave four bits of the last character unused
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = alphabet.index(signature[-3])
    document["commit"]["signatures"][0]["signature"] = signature[:-3] + alphabet[at ^ 1] + "=="
    with pytest.raises(ProofRefused, match="base64"):
        read_signed_header(document, "it")


def test_validator_is_refused_under_the_address_of_another_key() -> None:
    document = signed_header(7, signers(10, 10, 10, 10))
    document["validators"][0]["address"] = document["validators"][1]["address"]
    with pytest.raises(ProofRefused, match="another key's address"):
        read_signed_header(document, "it")
