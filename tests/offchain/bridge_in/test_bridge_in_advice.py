"""Advices of sales that took place offline, partial approvals, and what receipts say."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from node.bridge.intake_ports import Holdings, Ports
from node.domain.acts.authorization import Authorize
from node.domain.answer import Answer
from node.domain.assignment import Item
from node.domain.currency import coins
from node.domain.errors import ChainUnreachable, Overloaded, ReversedBefore
from node.domain.ids import MemberId, MinorUnits, PaymentId, Units
from node.domain.payment import Entry, Line, Payment, Status, Tender
from node.pos import messages
from node.pos.back_office import advice
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_in.conftest import CARD, CURRENCY, LIMIT, MEMBER, FakeJournal

LOCAL = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)
SALE = {"card": CARD, "amount": 1_200, "currency": CURRENCY}
HAS = 1_250
"""Stored value of the member in the conftest, minor units; its coins are worth 99."""


def told(terminal: PosTerminal, *, drop: tuple[int, ...] = (), **changes: object) -> Request:
    """An advice, good but for the changes; `DE<n>` sets an element, `drop` leaves some out."""
    elements = {int(name[2:]): changes.pop(name) for name in tuple(changes) if name.startswith("DE")}
    request = advice(terminal, **{"stan": "000001", "local": LOCAL, "transmitted": LOCAL, **SALE, **changes})
    fields = {number: text for number, text in request.message.fields.items() if number not in (64, 128, *drop)}
    return messages.seal(request.message.mti, {**fields, **elements}, terminal)


def only(journal: FakeJournal) -> Payment:
    (entry,) = journal.entries
    assert isinstance(entry, Payment)
    return entry


# --- advices ----------------------------------------------------------------------------------------------------------


async def test_an_advice_becomes_a_payment_that_nobody_waits_for(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    reply = await pos.send(told(terminal, items=basket, stored_value=300))
    assert (reply.mti, reply.response_code, reply.mac_right) == ("0230", "00", True)
    payment = only(journal)
    assert payment.advice and payment.debits and not payment.waits
    assert (payment.member, payment.key.mti_class, payment.amount) == (MEMBER, "022", 1_200)
    assert payment.authorisation is not None and payment.items_root is not None
    again = await pos.repeat(reply.request)
    assert (again.mti, again.response_code, again.duplicate) == ("0230", "00", True)
    assert len(journal.entries) == 1


@pytest.mark.parametrize("decision", ["00", "08", "10", "Y1", "Y3"])
async def test_an_advice_is_posted_when_the_terminal_approved(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, decision: str
) -> None:
    assert (await pos.send(told(terminal, decision=decision))).approved
    assert only(journal).advice


@pytest.mark.parametrize("decision", ["05", "51", "Z1", "Z3", "??"])
async def test_an_advice_of_a_declined_sale_is_taken_and_posts_nothing(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, decision: str
) -> None:
    reply = await pos.send(told(terminal, decision=decision))
    assert (reply.response_code, reply.text, reply.payment_id) == ("00", "NOTHING TO POST", None)
    assert journal.entries == [] and 38 not in reply.fields


async def test_an_advice_is_taken_when_a_request_would_be_declined(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    unknown = await pos.send(told(terminal, card="1111222233334444"))
    nobody = await pos.send(told(terminal, stan="000002", drop=(2,)))
    large = await pos.send(told(terminal, stan="000003", amount=int(LIMIT) + 1))
    assert unknown.approved and nobody.approved and large.approved
    assert [entry.member for entry in journal.entries] == [0, 0, MEMBER]


BAD_ADVICES = {
    "zero amount": ({"amount": 0}, "13"),
    "another currency": ({"currency": "978"}, "13"),
    "tenders above the amount": ({"coin": 700, "stored_value": 501}, "13"),
    "another merchant": ({"DE42": "41"}, "03"),
    "closed terminal": ({"DE41": "CLOSED"}, "58"),
    "no date": ({"DE13": "0230"}, "30"),
    "broken private elements": ({"DE62": "LI9999p,,1;"}, "30"),
    "a coupon": ({"asks": {"CP": "1"}}, "12"),
    "a discount": ({"asks": {"DI": ""}, "coin": 100}, "12"),
    "tenders said twice": ({"processing_code": "009000", "coin": 1}, "12"),
    "without an outcome": ({"drop": (39, 38)}, "30"),
    "without DE49": ({"drop": (49,)}, "30"),
}


@pytest.mark.parametrize(("changes", "code"), BAD_ADVICES.values(), ids=BAD_ADVICES)
async def test_an_advice_is_refused_for_technical_reasons(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, changes: dict[str, object], code: str
) -> None:
    reply = await pos.send(told(terminal, **changes))
    assert (reply.mti, reply.response_code) == ("0230", code), reply.text
    assert journal.entries == []


async def test_an_advice_that_debits_needs_a_mac(
    listen, terminal: PosTerminal, thief: PosTerminal, journal: FakeJournal
) -> None:
    plain = replace(terminal, mac=None)
    async with listen(mac_required=False) as listener:
        pos = await listener.connect()
        assert (await pos.send(told(plain, coin=1))).response_code == "97"
        assert (await pos.send(told(thief))).response_code == "97"
        assert (await pos.send(told(plain))).approved
    assert only(journal).authorisation is None


async def test_an_advice_is_taken_without_effect_when_its_reversal_came_before(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.failure = ReversedBefore()
    reply = await pos.send(told(terminal))
    assert (reply.response_code, reply.text) == ("00", "REVERSED BEFORE, NOTHING POSTED")
    assert (await pos.purchase(terminal, **SALE)).response_code == "94"
    journal.failure = Overloaded()
    assert (await pos.send(told(terminal))).response_code == "96"


async def test_a_completion_is_one_with_or_without_an_outcome(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    named = {"DE48": messages.write_objects([("AU", "1-5")])}
    assert (await pos.send(told(terminal, **named))).approved
    assert only(journal).act is not None and not only(journal).advice
    unnamed = await pos.send(told(terminal, stan="000002", drop=(39,)))
    completion = journal.entries[1]
    assert unnamed.approved and isinstance(completion, Payment) and not completion.advice
    assert completion.about is not None  # DE38 names the authorisation, for the journal to find


# --- partial approval -------------------------------------------------------------------------------------------------


async def test_a_part_is_posted_when_the_terminal_takes_one_and_the_member_has_less(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    asked = {**SALE, "amount": 2_000, "asks": {"PA": "1"}}
    assert (await pos.purchase(terminal, **asked, processing_code=messages.ALL_STORED_VALUE)).approved
    assert (await pos.purchase(terminal, **asked, processing_code=messages.ALL_COIN)).approved
    value, coin = journal.entries
    assert isinstance(value, Payment) and isinstance(coin, Payment)
    assert value.lines == (Line(amount=MinorUnits(HAS), rule_version=1, tender=Tender.STORED_VALUE),)
    assert coin.lines == (Line(amount=MinorUnits(99), rule_version=0, tender=Tender.COIN),)
    assert (value.key.amount, value.approved, coin.approved) == (2_000, HAS, 99)
    items = (Item(product="1000000", quantity=1, amount=MinorUnits(2_000)),)
    await pos.purchase(terminal, **asked, items=items, processing_code=messages.ALL_STORED_VALUE)
    assert journal.entries[2].items_root is None and journal.baskets[2] == b""


async def test_an_authorisation_is_of_a_part_when_the_terminal_takes_one(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    said = {"card": CARD, "currency": CURRENCY, "amount": 2_000, "objects": {"PA": "1"}}
    assert (await pos.act(terminal, "0100", "006000", **said)).approved
    payment = only(journal)
    assert payment.act is not None and Authorize.read(payment.act.data).amount == HAS == payment.approved


@pytest.mark.parametrize(
    ("changes", "asks"),
    [
        ({"amount": 2_000}, {}),
        ({"amount": 2_000}, {"PA": "0"}),
        ({"amount": HAS}, {"PA": "1"}),
        ({"amount": 2_000, "processing_code": "000000"}, {"PA": "1"}),
        ({"amount": 2_000, "processing_code": "000000", "stored_value": 1_999}, {"PA": "1"}),
    ],
)
async def test_all_of_it_is_asked_for_otherwise(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, changes: dict[str, object], asks: dict[str, str]
) -> None:
    code = {"processing_code": messages.ALL_STORED_VALUE}
    assert (await pos.purchase(terminal, **{**SALE, **code, **changes}, asks=asks)).approved
    assert only(journal).amount == changes["amount"] and only(journal).approved is None


async def test_all_of_it_is_asked_for_when_the_chain_does_not_say_what_the_member_has(
    pos: PosConnection, ports: Ports, terminal: PosTerminal, journal: FakeJournal
) -> None:
    async def away(member: MemberId) -> Holdings:
        raise ChainUnreachable()

    object.__setattr__(ports, "holdings", away)
    asked = {**SALE, "amount": 2_000, "processing_code": messages.ALL_STORED_VALUE}
    assert (await pos.purchase(terminal, **asked, asks={"PA": "1"})).approved
    assert only(journal).amount == 2_000 and only(journal).approved is None


async def test_pa_is_0_or_1(pos: PosConnection, terminal: PosTerminal) -> None:
    assert (await pos.purchase(terminal, **SALE, asks={"PA": "2"})).response_code == "30"


async def test_a_partial_approval_is_answered_10_with_the_amount(
    listen, ports: Ports, terminal: PosTerminal, journal: FakeJournal
) -> None:
    answer = final(amount=MinorUnits(HAS), response_code="10")
    async with listen_with(listen, ports, journal, answer) as pos:
        reply = await pos.purchase(terminal, **{**SALE, "amount": 2_000})
    assert (reply.response_code, reply.fields[4], reply.approved) == ("10", f"{HAS:012d}", False)
    assert reply.approval_code == "00000R" and reply.mac_right


# --- receipts ---------------------------------------------------------------------------------------------------------


def final(**changes: object) -> Answer:
    answer = Answer(
        response_code="00",
        payment_id=PaymentId("1-27"),
        status=Status.FINAL,
        points=Units(1_500_000),
        balance=None,
        duplicate=False,
        text="COUPON 1.20 OFF",
    )
    return replace(answer, **changes)


def listen_with(listen, ports: Ports, journal: FakeJournal, answer: Answer, **settings: object):
    """A connection to a listener behind which every payment has this answer."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def connected():
        async def submit(entry: Entry, basket: bytes) -> Answer:
            return answer

        journal.submit = submit  # type: ignore[method-assign]
        object.__setattr__(ports, "submit", submit)
        async with listen(**settings) as listener:
            yield await listener.connect()

    return connected()


