"""Sends signed transactions to a network's gateways and notes when each was sent and when its block was seen.

Used by benchmarks/network.py. Times in seconds of one clock; a transaction is final when its block appears.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import aiohttp

from node.chain.blocks import Block, Blocks
from node.chain.rpc import Rpc
from node.chain.signer import Signed
from node.config import ChainSettings
from node.domain.errors import TillnetError
from node.network.plan import NetworkPlan

CALL_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.02
CONNECTIONS: Final = 64


class NotTaken(TillnetError):
    """A gateway did not take a transaction of the benchmark."""


class NotFinal(TillnetError):
    """Transactions of the benchmark did not become final."""


@dataclass(kw_only=True, slots=True)
class Timed:
    """When a transaction was sent, and when its block was seen (0: not yet)."""

    sent_at: float
    seen_at: float = 0.0


class Meter:
    """One network's sender and watcher; an asynchronous context."""

    def __init__(self, plan: NetworkPlan) -> None:
        self._urls = [plan.rpc_url(validator) for validator in plan.validators]
        self._rpc = Rpc(self._urls[:1], timeout=CALL_SECONDS)
        settings = ChainSettings(
            rpc=self._rpc.urls, websocket=self._urls[0].replace("http", "ws", 1), deployment=Path()
        )
        self._blocks = Blocks(self._rpc, settings)
        self._following: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._turn = 0
        self.timed: dict[bytes, Timed] = {}
        self.seen: list[tuple[Block, float]] = []
        self.waiting = 0

    async def __aenter__(self) -> "Meter":
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=CALL_SECONDS))
        head = await self._blocks.head()
        self._following = asyncio.create_task(self._follow(head.number))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._following is not None and self._session is not None
        for task in (self._following, *self._sending):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, TillnetError):
                await task
        await self._session.close()
        await self._rpc.close()

    async def call(self, method: str, *params: Any) -> Any:
        """The first validator's answer."""
        return await self._rpc.call(method, *params)

    def send(self, transactions: Sequence[Signed]) -> None:
        """Begins to send some in one request, to the next gateway in turn."""
        now = time.monotonic()
        for signed in transactions:
            self.timed[signed.hash] = Timed(sent_at=now)
        self.waiting += len(transactions)
        task = asyncio.create_task(self._post([signed.raw for signed in transactions]))
        self._sending.add(task)

    async def settle(self, *, seconds: float) -> None:
        """Waits until all that was sent is final; raises NotFinal after `seconds`, or NotTaken."""
        deadline = time.monotonic() + seconds
        while self.waiting:
            self.check()
            if time.monotonic() > deadline:
                raise NotFinal(f"{self.waiting} after {seconds:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Raises what sending or following raised."""
        for task in [task for task in self._sending if task.done()]:
            self._sending.discard(task)
            task.result()
        if self._following is not None and self._following.done():
            self._following.result()

    async def _post(self, raws: Sequence[bytes]) -> None:
        assert self._session is not None
        url = self._urls[self._turn % len(self._urls)]
        self._turn += 1
        batch = [
            {"jsonrpc": "2.0", "id": place, "method": "eth_sendRawTransaction", "params": ["0x" + raw.hex()]}
            for place, raw in enumerate(raws)
        ]
        async with self._session.post(url, json=batch if len(batch) > 1 else batch[0]) as response:
            answers = await response.json(content_type=None)
        for answer in answers if isinstance(answers, list) else [answers]:
            if "error" in answer:
                raise NotTaken(str(answer["error"].get("message")))

    async def _follow(self, after: int) -> None:
        async for block in self._blocks.follow(after):
            now = time.monotonic()
            self.seen.append((block, now))
            for name in block.transactions:
                timed = self.timed.get(name)
                if timed is not None and not timed.seen_at:
                    timed.seen_at = now
                    self.waiting -= 1
