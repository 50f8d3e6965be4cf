"""The packager against pyiso8583, which knows nothing of ours but jPOS' lengths."""

import copy
from pathlib import Path

import iso8583
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso8583.specs import default_ascii

from node.iso8583 import binary
from node.iso8583.framing import FrameReader, Framing, frame, swap_tpdu
from node.iso8583.packager import Message, UnreadableMessage, pack, response_mti, unpack
from node.iso8583.table import TABLE, Element, Kind
from node.iso8583.wire import Fields, Tpdu, Wire

HEX = "0123456789ABCDEF"
# where jPOS' iso87ascii.xml differs from pyiso8583's default
JPOS_LENGTHS = {"54": 120, "55": 999, "65": 2, "93": 6, "96": 32}


def peer_specification() -> dict[str, dict[str, object]]:
    specification = copy.deepcopy(default_ascii)
    for number, length in JPOS_LENGTHS.items():
        specification[number]["max_len"] = length
    for each in specification.values():
        if each["data_enc"] == "ascii":
            each["data_enc"] = "latin-1"
    return specification


PEER = peer_specification()


def values_of(element: Element) -> st.SearchStrategy[str]:
    size = element.characters
    least = size if element.prefix == 0 else 1
    match element.kind:
        case Kind.NUMERIC:
            return st.text("0123456789", min_size=least, max_size=size)
        case Kind.BINARY:
            return st.text(HEX, min_size=least, max_size=size)
        case Kind.SIGNED:
            return st.builds(
                lambda sign, digits: sign + digits,
                st.sampled_from("CD"),
                st.text("0123456789", min_size=size - 1, max_size=size - 1),
            )
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), min_size=least, max_size=min(size, 60))


@st.composite
def messages(draw: st.DrawFn) -> Message:
    # pyiso8583 packs DE65 without setting its bit; jPOS' bytes for it are in a test of their own
    numbers = draw(st.sets(st.sampled_from(sorted(set(TABLE) - {65})), max_size=25))
    fields = {number: draw(values_of(TABLE[number])) for number in sorted(numbers)}
    return Message(mti=draw(st.text("0123456789", min_size=4, max_size=4)), fields=fields)


@given(messages())
def test_pack_gives_pyiso8583s_bytes_and_unpack_undoes_it(message: Message) -> None:
    peer = {"t": message.mti, **{str(number): value for number, value in message.fields.items()}}
    data, _ = iso8583.encode(peer, PEER)
    assert pack(message) == bytes(data)
    assert unpack(bytes(data)) == message
    decoded, _ = iso8583.decode(data, PEER)
    assert {int(number): value for number, value in decoded.items() if number not in ("t", "p", "1", "h")} == dict(
        message.fields
    )


def test_pack_gives_the_bytes_that_jpos_gave() -> None:
    # every element but 65, packed by jPOS 2.1.9's GenericPackager with iso87ascii.xml: short values, so all the padding
    data = bytes.fromhex((Path(__file__).parent / "jpos_iso87ascii.hex").read_text())
    message = unpack(data)
    assert sorted(message.fields) == [number for number in TABLE if number != 65]
    assert (message.fields[4], message.fields[28], message.fields[41]) == ("000000099999", "C00000123", "x\xe94     ")
    short = {
        number: value.lstrip("0") if TABLE[number].kind is Kind.NUMERIC else value.rstrip(" ")
        for number, value in message.fields.items()
    }
    assert pack(Message(mti=message.mti, fields=short)) == data


def test_pack_sets_the_bit_of_de65_as_jpos_does() -> None:
    message = Message(mti="0200", fields={11: "000001", 65: "5A", 70: "301"})
    assert pack(message) == b"0200802000000000000084000000000000000000015A301"
    assert unpack(pack(message)) == message