async def test_the_receipt_says_what_was_earned(
    listen, ports: Ports, terminal: PosTerminal, journal: FakeJournal
) -> None:
    async with listen_with(listen, ports, journal, final()) as pos:
        reply = await pos.purchase(terminal, **SALE)
    assert reply.text == "COUPON 1.20 OFF, 1.5 POINTS EARNED" and 54 not in reply.fields


async def test_the_receipt_says_what_the_member_has_when_the_profile_says_so(
    listen, ports: Ports, terminal: PosTerminal, journal: FakeJournal
) -> None:
    async with listen_with(listen, ports, journal, final(text=""), balances=True) as pos:
        reply = await pos.purchase(terminal, **SALE)
    assert reply.text == "1.5 POINTS EARNED, 0.9905 POINTS IN ALL"
    assert reply.fields[54] == "6002840C000000001250" + "9002840C000000000099"
    assert reply.facts["BL"] == "990500" and reply.mac_right


async def test_the_answer_stands_when_the_balance_cannot_be_asked_for(
    listen, ports: Ports, terminal: PosTerminal, journal: FakeJournal
) -> None:
    async def away(member: MemberId) -> Holdings:
        raise ChainUnreachable()

    object.__setattr__(ports, "holdings", away)
    async with listen_with(listen, ports, journal, final(text=""), balances=True) as pos:
        reply = await pos.purchase(terminal, **SALE)
    assert (reply.response_code, reply.text, 54 in reply.fields) == ("00", "1.5 POINTS EARNED", False)


async def test_a_declined_payment_says_nothing_of_points(
    listen, ports: Ports, terminal: PosTerminal, journal: FakeJournal
) -> None:
    declined = final(response_code="51", status=Status.DECLINED, points=None, text="NOT ENOUGH STORED VALUE")
    async with listen_with(listen, ports, journal, declined, balances=True) as pos:
        reply = await pos.purchase(terminal, **SALE)
    assert (reply.response_code, reply.text, 54 in reply.fields) == ("51", "NOT ENOUGH STORED VALUE", False)


def test_coins_are_written_as_people_read_them() -> None:
    assert [coins(units) for units in (0, 1, 1_000_000, 1_500_000, 12_345_678)] == [
        "0",
        "0.000001",
        "1",
        "1.5",
        "12.345678",
    ]
