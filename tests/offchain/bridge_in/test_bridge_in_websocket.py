"""JSON-RPC over real WebSockets: the same acts, subscriptions, and every bound on what a client can make us hold."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from node.bridge.announcer import Announcer, terminal_topic
from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import serve_rpc
from node.bridge.intake_rpc.socket import SLOW
from node.bridge.journal.claims import Claim
from node.config import RpcSettings
from node.domain.announcement import Announcement, Happening
from node.domain.errors import DuplicateOtherBody
from node.domain.ids import MerchantId, PaymentId
from node.domain.terminal_terms import PaymentTerms, SubscriptionTerms, members_of
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER, FakeJournal, listening

PATIENCE = 10.0


class Once:
    """Remembers nonces in memory; the journal's own memory is tested in test_bridge_in_claims.py."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    async def take(self, claim: Claim) -> str | None:
        if claim.once and claim.nonce in self.seen:
            raise DuplicateOtherBody
        self.seen.add(claim.nonce)
        return None

    async def refuse(self, claim: Claim, refusal: str) -> None:
        return None


@pytest.fixture
def announcer() -> Announcer:
    return Announcer()


@pytest.fixture
def connect(rpc_settings: RpcSettings, ports: Ports, announcer: Announcer):
    """Starts a listener with changed settings and connects to it."""

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[ClientWebSocketResponse]:
        changed = replace(ports, announcer=announcer, claims=Once())
        async with (
            listening(serve_rpc, replace(rpc_settings, **changes), changed) as (host, port),
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://{host}:{port}/", max_msg_size=0) as socket,
        ):
            yield socket

    return start


async def hear(socket: ClientWebSocketResponse) -> dict[str, object]:
    message = await socket.receive(timeout=PATIENCE)
    assert message.type is WSMsgType.TEXT, message
    return json.loads(message.data)


