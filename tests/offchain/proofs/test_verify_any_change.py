"""Whatever somebody changes in a proof, no more is proved by it than before; and what is none is refused at once."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.proofs.refusal import ProofRefused, Step
from node.proofs.verify import ProvenBalance, ProvenPayment, verify_proof
from tests.offchain.proofs.samples import (
    ANCHOR,
    BALANCE,
    MEMBER,
    NEIGHBOUR,
    NOBODY,
    OTHER,
    PAYMENT,
    Document,
    balance,
    bytes_of,
    refused,
)

PATIENT = settings(deadline=None, max_examples=300)
DOCUMENTS = [PAYMENT, BALANCE, balance(NOBODY)]


def same(first: bytes, second: bytes) -> bool:
    """Whether two texts are the same JSON; 1 and true are not."""
    try:
        return json.dumps(json.loads(first), sort_keys=True) == json.dumps(json.loads(second), sort_keys=True)
    except ValueError:
        return False


@PATIENT
@given(st.sampled_from(DOCUMENTS), st.data())
def test_verify_proof_refuses_every_change_of_a_byte(document: Document, data: st.DataObject) -> None:
    original = bytes_of(document)
    place = data.draw(st.integers(0, len(original) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != original[place]))
    tampered = original[:place] + bytes([byte]) + original[place + 1 :]
    if same(original, tampered):  # white space for white space
        return
    refused_or_true(tampered, verify_proof(original, ANCHOR))


@PATIENT
@given(st.sampled_from(DOCUMENTS), st.data())
def test_verify_proof_refuses_a_part_that_is_cut_off_or_put_in(document: Document, data: st.DataObject) -> None:
    original = bytes_of(document)
    start = data.draw(st.integers(0, len(original) - 1))
    end = data.draw(st.integers(start, min(start + 200, len(original))))
    put = data.draw(st.binary(max_size=20))
    tampered = original[:start] + put + original[end:]
    if tampered == original or same(original, tampered):
        return
    refused_or_true(tampered, verify_proof(original, ANCHOR))


def refused_or_true(tampered: bytes, before: ProvenPayment | ProvenBalance) -> Step | None:
    """The step that refuses it. Nothing else is proved instead, but that another member has nothing either."""
    try:
        after = verify_proof(tampered, ANCHOR)
    except ProofRefused as refusal:
        return refusal.step
    assert isinstance(after, ProvenBalance) and after.account is None
    assert says_no_more(after, before)
    return None


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a document, but the whole."""
    inside = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    return [place for name, each in inside for place in ((*path, name), *places(each, (*path, name)))]


def value_at(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=70),
    st.binary(max_size=70).map(lambda data: "0x" + data.hex()), st.just([]), st.just({}),
)  # fmt: skip


@PATIENT
@given(st.sampled_from(DOCUMENTS), st.sampled_from([PAYMENT, OTHER, BALANCE]), st.data())
def test_verify_proof_says_no_more_than_before_whatever_is_moved(
    document: Document, other: Document, data: st.DataObject
) -> None:
    """Fields dropped, added, repeated, put in another order, or taken from another proof or place: refused, or less."""
    before, made = verify_proof(bytes_of(document), ANCHOR), copy.deepcopy(document)
    path = data.draw(st.sampled_from(places(made)))
    parent, name = value_at(made, path[:-1]), path[-1]
    match data.draw(st.sampled_from(["drop", "add", "repeat", "swap", "take", "put"])):
        case "drop":
            del parent[name]
        case "add" if isinstance(parent, dict):
            parent[data.draw(st.sampled_from(["extra", "format", "headers", "index"]))] = data.draw(VALUES)
        case "repeat" | "add" if isinstance(parent, list):
            parent.insert(data.draw(st.integers(0, len(parent))), copy.deepcopy(parent[name]))
        case "swap" if isinstance(parent, list):
            with_ = data.draw(st.integers(0, len(parent) - 1))
            parent[name], parent[with_] = parent[with_], parent[name]
        case "take":
            parent[name] = copy.deepcopy(value_at(other, data.draw(st.sampled_from(places(other)))))
        case _:
            parent[name] = data.draw(VALUES)
    try:
        after = verify_proof(bytes_of(made), ANCHOR)
    except ProofRefused:
        return
    assert says_no_more(after, before), path


def says_no_more(after: ProvenPayment | ProvenBalance, before: ProvenPayment | ProvenBalance) -> bool:
    """Whether what is proved is what was proved, or a part of it: fewer lines, fewer items, fewer signatures.

    The nodes that show that one member has nothing may show it of others too; then that is the truth about them.
    """
    if after.signed.block != before.signed.block:
        return False
    if isinstance(after, ProvenPayment) and isinstance(before, ProvenPayment):
        known = set(after.lines) <= set(before.lines) and set(after.items) <= set(before.items)
        return after.payment == before.payment and known
    assert isinstance(after, ProvenBalance) and isinstance(before, ProvenBalance)
    if after.member == before.member:
        return after.account == before.account
    return after.account is None and after.member not in (MEMBER, NEIGHBOUR)


@given(st.binary(max_size=300))
def test_verify_proof_refuses_what_is_no_proof(data: bytes) -> None:
    with pytest.raises(ProofRefused) as refusal:
        verify_proof(data)
    assert refusal.value.step is Step.DOCUMENT


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 200_000,
        b'{"format": ' + b"9" * 10_000 + b"}",
        b'{"format": "tillnet-payment-proof-1", "format": "tillnet-balance-proof-1"}',
        b'{"format": NaN}',
        b"\xff\xfe",
        b" " * (8 * 2**20 + 1),
    ],
)
def test_verify_proof_refuses_hostile_files_at_once(data: bytes) -> None:
    with pytest.raises(ProofRefused) as refusal:
        verify_proof(data)
    assert refusal.value.step is Step.DOCUMENT


def test_verify_proof_bounds_what_it_reads() -> None:
    for path, most in ((("headers",), 1_000), (("items",), 10_000), (("lines",), 16), (("receipt", "nodes"), 80)):
        made = copy.deepcopy(PAYMENT)
        value_at(made, path[:-1])[path[-1]] = [value_at(made, path)[0]] * (most + 1)
        assert refused(made, None) is Step.DOCUMENT
