"""The files that line items, views, excerpts and keys are handed on in."""

import json
import os
from dataclasses import replace
from hashlib import shake_256
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.bridge.lines import files
from node.bridge.lines.basket import pack_items
from node.bridge.lines.errors import BadLinesFile, NotForThisKey
from node.bridge.lines.files import ShownItem
from node.bridge.lines.keys import load_holder, load_public, make_key, public_file
from node.bridge.lines.opening import SealedLines, open_lines
from node.bridge.lines.sealing import ContentKey, key_from_copy
from node.cli.lines_read import view
from node.domain.errors import Unusable
from node.domain.ids import MinorUnits, PaymentId, Sequence
from node.domain.merkle import item_leaf
from node.iso8583.basket import write_items
from tests.offchain.bridge_out.lines.made_lines import (
    BASKET,
    HOLDER,
    ITEMS,
    KEY,
    NAME,
    PAYMENT,
    READER,
    SEED,
    SMALL,
    sealed,
)


def excerpt(*places: int) -> files.Excerpt:
    return {
        PAYMENT: tuple(
            ShownItem(index=each, item=ITEMS[each], salt=BASKET.salts[each], proof=BASKET.proof(each))
            for each in places
        )
    }


@SMALL
@given(data=st.data())
def test_excerpt_proves_each_item_and_refuses_any_altered_byte(data: st.DataObject, tmp_path: Path) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, 4), min_size=1)))
    file = tmp_path / "brand.excerpt.json"
    files.write_excerpt(file, excerpt(*places), merchant=7, reader=READER)
    assert files.format_of(file) == files.EXCERPT
    merchant, shown = files.read_excerpt(file, HOLDER)
    assert (merchant, shown) == (7, excerpt(*places)) and {each.root for each in shown[PAYMENT]} == {BASKET.root}
    with pytest.raises((NotForThisKey, BadLinesFile)):
        files.read_excerpt(file, X25519PrivateKey.generate())
    document = json.loads(file.read_text())
    value = bytearray(bytes.fromhex(document["sealed"][2:]))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    for altered in ({"sealed": "0x" + value.hex()}, {"merchant": 8}):
        file.write_text(json.dumps(document | altered))
        with pytest.raises(NotForThisKey):
            files.read_excerpt(file, HOLDER)


def test_excerpt_gives_away_nothing_of_the_items_beside() -> None:
    (shown,) = excerpt(2)[PAYMENT]
    assert SEED not in (shown.salt, *shown.proof)
    # with the salt of the item that it shows, a reader cannot try out its neighbour
    neighbour = item_leaf(ITEMS[3], 3, shown.salt)
    assert BASKET.leaves[3] in shown.proof and neighbour not in shown.proof
    assert len(set(BASKET.salts)) == len(ITEMS)
    assert shake_256(b"\x06" + SEED).digest(80)[32:48] == shown.salt


@pytest.mark.parametrize("wrong", ["index", "product", "quantity", "amount", "salt"])
def test_excerpt_with_another_field_proves_another_root(wrong: str) -> None:
    (shown,) = excerpt(2)[PAYMENT]
    other = {"index": 1, "salt": bytes(16), "product": "P9", "quantity": 9, "amount": MinorUnits(9)}[wrong]
    forged = (
        replace(shown, **{wrong: other})  # type: ignore[arg-type]
        if wrong in ("index", "salt")
        else replace(shown, item=replace(shown.item, **{wrong: other}))  # type: ignore[arg-type]
    )
    assert forged.root != BASKET.root


def test_view_and_lines_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    view, lines = tmp_path / "a.view.json", tmp_path / "a.lines.json"
    files.write_view(view, {NAME: KEY.copy_for(READER)}, about={"merchant": 7})
    ((name, _),) = files.read_view(view).items()
    assert name == NAME and json.loads(view.read_text())["keys"][0]["number"] == str(2**62 + 1)
    many = [sealed(), replace(sealed(), payment=PaymentId("1-43"))]
    assert files.write_lines(lines, many, reader=READER) == 2 and files.read_lines(lines) == many
    assert (files.format_of(view), files.format_of(lines)) == (files.VIEW, files.LINES)
    with pytest.raises(BadLinesFile):
        files.read_lines(view)
    with pytest.raises(BadLinesFile):
        files.read_view(lines)


