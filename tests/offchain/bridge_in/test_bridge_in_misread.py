"""No bytes, whatever they are, read as an approval."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.bridge.intake_iso8583.exchange import Exchange
from node.bridge.intake_ports import Ports
from node.bridge.verify.iso8583 import Rules
from node.bridge.verify.mac_keys import MacKeys
from node.iso8583.packager import UnreadableMessage
from node.iso8583.retail_mac import RetailMac
from node.iso8583.wire import Fields, Wire
from node.pos import messages
from node.pos.messages import PosTerminal
from tests.offchain.bridge_in.conftest import MAC_KEY, STREAM
from tests.offchain.bridge_in.sales import GOOD_VALUES, REQUESTS, purchase


@pytest.fixture
def exchange(ports: Ports, key_file: Path) -> Exchange:
    rules = Rules(
        stream=STREAM,
        utc_offset=0,
        mac_required=False,
        keys=MacKeys(key_file),
        directory=ports.directory,
        member_of=ports.member_of,
        randomness=lambda size: bytes(size),
    )
    return Exchange(ports, rules, Wire())


@pytest.fixture
def bcd_exchange(ports: Ports, exchange: Exchange) -> Exchange:
    return Exchange(ports, exchange._rules, Wire(fields=Fields.BCD))


def never_approved(exchange: Exchange, content: bytes) -> None:
    try:
        reply = asyncio.run(exchange.answer(content))
    except UnreadableMessage:
        return
    if reply is not None:
        _, message = exchange._wire.split(reply)
        assert exchange._wire.fields.unpack(message).fields[39] not in ("00", "10")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=300))
def test_no_bytes_crash_the_exchange_or_read_as_approval(
    exchange: Exchange, bcd_exchange: Exchange, content: bytes
) -> None:
    for each, head in ((exchange, b"0200"), (bcd_exchange, b"\x02\x00")):
        never_approved(each, content)
        never_approved(each, head + content)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), fields=st.sampled_from(Fields))
def test_no_flipped_byte_of_a_message_with_mac_reads_as_approval(
    exchange: Exchange, bcd_exchange: Exchange, fields: Fields, data: st.DataObject
) -> None:
    terminal = PosTerminal(id="TILL0001", merchant=42, mac=RetailMac(MAC_KEY), fields=fields)
    exchange = bcd_exchange if fields is Fields.BCD else exchange
    content = bytearray(purchase(terminal, coin=100).content)
    position = data.draw(st.integers(0, len(content) - 1))
    # hexadecimal digits are the same in both cases
    flip = data.draw(st.integers(1, 255).filter(lambda bits: bits != 0x20))
    content[position] ^= flip
    never_approved(exchange, bytes(content))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    mti=st.sampled_from(REQUESTS),
    code=st.sampled_from(["000000", "006000", "009000", "200000", "210000", "310000", "910000", "920000", "123456"]),
    drop=st.sets(st.sampled_from(sorted(GOOD_VALUES)), max_size=4),
    fields=st.sampled_from(Fields),
    forged=st.booleans(),
)
def test_no_message_without_a_right_mac_reads_as_approval_and_each_is_answered_once(
    exchange: Exchange, mti: str, code: str, drop: set[int], fields: Fields, forged: bool
) -> None:
    rules = replace(exchange._rules, mac_required=True)
    strict = Exchange(exchange._ports, rules, Wire(fields=fields))
    thief = PosTerminal(id="TILL0001", merchant=42, mac=RetailMac(b"\x66" * 16) if forged else None, fields=fields)
    said = {number: text for number, text in ({**GOOD_VALUES, 3: code}).items() if number not in drop}
    reply = fields.unpack(asyncio.run(strict.answer(messages.seal(mti, said, thief).content)) or b"")
    assert reply.fields[39] in ("03", "12", "30", "58", "97")
    assert reply.mti[:2] == mti[:2] and reply.mti[2] == str(int(mti[2]) + 1) and reply.mti[3] == "0"
    assert 38 not in reply.fields and 48 not in reply.fields and 54 not in reply.fields
