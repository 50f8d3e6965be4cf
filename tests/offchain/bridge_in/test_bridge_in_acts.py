"""Acts without a sale over ISO 8583: recharge, write-off, gift, authorisation, completion."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from node.bridge.verify.acts import CAPTURE_DAYS
from node.domain.acts.authorization import Authorize, Capture
from node.domain.acts.coupon import WriteOff
from node.domain.acts.gift import HandOverGift, TakeGift
from node.domain.acts.recharge import Recharge
from node.domain.ids import MinorUnits
from node.domain.payment import OriginalKey, OriginalNumber, Payment, Reversal, Tender
from node.iso8583.framing import Framing, frame
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_in.acts import A_GIFT, LOCAL, SALE, TENTH_OFF, data_of, only
from tests.offchain.bridge_in.conftest import (
    CARD,
    CURRENCY,
    LIMIT,
    MEMBER,
    FakeJournal,
)


def act(terminal: PosTerminal, mti: str, code: str, *, drop: tuple[int, ...] = (), **changes: Any) -> Request:
    """An act, good but for the changes; `DE<n>` sets an element, `drop` leaves some out."""
    elements = {int(name[2:]): changes.pop(name) for name in tuple(changes) if name.startswith("DE")}
    said = {"card": CARD, "amount": 500, "currency": CURRENCY, **changes}
    request = messages.act(terminal, mti, code, stan="000003", local=LOCAL, transmitted=LOCAL, **said)
    fields = {number: text for number, text in request.message.fields.items() if number not in (64, 128, *drop)}
    return messages.seal(mti, {**fields, **elements}, terminal)


RECHARGE = ("0200", messages.RECHARGE)
WRITE_OFF = ("0200", messages.WRITE_OFF)
GIFT = ("0200", messages.GIFT)
AUTHORIZE = ("0100", messages.PURCHASE)
CAPTURE = ("0220", messages.PURCHASE)
GOOD_ACTS: dict[str, tuple[tuple[str, str], dict[str, Any], bytes]] = {
    "recharge": (RECHARGE, {}, Recharge(amount=MinorUnits(500)).act().data),
    "recharge with a rebate": (
        RECHARGE,
        {"objects": {"RB": "100"}},
        Recharge(amount=MinorUnits(500), at_least=MinorUnits(100)).act().data,
    ),
    "write-off": (
        WRITE_OFF,
        {"objects": {"CP": str(TENTH_OFF), "SR": "42"}},
        WriteOff(coupon=TENTH_OFF, discount=MinorUnits(50), sale=42, amount=MinorUnits(450)).act().data,
    ),
    "write-off without a number": (
        WRITE_OFF,
        {"objects": {"CP": str(TENTH_OFF)}},
        WriteOff(coupon=TENTH_OFF, discount=MinorUnits(50), sale=601123015000003, amount=MinorUnits(450)).act().data,
    ),
    "write-off of a coupon for a gift": (
        WRITE_OFF,
        {"amount": 0, "objects": {"CP": str(A_GIFT), "SR": "42"}},
        WriteOff(coupon=A_GIFT, discount=MinorUnits(0), sale=42).act().data,
    ),
    "write-off of an unknown coupon with its discount": (
        WRITE_OFF,
        {"objects": {"CP": str(99 << 32), "CD": "7", "SR": "42"}},
        WriteOff(coupon=99 << 32, discount=MinorUnits(7), sale=42, amount=MinorUnits(493)).act().data,
    ),
    "gift": (GIFT, {"amount": 0, "objects": {"GF": str(42 << 32 | 1)}}, TakeGift(gift=42 << 32 | 1).act().data),
    "reservation": (GIFT, {"drop": (4, 49), "objects": {"RS": "9"}}, HandOverGift(reservation=9).act().data),
    "completion of another bridge's": (
        CAPTURE,
        {"objects": {"AU": "2-17", "RW": "3000"}},
        Capture(stream=2, sequence=17, amount=MinorUnits(500), reward=3_000).act().data,
    ),
}


@pytest.mark.parametrize(("what", "changes", "data"), GOOD_ACTS.values(), ids=GOOD_ACTS)
async def test_an_act_is_journaled(
    pos: PosConnection,
    terminal: PosTerminal,
    journal: FakeJournal,
    what: tuple[str, str],
    changes: dict[str, Any],
    data: bytes,
) -> None:
    reply = await pos.send(act(terminal, *what, **changes))
    assert reply.approved and reply.mac_right, reply.text
    payment = only(journal)
    assert data_of(payment).hex() == data.hex()
    assert (payment.member, payment.merchant, payment.lines) == (MEMBER, 42, ())
    assert payment.authorisation is not None


@pytest.mark.parametrize(
    ("code", "tender"),
    [("000000", Tender.STORED_VALUE), ("006000", Tender.STORED_VALUE), ("009000", Tender.COIN)],
)
async def test_an_authorisation_is_journaled_with_its_tender_and_its_times(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, code: str, tender: Tender
) -> None:
    reply = await pos.send(act(terminal, "0100", code))
    assert (reply.mti, reply.response_code) == ("0110", "00")
    payment = only(journal)
    told = Authorize.read(data_of(payment))
    assert (told.tender, told.amount, told.capture_by) == (tender, 500, payment.time + CAPTURE_DAYS * 86_400)
    assert told.refund_by > told.capture_by and payment.key.mti_class == "010"


async def test_a_completion_names_its_authorisation_by_de90_by_au_or_by_its_approval_code(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    request = act(terminal, *AUTHORIZE)
    assert (await pos.send(request)).approved
    ways: list[dict[str, Any]] = [
        {"original": request, "card": ""},
        {"objects": {"AU": "1-1"}, "card": ""},
        {"approval_code": "000001"},
    ]
    for number, way in enumerate(ways):
        reply = await pos.send(act(terminal, *CAPTURE, DE11=f"{number:06d}", **way))
        assert (reply.mti, reply.response_code) == ("0230", "00"), reply.text
    captures = [entry for entry in journal.entries[1:] if isinstance(entry, Payment)]
    assert [each.about for each in captures] == [
        OriginalKey(terminal=terminal.id, mti_class="010", stan="000003", transmission_time="0601123015", exact=False),
        OriginalNumber(number=1, whole=True),
        OriginalNumber(number=1, whole=False),
    ]
    assert [each.member for each in captures] == [0, 0, MEMBER]
    assert {Capture.read(data_of(each)).sequence for each in captures} == {0}


async def test_an_authorisation_and_a_completion_are_reversed_by_de90(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    for what in (AUTHORIZE, CAPTURE):
        request = act(terminal, *what, objects={"AU": "2-17"})
        assert (await pos.reverse(request)).approved
    kinds = [entry.original.mti_class for entry in journal.entries if isinstance(entry, Reversal)]
    assert kinds == ["010", "022"]


BAD_ACTS: dict[str, tuple[tuple[str, str], dict[str, Any], str]] = {
    **{
        f"{name} of {problem}": (what, {"objects": {"CP": str(TENTH_OFF), "AU": "2-1"}, **changes}, code)
        for (name, what), (problem, changes, code) in itertools.product(
            {"recharge": RECHARGE, "authorisation": AUTHORIZE, "completion": CAPTURE, "write-off": WRITE_OFF}.items(),
            (
                ("too much", {"amount": int(LIMIT) + 1}, "13"),
                ("another currency", {"currency": "978"}, "13"),
                ("another merchant", {"DE42": "41"}, "03"),
                ("an unknown card", {"card": "1111222233334444"}, "14"),
                ("no card", {"card": ""}, "14"),
                ("no currency", {"currency": ""}, "30"),
                ("a closed terminal", {"DE41": "CLOSED"}, "58"),
                ("no date", {"DE13": "0230"}, "30"),
                ("another account", {"DE3": "009900"}, "12"),
            ),
        )
    },
    "recharge of nothing": (RECHARGE, {"amount": 0}, "13"),
    "authorisation of nothing": (AUTHORIZE, {"amount": 0}, "13"),
    "completion of nothing": (CAPTURE, {"amount": 0, "objects": {"AU": "2-1"}}, "13"),
    "recharge of letters": (RECHARGE, {"objects": {"RB": "ten"}}, "30"),
    "recharge with a rebate above 48 bits": (RECHARGE, {"objects": {"RB": str(2**48)}}, "30"),
    "write-off without a coupon": (WRITE_OFF, {}, "30"),
    "write-off of a sale of letters": (WRITE_OFF, {"objects": {"CP": str(TENTH_OFF), "SR": "A1"}}, "30"),
    "write-off of a sale above 64 bits": (WRITE_OFF, {"objects": {"CP": str(TENTH_OFF), "SR": str(2**64)}}, "30"),
    "write-off of an unknown coupon": (WRITE_OFF, {"objects": {"CP": str(99 << 32)}}, "25"),
    "gift of nothing": (GIFT, {"amount": 0}, "30"),
    "gift with a price": (GIFT, {"objects": {"GF": "1"}}, "13"),
    "gift of letters": (GIFT, {"amount": 0, "objects": {"GF": "bear"}}, "30"),
    "gift above 64 bits": (GIFT, {"amount": 0, "objects": {"GF": str(2**64)}}, "30"),
    "gift and reservation": (GIFT, {"amount": 0, "objects": {"GF": "1", "RS": "1"}}, "30"),
    "reservation above 128 bits": (GIFT, {"amount": 0, "objects": {"RS": str(2**128)}}, "30"),
    "gift of an unknown card": (GIFT, {"amount": 0, "card": "1", "objects": {"GF": "1"}}, "14"),
    "completion of nothing that is named": (CAPTURE, {}, "30"),
    "completion of an id that is none": (CAPTURE, {"objects": {"AU": "seventeen"}}, "30"),
    "completion of a purchase": (CAPTURE, {"DE90": "0200000001" + "1" * 32}, "25"),
    "completion of a code that is none": (CAPTURE, {"approval_code": "#00001"}, "25"),
    "completion with a reward of letters": (CAPTURE, {"objects": {"AU": "2-1", "RW": "many"}}, "30"),
    "completion with a reward above 56 bits": (CAPTURE, {"objects": {"AU": "2-1", "RW": str(2**56)}}, "30"),
    "tag that is too long": (RECHARGE, {"DE48": "RB9999100"}, "30"),
    "tag twice": (RECHARGE, {"DE48": "RB00011RB00012"}, "30"),
}


@pytest.mark.parametrize(("what", "changes", "code"), BAD_ACTS.values(), ids=BAD_ACTS)
async def test_an_act_gets_its_response_code_when_it_is_bad(
    pos: PosConnection,
    terminal: PosTerminal,
    journal: FakeJournal,
    what: tuple[str, str],
    changes: dict[str, Any],
    code: str,
) -> None:
    pos.send_raw(frame(Framing.NAC, act(terminal, *what, **changes).content))
    reply = await pos.unmatched()
    assert reply.response_code == code, reply.text
    assert journal.entries == [] and CARD not in reply.text


async def test_acts_need_a_mac_even_where_macs_are_optional(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    plain = replace(terminal, mac=None)
    async with listen(mac_required=False) as listener:
        pos = await listener.connect()
        for what, changes, _ in GOOD_ACTS.values():
            assert (await pos.send(act(plain, *what, **changes))).response_code == "97"
        assert (await pos.purchase(plain, **SALE, asks={"CE": "1"})).response_code == "97"
    assert journal.entries == []