def test_table_has_pyiso8583s_lengths_except_where_jpos_differs() -> None:
    different = {
        number
        for number, element in TABLE.items()
        if (default_ascii[str(number)]["max_len"], default_ascii[str(number)]["len_type"])
        != (element.characters, element.prefix)
    }
    assert different == {int(number) for number in JPOS_LENGTHS}
    assert sorted(TABLE) == list(TABLE) == list(range(2, 129))


@given(st.binary(max_size=400))
def test_unpack_reads_or_refuses_when_given_any_bytes(data: bytes) -> None:
    try:
        message = unpack(data)
    except UnreadableMessage as failure:
        assert failure.response_code == "30"
        return
    assert unpack(pack(message)) == message


@given(messages(), st.data())
def test_unpack_refuses_when_a_message_is_cut_or_has_a_tail(message: Message, data: st.DataObject) -> None:
    packed = pack(message)
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(UnreadableMessage):
        unpack(packed[:cut])
    with pytest.raises(UnreadableMessage):
        unpack(packed + b"0")


def test_unpack_keeps_what_it_read_when_a_later_element_is_bad() -> None:
    packed = pack(Message(mti="0200", fields={3: "000000", 11: "000001", 41: "TILL0001", 49: "840"}))
    with pytest.raises(UnreadableMessage) as caught:
        unpack(packed[:-2])
    assert caught.value.partial == Message(mti="0200", fields={3: "000000", 11: "000001", 41: "TILL0001"})


@pytest.mark.parametrize(
    ("mti", "bitmap", "rest"),
    [
        ("02O0", "2000000000000000", "000000"),
        ("0200", "20000000000000_0", "000000"),
        ("0200", "2000000000000000", "00000A"),
        ("0200", "4000000000000000", "20" + "1" * 20),
        ("0200", "4000000000000000", "+4" + "1234"),
        ("0200", "0000000000001000", "12345678901234XY"),
        ("0200", "0000001000000000", "E00000000"),
        ("0200", "8000000000000000", "00000000"),
    ],
)
def test_unpack_refuses_when_a_part_is_not_what_the_table_says(mti: str, bitmap: str, rest: str) -> None:
    with pytest.raises(UnreadableMessage):
        unpack(f"{mti}{bitmap}{rest}".encode())


@pytest.mark.parametrize(
    ("request_type", "reply"),
    [
        ("0200", "0210"),
        ("0201", "0210"),
        ("0400", "0410"),
        ("0401", "0410"),
        ("0420", "0430"),
        ("0421", "0430"),
        ("0800", "0810"),
        ("0100", "0110"),
        ("0203", "0212"),
        ("0210", None),
        ("0430", None),
        ("0280", None),
        ("0209", None),
    ],
)
def test_response_mti_folds_the_repeat_digit(request_type: str, reply: str | None) -> None:
    assert response_mti(request_type) == reply


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=6), st.sampled_from(Framing), st.integers(1, 7))
def test_frame_reader_gives_the_messages_however_they_are_cut(
    contents: list[bytes], framing: Framing, step: int
) -> None:
    reader, stream, got = FrameReader(framing, 300), b"".join(frame(framing, each) for each in contents), []
    for start in range(0, len(stream), step):
        got += reader.feed(stream[start : start + step])
    assert got == contents
    assert not reader.partial and reader.fault is None


@pytest.mark.parametrize(
    ("framing", "claim"), [(Framing.NAC, b"\x10\x01"), (Framing.ASCII, b"9999"), (Framing.ASCII, b"1e3 ")]
)
def test_frame_reader_faults_after_the_good_ones_when_a_length_is_bad(framing: Framing, claim: bytes) -> None:
    reader = FrameReader(framing, 4_096)
    assert reader.feed(frame(framing, b"good") + claim) == [b"good"]
    assert reader.fault is not None


def test_frame_reader_drops_keep_alives() -> None:
    assert FrameReader(Framing.NAC, 100).feed(b"\0\0" + frame(Framing.NAC, b"x") + b"\0\0") == [b"x"]


