"""What terminals ask over JSON-RPC beside payments: balances, sign-on, business days and their totals."""

import time
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import openrpc, serve_rpc
from node.bridge.intake_rpc.desk import DESK
from node.bridge.intake_rpc.exchange import RpcExchange
from node.bridge.journal.claims import Claims
from node.bridge.journal.store import Journal
from node.config import JournalSettings, RpcSettings
from node.domain.desk_terms import DayCloseTerms, InquiryTerms, SignOffTerms, SignOnTerms, TotalsTerms
from node.domain.terminal_terms import Terms, members_of
from node.domain.totals import Totals
from node.iso8583.network import NetworkAction
from node.iso8583.profile import Operation
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER, FakeDesk, FakeJournal, listening
from tests.offchain.bridge_in.test_bridge_in_openrpc import faults

TODAY = datetime.now(UTC).date()
OURS = Totals(
    credits=2,
    credit_reversals=1,
    debits=3,
    debit_reversals=1,
    credit_amount=500,
    credit_reversal_amount=100,
    debit_amount=3_990,
    debit_reversal_amount=1_200,
)
GOOD: dict[str, tuple[type[Terms], dict[str, Any], object]] = {
    "member_balance": (
        InquiryTerms,
        {"card": CARD},
        {"storedValue": 1_250, "coinsAtPar": 99, "coins": "990500", "text": "0.9905 POINTS IN ALL"},
    ),
    "terminal_sign_on": (SignOnTerms, {}, {"signedOn": True}),
    "terminal_sign_off": (SignOffTerms, {}, {"signedOn": False}),
    "day_close": (DayCloseTerms, {"day": str(TODAY)}, {"day": str(TODAY)}),
    "day_reconcile": (
        TotalsTerms,
        {"day": "", "currency": CURRENCY, **asdict(OURS)},
        {
            "balanced": True,
            "day": "",
            "totals": {
                "credits": 2,
                "creditReversals": 1,
                "debits": 3,
                "debitReversals": 1,
                "creditAmount": 500,
                "creditReversalAmount": 100,
                "debitAmount": 3_990,
                "debitReversalAmount": 1_200,
                "net": -2_390,
            },
        },
    ),
}


def number_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days


async def ask(rpc: RpcConnection, terminal: RpcTerminal, method: str, **changes: Any) -> RpcReply:
    kind, said, _ = GOOD[method]
    head = {"terminal": terminal.id, "stan": "000007", "time": int(time.time())}
    return await rpc.send(method, terminal, kind(**{**head, **said, **changes}))


@pytest.fixture
def ports(ports: Ports, desk: FakeDesk) -> Ports:
    desk.today = OURS
    return ports


@pytest.mark.parametrize("method", GOOD)
async def test_a_method_answers_over_http_and_websocket_as_the_document_says(
    listen_rpc, rpc_terminal: RpcTerminal, journal: FakeJournal, method: str
) -> None:
    assert set(GOOD) == set(DESK)
    async with listen_rpc() as url, RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as rpc:
        reply = await ask(rpc, rpc_terminal, method)
        assert reply.result == GOOD[method][2], reply.error
        async with ClientSession() as session, session.ws_connect(url) as socket:
            await socket.send_json(dict(reply.request))
            assert (await socket.receive_json(timeout=10))["result"] == GOOD[method][2]
    assert faults(openrpc.document(), (DESK[method].result, reply.result)) == []
    assert journal.entries == []


@pytest.mark.parametrize("method", GOOD)
async def test_a_method_is_refused_when_anything_changed_or_the_terminal_may_not(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, desk: FakeDesk, method: str
) -> None:
    good = (await ask(rpc, rpc_terminal, method)).request["params"]
    desk.on, desk.closed, desk.claims = {"TILL2"}, [], []
    for name in (each.name for each in members_of(GOOD[method][0]) if each.name != "terminal"):
        changed = {**good, name: good[name] + 1 if isinstance(good[name], int) else "2026-01-01"[: len(good[name])]}
        if changed != good:
            assert (await rpc.call(method, changed)).response_code in ("63", "30"), name
    assert (await rpc.call(method, {**good, "pinBlock": "00"})).response_code == "30", (
        "there is nothing to show a PIN for"
    )
    for name, code in (("CLOSED", "58"), ("ELSEWHER", "58"), ("NOWHERE", "58"), ("MACONLY", "63")):
        assert (await ask(rpc, replace(rpc_terminal, id=name), method)).response_code == code, name
    assert (desk.on, desk.closed, desk.claims) == ({"TILL2"}, [], [])


