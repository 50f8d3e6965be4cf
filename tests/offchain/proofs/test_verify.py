"""Proofs that are sound are proved, and those that somebody changed are refused, with the step at which they fail."""

import json
from typing import Any

import pytest

from node.proofs.anchor import anchor_of_genesis, read_anchor, write_anchor
from node.proofs.refusal import ProofRefused, Step
from node.proofs.verify import ProvenBalance, ProvenPayment, verify_proof
from tests.offchain.proofs.chain_of_our_own import CHAIN_ID, ITEMS, LEDGER, anchor_at, hash_of, signed_header
from tests.offchain.proofs.samples import (
    ANCHOR,
    BALANCE,
    BATCH,
    FIRST,
    HELD,
    MEMBER,
    NEIGHBOUR,
    NOBODY,
    OTHER,
    PAYMENT,
    SECOND,
    Change,
    Document,
    balance,
    bytes_of,
    changed,
    payment,
    refused,
)


def test_verify_proof_says_what_is_proved_and_by_whom() -> None:
    proven = verify_proof(bytes_of(PAYMENT), ANCHOR)
    assert isinstance(proven, ProvenPayment)
    assert proven.payment == "1-42"
    assert proven.lines == BATCH.leaves[1:3]
    assert proven.items == tuple(enumerate(ITEMS.items))
    signed = proven.signed
    assert (signed.chain_id, signed.ledger, signed.anchored) == (CHAIN_ID, LEDGER, True)
    assert (signed.block.number, signed.height, signed.changes) == (40, 41, 1)
    assert (signed.power.signed, signed.power.total) == (70, 90)
    assert signed.validators_hash == hash_of(FIRST)


def test_verify_proof_says_so_when_nobody_is_trusted() -> None:
    assert not verify_proof(bytes_of(PAYMENT)).signed.anchored


@pytest.mark.parametrize("height", [1, 20, 21, 41])
def test_verify_proof_takes_an_anchor_wherever_the_proof_passes(height: int) -> None:
    anchor = anchor_at(height, FIRST if height <= 20 else SECOND)
    signed = verify_proof(bytes_of(PAYMENT), anchor).signed
    assert signed.anchored and signed.validators_hash == anchor.validators_hash
    assert signed.changes == (1 if height <= 20 else 0)


def test_verify_proof_needs_only_what_comes_after_the_anchor() -> None:
    late = changed(PAYMENT, lambda it: it["headers"].pop(0))
    assert verify_proof(bytes_of(late), anchor_at(30, SECOND)).signed.changes == 0
    assert refused(late, ANCHOR) is Step.ANCHOR


def test_verify_proof_reads_the_same_from_another_layout() -> None:
    turned = json.dumps(dict(reversed(PAYMENT.items())), separators=(",", ":")).encode()
    assert verify_proof(turned, ANCHOR) == verify_proof(bytes_of(PAYMENT), ANCHOR)


@pytest.mark.parametrize(
    ("epoch_length", "coins"), [(0, 0), (360_000_000, 3_200_000), (300_000_000, 3_000_000), (1, 0)]
)
def test_verify_proof_ages_a_members_points_by_the_anchors_epochs(epoch_length: int, coins: int) -> None:
    # the block is of second 1,800,000,030; the account was last touched in epoch 5
    proven = verify_proof(bytes_of(BALANCE), anchor_at(1, FIRST, epoch_length=epoch_length))
    assert isinstance(proven, ProvenBalance)
    assert (proven.account, proven.coins) == (HELD, coins)


def test_verify_proof_leaves_the_age_open_without_an_anchor() -> None:
    proven = verify_proof(bytes_of(BALANCE))
    assert isinstance(proven, ProvenBalance)
    assert (proven.account, proven.coins) == (HELD, None)


def test_verify_proof_proves_that_a_member_has_nothing() -> None:
    proven = verify_proof(bytes_of(balance(NOBODY)), ANCHOR)
    assert isinstance(proven, ProvenBalance)
    assert (proven.member, proven.account, proven.coins) == (NOBODY, None, 0)


def test_anchor_is_read_as_it_was_written_and_follows_from_genesis() -> None:
    assert read_anchor(write_anchor(ANCHOR).encode()) == ANCHOR
    validators = [
        {"pub_key": {"value": each["pub_key"]["value"]}, "power": each["voting_power"]}
        for each in reversed(signed_header(1, SECOND)["validators"])
    ]
    genesis = {"chain_id": CHAIN_ID, "initial_height": "1", "validators": validators}
    found = anchor_of_genesis(genesis, LEDGER)
    assert (found.validators_hash, found.height, found.epoch_start) == (hash_of(SECOND), 1, None)
    assert read_anchor(write_anchor(found).encode()) == found
    with pytest.raises(ProofRefused):
        read_anchor(bytes_of(PAYMENT))


def _flip(text: str, at: int = -1) -> str:
    """Another hex digit in one place."""
    place = at % len(text)
    return text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]


def _at(*path: Any) -> Change:
    """Another hex digit at the end of the text there."""
    *way, last = path

    def change(document: Document) -> None:
        place: Any = document
        for step in way:
            place = place[step]
        place[last] = _flip(place[last])

    return change


