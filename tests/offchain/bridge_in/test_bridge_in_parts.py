"""Baskets, MACs, key files, local time, typed data; against an independent source where there is one."""

import os
import warnings
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import psec
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from node.bridge.acknowledge import approval_code
from node.bridge.verify.digests import Proof, authorisation, body_digest
from node.bridge.verify.local_time import local_stamp, unix_time
from node.bridge.verify.mac_keys import MacKeys
from node.bridge.verify.rpc_sender import signer_of
from node.domain.assignment import Item
from node.domain.errors import MalformedMessage, Unusable, WrongSignature
from node.domain.ids import Address, Hash32, MinorUnits, PaymentId, TerminalId
from node.domain.signed_terms import SIGNED
from node.domain.terminal_terms import Terms, digest, domain_separator, members_of
from node.iso8583.basket import read_basket, read_items, read_objects, spread, write_items, write_objects
from node.iso8583.retail_mac import RetailMac

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PRODUCTS = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, blacklist_characters=",;"), min_size=1, max_size=32
)
ITEMS = st.builds(
    Item,
    product=PRODUCTS,
    quantity=st.integers(0, 2**32 - 1),
    amount=st.integers(0, 2**48 - 1).map(MinorUnits),
)


@pytest.mark.parametrize(
    ("data", "mac"),
    [
        # ISO/IEC 9797-1, annex: MAC algorithm 3, padding method 1
        (b"Now is the time for all ", "a1c72e74ea3fa9b6"),
        (b"Now is the time for it", "2e2b1428cc78254f"),
    ],
)
def test_retail_mac_gives_the_standards_vectors(data: bytes, mac: str) -> None:
    assert RetailMac(KEY).compute(data).hex() == mac


@given(st.binary(max_size=200), st.binary(min_size=16, max_size=16))
def test_retail_mac_gives_what_psec_gives(data: bytes, key: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = psec.mac.generate_retail_mac(key[:8], key[8:], data, 1)
    mac = RetailMac(key)
    assert mac.compute(data) == expected
    assert mac.verify(data, expected) and not mac.verify(data, bytes(7)) and not mac.verify(data + b"1", expected)


def test_retail_mac_never_shows_its_key() -> None:
    assert repr(RetailMac(KEY)) == "RetailMac(...)"
    with pytest.raises(ValueError, match="16 bytes"):
        RetailMac(b"short")


@given(st.lists(ITEMS, max_size=20))
def test_read_items_undoes_write_items(items: list[Item]) -> None:
    assert read_items(write_items(items)) == tuple(items)


@given(st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=120))
def test_read_basket_reads_or_refuses_when_given_any_text(text: str) -> None:
    for carried in ({48: text}, {48: f"LI{len(text):04d}{text}"}, {48: f"CO{len(text):04d}{text}"}):
        try:
            read_basket(carried)
        except MalformedMessage as failure:
            assert failure.response_code == "30"


@pytest.mark.parametrize(
    "text",
    [
        *("p,1,5", "p,1;", "p,1,5,6;", ",1,5;", "p,-1,5;", "p,1,;", "p,1,5.0;", "p,4294967296,1;", "é,1,5;"),
        f"{'p' * 33},1,5;",
        "p,1,281474976710656;",
        "p,,1;" * 1000,
    ],
)
def test_read_items_refuses_when_an_item_is_not_one(text: str) -> None:
    with pytest.raises(MalformedMessage):
        read_items(text)


@pytest.mark.parametrize("text", ["LI0005p,,1", "LI00", "L", "LI+001;", "CO00011CO00011"])
def test_read_objects_refuses_when_lengths_do_not_fit_or_a_tag_repeats(text: str) -> None:
    with pytest.raises(MalformedMessage):
        read_objects(text)


def test_the_longest_real_basket_fits_into_its_three_elements() -> None:
    # the year's longest: 161 lines, product codes of up to 8 digits
    items = [Item(product=str(10_000_000 + i), quantity=1, amount=MinorUnits(1_299)) for i in range(161)]
    fields = spread(write_objects([("LI", write_items(items))]))
    assert sorted(fields) == [48, 62, 63] and all(len(text) <= 999 for text in fields.values())
    assert read_basket(fields).items == tuple(items)
    with pytest.raises(ValueError, match="do not fit"):
        spread("x" * 2_998)


@given(
    st.datetimes(datetime(2001, 1, 2), datetime(2095, 12, 30)),
    st.integers(-86_400, 86_400),
    st.integers(-15_000_000, 15_000_000),
)
def test_unix_time_finds_the_year_when_the_clock_is_half_a_year_off_at_most(
    at: datetime, offset: int, delay: int
) -> None:
    moment = int(at.replace(tzinfo=UTC).timestamp())
    stamp = local_stamp(moment, offset)
    assert unix_time(stamp[:4], stamp[4:], received=moment + delay, utc_offset=offset) == moment


