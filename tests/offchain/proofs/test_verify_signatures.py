"""What the validators did not sign is refused: too few, one twice, votes for other things, chains of others' keys."""

import copy
from typing import Any

import pytest

from node.domain.ids import Address
from node.domain.merkle import keccak
from node.proofs.refusal import Step
from node.proofs.verify import verify_proof
from tests.offchain.proofs.chain_of_our_own import anchor_at, posted, signed_header, signers
from tests.offchain.proofs.samples import BATCH, FIRST, SECOND, bytes_of, document_with, refused


@pytest.mark.parametrize(
    ("powers", "absent", "against", "enough"),
    [
        ((10, 10, 10, 10), [3], [], True),
        ((10, 10, 10, 10), [], [3], True),
        ((10, 10, 10, 10), [2, 3], [], False),
        ((10, 10, 10, 10), [2], [3], False),
        ((10, 10, 10), [2], [], False),  # two thirds are not more than two thirds
        ((10, 10, 10), [], [], True),
        ((100, 10, 10), [1, 2], [], True),
        ((100, 40, 11), [1, 2], [], False),
        ((67, 33), [1], [], True),
        ((66, 33), [1], [], False),
        ((1,), [], [], True),
        ((1,), [0], [], False),
    ],
)
def test_verify_proof_wants_more_than_two_thirds_of_the_power(
    powers: tuple[int, ...], absent: list[int], against: list[int], enough: bool
) -> None:
    those = signers(*powers)
    header = signed_header(41, those, app_hash=BATCH.app_hash, absent=absent, against=against)
    document = document_with(header)
    if enough:
        assert verify_proof(bytes_of(document), anchor_at(1, those)).signed.anchored
    else:
        assert refused(document, anchor_at(1, those)) is Step.SIGNATURES


def test_verify_proof_counts_nobodys_signature_twice() -> None:
    header = signed_header(41, FIRST, app_hash=BATCH.app_hash, absent=[2, 3])
    votes = header["commit"]["signatures"]
    repeated = copy.deepcopy(header)
    repeated["commit"]["signatures"] = [votes[0], votes[1], votes[0], votes[1]]
    assert refused(document_with(repeated)) is Step.SIGNATURES
    renamed = copy.deepcopy(repeated)
    for place in (2, 3):
        address = header["validators"][place]["address"]
        renamed["commit"]["signatures"][place] = {**votes[0], "validator_address": address}
    assert refused(document_with(renamed)) is Step.SIGNATURES


def test_verify_proof_takes_a_signature_under_its_own_validators_name_only() -> None:
    header = signed_header(41, FIRST, app_hash=BATCH.app_hash)
    header["commit"]["signatures"][0]["validator_address"] = header["validators"][1]["address"]
    assert refused(document_with(header)) is Step.SIGNATURES


def test_verify_proof_refuses_lines_of_another_stream_than_the_batch() -> None:
    other = posted(stream=2)
    assert refused(other.document(42, [signed_header(41, FIRST, app_hash=other.app_hash)])) is Step.LINES


def test_verify_proof_takes_a_vote_for_nothing_only_as_what_it_is() -> None:
    header = signed_header(41, FIRST, app_hash=BATCH.app_hash, against=[2, 3])
    for vote in header["commit"]["signatures"]:
        vote["block_id_flag"] = 2
    assert refused(document_with(header)) is Step.SIGNATURES


@pytest.mark.parametrize("other", [{"height": 40}, {"round": 1}, {"chain_id": "tillnet-8"}])
def test_verify_proof_takes_no_votes_of_another_height_round_or_chain(other: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"height": 41, "app_hash": BATCH.app_hash, **other}
    elsewhere = signed_header(those=FIRST, **arguments)
    header = signed_header(41, FIRST, app_hash=BATCH.app_hash)
    header["commit"]["signatures"] = elsewhere["commit"]["signatures"]
    assert refused(document_with(header)) is Step.SIGNATURES


def test_verify_proof_refuses_a_chain_of_others_keys() -> None:
    forged = signers(10, 10, 10, 10, seed="thief")
    alone = document_with(signed_header(41, forged, app_hash=BATCH.app_hash))
    assert not verify_proof(bytes_of(alone)).signed.anchored
    assert refused(alone) is Step.ANCHOR
    # behind a true change of validators, and behind one that the thief signed for the honest
    true = signed_header(20, FIRST, following=SECOND)
    assert refused(document_with(true, signed_header(41, forged, app_hash=BATCH.app_hash))) is Step.CHANGES
    handed = signed_header(20, FIRST, following=forged)
    handed["commit"]["signatures"] = signed_header(20, forged)["commit"]["signatures"]
    assert refused(document_with(handed, signed_header(41, forged, app_hash=BATCH.app_hash))) is Step.SIGNATURES
    # with the honest set before the anchor's height only
    assert refused(document_with(true, signed_header(41, SECOND, app_hash=BATCH.app_hash)), anchor_at(21, FIRST)) is (
        Step.ANCHOR
    )


def test_verify_proof_refuses_a_set_with_a_key_twice() -> None:
    one = signers(10)[0]
    assert refused(document_with(signed_header(41, (one, one), app_hash=BATCH.app_hash)), None) is Step.VALIDATORS


def test_verify_proof_refuses_another_chain_and_another_ledger() -> None:
    header = signed_header(41, FIRST, app_hash=BATCH.app_hash, chain_id="tillnet-8")
    assert refused(document_with(header)) is Step.ANCHOR
    elsewhere = posted(ledger=Address(b"\x33" * 20))
    there = elsewhere.document(42, [signed_header(41, FIRST, app_hash=elsewhere.app_hash)])
    assert verify_proof(bytes_of(there)).signed.ledger == b"\x33" * 20
    assert refused(there) is Step.ANCHOR


def test_verify_proof_refuses_a_block_that_another_height_names() -> None:
    assert refused(document_with(signed_header(42, FIRST, app_hash=BATCH.app_hash))) is Step.BLOCK


def test_verify_proof_refuses_what_the_ledger_undid_or_never_said() -> None:
    for other in (posted(status="0x0"), posted(topic=keccak(b"BatchPosted(uint32)"))):
        document = other.document(42, [signed_header(41, FIRST, app_hash=other.app_hash)])
        assert refused(document) is Step.LOG