def _put(*path: Any) -> Change:
    *way, last, value = path

    def change(document: Document) -> None:
        place: Any = document
        for step in way:
            place = place[step]
        place[last] = value

    return change


LAST = ("headers", 1)
SIGNATURES = (*LAST, "commit", "signatures")


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (_put("format", "tillnet-payment-proof-2"), Step.DOCUMENT),
        (_put("items", 0, "amount", 101), Step.ITEMS),
        (_put("items", 0, "product", "4006381333901"), Step.ITEMS),
        (_put("items", 0, "index", 9), Step.ITEMS),
        (_at("items", 0, "salt"), Step.ITEMS),
        (_at("items", 0, "path", 0), Step.ITEMS),
        (lambda it: it["items"].reverse(), Step.ITEMS),
        (lambda it: it["items"].append(it["items"][-1]), Step.ITEMS),
        (_at("lines", 0, "leaf"), Step.LINES),
        (_at("lines", 1, "path", 0), Step.LINES),
        (_put("payment", "1-43"), Step.LINES),
        (_put("lines", []), Step.LINES),
        (lambda it: it["lines"].reverse(), Step.LINES),
        (lambda it: it["lines"].append(it["lines"][-1]), Step.LINES),
        (_put("lines", OTHER["lines"]), Step.LINES),
        (lambda it: it["lines"].append(OTHER["lines"][0]), Step.LINES),
        (_at("receipt", "nodes", 0), Step.LOG),
        (lambda it: it["receipt"]["nodes"].pop(), Step.LOG),
        (lambda it: it["receipt"]["nodes"].append(it["receipt"]["nodes"][0]), Step.LOG),
        (_put("receipt", "index", 12), Step.LOG),
        (_put("receipt", "index", 500), Step.LOG),
        (_put("receipt", "log", 0), Step.LOG),
        (_put("receipt", "log", 3), Step.LOG),
        # the same event by another contract
        (_put("receipt", "log", 1), Step.ANCHOR),
        (_at("block"), Step.BLOCK),
        (_at(*LAST, "header", "app_hash"), Step.HEADER),
        (_put(*LAST, "header", "time", "2026-11-23T03:02:53.1205Z"), Step.HEADER),
        (_put(*LAST, "commit", "height", "42"), Step.HEADER),
        (_put(*LAST, "commit", "round", 1), Step.SIGNATURES),
        (_put(*LAST, "commit", "block_id", "parts", "total", 3), Step.SIGNATURES),
        (_at(*LAST, "commit", "block_id", "hash"), Step.HEADER),
        (_put(*LAST, "validators", 0, "voting_power", "31"), Step.VALIDATORS),
        (lambda it: it["headers"][1]["validators"].reverse(), Step.VALIDATORS),
        (lambda it: it["headers"][1]["validators"].pop(), Step.VALIDATORS),
        (_put(*LAST, "validators", []), Step.VALIDATORS),
        (_put(*LAST, "validators", payment()["headers"][0]["validators"]), Step.VALIDATORS),
        (_put(*SIGNATURES, 0, "timestamp", "2026-11-23T03:02:55Z"), Step.SIGNATURES),
        (_put(*SIGNATURES, 0, "block_id_flag", 3), Step.SIGNATURES),
        (lambda it: it["headers"][1]["commit"]["signatures"].pop(), Step.SIGNATURES),
        (lambda it: it["headers"][1]["commit"]["signatures"].reverse(), Step.SIGNATURES),
        (lambda it: it["headers"].reverse(), Step.CHANGES),
        (lambda it: it["headers"].insert(0, it["headers"][0]), Step.CHANGES),
        (lambda it: it["headers"].insert(1, signed_header(30, SECOND)), Step.CHANGES),
        (lambda it: it["headers"].pop(0), Step.ANCHOR),
        (lambda it: it["headers"].pop(), Step.BLOCK),
        (_put("headers", []), Step.SIGNATURES),
    ],
)
def test_verify_proof_names_the_step_that_fails(change: Change, step: Step) -> None:
    assert refused(changed(PAYMENT, change)) is step


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (_put("member", MEMBER + 1), Step.STATE),
        (_put("member", NEIGHBOUR), Step.STATE),
        (_at("storage", -1), Step.STATE),
        (lambda it: it["storage"].pop(), Step.STATE),
        (lambda it: it["account"].pop(), Step.STATE),
        (_put("storage", []), Step.STATE),
        (_put("storage", balance(NEIGHBOUR)["storage"]), Step.STATE),
        (_put("storage", balance(NOBODY)["storage"]), Step.STATE),
        (_at("ledger"), Step.ANCHOR),
        (_put("block", PAYMENT["block"]), Step.BLOCK),
        (_put("headers", PAYMENT["headers"]), Step.BLOCK),
        (_put("member", 2**64), Step.DOCUMENT),
    ],
)
def test_verify_proof_names_the_step_that_fails_of_a_balance(change: Change, step: Step) -> None:
    assert refused(changed(BALANCE, change)) is step
