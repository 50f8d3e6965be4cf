"""Refunds over both intakes: how they name their original, and every bad one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from node.domain.answer import Answer, Fact
from node.domain.ids import PaymentId
from node.domain.payment import OriginalKey, OriginalNumber, Refund, Status
from node.iso8583.basket import write_objects
from node.iso8583.framing import Framing, frame
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CURRENCY, LIMIT, MEMBER, FakeJournal

LOCAL = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)
GOOD = {"stan": "000007", "local": LOCAL, "transmitted": LOCAL, "amount": 500, "currency": CURRENCY}


def refund(terminal: PosTerminal, *, drop: tuple[int, ...] = (), **changes: object) -> Request:
    """A refund, good but for the changes; `DE<n>` sets an element, `drop` leaves some out."""
    elements = {int(name[2:]): changes.pop(name) for name in tuple(changes) if name.startswith("DE")}
    request = messages.refund(terminal, **{"payment_id": "1-42", **GOOD, **changes})
    fields = {number: text for number, text in request.message.fields.items() if number not in (64, 128, *drop)}
    return messages.seal(request.message.mti, {**fields, **elements}, terminal)


async def test_refund_names_its_original_by_id_by_approval_code_or_by_de90(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    sale = await pos.purchase(terminal, card=CARD, amount=900, currency=CURRENCY, local=LOCAL)
    assert sale.request is not None and sale.approval_code == "000001"
    ways = ({"payment_id": "1-42"}, {"approval_code": "0000ZZ"}, {"original": sale.request})
    for way in ways:
        reply = await pos.refund(terminal, amount=500, currency=CURRENCY, **way)
        assert reply.approved and reply.mac_right, reply.text
    refunds = [entry for entry in journal.entries if isinstance(entry, Refund)]
    assert [each.original for each in refunds] == [
        OriginalNumber(number=42, whole=True),
        OriginalNumber(number=35 * 36 + 35, whole=False),
        OriginalKey(
            terminal=terminal.id,
            mti_class="020",
            stan=sale.request.message.fields[11],
            transmission_time=sale.request.message.fields[7],
            exact=False,
        ),
    ]
    assert {(each.amount, each.merchant, each.member) for each in refunds} == {(500, 42, None)}


async def test_refund_says_whose_card_was_shown(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    assert (await pos.refund(terminal, amount=1, currency=CURRENCY, payment_id="1-42", card=CARD)).approved
    entry = journal.entries[0]
    assert isinstance(entry, Refund) and entry.member == MEMBER


async def test_refund_is_answered_with_what_goes_back_in_which_tender(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    request = refund(terminal)
    await pos.send(request)
    body, answer = next(iter(journal.seen.values()))
    told = replace(
        answer,
        points=None,
        facts=((Fact.COIN, "200"), (Fact.EXTERNAL, "300")),
        text="RETURNED 2.00 IN COINS, 3.00 BY THE CLERK",
    )
    journal.seen = dict.fromkeys(journal.seen, (body, told))
    reply = await pos.send(request)
    assert (reply.facts["CO"], reply.facts["XT"], reply.duplicate) == ("200", "300", True)
    assert reply.text == "RETURNED 2.00 IN COINS, 3.00 BY THE CLERK"


BAD_REFUNDS = {
    "zero amount": ({"amount": 0}, "13"),
    "above the limit": ({"amount": int(LIMIT) + 1}, "13"),
    "another currency": ({"currency": "978"}, "13"),
    "unknown card": ({"card": "1111222233334444"}, "14"),
    "another merchant": ({"DE42": "41"}, "03"),
    "closed terminal": ({"DE41": "CLOSED"}, "58"),
    "no original": ({"payment_id": ""}, "30"),
    "an id that is none": ({"payment_id": "first"}, "30"),
    "another bridge's payment": ({"payment_id": "2-42"}, "25"),
    "an id above all numbers": ({"payment_id": f"1-{2**63}"}, "25"),
    "an approval code that is none": ({"payment_id": "", "approval_code": "0000-1"}, "25"),
    "a reversal as original": ({"DE90": "0400000001" + "0" * 32}, "25"),
    "a tag that is too long": ({"DE48": "PI99991-42"}, "30"),
    "a tag twice": ({"DE48": write_objects([("PI", "1-42"), ("PI", "1-42")])}, "30"),
    "no date": ({"DE13": "0230"}, "30"),
    "unknown account": ({"DE3": "204000"}, "12"),
    **{f"without DE{n}": ({"drop": (n,)}, "30") for n in (4, 7, 11, 12, 13, 49)},
}


@pytest.mark.parametrize(("changes", "code"), BAD_REFUNDS.values(), ids=BAD_REFUNDS)
async def test_refund_gets_its_response_code_when_it_is_bad(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, changes: dict[str, object], code: str
) -> None:
    pos.send_raw(frame(Framing.NAC, refund(terminal, **changes).content))
    reply = await pos.unmatched()
    assert (reply.mti, reply.response_code) == ("0210", code), reply.text
    assert journal.entries == [] and 38 not in reply.fields


async def test_refund_needs_a_mac_even_where_macs_are_optional(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    async with listen(mac_required=False) as listener:
        pos = await listener.connect()
        assert (await pos.send(refund(replace(terminal, mac=None)))).response_code == "97"
    assert journal.entries == []


async def test_payment_refund_is_journaled_as_over_iso8583(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    terms = {"stan": "000009", "payment": PaymentId("1-42"), "amount": 500, "currency": CURRENCY}
    reply = await rpc.refund(rpc_terminal, **terms, card=CARD)
    assert reply.approved, reply.error
    entry = journal.entries[0]
    assert isinstance(entry, Refund)
    assert (entry.original, entry.amount, entry.member) == (OriginalNumber(number=42, whole=True), 500, MEMBER)
    assert entry.key.mti_class == "020"


@pytest.mark.parametrize(
    ("changes", "rpc_code", "code"),
    [
        ({"amount": 0}, -32013, "13"),
        ({"currency": "978"}, -32013, "13"),
        ({"card": "1"}, -32014, "14"),
        ({"payment": "first"}, -32602, "30"),
        ({"payment": "2-1"}, -32025, "25"),
        ({"payment": "1" * 32}, -32602, "30"),
        ({"at": 1_500_000_000}, -32063, "63"),
    ],
)
async def test_payment_refund_gets_its_code_when_it_is_bad(
    rpc: RpcConnection,
    rpc_terminal: RpcTerminal,
    journal: FakeJournal,
    changes: dict[str, object],
    rpc_code: int,
    code: str,
) -> None:
    terms = {"stan": "000009", "payment": "1-42", "amount": 500, "currency": CURRENCY}
    reply = await rpc.refund(rpc_terminal, **{**terms, **changes})
    assert reply.error is not None and (reply.error["code"], reply.response_code) == (rpc_code, code), reply.error
    assert journal.entries == []


def test_answers_have_no_facts_by_default() -> None:
    answer = Answer(
        response_code="00",
        payment_id=None,
        status=Status.FINAL,
        points=None,
        balance=None,
        duplicate=False,
        text="",
    )
    assert answer.facts == ()
