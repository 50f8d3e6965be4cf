"""The ISO 8583 listener over real TCP, with a journal that is none: every bad input, and its response code."""

import asyncio
import itertools
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.bridge.intake_iso8583 import serve_iso8583
from node.bridge.intake_iso8583.exchange import Exchange
from node.bridge.intake_ports import Ports
from node.bridge.lines.basket import unpack_items
from node.bridge.verify.digests import Proof, authorisation
from node.bridge.verify.iso8583 import Rules
from node.bridge.verify.mac_keys import MacKeys
from node.config import Iso8583Settings
from node.domain.assignment import Item
from node.domain.errors import ChainUnreachable, DuplicateOtherBody, Overloaded, Unusable
from node.domain.ids import MinorUnits
from node.domain.payment import Line, OriginalKey, Payment, Reversal, Tender
from node.iso8583.framing import Framing, frame
from node.iso8583.packager import UnreadableMessage, response_mti, unpack
from node.iso8583.retail_mac import RetailMac
from node.iso8583.wire import Fields, Wire
from node.pos import messages
from node.pos.connection import TPDU, PosConnection, ReplyTimeout
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_in.conftest import CARD, CURRENCY, LIMIT, MAC_KEY, MEMBER, OLD_MAC_KEY, STREAM, FakeJournal

LOCAL = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)
TEXT = "Thank you, 1.234 POINTS EARNED"
GOOD = {"card": CARD, "amount": 1_200, "currency": CURRENCY}

REQUESTS = tuple(f"0{kind}{way}{repeat}" for kind in "1245" for way in "02" for repeat in "01")
"""Every type that somebody may send beside network management, taken or not."""
GOOD_VALUES = {
    2: CARD,
    3: "000000",
    4: "000000001200",
    7: "0601123015",
    11: "000001",
    12: "123015",
    13: "0601",
    15: "0601",
    22: "021",
    25: "00",
    38: "000001",
    39: "00",
    41: "TILL0001",
    42: "42",
    48: "PA00011",
    49: CURRENCY,
    **dict.fromkeys((74, 75, 76, 77, 86, 87, 88, 89), "0"),
    90: "0200" + "000001" + "0601123015" + "0" * 22,
    97: "C" + "0" * 16,
}


def purchase(terminal: PosTerminal, *, drop: tuple[int, ...] = (), **changes: object) -> Request:
    """A purchase, good but for the changes; `DE<n>` sets an element, `drop` leaves some out."""
    elements = {int(name[2:]): changes.pop(name) for name in tuple(changes) if name.startswith("DE")}
    known = {"stan": "000001", "local": LOCAL, "transmitted": LOCAL, **GOOD, **changes}
    request = messages.purchase(terminal, **known)
    fields = {number: text for number, text in request.message.fields.items() if number not in (64, 128, *drop)}
    return messages.seal(request.message.mti, {**fields, **elements}, terminal)