async def ask(socket: ClientWebSocketResponse, method: str, params: object, number: int = 1) -> dict[str, object]:
    await socket.send_json({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    return await hear(socket)


def signed(terminal: RpcTerminal, kind: type, **values: object) -> dict[str, object]:
    """The parameters of a message, signed by the terminal."""
    client = RpcConnection("", chain_id=CHAIN_ID, ledger=LEDGER)
    terms = kind(terminal=terminal.id, **values)
    params = {member.name: getattr(terms, member.attribute) for member in members_of(kind)}
    return {**params, "signature": "0x" + client.sign(terminal, terms).hex()}


def purchase(terminal: RpcTerminal, stan: int, now: int) -> dict[str, object]:
    return signed(
        terminal,
        PaymentTerms,
        stan=f"{stan:06d}",
        time=now,
        card=CARD,
        currency=CURRENCY,
        amount=1_200,
        coin=0,
        stored_value=0,
        pin_result="0",
        items="",
    )


@pytest.fixture
def now() -> int:
    import time

    return int(time.time())


def told(number: int, *, payment: str = "1-1", terminal: str = "TILL0001") -> Announcement:
    return Announcement(
        id=f"1-{number}-final",
        type=Happening.FINAL,
        at=1_790_000_000_000,
        merchant=MerchantId(42),
        payment=PaymentId(payment),
        by=None,
        terminal=terminal,
        facts={"block": number},
    )


async def test_the_same_acts_are_answered_as_over_http(
    connect, rpc_terminal: RpcTerminal, journal: FakeJournal, now: int
) -> None:
    async with connect() as socket:
        paid = await ask(socket, "payment_submit", purchase(rpc_terminal, 1, now), number=7)
        assert (paid["id"], paid["result"]["responseCode"], paid["result"]["paymentId"]) == (7, "00", "1-1")
        again = await ask(socket, "payment_submit", purchase(rpc_terminal, 1, now))
        assert again["result"]["duplicate"]
        status = await ask(socket, "payment_status", {"paymentId": "1-1"})
        assert status["result"]["paymentId"] == "1-1"
        await socket.send_str("{")
        assert (await hear(socket))["error"]["code"] == -32700
        call = {"jsonrpc": "2.0", "id": 1, "method": "bridge_health"}
        await socket.send_json([call, {**call, "id": 2}])
        assert [each["id"] for each in await hear(socket)] == [1, 2]
    assert len(journal.entries) == 1


async def test_a_slow_answer_holds_up_no_other_and_too_many_are_not_read(
    connect, rpc_terminal: RpcTerminal, journal: FakeJournal, now: int
) -> None:
    journal.gate = asyncio.Event()
    async with connect(max_pipelined=3) as socket:
        for stan in range(1, 4):
            request = {"jsonrpc": "2.0", "id": stan, "method": "payment_submit"}
            await socket.send_json({**request, "params": purchase(rpc_terminal, stan, now)})
        await socket.send_json({"jsonrpc": "2.0", "id": 4, "method": "bridge_health"})
        async with asyncio.timeout(PATIENCE):
            while journal.waiting < 3:
                await asyncio.sleep(0.01)
        with pytest.raises(asyncio.TimeoutError):
            await socket.receive(timeout=0.3)  # the fourth waits unread
        journal.gate.set()
        replies = [await hear(socket) for _ in range(4)]
    assert sorted(reply["id"] for reply in replies) == [1, 2, 3, 4]
    async with connect(max_pipelined=4) as socket:
        journal.gate.clear()
        request = {"jsonrpc": "2.0", "id": 9, "method": "payment_submit", "params": purchase(rpc_terminal, 9, now)}
        await socket.send_json(request)
        assert (await ask(socket, "bridge_health", {}, number=10))["id"] == 10
        journal.gate.set()
        assert (await hear(socket))["id"] == 9


async def test_what_is_under_way_is_bounded_over_all_connections(
    connect, rpc_terminal: RpcTerminal, journal: FakeJournal, now: int
) -> None:
    journal.gate = asyncio.Event()
    async with connect(max_in_flight=1) as socket:
        request = {"jsonrpc": "2.0", "id": 1, "method": "payment_submit", "params": purchase(rpc_terminal, 1, now)}
        await socket.send_json(request)
        refused = await ask(socket, "bridge_health", {})
        assert refused["error"]["code"] == -32096
        journal.gate.set()
        assert (await hear(socket))["result"]["approved"]


async def test_a_subscriber_of_a_payment_is_told_where_it_stands_and_what_becomes_of_it(
    connect, announcer: Announcer, rpc_terminal: RpcTerminal, now: int
) -> None:
    async with connect() as socket:
        unknown = await ask(socket, "till_subscribe", {"paymentId": "1-1"})
        assert unknown["error"]["code"] == -32025 and not announcer.listens
        await ask(socket, "payment_submit", purchase(rpc_terminal, 1, now))
        begun = (await ask(socket, "till_subscribe", {"paymentId": "1-1"}))["result"]
        assert begun["payment"]["status"] == "journaled"
        await announcer.announce([told(5, payment="1-2"), told(6)])
        heard = await hear(socket)
        assert heard["method"] == "till_subscription" and "id" not in heard
        assert heard["params"] == {"subscription": begun["subscription"], "result": told(6).document()}
        ended = await ask(socket, "till_unsubscribe", {"subscription": begun["subscription"]})
        assert ended["result"] is True and not announcer.listens
        assert (await ask(socket, "till_unsubscribe", {"subscription": "77"}))["result"] is False


async def test_a_terminals_subscriber_needs_its_signature_which_is_good_once(
    connect, announcer: Announcer, rpc_terminal: RpcTerminal, now: int
) -> None:
    good = signed(rpc_terminal, SubscriptionTerms, stan="000077", time=now)
    thief = RpcTerminal(id="TILL0001", key=type(rpc_terminal.key)(b"\x66" * 32))
    async with connect() as socket:
        stolen = await ask(socket, "till_subscribe", signed(thief, SubscriptionTerms, stan="000078", time=now))
        assert stolen["error"]["code"] == -32063
        bare = await ask(socket, "till_subscribe", {"terminal": "TILL0001"})
        assert bare["error"]["code"] == -32602
        begun = await ask(socket, "till_subscribe", good)
        assert begun["result"]["payment"] is None
        copied = await ask(socket, "till_subscribe", good)
        assert copied["error"]["code"] == -32094
        await announcer.announce([told(5, terminal="TILL2"), told(6, payment="1-9")])
        assert (await hear(socket))["params"]["result"]["data"]["paymentId"] == "1-9"
    async with asyncio.timeout(PATIENCE):
        while announcer.listens:  # what a client leaves behind is cleared away
            await asyncio.sleep(0.01)


async def test_subscriptions_are_bounded_and_need_a_websocket(connect, listen_rpc) -> None:
    async with connect(max_subscriptions=1) as socket:
        # no such payment: its place is free again
        for _ in range(3):
            refused = await ask(socket, "till_subscribe", {"paymentId": "1-1"})
            assert refused["error"]["code"] == -32025
    async with listen_rpc() as url, RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as rpc:
        reply = await rpc.call("till_subscribe", {"paymentId": "1-1"})
        assert reply.error is not None and reply.error["code"] == -32012


async def test_a_connection_has_so_many_subscriptions(connect, rpc_terminal: RpcTerminal, now: int) -> None:
    async with connect(max_subscriptions=2) as socket:
        codes = []
        for stan in range(3):
            params = signed(rpc_terminal, SubscriptionTerms, stan=f"{stan:06d}", time=now)
            codes.append((await ask(socket, "till_subscribe", params)).get("error", {}).get("code"))
    assert codes == [None, None, -32096]


async def test_a_slow_subscriber_is_sent_away_with_the_reason(
    connect, announcer: Announcer, rpc_terminal: RpcTerminal, now: int
) -> None:
    async with connect(subscriber_queue=50) as socket:
        params = signed(rpc_terminal, SubscriptionTerms, stan="000001", time=now)
        await ask(socket, "till_subscribe", params)
        async with asyncio.timeout(PATIENCE):
            number = 0
            while announcer.listens:  # it does not read: queue and socket buffers fill up
                number += 1
                await announcer.announce([told(number)] * 40)
                await asyncio.sleep(0)
        heard = 0
        while (message := await socket.receive(timeout=PATIENCE)).type is WSMsgType.TEXT:
            heard += 1
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 1008, SLOW)
        assert 0 < heard < number * 40


async def test_a_message_that_is_too_big_ends_the_connection(connect) -> None:
    async with connect(max_body=1_024) as socket:
        await socket.send_str(" " * 1_025)
        message = await socket.receive(timeout=PATIENCE)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1009)


