"""Sealed line items open to what was sealed, and to nothing else; what the chain has to say of them."""

import json
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.bridge.lines import files
from node.bridge.lines.basket import pack_items, unpack_items
from node.bridge.lines.errors import LinesAltered, NotForThisKey, NotOnTheChain
from node.bridge.lines.opening import check_on_chain, open_lines
from node.bridge.lines.sealing import PADDED_TO
from node.domain.assignment import Item
from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits, PaymentId, Sequence
from node.domain.line_items import LineItems
from node.explorer.answers import PaymentAnswer
from node.iso8583.basket import write_items
from tests.offchain.bridge_out.lines.made_lines import BASKET, HOLDER, ITEMS, KEY, NAME, PAYMENT, SEED, SMALL, sealed

products = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, blacklist_characters=",;"), min_size=1, max_size=32
)
baskets = st.lists(
    st.builds(
        Item,
        product=products,
        quantity=st.integers(0, 2**32 - 1),
        amount=st.integers(0, 2**48 - 1).map(MinorUnits),
    ),
    min_size=1,
    max_size=12,
).map(tuple)


def answer(**changes: object) -> PaymentAnswer:
    said = PaymentAnswer(
        payment=PAYMENT,
        outcome="final",
        merchant=MerchantId(7),
        terminal=0,
        member=MemberId(1),
        time=0,
        lines=(),
        items_root="0x" + BASKET.root.hex(),
        authorisation=None,
        block=5,
        block_hash="",
        block_time=0,
        transaction="",
        root="",
    )
    return replace(said, **changes)  # type: ignore[arg-type]


@SMALL
@given(baskets, st.binary(min_size=16, max_size=16))
def test_open_lines_gives_what_was_sealed(items: tuple[Item, ...], seed: bytes) -> None:
    found = sealed(items, seed)
    assert open_lines(found, HOLDER, {}) == LineItems(items=items, seed=seed)
    assert files.lines_from(json.loads(json.dumps(files.lines_document(found)))) == found
    assert (len(found.sealed) - 21 - 16) % PADDED_TO == 0


@SMALL
@given(data=st.data())
def test_open_lines_refuses_any_altered_byte(data: st.DataObject) -> None:
    found = sealed()
    which = data.draw(st.sampled_from(["sealed", "copy", "root"]))
    value = bytearray(getattr(found, which))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((LinesAltered, NotForThisKey)):
        open_lines(replace(found, **{which: bytes(value)}), HOLDER, {})  # type: ignore[arg-type]


@SMALL
@given(data=st.data())
def test_open_lines_refuses_bytes_cut_off_or_added(data: st.DataObject) -> None:
    found = sealed()
    which = data.draw(st.sampled_from(["sealed", "copy", "root"]))
    value = getattr(found, which)
    other = value[: data.draw(st.integers(0, len(value) - 1))] if data.draw(st.booleans()) else value + b"\0"
    with pytest.raises((LinesAltered, NotForThisKey)):
        open_lines(replace(found, **{which: other}), HOLDER, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [{"payment": PaymentId("1-43")}, {"payment": PaymentId("2-42")}, {"merchant": MerchantId(8)}, {"day": 20_001}],
)
def test_open_lines_refuses_lines_of_another_payment_merchant_or_day(changes: dict[str, object]) -> None:
    with pytest.raises((LinesAltered, NotForThisKey)):
        open_lines(replace(sealed(), **changes), HOLDER, {})  # type: ignore[arg-type]
    # whoever has the key itself is not deceived either
    with pytest.raises(LinesAltered):
        open_lines(replace(sealed(), **changes), HOLDER, {NAME.number: KEY})  # type: ignore[arg-type]


def test_open_lines_refuses_items_that_are_not_the_roots() -> None:
    """Whoever has the content key, another reader for instance, cannot seal other items under the root."""
    forged = pack_items(SEED, write_items(ITEMS[:4]))
    for packed in (forged, b"", b"\x07" + forged[1:], forged[:17], forged + b"x"):
        found = replace(sealed(), sealed=KEY.seal(packed, Sequence(42), BASKET.root, os.urandom(12)))
        with pytest.raises(LinesAltered):
            open_lines(found, HOLDER, {})


def test_check_on_chain_refuses_another_root_merchant_or_outcome() -> None:
    check_on_chain(PAYMENT, 7, BASKET.root, answer())
    for changes in (
        {"items_root": None},
        {"items_root": "0x" + "00" * 32},
        {"merchant": MerchantId(8)},
        {"outcome": "skipped: the member was frozen"},
        {"payment": PaymentId("1-43")},
    ):
        with pytest.raises(NotOnTheChain):
            check_on_chain(PAYMENT, 7, BASKET.root, answer(**changes))


def test_unpack_items_undoes_pack_items() -> None:
    assert unpack_items(pack_items(SEED, write_items(ITEMS))) == BASKET and pack_items(SEED, "") == b""
    assert BASKET.root == LineItems(items=ITEMS, seed=SEED).root != Hash32(bytes(32))
    for wrong in (b"", b"\x02" + SEED, b"\x03" + SEED + b"p,,1;"):
        with pytest.raises(ValueError, match="line items"):
            unpack_items(wrong)
