"""Garbage on every port of a validator, and a thousand connections that say nothing: refused, and nothing dies."""

import os
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from node.network.faults import processes_of
from node.network.launch import GETH, GETH_MEMORY
from node.network.processes import is_alive, memory_bytes
from tests.network.chain import Chain, wait_until

pytestmark = pytest.mark.chain

TARGET = "v3"
PORTS = ("abci", "comet_rpc", "p2p", "engine", "geth", "gateway", "geth_metrics", "comet_metrics")
MEGABYTE = 1_000_000
GROWTH_BYTES = 150 * MEGABYTE
"""What a process may grow by while it is pelted; its pool and caches move by tens of megabytes of themselves."""
SILENT = 1_000
HTTP = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
JUNK_TRANSACTION = b'{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_sync","params":{"tx":"/////w=="}}'


def junk() -> Iterator[bytes]:
    """What a port scanner, a lost client or somebody with bad intentions sends; the same in every run."""
    dice = random.Random(4)
    for size in (1, 10, 1_000, 100_000):
        yield dice.randbytes(size)
    yield b"\x00" * 100_000
    yield b"\xff" * 100_000
    yield b"GET / HTTP/1.1\r\n\r\n"
    yield b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"
    yield HTTP + b"Content-Length: 99999999999\r\n\r\n" + b"[" * 100_000
    yield HTTP + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n"
    yield HTTP + b"Content-Length: %d\r\n\r\n" % len(JUNK_TRANSACTION) + JUNK_TRANSACTION
    yield HTTP + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000
    # TLS; an ABCI message whose length is 16 MiB - 1, and one of 2^63; p2p's first key
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(500)
    yield b"\xff\xff\xff\x07" + dice.randbytes(500_000)
    yield b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + dice.randbytes(1_000)
    yield b"\x22\x0a\x20" + dice.randbytes(32) + dice.randbytes(10_000)


def pelt(address: tuple[str, int], data: bytes) -> None:
    """Sends it, reads a little of whatever comes back, and hangs up hard."""
    with suppress(OSError), socket.create_connection(address, timeout=0.5) as client:
        client.sendall(data)
        client.settimeout(0.2)
        client.recv(10_000)


@pytest.mark.parametrize("purpose", PORTS)
def test_validator_goes_on_when_a_port_is_pelted_with_garbage(whole: Chain, purpose: str) -> None:
    before = processes_of(whole.plan, TARGET)
    memory = {kind: memory_bytes(running) for kind, running in before.items()}
    address = (whole.plan.host, getattr(whole.plan.validator(TARGET).ports, purpose))
    for data in junk():
        pelt(address, data)
    assert processes_of(whole.plan, TARGET) == before and all(map(is_alive, before.values()))
    grown = {kind: memory_bytes(running) - memory[kind] for kind, running in before.items()}
    assert max(grown.values()) < GROWTH_BYTES, grown
    whole.wait_for_blocks(1, TARGET, seconds=20)


def test_abci_port_holds_little_when_many_promise_large_messages(whole: Chain) -> None:
    before = processes_of(whole.plan, TARGET)
    memory = memory_bytes(before["app"])
    address = (whole.plan.host, whole.plan.validator(TARGET).ports.abci)
    with ExitStack() as clients:
        for _ in range(40):
            client = clients.enter_context(socket.create_connection(address, timeout=0.5))
            with suppress(OSError):  # too many: hung up
                client.sendall(b"\xff\xff\xff\x07" + os.urandom(8 * MEGABYTE))
        grown = memory_bytes(before["app"]) - memory
        # 40 of 8 MB, or 100 MiB each if CometBFT's own limit were ours
        assert grown < 200 * MEGABYTE, grown
        whole.wait_for_blocks(2, TARGET, seconds=30)
    assert processes_of(whole.plan, TARGET) == before


def test_validator_goes_on_when_a_thousand_connections_say_nothing(whole: Chain) -> None:
    before = processes_of(whole.plan, TARGET)
    memory = {kind: memory_bytes(running) for kind, running in before.items()}
    ports = [getattr(whole.plan.validator(TARGET).ports, purpose) for purpose in PORTS]
    with ExitStack() as clients:
        for place in range(SILENT):
            with suppress(OSError):
                address = (whole.plan.host, ports[place % len(ports)])
                clients.enter_context(socket.create_connection(address, timeout=0.5))
        whole.wait_for_blocks(3, TARGET, seconds=30)
        grown = {kind: memory_bytes(running) - memory[kind] for kind, running in before.items()}
        assert max(grown.values()) < GROWTH_BYTES, grown
    assert processes_of(whole.plan, TARGET) == before
    wait_until(lambda: whole.height(TARGET) > 0, seconds=20, what="its gateway answers again")


def test_geth_is_told_how_much_memory_it_may_take(chain: Chain) -> None:
    for name in chain.names:
        running = processes_of(chain.plan, name)[GETH]
        told = Path(f"/proc/{running.pid}/environ").read_text().split("\0")
        assert {f"{name}={value}" for name, value in GETH_MEMORY.items()} < set(told)
