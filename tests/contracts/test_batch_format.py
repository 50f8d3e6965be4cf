"""Encoding and trees, without a chain."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.assignment import Item
from node.domain.batch_format import BatchPayment, decode_batch, encode_batch, make_batch
from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits, RuleVersion, StreamId, TerminalNumber
from node.domain.ids import Sequence as SequenceNumber
from node.domain.merkle import (
    item_leaves,
    items_root,
    keccak,
    product_leaves,
    product_set_root,
    proof_of,
    root_from_proof,
    root_of,
)
from node.domain.payment import Line, Tender
from node.domain.words import Account, Merchant, Rule

hashes = st.binary(min_size=32, max_size=32).map(Hash32)
lines = st.builds(
    Line,
    amount=st.integers(0, 2**48 - 1).map(MinorUnits),
    rule_version=st.integers(0, 2**16 - 1).map(RuleVersion),
    tender=st.sampled_from(Tender),
)
batch_payments = st.builds(
    BatchPayment,
    sequence=st.integers(2**40, 2**40 + 8_000).map(SequenceNumber),
    merchant=st.integers(0, 5).map(MerchantId),
    terminal=st.integers(0, 2**16 - 1).map(TerminalNumber),
    member=st.integers(0, 2**64 - 1).map(MemberId),
    time=st.integers(0, 2**32 - 1),
    lines=st.lists(lines, min_size=1, max_size=16).map(tuple),
    items_root=st.none() | hashes,
    authorisation=st.none() | hashes,
    enrol=st.booleans(),
)
acts = st.binary(min_size=1, max_size=1_024)
batch_payments = st.one_of(
    batch_payments,
    st.builds(replace, batch_payments, act=acts),
    st.builds(replace, batch_payments, act=acts, lines=st.just(())),
)


@given(payments=st.lists(batch_payments, min_size=1, max_size=20), stream=st.integers(0, 2**32 - 1).map(StreamId))
def test_decode_batch_gives_back_what_was_encoded(payments: list[BatchPayment], stream: StreamId) -> None:
    batch = make_batch(stream, payments)
    assert decode_batch(encode_batch(batch)) == batch
    assert sorted(map(repr, batch.payments)) == sorted(map(repr, payments))


@given(payments=st.lists(batch_payments, min_size=1, max_size=3), cut=st.integers(1, 60))
def test_decode_batch_gives_what_is_whole_when_cut_or_longer(payments: list[BatchPayment], cut: int) -> None:
    batch = make_batch(StreamId(1), payments)
    data = encode_batch(batch)
    assert decode_batch(data + bytes(cut)) == batch
    if len(data) - cut >= 16:
        rest = decode_batch(data[:-cut]).payments
        assert rest == batch.payments[: len(rest)] != batch.payments
    for wrong in (b"", data[:15], b"\2" + data[1:]):
        with pytest.raises(ValueError):
            decode_batch(wrong)


def test_encode_batch_refuses_when_flags_or_line_count_are_none_of_the_formats() -> None:
    line = Line(amount=MinorUnits(1), rule_version=RuleVersion(1), tender=Tender.EXTERNAL)
    for wrong in (
        {"lines": (line,), "unknown_flags": 16},
        {"lines": ()},
        {"lines": (line,) * 17},
        {"lines": (line,) * 17, "act": b"\x01"},
        {"lines": (line,), "act": b""},
        {"lines": (line,), "act": bytes(1_025)},
    ):
        payment = BatchPayment(
            sequence=SequenceNumber(1), merchant=MerchantId(1), terminal=TerminalNumber(0), member=MemberId(1), time=1,
            **wrong,
        )  # type: ignore[arg-type]  # fmt: skip
        with pytest.raises(ValueError):
            encode_batch(make_batch(StreamId(1), [payment]))


def test_make_batch_refuses_when_sequences_span_too_much() -> None:
    line = Line(amount=MinorUnits(1), rule_version=RuleVersion(1), tender=Tender.EXTERNAL)
    payments = [
        BatchPayment(
            sequence=SequenceNumber(sequence), merchant=MerchantId(1), terminal=TerminalNumber(0),
            member=MemberId(1), time=1, lines=(line,),
        )
        for sequence in (255, 8_192)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="33 words"):
        make_batch(StreamId(1), payments)
    with pytest.raises(ValueError, match="at least one"):
        make_batch(StreamId(1), [])


@given(leaves=st.lists(hashes, min_size=1, max_size=40), data=st.data())
def test_proof_of_leads_to_the_root_from_every_leaf(leaves: list[Hash32], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    assert root_from_proof(leaves[index], proof_of(leaves, index)) == root_of(leaves)


def test_keccak_is_that_of_ethereum() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_product_set_root_does_not_depend_on_order() -> None:
    assert product_set_root(["B", "A", "B"]) == product_set_root(["A", "B"]) != product_set_root(["A"])
    assert len(product_leaves(["B", "A", "B"])) == 2
    for bad in ([], [""], ["x" * 33], ["é"], ["a\n"]):
        with pytest.raises(ValueError):
            product_set_root(bad)


def test_items_root_hides_items_behind_the_salt() -> None:
    items = [Item(product="819063", quantity=2, amount=MinorUnits(398))]
    roots = {items_root(items, bytes([n]) * 16) for n in (0, 1)}
    assert len(roots) == 2
    assert items_root([], bytes(16)) is None
    assert item_leaves(items, bytes(16))[0] == keccak(
        b"\x02" + bytes(16) + bytes(2) + (398).to_bytes(6, "big") + (2).to_bytes(4, "big") + b"\x06819063"
    )
    with pytest.raises(ValueError):
        items_root(items, bytes(15))
    with pytest.raises(ValueError):
        items_root([Item(product="1", quantity=-1, amount=MinorUnits(1))], bytes(16))


@given(word=st.integers(0, 2**256 - 1))
def test_words_survive_unpacking(word: int) -> None:
    for kind in (Account, Merchant, Rule):
        assert kind.unpack(word).pack() == word


def test_pack_refuses_what_does_not_fit() -> None:
    with pytest.raises(OverflowError):
        Account(value=2**56).pack()
