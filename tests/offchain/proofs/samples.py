"""The proofs that the tests of this folder verify and change: of a payment, of a balance, and that there is none."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from node.domain.merkle import keccak
from node.domain.words import Account
from node.explorer.receipt_trie import encode_header
from node.proofs.anchor import Anchor
from node.proofs.refusal import ProofRefused, Step
from node.proofs.verify import verify_proof
from tests.offchain.proofs.chain_of_our_own import (
    ITEMS,
    anchor_at,
    block,
    posted,
    signed_header,
    signers,
    state_of,
)

Document = dict[str, Any]
Change = Callable[[Document], None]
FIRST = signers(10, 10, 10, 10)
SECOND = signers(10, 10, 10, 60, seed="second")
BATCH = posted()
MEMBER, NEIGHBOUR, NOBODY = 77, 79, 78
HELD = Account(value=500, current=3_000_000, previous=200_000, epoch=5, tier=1, flags=1)
STATE = state_of({MEMBER: HELD, NEIGHBOUR: Account(current=1, flags=1)})


def bytes_of(document: Document) -> bytes:
    return json.dumps(document, indent=1).encode()


def payment() -> Document:
    """A payment at height 41, after the validators changed at height 20; one was absent, one voted for nothing."""
    headers = [
        signed_header(20, FIRST, following=SECOND),
        signed_header(41, SECOND, app_hash=BATCH.app_hash, absent=[3], against=[2], round=2),
    ]
    return BATCH.document(42, headers, ITEMS)


def other_payment() -> Document:
    return BATCH.document(43, payment()["headers"])


def balance(member: int = MEMBER) -> Document:
    number = 30
    app_hash = keccak(encode_header(block(number, state_root=STATE.root)))
    return STATE.document(member, number, [signed_header(31, FIRST, app_hash=app_hash)])


ANCHOR = anchor_at(1, FIRST)
PAYMENT, OTHER, BALANCE = payment(), other_payment(), balance()


def refused(document: Document, anchor: Anchor | None = ANCHOR) -> Step:
    with pytest.raises(ProofRefused) as failure:
        verify_proof(bytes_of(document), anchor)
    return failure.value.step


def changed(document: Document, *changes: Change) -> Document:
    made = copy.deepcopy(document)
    for change in changes:
        change(made)
    return made


def document_with(*headers: Document) -> Document:
    return BATCH.document(42, headers, ITEMS)
