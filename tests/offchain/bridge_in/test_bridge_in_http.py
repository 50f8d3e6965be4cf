"""JSON-RPC's bodies over HTTP: what is none, what is too much, and what is too slow."""

import asyncio
import json
import socket
from dataclasses import replace

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import serve_rpc
from node.bridge.intake_rpc.exchange import RpcExchange
from node.bridge.intake_rpc.params import terms_of
from node.config import RpcSettings
from node.domain.errors import ChainUnreachable, MalformedMessage, Unusable
from node.domain.terminal_terms import PaymentTerms
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CURRENCY, FakeJournal

GOOD = {"stan": "000001", "card": CARD, "amount": 1_200, "currency": CURRENCY}


async def post(url: str, body: bytes, **options: object) -> tuple[int, object]:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, **options) as response:
        text = await response.read()
        return response.status, json.loads(text) if text.startswith((b"{", b"[")) else text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"[" * 100_000, -32700),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"bridge_health"}', -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (b'{"id":1,"method":"bridge_health"}', -32600),
        (b'{"jsonrpc":"2.0","id":[1],"method":"bridge_health"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"rm"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"payment_submit","params":[1]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"payment_submit","params":{"x":1}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"payment_submit"}', -32602),
    ],
)
async def test_bad_bodies_get_json_rpcs_own_codes(listen_rpc, body: bytes, code: int) -> None:
    async with listen_rpc() as url:
        status, reply = await post(url, body)
    assert status == 200 and reply["error"]["code"] == code


async def test_batches_are_answered_whole_and_bounded_and_notifications_are_not_answered(listen_rpc) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "bridge_health"}
    quiet = {"jsonrpc": "2.0", "method": "bridge_health"}
    async with listen_rpc(max_batch=3) as url:
        _, replies = await post(url, json.dumps([call, {**call, "id": "two"}, quiet]).encode())
        assert [each["id"] for each in replies] == [1, "two"]
        assert await post(url, json.dumps(quiet).encode()) == (204, b"")
        _, refused = await post(url, json.dumps([call] * 4).encode())
        assert refused["error"]["code"] == -32600


async def test_a_failure_behind_the_intake_is_answered_without_detail(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.failure = RuntimeError(f"card {CARD}")
    broken = await rpc.purchase(rpc_terminal, **GOOD)
    journal.failure = ChainUnreachable()
    late = await rpc.purchase(rpc_terminal, **GOOD)
    assert broken.error == {"code": -32603, "message": "System malfunction", "data": {"responseCode": "96"}}
    assert late.error is not None and (late.error["code"], late.response_code) == (-32091, "91")
    output = capsys.readouterr()
    assert CARD not in output.out + output.err


async def test_a_body_of_1_mb_is_refused_at_once(listen_rpc, rpc_terminal: RpcTerminal) -> None:
    async with listen_rpc() as url:
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))) as raw:
            raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
            answer = await asyncio.to_thread(raw.recv, 100)
        assert answer.startswith(b"HTTP/1.1 413")

        async def chunks():
            for _ in range(300):
                yield b" " * 1_000

        assert (await post(url, chunks()))[0] == 413


async def test_only_post_is_served(listen_rpc) -> None:
    async with listen_rpc() as url, aiohttp.ClientSession() as session, session.get(url) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_a_slow_head_and_a_slow_body_are_dropped(listen_rpc) -> None:
    async with listen_rpc(read_seconds=1) as url:
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))
        with socket.create_connection(address) as head, socket.create_connection(address) as body:
            head.sendall(b"POST / HTTP/1.1\r\nHo")
            body.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            head.settimeout(5)
            body.settimeout(5)
            dropped, timed_out = await asyncio.gather(
                asyncio.to_thread(received, head), asyncio.to_thread(received, body)
            )
        assert dropped == b"" and timed_out.startswith(b"HTTP/1.1 408")


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(100)
    except ConnectionResetError:
        return b""


async def test_connections_are_bounded(listen_rpc) -> None:
    async with listen_rpc(max_connections=1) as url:
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))
        with socket.create_connection(address), socket.create_connection(address) as second:
            second.settimeout(5)
            assert await asyncio.to_thread(received, second) == b""


async def test_a_port_in_use_is_one_sentence(ports: Ports, rpc_settings: RpcSettings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unusable, match=r"address already in use\.$"):
            await serve_rpc(replace(rpc_settings, port=taken.getsockname()[1]), ports)
        with pytest.raises(Unusable, match=r"rpc\.ledger is an address"):
            await serve_rpc(replace(rpc_settings, ledger="0x" + "zz" * 20), ports)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["terminal", "stan", "time", "card", "currency", "amount", "coin", "storedValue", "pinResult", "items", "signature"]
)


@settings(deadline=None)
@given(JSON | st.dictionaries(NAMES, JSON))
def test_params_are_refused_when_they_are_not_terms(params: object) -> None:
    with pytest.raises(MalformedMessage):
        terms_of(PaymentTerms, params)


@settings(deadline=None)
@given(body=st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_crashes_the_exchange(body: bytes) -> None:
    exchange = RpcExchange(None, None, max_batch=3)
    reply = asyncio.run(exchange.answer(body))
    assert b'"approved":true' not in reply