async def test_member_balance_needs_a_member_and_a_time_of_now(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, ports: Ports
) -> None:
    assert (await ask(rpc, rpc_terminal, "member_balance", card="1")).response_code == "14"
    for seconds in (-400, 400):
        copied = await ask(rpc, rpc_terminal, "member_balance", time=int(time.time()) + seconds)
        assert copied.response_code == "63", "who copies an inquiry learns no balance of later"
    object.__setattr__(ports, "holdings", None)
    assert (await ask(rpc, rpc_terminal, "member_balance")).response_code == "12"


async def test_requests_are_refused_before_sign_on_and_after_sign_off_when_it_is_demanded(
    listen_rpc, rpc_terminal: RpcTerminal, desk: FakeDesk, journal: FakeJournal
) -> None:
    sale = {"card": CARD, "amount": 1_200, "currency": CURRENCY}
    async with listen_rpc(sign_on=True) as url, RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as rpc:
        early = await rpc.purchase(rpc_terminal, stan="000001", **sale)
        assert early.error is not None and (early.error["code"], early.response_code) == (-32060, "58")
        assert (await ask(rpc, rpc_terminal, "member_balance")).response_code == "58"
        assert (await ask(rpc, rpc_terminal, "terminal_sign_on")).error is None and desk.on == {"TILL0001"}
        sold = await rpc.purchase(rpc_terminal, stan="000002", **sale)
        assert sold.approved
        assert (await ask(rpc, rpc_terminal, "terminal_sign_off", stan="000008")).error is None and desk.on == set()
        assert (await rpc.purchase(rpc_terminal, stan="000003", **sale)).response_code == "58"
        # what has happened is taken all the same
        assert (await rpc.reverse(rpc_terminal, stan="000004", original=sold)).approved
        assert (await ask(rpc, rpc_terminal, "day_reconcile")).error is None
    assert len(journal.entries) == 2


async def test_a_terminal_that_signed_on_over_one_way_in_is_signed_on_over_the_other(
    listen, listen_rpc, terminal: PosTerminal, rpc_terminal: RpcTerminal
) -> None:
    async with listen(sign_on=True) as listener, listen_rpc(sign_on=True) as url:
        pos: PosConnection = await listener.connect()
        async with RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as rpc:
            assert (await ask(rpc, rpc_terminal, "terminal_sign_on")).error is None
            assert (await pos.inquire(terminal, card=CARD)).approved
            assert (await pos.sign_off(terminal)).approved
            assert (await ask(rpc, rpc_terminal, "member_balance", stan="000009")).response_code == "58"


@pytest.fixture
async def remembering(rpc_settings: RpcSettings, ports: Ports, kept: JournalSettings) -> AsyncIterator[RpcConnection]:
    """A bridge that remembers which requests came before."""
    journal = await Journal.open(kept)
    claims = Claims(journal, limit=100, clock=lambda: 1_000)
    async with (
        listening(serve_rpc, rpc_settings, replace(ports, claims=claims)) as (host, port),
        RpcConnection(f"http://{host}:{port}/", chain_id=CHAIN_ID, ledger=LEDGER) as rpc,
    ):
        yield rpc
    await journal.close()


