"""Members by phone number and by QR code: signed, short-lived, good for one message; a real journal."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from node.bridge.cards import Cards, import_cards
from node.bridge.intake_ports import Ports
from node.bridge.journal.schema import migrate, open_engine
from node.bridge.journal.store import Journal
from node.bridge.people import open_people
from node.bridge.security.gate import Gate, QrCodes, Refusals
from node.bridge.security.qr import LENGTH, Codes, is_code, make
from node.bridge.verify.digests import body_digest
from node.config import JournalSettings
from node.domain.errors import Unusable
from node.domain.ids import MemberId
from node.domain.phone import normalised
from node.iso8583.basket import spread, write_objects
from node.iso8583.packager import unpack
from node.pos import messages
from node.pos.back_office import advice
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from node.pos.rpc import RpcConnection
from node.security_settings import QrSettings
from tests.offchain.bridge_in.conftest import CHAIN_ID, CURRENCY, LEDGER, FakeJournal

NOW = 1_790_000_000
LOCAL = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)
PHONE, PHONE_MEMBER, QR_MEMBER = "+491701234567", MemberId(41), MemberId(2**63 + 5)
CARD_KEY = b"\x05" * 32
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)


@dataclass(kw_only=True)
class Counter:
    """The shop with its clock (seconds) and the journal of codes."""

    journal: Journal
    codes: Codes
    now: float = NOW
    refusals: Refusals = field(default_factory=lambda: Refusals(CollectorRegistry()))


def code(*, seconds: int = 60, number: int = 1, key: Ed25519PrivateKey = KEY, nonce: bytes | None = None) -> str:
    return make(key, number, QR_MEMBER, NOW + seconds, nonce)


def sale(terminal: PosTerminal, number: int, *, track: str = "", qr: str = "") -> Request:
    """A purchase of whoever is named by track 2 or by a code."""
    request = messages.purchase(
        terminal, stan=f"{number:06d}", local=LOCAL, transmitted=LOCAL, card="1", amount=1_200, currency=CURRENCY
    )
    fields = {number: value for number, value in request.message.fields.items() if number not in (2, 64, 128)}
    fields |= {35: track} if track else {}
    fields |= spread(write_objects([("QR", qr)])) if qr else {}
    return messages.seal("0200", fields, terminal)


@pytest.fixture
def qr_keys(tmp_path: Path) -> Path:
    path = tmp_path / "qr.keys"
    path.write_text(f"1 {KEY.public_key().public_bytes_raw().hex()}  # the app\n")
    path.chmod(0o644)
    return path


@pytest.fixture
async def counter(kept: JournalSettings, qr_keys: Path) -> AsyncIterator[Counter]:
    journal = await Journal.open(kept)
    yield Counter(journal=journal, codes=Codes(qr_keys))
    await journal.close()


@pytest.fixture
async def ports(ports: Ports, counter: Counter, qr_keys: Path, tmp_path: Path) -> AsyncIterator[Ports]:
    file = tmp_path / "cards.csv"
    file.write_text(f"+49 (170) 123-4567,{PHONE_MEMBER}\n")
    engine = counter.journal.engine
    people = open_people(engine, JournalSettings(people_master_key_file=tmp_path / "people-master.key"), CARD_KEY)
    assert import_cards(engine, CARD_KEY, people, file) == 1
    cards = Cards(engine, CARD_KEY, people)
    settings = QrSettings(key_file=qr_keys, seconds=120, skew_seconds=10)
    qr = QrCodes(settings, counter.journal.run, clock=lambda: int(counter.now * 1000))
    gate = Gate(cards.member_of, counter.refusals, qr=qr)
    yield replace(ports, member_of=gate.member_of, gate=gate)
    cards.close()


async def test_phone_number_is_a_loyalty_id_however_it_is_written(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    written = (PHONE, "+49 170 1234567", "tel:+49-170-1234567")
    replies = [await pos.send(sale(terminal, number, track=text)) for number, text in enumerate(written, start=1)]
    assert [each.response_code for each in replies] == ["00"] * 3
    assert {entry.member for entry in journal.entries} == {PHONE_MEMBER}
    unknown = [await pos.send(sale(terminal, 4 + at, track=text)) for at, text in enumerate(("+491701234568", "+1"))]
    assert [each.response_code for each in unknown] == ["14", "14"]


async def test_phone_number_is_in_no_digest_that_the_journal_keeps(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    request = sale(terminal, 1, track=PHONE)
    assert (await pos.send(request)).approved
    fields = {number: text for number, text in unpack(request.content).fields.items() if number not in (7, 35, 64)}
    said = [("type", "020"), ("member", str(PHONE_MEMBER)), *((str(number), text) for number, text in fields.items())]
    assert journal.entries[0].body == body_digest(said), "the member stands there, not the number"


async def test_code_is_good_for_one_message_and_for_its_repeat(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, counter: Counter
) -> None:
    shown = code()
    paid = await pos.send(sale(terminal, 1, qr=shown))
    assert paid.approved and journal.entries[0].member == QR_MEMBER
    assert (await pos.send(sale(terminal, 2, qr=shown))).response_code == "63"
    counter.now += 3_600
    again = await pos.repeat(paid.request, same_mti=True)
    assert again.approved and again.duplicate, "a repeat comes when the code has long expired"
    assert (await pos.send(sale(terminal, 3, qr=shown))).response_code == "63" and len(journal.entries) == 1


async def test_code_has_one_winner_when_two_tills_show_it_at_once(listen, terminal: PosTerminal) -> None:
    shown = code()
    async with listen() as listener:
        tills = [await listener.connect() for _ in range(8)]
        replies = await asyncio.gather(
            *[till.send(sale(terminal, number, qr=shown)) for number, till in enumerate(tills, start=1)]
        )
    assert sorted(each.response_code for each in replies) == ["00"] + ["63"] * 7


@pytest.mark.parametrize(
    ("seconds", "answer"), [(-11, "54"), (-9, "00"), (1, "00"), (120, "00"), (129, "00"), (132, "54"), (86_400, "54")]
)
async def test_code_is_good_for_the_settings_seconds_with_a_bounded_skew(
    pos: PosConnection, terminal: PosTerminal, seconds: int, answer: str
) -> None:
    assert (await pos.send(sale(terminal, 1, qr=code(seconds=seconds)))).response_code == answer


async def test_inquiry_uses_no_code_up(pos: PosConnection, terminal: PosTerminal, counter: Counter) -> None:
    def inquiry(number: int) -> Request:
        request = messages.inquiry(terminal, stan=f"{number:06d}", local=LOCAL, transmitted=LOCAL, card="1")
        fields = {number: text for number, text in request.message.fields.items() if number not in (2, 64)}
        return messages.seal("0100", fields | {48: write_objects([("QR", shown)])}, terminal)

    shown = code()
    assert (await pos.send(inquiry(1))).approved and (await pos.send(inquiry(2))).approved
    assert (await pos.send(sale(terminal, 3, qr=shown))).approved
    counter.now += 75
    assert (await pos.send(inquiry(4))).response_code == "54"


async def test_advice_of_a_sale_is_taken_whatever_became_of_its_code(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, counter: Counter
) -> None:
    def told(number: int, shown: str) -> Request:
        offline = {"card": "1", "amount": 1_200, "currency": CURRENCY, "stored_value": 100, "asks": {"QR": shown}}
        request = advice(terminal, stan=f"{number:06d}", local=LOCAL, transmitted=LOCAL, **offline)
        fields = {number: text for number, text in request.message.fields.items() if number not in (2, 64)}
        return messages.seal("0220", fields, terminal)

    shown = code()
    assert (await pos.send(told(1, shown))).approved
    assert (await pos.send(sale(terminal, 2, qr=shown))).approved, "an advice uses no code up"
    counter.now += 3_600
    late = [told(3, shown), told(4, code(key=STRANGER))]
    assert [(await pos.send(each)).response_code for each in late] == ["00", "00"]
    assert [entry.member for entry in journal.entries] == [QR_MEMBER, QR_MEMBER, QR_MEMBER, 0]


async def test_code_of_a_stranger_or_an_unknown_key_is_nobodys(pos: PosConnection, terminal: PosTerminal) -> None:
    good = code()
    changed = good[:-1] + ("Q" if good.endswith("A") else "A")
    wrong = [code(key=STRANGER), code(number=2), changed, good.lower(), make(KEY, 1, MemberId(0), NOW + 60)]
    answers = [await pos.send(sale(terminal, number, qr=text)) for number, text in enumerate(wrong, start=1)]
    assert [each.response_code for each in answers] == ["14"] * len(wrong)


async def test_rpc_takes_a_code_as_its_card(listen_rpc, rpc_terminal, journal: FakeJournal) -> None:
    shown = code()
    async with listen_rpc() as url, RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as rpc:
        good = {"card": shown, "amount": 1_200, "currency": CURRENCY}
        paid = await rpc.purchase(rpc_terminal, stan="000001", **good)
        again = await rpc.purchase(rpc_terminal, stan="000002", **good)
        phone = await rpc.purchase(rpc_terminal, stan="000003", **(good | {"card": PHONE}))
    assert paid.approved and phone.approved and (again.error or {})["code"] == -32064
    assert [entry.member for entry in journal.entries] == [QR_MEMBER, PHONE_MEMBER]


def test_code_is_short_and_of_its_documented_form() -> None:
    text = code(nonce=b"\x00" * 8)
    assert len(text) == LENGTH == 117 and text.startswith("TQ1") and is_code(text) and text.isascii()
    assert text[3:31] == "AYAAAAAAAAAFarE7vAAAAAAAAAAA", "key 1, member 2^63 + 5, NOW + 60, eight zeros"


def test_any_changed_character_makes_a_code_nobodys(qr_keys: Path) -> None:
    codes, good = Codes(qr_keys), code()
    assert codes.read(good) is not None

    @given(st.integers(0, LENGTH - 1), st.characters(min_codepoint=33, max_codepoint=126))
    def changed(at: int, sign: str) -> None:
        text = good[:at] + sign + good[at + 1 :]
        assert (is_code(text) and codes.read(text) is not None) == (text == good)

    changed()


def test_qr_keys_are_refused_when_a_line_is_wrong_and_read_again_when_they_change(qr_keys: Path) -> None:
    codes, shown = Codes(qr_keys), code()
    qr_keys.write_text("2 " + qr_keys.read_text()[2:])
    codes.refresh()
    assert codes.read(shown) is None and codes.read(code(number=2)) is not None
    for line in ("1", "1 zz", "256 " + "00" * 32, "1 " + "00" * 31, "one " + "00" * 32):
        qr_keys.write_text(line + "\n")
        with pytest.raises(Unusable, match="ine 1 of the file of QR keys"):
            Codes(qr_keys)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+4930 123456", "+4930123456"),
        ("tel:+1-201-555-0123", "+12015550123"),
        ("+1 (201) 555.0123", "+12015550123"),
        ("+049301234567", None),
        ("+1234567890123456", None),
        ("+123456", None),
        ("+49 abc", None),
        ("0049 30 123456", None),
        ("+" + "1" * 40, None),
        ("+٤٩٣٠١٢٣٤٥٦", None),
    ],
)
def test_normalised_is_e164_or_nothing(written: str, number: str | None) -> None:
    assert normalised(written) == number


def test_import_refuses_what_is_no_phone_number_without_quoting_it(tmp_path: Path) -> None:
    file = tmp_path / "cards.csv"
    file.write_text("+49 30 12x3456,7\n")
    engine = open_engine(tmp_path / "journal.sqlite")
    migrate(engine)
    people = open_people(engine, JournalSettings(people_master_key_file=tmp_path / "people-master.key"), CARD_KEY)
    with pytest.raises(Unusable, match="phone number") as refused:
        import_cards(engine, CARD_KEY, people, file)
    assert "12x3456" not in str(refused.value)