def test_unix_time_crosses_new_year_both_ways() -> None:
    eve = int(datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
    assert unix_time("1231", "235959", received=eve + 5, utc_offset=0) == eve
    assert unix_time("0101", "000004", received=eve, utc_offset=0) == eve + 5
    assert unix_time("0101", "003000", received=eve, utc_offset=3600) == eve + 1 - 1800


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("0230", "000000"),
        ("1301", "000000"),
        ("0000", "000000"),
        ("0101", "240000"),
        ("0101", "006000"),
        ("0101", "000061"),
    ],
)
def test_unix_time_refuses_when_there_is_no_such_moment(date: str, time: str) -> None:
    with pytest.raises(MalformedMessage):
        unix_time(date, time, received=1_760_000_000, utc_offset=0)


def test_mac_keys_reads_two_keys_a_terminal_and_a_changed_file(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# comment\nT1 {KEY.hex()} {bytes(16).hex()} # two\n\nT2 {KEY.hex()}\n")
    path.chmod(0o600)
    keys = MacKeys(path)
    assert [len(keys.of(TerminalId(name))) for name in ("T1", "T2", "T3")] == [2, 1, 0]
    path.write_text(f"T3 {KEY.hex()}\n")
    os.utime(path, ns=(1, 1))
    keys.refresh()
    assert [len(keys.of(TerminalId(name))) for name in ("T1", "T3")] == [0, 1]
    path.write_text("T3 nonsense\n")
    keys.refresh()
    assert len(keys.of(TerminalId("T3"))) == 1


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        (f"T1 {KEY.hex()}\n", 0o640, "chmod 600"),
        ("T1\n", 0o600, "Line 1"),
        (f"T1 {KEY.hex()[:-2]}\n", 0o600, "32 hexadecimal"),
        (f"T1 {KEY.hex()}\nT1 {KEY.hex()}\n", 0o600, "Line 2"),
        (f"T1 {(KEY.hex() + ' ') * 3}\n", 0o600, "Line 1"),
        (None, 0, "no key file"),
    ],
)
def test_mac_keys_are_unusable_when_the_file_is_open_to_others_or_broken(
    tmp_path: Path, text: str | None, mode: int, says: str
) -> None:
    path = tmp_path / "keys"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(Unusable, match=says) as caught:
        MacKeys(path)
    assert KEY.hex()[:12] not in str(caught.value)


def test_authorisation_and_body_tell_contents_apart() -> None:
    body = body_digest([("4", "1"), ("11", "2")])
    assert body != body_digest([("4", "1;11:1:2")])
    kinds = {authorisation(proof, pin, body, b"12345678") for proof in Proof for pin in "012"}
    assert len(kinds) == 6


def test_approval_code_is_six_characters_of_the_sequence() -> None:
    assert [approval_code(PaymentId(f"1-{n}")) for n in (0, 35, 36, 36**6)] == ["000000", "00000Z", "000010", "000000"]


@pytest.mark.parametrize("kind", SIGNED, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_digest_is_what_eth_account_signs(kind: type[Terms], data: st.DataObject) -> None:
    ledger = bytes(range(20))
    name, members = kind.TYPE[:-1].split("(")
    typed = [{"name": member.split(" ")[1], "type": member.split(" ")[0]} for member in members.split(",")]
    texts, numbers = st.text(max_size=40), st.integers(0, 2**48 - 1)
    values = {each["name"]: data.draw(texts if each["type"] == "string" else numbers) for each in typed}
    domain = {"name": "Tillnet", "version": "1", "chainId": 77, "verifyingContract": "0x" + ledger.hex()}
    account = Account.from_key(b"\x22" * 32)
    signature = bytes(account.sign_message(encode_typed_data(domain, {name: typed}, values)).signature)
    terms = kind(**{member.attribute: values[member.name] for member in members_of(kind)})
    ours = digest(domain_separator(77, Address(ledger)), terms)
    assert signer_of(ours, signature).hex() == account.address[2:].lower()


def test_every_signed_type_has_a_name_and_members_of_its_own() -> None:
    assert len({kind.TYPE.partition("(")[0] for kind in SIGNED}) == len(SIGNED)
    for kind in SIGNED:
        assert {member.attribute for member in members_of(kind)} == {each.name for each in fields(kind)}


@pytest.mark.parametrize(
    "signature",
    [b"", bytes(65), b"\xff" * 65, b"\x01" * 64 + b"\x05", b"\x01" * 32 + b"\xff" * 32 + b"\x1b", b"\x01" * 64],
)
def test_signer_of_refuses_when_no_key_can_have_signed(signature: bytes) -> None:
    with pytest.raises(WrongSignature):
        signer_of(Hash32(bytes(32)), signature)