async def test_a_signature_signs_on_once_and_closes_its_day_as_often_as_it_comes(
    remembering: RpcConnection, rpc_terminal: RpcTerminal, desk: FakeDesk
) -> None:
    on = await ask(remembering, rpc_terminal, "terminal_sign_on")
    assert desk.on == {"TILL0001"}
    assert (await ask(remembering, rpc_terminal, "terminal_sign_off", stan="000008")).error is None
    assert (await remembering.repeat(on)).response_code == "94" and desk.on == set(), "a copy signs nobody on"
    named = {"stan": "000009", "time": int(time.time())}
    closed = await ask(remembering, rpc_terminal, "day_close", **named)
    assert (await remembering.repeat(closed)).result == closed.result
    other = await ask(remembering, rpc_terminal, "day_close", **named, day=str(TODAY - timedelta(days=1)))
    assert other.response_code == "94" and desk.closed == [("TILL0001", number_of(TODAY))] * 2


async def test_an_idempotency_key_names_one_request_to_the_desk(
    remembering: RpcConnection, rpc_terminal: RpcTerminal
) -> None:
    first = await ask(remembering, rpc_terminal, "day_reconcile")
    named = {**first.request["params"], "idempotencyKey": "evening"}
    assert (await remembering.call("day_reconcile", named)).result == first.result
    second = await ask(remembering, rpc_terminal, "day_reconcile", stan="000008")
    reused = await remembering.call("day_reconcile", {**second.request["params"], "idempotencyKey": "evening"})
    assert reused.error is not None and reused.error["code"] == -32093


@pytest.mark.parametrize("day", ["", "0230", "2026-02-30", "2020-01-01", "2199-01-01", "today"])
async def test_day_close_is_refused_when_the_day_is_none_or_far_away(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, desk: FakeDesk, day: str
) -> None:
    assert (await ask(rpc, rpc_terminal, "day_close", day=day)).response_code == "30"
    assert desk.closed == []


async def test_day_reconcile_says_what_is_out_of_balance_and_keeps_it(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, desk: FakeDesk
) -> None:
    desk.days[number_of(TODAY)] = OURS
    claimed = replace(OURS, debit_amount=OURS.debit_amount + 1)
    reply = await ask(rpc, rpc_terminal, "day_reconcile", day=str(TODAY), **asdict(claimed))
    assert reply.result is not None and reply.result["balanced"] is False
    assert reply.result["totals"]["debitAmount"] == OURS.debit_amount
    assert desk.claims == [("TILL0001", number_of(TODAY), claimed, False)]
    assert (await ask(rpc, rpc_terminal, "day_reconcile", stan="000008", currency="978")).response_code == "13"
    unknown = await ask(rpc, rpc_terminal, "day_reconcile", stan="000009", day=str(TODAY - timedelta(days=1)))
    assert unknown.response_code == "25" and len(desk.claims) == 1


SAME: dict[Operation | NetworkAction | str, tuple[str, ...]] = {
    Operation.PURCHASE: ("payment_submit", "payment_part", "coupon_redeem", "certificate_redeem", "payment_discounted"),
    Operation.REFUND: ("payment_refund",),
    Operation.RECHARGE: ("value_recharge",),
    Operation.WRITE_OFF: ("coupon_write_off",),
    Operation.GIFT: ("gift_redeem",),
    Operation.AUTHORIZE: ("authorization_create", "authorization_part"),
    Operation.CAPTURE: ("authorization_capture",),
    Operation.ADVICE: ("advice_submit",),
    Operation.INQUIRY: ("member_balance",),
    NetworkAction.SIGN_ON: ("terminal_sign_on",),
    NetworkAction.SIGN_OFF: ("terminal_sign_off",),
    NetworkAction.ECHO: ("bridge_health",),
    NetworkAction.CUT_OVER: ("day_close",),
    NetworkAction.KEY_CHANGE: (),  # signing keys stand in the Registry
    "reversal": ("payment_reverse", "advice_reverse", "authorization_void"),
    "reconciliation": ("day_reconcile",),
}


def test_every_act_of_iso8583_has_its_method() -> None:
    assert {each for each in SAME if not isinstance(each, str)} == {*Operation, *NetworkAction}
    offered = set(RpcExchange(None, None, max_batch=1).methods)  # type: ignore[arg-type]
    beside = {"payment_status", "lines_read", "till_subscribe", "till_unsubscribe", "rpc.discover"}
    assert {name for names in SAME.values() for name in names} == offered - beside
