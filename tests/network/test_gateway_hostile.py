"""What strangers send that is no request, or two in one, or never ends; geth is a small HTTP server here."""

import asyncio
import gc
import gzip
import os
import random
import re
import resource
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Final

import psutil
import pytest
from structlog.testing import capture_logs

from node.consensus import gateway, gateway_server
from node.consensus.gateway_listener import MAX_CONNECTIONS
from tests.network.gateway_stage import CALL, Stage, on_stage, until

HEAD: Final = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
HIDDEN: Final = b'{"id":66,"method":"eth_blockNumber","params":[]}'
SMUGGLED: Final = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(HIDDEN), HIDDEN)
IDLE: Final = 1_000
MEMORY_BOUND: Final = 48 * 2**20
"""Bytes that 1,000 idle clients may cost this process, 512 of which are kept."""


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as each:
        yield each


@pytest.fixture
def many_files() -> Iterator[None]:
    """File handles for both ends of every connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def length(count: int) -> bytes:
    return b"Content-Length: %d\r\n" % count


@pytest.mark.parametrize(
    "data",
    [
        HEAD + length(len(CALL)) + length(len(CALL) + len(SMUGGLED)) + b"\r\n" + CALL + SMUGGLED,
        HEAD + length(len(CALL)) + length(len(CALL)) + b"\r\n" + CALL,
        HEAD + b"Content-Length: %d, %d\r\n\r\n" % (len(CALL), len(CALL)) + CALL,
        HEAD + length(4) + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + b"Transfer-Encoding: chunked\r\n" + length(4) + b"\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED,
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + b" Content-Length: 5\r\n\r\nhello" + SMUGGLED,
        HEAD + b"Content-Length: +5\r\n\r\nhello" + SMUGGLED,
        HEAD + b"Content-Length: 0x5\r\n\r\nhello" + SMUGGLED,
        HEAD + b"Content-Length: 5_0\r\n\r\nhello" + SMUGGLED,
        HEAD + b"Content-Length\r\n\r\n" + SMUGGLED,
        HEAD + b"X: a\nContent-Length: 5\r\n\r\nhello" + SMUGGLED,
        HEAD + b"X\x00: a\r\n" + length(5) + b"\r\nhello" + SMUGGLED,
        b"POST / HTTP/1.1\r\n" + length(5) + b" folded\r\n\r\nhello" + SMUGGLED,
        b"POST / HTTP/9.9\r\nHost: localhost\r\n" + length(5) + b"\r\nhello" + SMUGGLED,
    ],
)
async def test_a_request_of_two_lengths_is_refused_and_nothing_hidden_in_it_is_asked(stage: Stage, data: bytes) -> None:
    asked: list[str] = []
    stage.geth.answer = lambda: asked.append("asked") or "0x1"
    answer = await stage.tell(data)
    assert answer.startswith(b"HTTP/1.") and b" 400 " in answer.splitlines()[0], answer
    assert len(re.findall(rb"^HTTP/1", answer, re.MULTILINE)) == 1 and asked == []
    assert await stage.ask("eth_chainId") == "0x1"


async def test_chunks_are_put_together_and_what_comes_after_them_is_a_request_of_its_own(stage: Stage) -> None:
    # as HTTP has it; a gateway behind a proxy that reads otherwise would be the danger, and the cases above are that
    half = len(CALL) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (CALL[:half], CALL[half:]))
    data = (
        HEAD
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + chunks
        + b"0\r\n\r\n"
        + SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )
    answer = await stage.tell(data)
    assert answer.count(b" 200 OK") == 2 and answer.count(b'"result"') == 2


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"X-Long: " + b"a" * 20_000 + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(2_000)) + b"\r\n",
        b"POST /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"A" * 1_000_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 100_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    ],
)
async def test_a_head_that_is_too_large_is_refused_before_it_is_whole(stage: Stage, data: bytes) -> None:
    with capture_logs() as logs:
        answer = await stage.tell(data)
    assert answer == b"" or b" 400 " in answer.splitlines()[0]
    assert stage.metrics.gateway.connections is not None and not [each for each in logs if each["log_level"] == "error"]
    assert await stage.ask("eth_chainId") == "0x1"


async def test_garbage_is_refused_without_an_error_of_our_own(stage: Stage) -> None:
    chance = random.Random(5)
    with capture_logs() as logs:
        for size in (1, 7, 100, 5_000, 100_000):
            for start in (b"", HEAD, HEAD + length(size) + b"\r\n", b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n"):
                _, writer = await asyncio.open_connection(stage.host, stage.port)
                writer.write(start + chance.randbytes(size))
                with suppress(ConnectionError):
                    await writer.drain()
                writer.transport.abort()
    assert await stage.ask("eth_chainId") == "0x1"
    await until(lambda: not stage.clients())
    assert not [each for each in logs if each["log_level"] == "error"]


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"zstd"])
async def test_a_small_body_that_unfolds_into_a_large_one_is_refused(stage: Stage, encoding: bytes) -> None:
    data = b" " * 10**8
    packed = {b"gzip": gzip.compress, b"deflate": zlib.compress}.get(encoding, lambda _: b"any")(data)
    del data
    before = psutil.Process().memory_info().rss
    named = b"Content-Encoding: " + encoding + b"\r\n"
    answer = await stage.tell(HEAD + named + length(len(packed)) + b"\r\n" + packed)
    assert b" 200 " not in answer.splitlines()[0]
    assert psutil.Process().memory_info().rss - before < MEMORY_BOUND


async def test_slow_clients_are_dropped_and_hold_up_nobody(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gateway_server, gateway):
        monkeypatch.setattr(module, "REQUEST_SECONDS", 3.0)
    monkeypatch.setattr(gateway_server, "CHECK_SECONDS", 0.2)
    starts = (HEAD, HEAD + length(500) + b"\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    drips = (b"X", b" ", b"1\r\n \r\n")
    everyone = []
    for start, drip in zip(starts * 20, drips * 20, strict=True):
        _, writer = await asyncio.open_connection(stage.host, stage.port)
        writer.write(start)
        everyone.append((writer, drip))

    async def dripping() -> None:
        # a byte now and then, so that no time of silence ever ends them
        while True:
            for writer, drip in everyone:
                writer.write(drip)
            await asyncio.sleep(0.1)

    feeding = asyncio.create_task(dripping())
    try:
        await until(lambda: len(stage.clients()) > 30)
        assert await asyncio.wait_for(stage.ask("eth_chainId"), 1.0) == "0x1"
        await until(lambda: not stage.clients())
    finally:
        feeding.cancel()
        for writer, _ in everyone:
            writer.transport.abort()


async def test_a_thousand_idle_clients_cost_little_and_new_ones_are_served(stage: Stage, many_files: None) -> None:
    assert await stage.ask("eth_chainId") == "0x1"
    gc.collect()
    before = psutil.Process().memory_info().rss
    idle = []
    for _ in range(IDLE):
        idle.append(await asyncio.open_connection(stage.host, stage.port))
    slowest = 0.0
    for _ in range(20):
        started = asyncio.get_running_loop().time()
        assert await asyncio.wait_for(stage.ask("eth_chainId"), 2.0) == "0x1"
        slowest = max(slowest, asyncio.get_running_loop().time() - started)
    assert len(stage.clients()) <= MAX_CONNECTIONS
    cost = psutil.Process().memory_info().rss - before
    print(f"{IDLE} idle clients: {cost / 2**20:.1f} MiB, slowest answer {slowest * 1000:.0f} ms")
    assert cost < MEMORY_BOUND
    for _, writer in idle:
        writer.transport.abort()
    await until(lambda: not stage.clients())
    assert len(os.listdir("/proc/self/fd")) < 200


async def test_no_room_is_made_at_the_cost_of_those_who_are_answered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.consensus.gateway_listener.MAX_CONNECTIONS", 20)
    stage.geth.may_answer.clear()
    busy = [asyncio.create_task(stage.post(CALL)) for _ in range(20)]
    await until(lambda: stage.geth.busy == 20)
    assert await stage.tell(CALL) == b""  # closed at once
    stage.geth.may_answer.set()
    assert [answer["result"] for _, answer in await asyncio.gather(*busy)] == ["0x1"] * 20
    assert await stage.ask("eth_chainId") == "0x1"
