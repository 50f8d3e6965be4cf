"""A chain with the real contracts for the bridge's tests, and bridges on it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from node.bridge import start
from node.bridge.assembly import Running
from tests.offchain.bridge_out.stand import Stand, stand_on

PATIENCE = 20.0
"""Seconds within which everything that a test waits for happens."""


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with stand_on(tmp_path) as made:
        yield made


@asynccontextmanager
async def bridge_on(stand: Stand, **sections: dict[str, Any]) -> AsyncIterator[Running]:
    """A bridge in this process, run until the block ends."""
    settings = stand.settings(**sections)
    async with start.started(settings) as running:
        stopping = asyncio.Event()
        test = asyncio.current_task()
        assert test is not None
        serving = asyncio.create_task(start.serve(settings, running, stopping))
        # a bridge that stopped by itself is not waited for
        serving.add_done_callback(lambda _: stopping.is_set() or test.cancel())
        try:
            yield running
        finally:
            stopping.set()
            await serving


async def until(happened: Callable[[], Awaitable[bool]], what: str) -> None:
    """Waits for a condition. Fails after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not await happened():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.02)


async def idle(running: Running) -> None:
    """Waits until nothing is on its way any more."""

    async def nothing_left() -> bool:
        health = await running.bridge.health()
        return not any(health[name] for name in ("unsettled", "unanswered", "in_flight", "journal_queue"))

    await until(nothing_left, "the bridge has nothing left to do")