def test_merchant_makes_a_view_of_its_file_for_some_days(tmp_path: Path) -> None:
    shop, auditor = tmp_path / "shop.key", tmp_path / "auditor.key"
    reader = make_key(shop)
    make_key(auditor)
    keys = [ContentKey(name=replace(NAME, day=day, number=day), secret=os.urandom(32)) for day in (20_000, 20_001)]
    packed = pack_items(SEED, write_items(ITEMS))
    found = [
        SealedLines(
            payment=PAYMENT,
            merchant=NAME.merchant,
            day=key.name.day,
            root=BASKET.root,
            sealed=key.seal(packed, Sequence(42), BASKET.root, os.urandom(12)),
            copy=key.copy_for(reader),
        )
        for key in keys
    ]
    files.write_lines(tmp_path / "shop.lines.json", found, reader=reader)
    said = ["--file", tmp_path / "shop.lines.json", "--key", shop, "--to", public_file(auditor)]
    said += ["--from", files.day_text(20_001), "-o", tmp_path / "auditor.view.json"]
    done = CliRunner().invoke(view, [str(each) for each in said], catch_exceptions=False)
    assert done.output.startswith("1 content keys in"), done.output
    holder = load_holder(auditor)
    ((name, copy),) = files.read_view(tmp_path / "auditor.view.json").items()
    known = {name.number: key_from_copy(name, copy, holder)}
    assert open_lines(found[1], holder, known) == BASKET
    with pytest.raises(NotForThisKey):
        open_lines(found[0], holder, known)


@SMALL
@given(data=st.data())
def test_files_that_are_none_are_refused_with_one_sentence(data: st.DataObject, tmp_path: Path) -> None:
    file = tmp_path / "given"
    good = {"payment": PAYMENT, "merchant": 7, "day": "2024-10-04", "root": "0x", "sealed": "0x", "copy": "0x"}
    junk = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=9) | st.lists(st.integers())
    name = data.draw(st.sampled_from(sorted(good)))
    bad = good | {name: data.draw(junk.filter(lambda value: value != "0x"))}
    head = json.dumps({"format": files.LINES})
    for text in (json.dumps(bad), data.draw(st.text(max_size=40)), "[" * 100_000):
        file.write_text(f"{head}\n{text}\n", "utf-8")
        try:
            found = files.read_lines(file)
        except BadLinesFile:
            continue
        # what can be read all the same has fields of the right form
        assert all(0 <= each.merchant < 2**32 for each in found)
    file.write_text(data.draw(st.text(max_size=60)), "utf-8")
    assert files.format_of(file) == ""


def test_key_files_are_private_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "me.key"
    public = make_key(path)
    assert load_public(path) == load_public(public_file(path)) == public
    assert load_holder(path).public_key().public_bytes_raw() == public
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unusable, match="public key"):
        load_holder(public_file(path))
    with pytest.raises(Unusable, match="cannot be made"):
        make_key(path)
    secret = path.read_text().split()[1]
    path.chmod(0o644)
    with pytest.raises(Unusable, match="open to others"):
        load_holder(path)
    path.chmod(0o600)
    for text in (
        "",
        "secret",
        f"secret {secret[2:]}",
        f"other {secret}",
        f"secret {secret} more",
        "secret " + "zz" * 32,
    ):
        path.write_text(text)
        with pytest.raises(Unusable) as refused:
            load_holder(path)
        assert secret[2:] not in str(refused.value)
    with pytest.raises(Unusable, match="no key file"):
        load_public(tmp_path / "missing")