async def test_a_silent_connection_is_closed_unless_it_listens(
    connect, announcer: Announcer, rpc_terminal: RpcTerminal, now: int
) -> None:
    async with connect(idle_seconds=1) as socket:
        message = await socket.receive(timeout=PATIENCE)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
    async with connect(idle_seconds=1, read_seconds=1) as socket:
        params = signed(rpc_terminal, SubscriptionTerms, stan="000001", time=now)
        await ask(socket, "till_subscribe", params)
        with pytest.raises(asyncio.TimeoutError):
            await socket.receive(timeout=2.5)
        await announcer.announce([told(1)])
        assert (await hear(socket))["method"] == "till_subscription"


async def test_browsers_are_not_served(listen_rpc) -> None:
    async with listen_rpc() as url, aiohttp.ClientSession(headers={"Origin": "https://shop.example"}) as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(url)
        async with session.post(url, data=b"{}") as response:
            assert response.status == 403


async def test_connections_are_counted_with_those_over_http(listen_rpc) -> None:
    async with listen_rpc(max_connections=1) as url, aiohttp.ClientSession() as session, session.ws_connect(url):
        with pytest.raises(aiohttp.ClientError):
            await session.ws_connect(url)


async def test_an_announcer_tells_each_listener_once() -> None:
    announcer, heard = Announcer(), list[Announcement]()
    end = announcer.listen("1-1", heard.append)
    announcer.listen(terminal_topic("TILL0001"), heard.append)
    same = replace(told(1), by=PaymentId("1-1"))
    await announcer.announce([same])
    assert heard == [same, same]
    end()
    end()
    await announcer.announce([same])
    assert len(heard) == 3