@pytest.mark.parametrize(("fields", "message"), [(Fields.ASCII, b"0800"), (Fields.BCD, b"\x08\x00")])
def test_tpdu_is_told_from_a_message_and_swapped(fields: Fields, message: bytes) -> None:
    tpdu = bytes.fromhex("6000030002")
    wire = Wire(fields=fields)
    assert wire.split(tpdu + message) == (tpdu, message)
    assert wire.split(message) == (b"", message)
    assert swap_tpdu(tpdu) == bytes.fromhex("6000020003")
    assert Wire(fields=fields, tpdu=Tpdu.ALWAYS).split(message + tpdu) == (
        message + tpdu[: 5 - len(message)],
        tpdu[5 - len(message) :],
    )
    for never in (Wire(fields=fields, tpdu=Tpdu.NEVER), Wire(fields=fields, framing=Framing.POST)):
        assert never.split(tpdu + message) == (b"", tpdu + message)


TRACK = st.text("0123456789=", min_size=1, max_size=37)


@st.composite
def packed_messages(draw: st.DrawFn) -> Message:
    numbers = draw(st.sets(st.sampled_from(sorted(TABLE)), max_size=25))
    fields = {
        number: draw(TRACK if TABLE[number].kind is Kind.TRACK else values_of(TABLE[number]))
        for number in sorted(numbers)
    }
    binaries = [number for number in fields if TABLE[number].kind is Kind.BINARY]
    fields |= {number: fields[number].upper() for number in binaries}
    return Message(mti=draw(st.text("0123456789", min_size=4, max_size=4)), fields=fields)


@given(packed_messages())
def test_bcd_pack_is_undone_by_unpack(message: Message) -> None:
    assert binary.unpack(binary.pack(message)) == message


@given(packed_messages(), st.data())
def test_bcd_unpack_refuses_when_a_message_is_cut_or_has_a_tail(message: Message, data: st.DataObject) -> None:
    packed = binary.pack(message)
    with pytest.raises(UnreadableMessage):
        binary.unpack(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(UnreadableMessage):
        binary.unpack(packed + b"\0")


@given(st.binary(max_size=400))
def test_bcd_unpack_reads_or_refuses_when_given_any_bytes(data: bytes) -> None:
    try:
        message = binary.unpack(data)
    except UnreadableMessage as failure:
        assert failure.response_code == "30"
        return
    assert binary.unpack(binary.pack(message)) == message


@pytest.mark.parametrize(
    ("bitmap", "rest"),
    [
        ("2000000000000000", "00000A"),  # DE3 is not numeric
        ("4000000000000000", "20" + "11" * 10),  # DE2 is longer than 19
        ("4000000000000000", "1A" + "11" * 10),
        ("4000000000000000", "031234"),  # what fills DE2 up is neither 0 nor F
        ("0000040000000000", "1021"),  # DE22 has three digits
        ("0000001000000000", "4500000000"),  # DE28 is neither C nor D
        ("00000000200000", ""),
        ("0000000020000000", "0312A0"),  # DE35 is no track
        ("0000000000010000", "1000" + "00" * 1000),  # DE48 is longer than 999
    ],
)
def test_bcd_unpack_refuses_when_a_part_is_not_what_the_table_says(bitmap: str, rest: str) -> None:
    with pytest.raises(UnreadableMessage) as caught:
        binary.unpack(bytes.fromhex("0200" + bitmap + rest))
    assert caught.value.partial is not None and caught.value.partial.mti == "0200"


def test_bcd_pack_gives_the_bytes_that_jpos_gave() -> None:
    # the same message, packed by jPOS 2.1.9's GenericPackager with iso87binary.xml
    data = bytes.fromhex((Path(__file__).parent / "jpos_iso87binary.hex").read_text())
    message = binary.unpack(data)
    ascii_one = unpack(bytes.fromhex((Path(__file__).parent / "jpos_iso87ascii.hex").read_text()))
    assert message == ascii_one
    assert binary.pack(message) == data
