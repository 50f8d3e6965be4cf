"""Strangers at the gateway of a real validator: its process stays small, the chain goes on, others are answered."""

import random
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Final

import pytest

from node.network.processes import memory_bytes, read_state
from tests.network.chain import Chain, wait_until

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.alone]
AT: Final = "v2"
IDLE: Final = 1_000
SLOW: Final = 300
MEMORY_BOUND: Final = 48 * 2**20
HEAD: Final = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def many_files() -> Iterator[None]:
    """File handles for all clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def memory(chain: Chain) -> int:
    state = read_state(chain.plan.run_folder)
    assert state is not None
    return memory_bytes(state.validators[AT]["app"])


def answer_seconds(chain: Chain) -> float:
    """How long the gateway takes to answer a newcomer."""
    started = time.monotonic()
    assert chain.height(AT) > 0
    return time.monotonic() - started


def test_a_thousand_idle_clients_leave_the_gateway_small_and_the_chain_going(whole: Chain, many_files: None) -> None:
    address = (whole.plan.host, whole.plan.validator(AT).ports.gateway)
    before = memory(whole)
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(socket.create_connection(address, timeout=10))
        slowest = max(answer_seconds(whole) for _ in range(20))
        whole.wait_for_blocks(3)
        cost = memory(whole) - before
    print(f"{IDLE} idle clients: {cost / 2**20:.1f} MiB, slowest answer {slowest * 1000:.0f} ms")
    assert cost < MEMORY_BOUND


def test_slow_clients_and_garbage_leave_the_gateway_small_and_the_chain_going(whole: Chain, many_files: None) -> None:
    address = (whole.plan.host, whole.plan.validator(AT).ports.gateway)
    before, chance, stop = memory(whole), random.Random(7), threading.Event()
    starts = (
        HEAD,
        HEAD + b"Content-Length: 900\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01",
    )

    def drip(clients: list[socket.socket]) -> None:
        while not stop.wait(0.5):
            for client in clients:
                with suppress(OSError):
                    client.send(b"1")

    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(SLOW)]
        for place, client in enumerate(clients):
            client.sendall(starts[place % len(starts)])
        dripping = threading.Thread(target=drip, args=(clients,))
        dripping.start()
        try:
            for _ in range(50):
                with socket.create_connection(address, timeout=10) as stranger, suppress(OSError):
                    stranger.sendall(chance.randbytes(20_000))
            slowest = max(answer_seconds(whole) for _ in range(20))
            whole.wait_for_blocks(3)
            cost = memory(whole) - before
            wait_until(lambda: all(_is_closed(client) for client in clients), seconds=40, what="all are dropped")
        finally:
            stop.set()
            dripping.join()
    print(f"{SLOW} slow clients: {cost / 2**20:.1f} MiB, slowest answer {slowest * 1000:.0f} ms")
    assert cost < MEMORY_BOUND


def _is_closed(client: socket.socket) -> bool:
    """Whether the other end has closed; what it said before is read away."""
    client.setblocking(False)
    try:
        while client.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
