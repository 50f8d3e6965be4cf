"""Over JSON-RPC: sales that took place without the bridge, sales and authorisations of a part, and receipts."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession

from node.bridge.intake_ports import Holdings, Ports
from node.domain.acts.authorization import Authorize
from node.domain.answer import Answer
from node.domain.assignment import Item
from node.domain.directory import Directory
from node.domain.errors import ChainUnreachable, ReversedBefore
from node.domain.ids import MemberId, MinorUnits, PaymentId, Units
from node.domain.payment import Entry, Line, OriginalKey, Payment, Reversal, Status, Tender
from node.domain.terminal_terms import (
    AdviceReversalTerms,
    AdviceTerms,
    AuthorizationPartTerms,
    PartTerms,
    Terms,
)
from node.iso8583.basket import write_items
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER, LIMIT, MEMBER, FakeJournal

HAS = 1_250
"""What the member has of stored value, minor units."""
SALE = {"card": CARD, "currency": CURRENCY, "amount": 1_200}
TENDERS = {"coin": 0, "stored_value": 0, "pin_result": "0", "items": ""}
KINDS: dict[str, tuple[type[Terms], dict[str, Any]]] = {
    "advice_submit": (AdviceTerms, {**SALE, **TENDERS, "outcome": "Y1", "approval_code": "OFF001"}),
    "payment_part": (PartTerms, {**SALE, "amount": 2_000, "tender": "storedValue", "pin_result": "0", "items": ""}),
    "authorization_part": (AuthorizationPartTerms, {**SALE, "amount": 2_000, "tender": "coin", "pin_result": "0"}),
}


async def send(rpc: RpcConnection, terminal: RpcTerminal, method: str, **changes: Any) -> RpcReply:
    kind, said = KINDS[method]
    head = {"terminal": terminal.id, "stan": "000005", "time": int(time.time())}
    return await rpc.send(method, terminal, kind(**{**head, **said, **changes}))


def only(journal: FakeJournal) -> Payment:
    (entry,) = journal.entries
    assert isinstance(entry, Payment)
    return entry


# --- advices ----------------------------------------------------------------------------------------------------------


async def test_advice_submit_becomes_a_payment_that_nobody_waits_for(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    reply = await send(rpc, rpc_terminal, "advice_submit", stored_value=1_200)
    assert reply.approved and reply.payment_id == "1-1"
    payment = only(journal)
    assert payment.advice and payment.key.mti_class == "022" and payment.member == MEMBER
    assert payment.lines[0].tender is Tender.STORED_VALUE and payment.authorisation is not None
    assert (await rpc.repeat(reply)).duplicate and len(journal.entries) == 1


async def test_advice_submit_is_taken_when_a_sale_would_be_declined(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    for number, changes in enumerate(({"card": "1"}, {"card": ""}, {"amount": LIMIT + 1}), start=1):
        assert (await send(rpc, rpc_terminal, "advice_submit", stan=f"{number:06d}", **changes)).approved, changes
    assert [entry.member for entry in journal.entries if isinstance(entry, Payment)] == [0, 0, MEMBER]


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"amount": 0}, "13"), ({"currency": "978"}, "13"), ({"items": "x"}, "30"), ({"pin_result": "7"}, "30")],
)
async def test_advice_submit_is_refused_for_technical_reasons(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, changes: dict[str, Any], code: str
) -> None:
    assert (await send(rpc, rpc_terminal, "advice_submit", **changes)).response_code == code
    assert journal.entries == []


async def test_advice_submit_of_a_sale_that_was_declined_is_answered_and_posts_nothing(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    reply = await send(rpc, rpc_terminal, "advice_submit", outcome="51")
    assert reply.approved and reply.result is not None
    assert (reply.payment_id, reply.result["text"], journal.entries) == (None, "NOTHING TO POST", [])


async def test_advice_submit_is_answered_when_its_reversal_came_before(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    journal.failure = ReversedBefore()
    reply = await send(rpc, rpc_terminal, "advice_submit")
    assert reply.approved and reply.result is not None and "REVERSED BEFORE" in reply.result["text"]
    assert (await rpc.purchase(rpc_terminal, stan="000006", **SALE)).response_code == "94", "a sale is refused"


async def test_advice_submit_is_refused_when_the_terminal_is_not_active(
    rpc: RpcConnection, rpc_terminal: RpcTerminal
) -> None:
    closed = replace(rpc_terminal, id="CLOSED")
    assert (await send(rpc, closed, "advice_submit")).response_code == "58"


async def test_advice_reverse_names_an_advice_and_payment_reverse_a_sale(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    told = await send(rpc, rpc_terminal, "advice_submit")
    params = told.request["params"]
    undo = {"original_stan": params["stan"], "original_time": params["time"], "amount": params["amount"]}
    terms = AdviceReversalTerms(terminal=rpc_terminal.id, stan="000009", time=int(time.time()), **undo)
    assert (await rpc.send("advice_reverse", rpc_terminal, terms)).approved
    reversal = journal.entries[1]
    assert isinstance(reversal, Reversal) and isinstance(reversal.original, OriginalKey)
    assert (reversal.original.mti_class, reversal.original.stan) == ("022", params["stan"])
    assert (await rpc.reverse(rpc_terminal, stan="000010", original=told)).approved
    other = journal.entries[2]
    assert isinstance(other, Reversal) and isinstance(other.original, OriginalKey)
    assert other.original.mti_class == "020"
    signature = rpc.sign(rpc_terminal, terms)
    borrowed = {"originalStan": params["stan"], "originalTime": params["time"], "amount": params["amount"]}
    borrowed |= {"terminal": rpc_terminal.id, "stan": "000009", "time": terms.time}
    as_sale = await rpc.call("payment_reverse", {**borrowed, "signature": "0x" + signature.hex()})
    assert as_sale.response_code == "63", "each is signed as what it is"


# --- a part -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tender", "line"),
    [
        ("storedValue", Line(amount=MinorUnits(HAS), rule_version=1, tender=Tender.STORED_VALUE)),
        ("coin", Line(amount=MinorUnits(99), rule_version=0, tender=Tender.COIN)),
    ],
)
async def test_payment_part_is_of_as_much_as_the_member_has(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, tender: str, line: Line
) -> None:
    assert (await send(rpc, rpc_terminal, "payment_part", tender=tender)).approved
    payment = only(journal)
    assert payment.lines == (line,) and (payment.key.amount, payment.approved) == (2_000, line.amount)


async def test_payment_part_is_of_all_when_the_member_has_it_or_nobody_knows(
    rpc: RpcConnection, ports: Ports, rpc_terminal: RpcTerminal, journal: FakeJournal, directory: Directory
) -> None:
    items = write_items((Item(product="1000000", quantity=1, amount=MinorUnits(HAS)),))
    assert (await send(rpc, rpc_terminal, "payment_part", amount=HAS, items=items)).approved
    assert only(journal).approved is None and only(journal).items_root is not None

    async def away(member: MemberId) -> Holdings:
        raise ChainUnreachable()

    object.__setattr__(ports, "holdings", away)
    assert (await send(rpc, rpc_terminal, "payment_part", stan="000006")).approved
    second = journal.entries[1]
    assert isinstance(second, Payment) and second.approved is None and second.lines[0].amount == 2_000


async def test_authorization_part_puts_aside_what_the_member_has(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    assert (await send(rpc, rpc_terminal, "authorization_part")).approved
    payment = only(journal)
    assert payment.act is not None and Authorize.read(payment.act.data).amount == 99 == payment.approved


@pytest.mark.parametrize("method", ["payment_part", "authorization_part"])
@pytest.mark.parametrize(
    ("changes", "code"),
    [({"tender": "cash"}, "30"), ({"card": "1"}, "14"), ({"amount": 0}, "13"), ({"currency": "978"}, "13")],
)
async def test_a_part_is_refused_when_it_is_bad(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, method: str, changes: dict[str, Any], code: str
) -> None:
    assert (await send(rpc, rpc_terminal, method, **changes)).response_code == code


def answering(ports: Ports, **changes: Any) -> None:
    """Every payment is answered like that from now on."""
    answer = Answer(
        response_code="00",
        payment_id=PaymentId("1-27"),
        status=Status.FINAL,
        points=Units(1_500_000),
        balance=None,
        duplicate=False,
        text="",
    )

    async def submit(entry: Entry, basket: bytes) -> Answer:
        return replace(answer, **changes)

    object.__setattr__(ports, "submit", submit)


@pytest.mark.parametrize("method", ["payment_part", "authorization_part", "advice_submit"])
async def test_a_method_says_over_websocket_what_it_says_over_http(
    listen_rpc: Callable[..., Any], ports: Ports, rpc_terminal: RpcTerminal, method: str
) -> None:
    answering(ports, response_code="10", amount=MinorUnits(HAS))
    async with listen_rpc() as url, RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as rpc:
        reply = await send(rpc, rpc_terminal, method)
        assert reply.result is not None
        assert (reply.result["approved"], reply.response_code, reply.result["amount"]) == (True, "10", HAS)
        async with ClientSession() as session, session.ws_connect(url) as socket:
            await socket.send_json(dict(reply.request))
            assert (await socket.receive_json(timeout=10))["result"] == reply.result


async def test_a_final_answer_says_what_the_member_has_when_the_settings_say_so(
    listen_rpc: Callable[..., Any], ports: Ports, rpc_terminal: RpcTerminal
) -> None:
    answering(ports)
    said = []
    for balances in (True, False):
        async with (
            listen_rpc(balances=balances) as url,
            RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as rpc,
        ):
            said.append((await rpc.purchase(rpc_terminal, stan="000001", **SALE)).result or {})
    assert said[0]["holdings"]["storedValue"] == HAS and said[0]["balance"] == "990500"
    assert said[0]["text"] == "1.5 POINTS EARNED, 0.9905 POINTS IN ALL"
    assert (said[1]["holdings"], said[1]["balance"], said[1]["text"]) == (None, None, "1.5 POINTS EARNED")


async def test_the_answer_stands_when_the_balance_cannot_be_asked_for(
    listen_rpc: Callable[..., Any], ports: Ports, rpc_terminal: RpcTerminal
) -> None:
    answering(ports)
    object.__setattr__(ports, "holdings", None)
    async with listen_rpc(balances=True) as url, RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as rpc:
        reply = await rpc.purchase(rpc_terminal, stan="000001", **SALE)
    assert reply.approved and reply.result is not None and reply.result["holdings"] is None
