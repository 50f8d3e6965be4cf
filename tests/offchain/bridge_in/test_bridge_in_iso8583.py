"""ISO 8583 messages: each is journaled as what it is, or answered with why it is not."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.bridge.lines.basket import unpack_items
from node.bridge.verify.digests import Proof, authorisation
from node.domain.assignment import Item
from node.domain.errors import ChainUnreachable, DuplicateOtherBody, Overloaded
from node.domain.ids import MinorUnits
from node.domain.payment import Line, OriginalKey, Payment, Reversal, Tender
from node.iso8583.framing import Framing, frame
from node.iso8583.packager import unpack
from node.iso8583.retail_mac import RetailMac
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from tests.offchain.bridge_in.conftest import CARD, LIMIT, MAC_KEY, MEMBER, OLD_MAC_KEY, FakeJournal
from tests.offchain.bridge_in.sales import GOOD, LOCAL, purchase

TEXT = "Thank you, 1.234 POINTS EARNED"


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