async def test_purchase_is_journaled_and_answered_with_what_a_gateway_needs(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    reply = await pos.purchase(terminal, **GOOD, items=basket, local=now)
    assert (reply.mti, reply.response_code, reply.text, reply.payment_id) == ("0210", "00", TEXT, "1-1")
    assert reply.fields[38] == "000001" and reply.points == 1_234_000 and not reply.duplicate
    sent = reply.request.message.fields
    assert {n: reply.fields[n].strip() for n in (3, 4, 7, 11, 12, 13, 41, 42, 49)} == {
        n: sent[n] for n in (3, 4, 7, 11, 12, 13, 41, 42, 49)
    }
    assert reply.mac_right and 2 not in reply.fields
    payment = journal.entries[0]
    assert isinstance(payment, Payment)
    assert (payment.member, payment.merchant, payment.terminal) == (MEMBER, 42, 1)
    assert payment.time == int(now.timestamp())
    assert payment.lines == (
        Line(amount=MinorUnits(699), rule_version=1, tender=Tender.EXTERNAL),
        Line(amount=MinorUnits(501), rule_version=2, tender=Tender.EXTERNAL),
    )
    packed = unpack_items(journal.baskets[0])
    assert packed.items == basket and payment.items_root == packed.root
    assert payment.authorisation is None
    assert CARD.encode() not in journal.baskets[0]


async def test_purchase_debits_with_an_authorisation_when_it_is_paid_in_tenders(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    split = await pos.purchase(terminal, **GOOD, coin=200, stored_value=300, pin_result="1")
    coins = await pos.purchase(terminal, **GOOD, processing_code=messages.ALL_COIN)
    value = await pos.purchase(terminal, **GOOD, processing_code=messages.ALL_STORED_VALUE)
    assert split.approved and coins.approved and value.approved
    tenders = [{line.tender: line.amount for line in entry.lines} for entry in journal.entries]
    assert tenders == [{1: 200, 2: 300, 0: 700}, {1: 1_200}, {2: 1_200}]
    mac = bytes.fromhex(unpack(split.request.content).fields[64])
    assert journal.entries[0].authorisation == authorisation(Proof.MAC, "1", journal.entries[0].body, mac)


async def test_network_messages_are_answered(pos: PosConnection, terminal: PosTerminal) -> None:
    replies = [await pos.sign_on(terminal), await pos.echo(terminal), await pos.sign_off(terminal)]
    assert [(each.mti, each.response_code, each.fields[70], each.mac_right) for each in replies] == [
        ("0810", "00", code, True) for code in ("001", "301", "002")
    ]
    unknown = await pos.send(messages.network("161", stan="000777", transmitted=LOCAL, terminal=terminal))
    assert unknown.response_code == "12"


async def test_reversal_names_its_original_by_de90(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    original = await pos.purchase(terminal, **GOOD)
    first = await pos.reverse(original.request, mti="0420", timed_out=True)
    again = await pos.repeat(first.request)
    cancelled = await pos.reverse(original.request)
    assert [each.mti for each in (first, again, cancelled)] == ["0430", "0430", "0410"]
    assert first.approved and again.approved and again.duplicate and first.mac_right
    reversal = journal.entries[1]
    assert isinstance(reversal, Reversal) and len(journal.entries) == 3
    was = original.request.message.fields
    assert reversal.original == OriginalKey(
        terminal="TILL0001", mti_class="020", stan=was[11], transmission_time=was[7], exact=False
    )
    assert journal.entries[0].transmission_time == was[7]
    assert reversal.key.mti_class == "042" and journal.entries[2].key.mti_class == "040"


async def test_repeat_has_the_same_key_and_body_when_digit_time_and_mac_differ(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    first = await pos.purchase(terminal, **GOOD, items=basket)
    again = await pos.repeat(first.request)
    as_jpos = await pos.repeat(first.request, same_mti=True)
    later = {**first.request.message.fields, 7: "0101000000"}
    del later[64]
    resent = await pos.send(messages.seal("0201", later, terminal))
    assert [each.duplicate for each in (first, again, as_jpos, resent)] == [False, True, True, True]
    assert len(journal.entries) == 1 and again.mti == "0210"
    other = {**first.request.message.fields, 22: "051"}
    del other[64]
    bodies = {journal.entries[0].body}
    journal.seen.clear()
    await pos.send(messages.seal("0200", other, terminal))
    assert journal.entries[1].body not in bodies


BAD_PURCHASES = {
    "zero amount": ({"amount": 0}, "13"),
    "above the limit": ({"amount": int(LIMIT) + 1}, "13"),
    "another currency": ({"currency": "978"}, "13"),
    "items that do not add up": ({"items": (Item(product="p", quantity=1, amount=MinorUnits(1)),)}, "13"),
    "tenders above the amount": ({"coin": 700, "stored_value": 501}, "13"),
    "unknown card": ({"card": "1111222233334444"}, "14"),
    "no card": ({"drop": (2,)}, "14"),
    "another merchant": ({"DE42": "41"}, "03"),
    "no merchant number": ({"DE42": "SHOP"}, "03"),
    "unknown terminal": ({"DE41": "NOWHERE"}, "58"),
    "closed terminal": ({"DE41": "CLOSED"}, "58"),
    "terminal of another bridge": ({"DE41": "ELSEWHER"}, "58"),
    "inactive merchant": ({"DE41": "ORPHAN", "DE42": "43"}, "03"),
    "unknown code": ({"processing_code": "990000"}, "12"),
    "refund of nothing that is named": ({"processing_code": "200000"}, "30"),
    "unknown account": ({"processing_code": "004000"}, "12"),
    "tenders said twice": ({"processing_code": "009000", "coin": 1}, "12"),
    "no date": ({"DE13": "0230"}, "30"),
    "no time": ({"DE12": "250000"}, "30"),
    "broken private elements": ({"DE62": "LI9999p,,1;"}, "30"),
    "broken items": ({"DE48": "LI0004p,1;"}, "30"),
    **{f"without DE{n}": ({"drop": (n,)}, "30") for n in (3, 4, 7, 11, 12, 13, 22, 25, 42, 49)},
}


@pytest.mark.parametrize(("changes", "code"), BAD_PURCHASES.values(), ids=BAD_PURCHASES)
async def test_purchase_gets_its_response_code_when_it_is_bad(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, changes: dict[str, object], code: str
) -> None:
    request = purchase(terminal, **changes)
    pos.send_raw(frame(Framing.NAC, request.content))
    reply = await pos.unmatched()
    assert (reply.mti, reply.response_code) == ("0210", code), reply.text
    assert journal.entries == [] and 38 not in reply.fields and CARD not in reply.text
    assert (await pos.purchase(terminal, **GOOD)).approved


async def test_purchase_without_a_terminal_is_answered_30(pos: PosConnection, terminal: PosTerminal) -> None:
    pos.send_raw(frame(Framing.NAC, purchase(terminal, drop=(41,)).content))
    assert (await pos.unmatched()).response_code == "30"


@pytest.mark.parametrize("mti", ["0120", "0320", "0600", "0202", "1200"])
async def test_other_messages_are_answered_12(pos: PosConnection, terminal: PosTerminal, mti: str) -> None:
    fields = {n: text for n, text in purchase(terminal).message.fields.items() if n != 64}
    pos.send_raw(frame(Framing.NAC, messages.seal(mti, fields, terminal).content))
    assert (await pos.unmatched()).response_code == "12"


@pytest.mark.parametrize("code", ["200000", "210000", "310000", "910000", "920000", "010000"])
async def test_advices_that_complete_nothing_are_answered_12(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, code: str
) -> None:
    fields = {n: text for n, text in purchase(terminal, processing_code=code).message.fields.items() if n != 64}
    for mti in ("0220", "0221"):
        pos.send_raw(frame(Framing.NAC, messages.seal(mti, fields, terminal).content))
        assert (await pos.unmatched()).response_code == "12"
    assert journal.entries == []


async def test_wrong_mac_is_answered_97(
    pos: PosConnection, thief: PosTerminal, terminal: PosTerminal, journal: FakeJournal
) -> None:
    forged = await pos.purchase(thief, **GOOD)
    nobody = await pos.purchase(replace(terminal, mac=None), **GOOD)
    misplaced = await pos.send(messages.seal("0200", {**purchase(terminal).message.fields, 70: "001"}, terminal))
    tampered = bytearray(purchase(terminal, stan="000009").content)
    tampered[tampered.index(b"000000001200") + 11] ^= 1
    pos.send_raw(frame(Framing.NAC, bytes(tampered)))
    changed = await pos.unmatched()
    signed_on = await pos.sign_on(thief)
    codes = [each.response_code for each in (forged, nobody, misplaced, changed, signed_on)]
    assert codes == ["97"] * 5 and journal.entries == []
    assert 64 not in forged.fields and 128 not in forged.fields


async def test_the_key_before_is_taken_and_answered_under(pos: PosConnection, terminal: PosTerminal) -> None:
    late = replace(terminal, mac=RetailMac(OLD_MAC_KEY))
    reply = await pos.purchase(late, **GOOD)
    assert reply.approved and reply.mac_right


async def test_without_mac_a_purchase_passes_and_a_debit_does_not_when_macs_are_optional(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    plain = replace(terminal, mac=None)
    async with listen(mac_required=False) as listener:
        pos = await listener.connect()
        assert (await pos.purchase(plain, **GOOD)).approved
        assert (await pos.purchase(plain, **GOOD, coin=1)).response_code == "97"
        assert (await pos.purchase(terminal, **GOOD, coin=1)).approved
    assert [entry.debits for entry in journal.entries] == [False, True]


async def test_without_mac_a_reversal_passes_from_a_terminal_that_has_no_key_when_macs_are_optional(
    listen, terminal: PosTerminal, journal: FakeJournal, key_file: Path
) -> None:
    key_file.write_text(f"{terminal.id} {MAC_KEY.hex()}\n")
    keyless = replace(terminal, id="TILL2", mac=None)
    async with listen(mac_required=False) as listener:
        pos = await listener.connect()
        for sender, code in ((replace(terminal, mac=None), "97"), (terminal, "00"), (keyless, "00")):
            original = purchase(replace(terminal, id=sender.id))
            undo = messages.reversal(original, stan="000002", local=LOCAL, transmitted=LOCAL)
            fields = {number: text for number, text in undo.message.fields.items() if number != 128}
            assert (await pos.send(messages.seal("0400", fields, sender))).response_code == code
    assert [(entry.key.terminal, entry.proved) for entry in journal.entries] == [("TILL0001", True), ("TILL2", False)]


async def test_reversal_gets_its_response_code_when_it_is_bad(pos: PosConnection, terminal: PosTerminal) -> None:
    good = messages.reversal(purchase(terminal), stan="000002", local=LOCAL, transmitted=LOCAL)
    fields = {n: text for n, text in good.message.fields.items() if n != 128}
    for changes, code in (
        ({90: "0800" + "0" * 38}, "12"),
        ({95: "000000000100" + "0" * 30}, "12"),
        ({13: "0000"}, "30"),
        ({41: "NOWHERE"}, "58"),
        ({42: "1"}, "03"),
    ):
        reply = await pos.send(messages.seal("0400", {**fields, **changes}, terminal))
        assert reply.response_code == code, changes
    del fields[90]
    assert (await pos.send(messages.seal("0400", fields, terminal))).response_code == "30"
    assert (await pos.send(good)).approved


async def test_balance_inquiry_is_answered_with_de54(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    reply = await pos.inquire(terminal, card=CARD)
    assert (reply.mti, reply.response_code) == ("0110", "00")
    assert reply.fields[54] == "6002840C000000001250" + "9002840C000000000099"
    assert (await pos.inquire(terminal, card="1")).response_code == "14"
    assert journal.entries == []


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Overloaded(), "96"),
        (ChainUnreachable(), "91"),
        (DuplicateOtherBody(), "94"),
        (RuntimeError(f"card {CARD} of key {MAC_KEY.hex()}"), "96"),
    ],
)
async def test_failures_behind_the_intake_are_answered_and_the_connection_goes_on(
    pos: PosConnection,
    terminal: PosTerminal,
    journal: FakeJournal,
    failure: Exception,
    code: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    journal.failure = failure
    refused = await pos.purchase(terminal, **GOOD)
    journal.failure = None
    assert refused.response_code == code and CARD not in refused.text and refused.mac_right
    assert (await pos.purchase(terminal, **GOOD)).approved
    output = capsys.readouterr()
    assert CARD not in output.out + output.err and MAC_KEY.hex() not in output.out + output.err


@pytest.mark.parametrize("fields", Fields)
@pytest.mark.parametrize("framing", ["nac", "post", "ascii"])
async def test_every_wire_profile_carries_the_same_messages(
    listen, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...], framing: str, fields: Fields
) -> None:
    till = replace(terminal, fields=fields)
    async with listen(framing=framing, fields=fields.value) as listener:
        pos = await listener.connect(fields=fields)
        reply = await pos.purchase(till, **GOOD, items=basket, coin=200)
        assert reply.approved and reply.mac_right and reply.payment_id == "1-1"
        assert (await pos.reverse(reply.request)).approved
        pos.send_raw(frame(listener.framing, b"") + frame(listener.framing, purchase(till).content))
        assert (await pos.unmatched()).approved
    assert [type(each) for each in journal.entries] == [Payment, Reversal, Payment]
    assert journal.entries[0].member == MEMBER


@pytest.mark.parametrize("fields", Fields)
@pytest.mark.parametrize("tpdu", ["optional", "always"])
async def test_tpdu_is_swapped_in_the_reply(listen, terminal: PosTerminal, tpdu: str, fields: Fields) -> None:
    async with listen(tpdu=tpdu, fields=fields.value) as listener:
        pos = await listener.connect(tpdu=TPDU, fields=fields)
        assert (await pos.purchase(replace(terminal, fields=fields), **GOOD)).approved
        assert pos.last_tpdu == bytes.fromhex("6000000003")


async def test_a_tpdu_is_no_message_when_the_profile_has_none_and_the_other_way_round(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    for tpdu, sent in (("never", TPDU), ("always", b"")):
        async with listen(tpdu=tpdu) as listener:
            pos = await listener.connect(tpdu=sent)
            with pytest.raises(ReplyTimeout):
                await pos.send(purchase(terminal), timeout=0.2)
    assert journal.entries == []


async def test_pipelined_messages_are_answered_as_they_finish_and_bounded_in_flight(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    async with listen(max_in_flight=8) as listener:
        pos = await listener.connect()
        waiting = [asyncio.ensure_future(pos.purchase(terminal, **GOOD)) for _ in range(40)]
        async with asyncio.timeout(5):
            while journal.waiting < 8:
                await asyncio.sleep(0)
        # another gateway is not held up by this one, and the bound of the first one holds
        other = await listener.connect()
        assert (await other.sign_on(terminal)).approved
        assert journal.waiting == 8
        journal.gate.set()
        replies = await asyncio.gather(*waiting)
    assert all(reply.approved for reply in replies)
    assert len({reply.payment_id for reply in replies}) == 40


async def test_connection_that_floods_lets_others_have_their_turn(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    flood = 400
    async with listen(max_in_flight=flood) as listener:
        greedy, other = await listener.connect(), await listener.connect()
        waiting = [asyncio.ensure_future(greedy.purchase(terminal, **GOOD)) for _ in range(flood)]
        async with asyncio.timeout(5):
            while journal.waiting == 0:
                await asyncio.sleep(0)
            assert (await other.sign_on(terminal)).approved
            begun = journal.waiting
            while journal.waiting < flood:
                await asyncio.sleep(0)
        journal.gate.set()
        assert all(reply.approved for reply in await asyncio.gather(*waiting))
    assert begun < flood / 2


@pytest.mark.parametrize("fields", Fields)
async def test_every_message_of_a_mixture_gets_exactly_one_reply(
    listen, terminal: PosTerminal, thief: PosTerminal, fields: Fields
) -> None:
    till, forger = (replace(each, fields=fields) for each in (terminal, thief))
    stan, sent, stream = 0, {}, b""
    async with listen(fields=fields.value) as listener:
        for mti, code, who in itertools.product(REQUESTS, ("000000", "310000", "777777"), (till, forger)):
            for drop in (None, 3, 12, 42, 90):
                stan += 1
                said = {**GOOD_VALUES, 3: code, 11: f"{stan:06d}", 7: f"{stan:010d}"}
                content = messages.seal(mti, {n: text for n, text in said.items() if n != drop}, who).content
                cut = content[:-9] if stan % 7 == 0 else content
                sent[said[11]] = response_mti(mti)
                stream += frame(listener.framing, cut)
        pos = await listener.connect(fields=fields)
        pos.send_raw(stream)
        got = [await pos.unmatched(timeout=20.0) for _ in sent]
        echo = await pos.echo(replace(till, mac=None))
    assert {reply.fields[11]: reply.mti for reply in got} == sent and len(got) == len(sent) == stan
    assert echo.approved and pos.late == stan


async def test_a_slow_answer_does_not_hold_up_the_next_message(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    slow = asyncio.ensure_future(pos.purchase(terminal, **GOOD))
    assert (await pos.echo(terminal)).approved
    assert not slow.done()
    journal.gate.set()
    assert (await slow).approved


@pytest.mark.parametrize(
    ("framing", "claim"), [("nac", b"\xff\xff"), ("post", b"\xff\xff"), ("ascii", b"9999"), ("ascii", b"GET ")]
)
async def test_a_message_of_1_mb_closes_the_connection_at_once(
    listen, terminal: PosTerminal, framing: str, claim: bytes
) -> None:
    async with listen(framing=framing) as listener:
        bad, good = await listener.connect(), await listener.connect()
        bad.send_raw(claim + b"0" * 1_000_000)
        async with asyncio.timeout(3):
            await bad.closed.wait()
        assert (await good.purchase(terminal, **GOOD)).approved


async def test_a_message_that_arrives_a_byte_at_a_time_is_dropped(listen, terminal: PosTerminal) -> None:
    async with listen(read_seconds=1) as listener:
        slow, good = await listener.connect(), await listener.connect()
        slow.send_raw(b"\0")
        async with asyncio.timeout(5):
            await slow.closed.wait()
        assert (await good.purchase(terminal, **GOOD)).approved


async def test_a_silent_connection_is_dropped_and_one_that_waits_for_an_answer_is_not(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    async with listen(idle_seconds=1) as listener:
        silent, waiting = await listener.connect(), await listener.connect()
        payment = asyncio.ensure_future(waiting.purchase(terminal, **GOOD))
        async with asyncio.timeout(5):
            await silent.closed.wait()
        journal.gate.set()
        assert (await payment).approved


async def test_a_gateway_that_does_not_read_its_replies_is_read_no_more_and_dropped(
    listen, terminal: PosTerminal
) -> None:
    echo = frame(Framing.NAC, messages.network("301", stan="000001", transmitted=LOCAL, terminal=terminal).content)

    def send_without_reading(port: int) -> int:
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.settimeout(10)
            sent = 0
            try:
                while sent < 50_000_000:
                    sent += raw.send(echo * 100)
            except (ConnectionResetError, BrokenPipeError):
                return sent
        raise AssertionError("everything was read")

    async with listen(read_seconds=1) as listener:
        assert await asyncio.to_thread(send_without_reading, listener.port) < 50_000_000
        good = await listener.connect()
        assert (await good.purchase(terminal, **GOOD)).approved


async def test_connections_are_bounded(listen, terminal: PosTerminal) -> None:
    async with listen(max_connections=2) as listener:
        first, second, third = [await listener.connect() for _ in range(3)]
        async with asyncio.timeout(5):
            await third.closed.wait()
        assert (await first.purchase(terminal, **GOOD)).approved
        await second.close()
        async with asyncio.timeout(5):
            while True:
                again = await listener.connect()
                try:
                    assert (await again.sign_on(terminal)).approved
                    break
                except ChainUnreachable:
                    await asyncio.sleep(0)


async def test_what_is_no_message_gets_no_reply_and_three_of_it_close_the_connection(
    pos: PosConnection, terminal: PosTerminal
) -> None:
    for _ in range(2):
        pos.send_raw(frame(Framing.POST, b"0HELLO"))
    assert (await pos.purchase(terminal, **GOOD)).approved
    pos.send_raw(frame(Framing.POST, b"0HELLO"))
    async with asyncio.timeout(5):
        await pos.closed.wait()


async def test_a_reply_that_is_sent_to_the_bridge_is_ignored(pos: PosConnection, terminal: PosTerminal) -> None:
    fields = {n: text for n, text in purchase(terminal).message.fields.items() if n != 64}
    with pytest.raises(ReplyTimeout):
        await pos.send(messages.seal("0210", fields, terminal), timeout=0.1)
    assert (await pos.purchase(terminal, **GOOD)).approved and pos.late == 0


async def test_a_message_that_breaks_off_inside_is_answered_30_with_what_was_read(
    pos: PosConnection, terminal: PosTerminal
) -> None:
    pos.send_raw(frame(Framing.NAC, purchase(terminal, stan="000321").content[:-30]))
    reply = await pos.unmatched()
    assert (reply.mti, reply.response_code, reply.fields[11]) == ("0210", "30", "000321")
    assert reply.fields[41] == "TILL0001"


async def test_what_is_in_flight_is_answered_when_the_listener_stops(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    async with listen() as listener:
        pos = await listener.connect()
        payment = asyncio.ensure_future(pos.purchase(terminal, **GOOD))
        async with asyncio.timeout(5):
            while not journal.waiting:
                await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.1, journal.gate.set)
        await listener.stop()
        assert (await payment).approved
        async with asyncio.timeout(5):
            await pos.closed.wait()


async def test_a_port_in_use_is_one_sentence(ports: Ports, key_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Iso8583Settings(port=taken.getsockname()[1], mac_key_file=key_file)
        with pytest.raises(Unusable, match=r"Cannot listen on 127.0.0.1 port \d+: address already in use\.$"):
            await serve_iso8583(settings, ports)


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
