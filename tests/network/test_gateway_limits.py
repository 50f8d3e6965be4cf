"""What strangers can make the gateway hold, and how it gets rid of them; geth is a small HTTP server here."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from node.consensus import gateway_server, gateway_slots
from node.consensus.engine import MAX_ANSWER_BYTES
from node.consensus.gateway_filters import MAX_FILTERS, UNUSED_SECONDS, Filters
from node.consensus.gateway_slots import MAX_AT_ONCE, MAX_HEAVY_AT_ONCE
from node.consensus.rpc_policy import INVALID_REQUEST, METHOD_NOT_FOUND, BadBody, read_calls
from tests.network.gateway_stage import CALL, LIMIT, OPERATOR, Stage, on_stage, until


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as each:
        yield each


def large_call(size: int) -> bytes:
    return json.dumps({"id": 1, "method": "eth_getBalance", "params": ["0x" + "0" * size]}).encode()


async def test_gateway_refuses_bodies_when_it_holds_too_many(stage: Stage) -> None:
    stage.geth.may_answer.clear()
    body = large_call(1_000_000)  # held twice: as it came, and as geth gets it
    waiting = [asyncio.ensure_future(stage.post(body)) for _ in range(40)]
    await until(lambda: stage.geth.busy >= 10)
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    assert all("hands full" in each.result()[1]["error"]["message"] for each in done)
    stage.geth.may_answer.set()
    answers = [answer for _, answer in await asyncio.gather(*waiting)]
    assert 10 < sum("result" in answer for answer in answers) <= LIMIT // len(body)
    assert (await stage.post(body))[1]["result"] == "0x1"


async def test_gateway_refuses_an_answer_when_it_is_too_large(stage: Stage) -> None:
    stage.geth.answer = "0" * (MAX_ANSWER_BYTES + 1)
    _, answer = await stage.post(CALL)
    assert "too large" in answer["error"]["message"] and answer["id"] == 1
    stage.geth.answer = "0x2"
    assert (await stage.post(CALL))[1]["result"] == "0x2"


async def test_gateway_drops_a_client_when_it_does_not_take_its_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_server, "SEND_SECONDS", 0.5)
    monkeypatch.setattr(gateway_server, "CHECK_SECONDS", 0.1)
    stage.geth.answer = "0" * 20_000_000
    clients = []
    for _ in range(6):
        reader, writer = await asyncio.open_connection(stage.host, stage.port, limit=1024)
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(CALL), CALL))
        clients.append((reader, writer))
        # what one holds is free before the next asks: two fit
        await until(lambda: stage.clients())
        await until(lambda: not stage.clients())
    taken = 0
    with suppress(ConnectionError):
        while part := await asyncio.wait_for(clients[-1][0].read(2**20), 5):
            taken += len(part)
    assert taken < 20_000_000
    for _, writer in clients:
        writer.close()
    stage.geth.answer = "0x3"
    assert (await stage.post(CALL))[1]["result"] == "0x3"


async def test_gateway_bounds_the_calls_at_work_of_websockets_too(stage: Stage) -> None:
    stage.geth.may_answer.clear()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        sockets = [await session.ws_connect(stage.url) for _ in range(MAX_AT_ONCE + 20)]
        for socket in sockets:
            await socket.send_str(CALL.decode())
        await until(lambda: stage.geth.busy == MAX_AT_ONCE)
        stage.geth.may_answer.set()
        for socket in sockets:
            assert (await socket.receive_json(timeout=10))["result"] == "0x1"
            await socket.close()
    assert stage.geth.most_busy == MAX_AT_ONCE


@pytest.mark.parametrize("batch", [False, True])
async def test_gateway_answers_light_calls_when_there_are_many_heavy_ones(
    stage: Stage, batch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_slots, "WAIT_SECONDS", 1.0)
    stage.geth.may_answer.clear()
    stage.geth.quick = {"eth_chainId"}
    heavy = b'{"id":1,"method":"eth_call","params":[]}'
    body = b"[" + CALL + b"," + heavy + b"]" if batch else heavy
    waiting = [asyncio.ensure_future(stage.post(body)) for _ in range(MAX_AT_ONCE + 10)]
    await until(lambda: stage.geth.busy == MAX_HEAVY_AT_ONCE)
    assert (await stage.post(CALL))[1]["result"] == "0x1"
    # those that wait too long are told so, rather than to hang
    await until(lambda: sum(each.done() for each in waiting) == len(waiting) - MAX_HEAVY_AT_ONCE)
    assert stage.geth.most_busy <= MAX_HEAVY_AT_ONCE + 1
    stage.geth.may_answer.set()
    answers = [answer for _, answer in await asyncio.gather(*waiting)]
    assert sum("hands full" in str(answer) for answer in answers) == len(waiting) - MAX_HEAVY_AT_ONCE


@pytest.mark.parametrize("method", [[], {}, ["eth_subscribe"], 5, None])
async def test_websocket_answers_when_the_method_is_no_text(stage: Stage, method: Any) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(stage.url) as socket:
        await socket.send_json({"id": 1, "method": method, "params": []})
        assert (await socket.receive_json(timeout=5))["error"]["code"] == METHOD_NOT_FOUND
        await socket.send_str(CALL.decode())
        assert (await socket.receive_json(timeout=5))["result"] == "0x1"


@pytest.mark.parametrize("params", [[[]], [{}], [], [None], ["logs", {"address": "0x" + "00" * 20_000}], "newHeads"])
async def test_websocket_refuses_a_subscription_when_it_is_none_of_ours(stage: Stage, params: Any) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(stage.url) as socket:
        await socket.send_json({"id": 1, "method": "eth_subscribe", "params": params})
        assert (await socket.receive_json(timeout=5))["error"]["code"] == -32602


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
    ],
)
async def test_gateway_answers_junk_without_a_traceback(
    stage: Stage, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection(stage.host, stage.port)
    writer.write(request_bytes)
    assert b" 400 " in (await asyncio.wait_for(reader.read(1000), 5)).splitlines()[0]
    writer.close()
    assert not caplog.records


async def test_gateway_answers_with_an_error_when_it_fails_itself(stage: Stage, capsys: Any) -> None:
    # this stage has no admission, which is a failure as good as any
    status, answer = await stage.post(b'{"id":1,"method":"eth_sendRawTransaction","params":["0x00"]}')
    assert (status, answer["error"]["code"]) == (500, -32603)


@pytest.mark.parametrize("text", [b"NaN", b"-Infinity", b"[Infinity]"])
def test_read_calls_refuses_numbers_that_json_does_not_have(text: bytes) -> None:
    with pytest.raises(BadBody, match="not JSON"):
        read_calls(b'{"method":"eth_chainId","id":1,"params":[' + text + b"]}", OPERATOR)


def test_read_calls_refuses_an_id_that_could_not_be_answered() -> None:
    (call,), _ = read_calls(b'{"method":"eth_chainId","id":1e999}', OPERATOR)
    assert call.answer is not None and call.answer["error"]["code"] == INVALID_REQUEST


def test_read_calls_keeps_no_more_than_the_text_of_its_parameters() -> None:
    body = b'{"method":"eth_call","params":[' + b",".join([b"{}"] * 600_000) + b"]}"
    tracemalloc.start()
    calls, _ = read_calls(body, OPERATOR)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(calls) == 1 and held < 2 * len(body) < peak


def test_filters_are_refused_when_there_are_too_many_until_some_are_unused_or_closed() -> None:
    now = 0.0
    filters = Filters(lambda: now)
    for number in range(MAX_FILTERS):
        place = filters.reserve()
        assert place is not None
        filters.opened(place, hex(number))
    assert filters.reserve() is None
    filters.touched("eth_uninstallFilter", '["0x0"]')
    filters.touched("eth_uninstallFilter", '["0xffffff"]')
    place = filters.reserve()
    filters.opened(place, None)  # geth refused it
    now = UNUSED_SECONDS
    filters.touched("eth_getFilterChanges", '["0x1"]')
    now = UNUSED_SECONDS + 1
    assert [filters.reserve() is None for _ in range(MAX_FILTERS)] == [False] * (MAX_FILTERS - 1) + [True]


async def test_gateway_refuses_a_filter_when_clients_have_too_many(stage: Stage) -> None:
    ids = iter(range(10**6))
    stage.geth.answer = lambda: hex(next(ids))
    batch = [{"id": number, "method": "eth_newBlockFilter", "params": []} for number in range(128)]
    refused = 0
    for _ in range(MAX_FILTERS // 128 + 1):
        _, answers = await stage.post(json.dumps(batch).encode())
        refused += sum("error" in answer for answer in answers)
    assert refused == 128
    stage.geth.answer = True
    assert (await stage.post(b'{"id":1,"method":"eth_uninstallFilter","params":["0x5"]}'))[1]["result"]
    stage.geth.answer = "0xabc"
    new = {"id": 1, "method": "eth_newFilter", "params": [{"address": "0x" + "00" * 20}]}
    assert (await stage.post(json.dumps(new).encode()))[1]["result"] == "0xabc"
    assert "filters" in (await stage.post(json.dumps(new).encode()))[1]["error"]["message"]
    new["params"] = [{"address": "0x" + "00" * 20_000}]
    assert (await stage.post(json.dumps(new).encode()))[1]["error"]["code"] == -32602


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(CALL), CALL),
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ],
)
async def test_gateway_logs_no_failure_when_a_client_goes(stage: Stage, request_bytes: bytes) -> None:
    with capture_logs() as logs:
        reader, writer = await asyncio.open_connection(stage.host, stage.port)
        stage.geth.may_answer.clear()
        writer.write(request_bytes)
        await until(lambda: len(stage.clients()) == 1)
        writer.transport.abort()
        stage.geth.may_answer.set()
        await until(lambda: not stage.clients())
    assert not [entry for entry in logs if entry["log_level"] == "error"]
    reader.feed_eof()


async def test_websocket_is_refused_when_its_handshake_is_incomplete(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection(stage.host, stage.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    assert b" 400 " in (await asyncio.wait_for(reader.read(1000), 5)).splitlines()[0]
    writer.close()
