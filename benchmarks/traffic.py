"""Load on a network that is being broken: sends at a steady rate, sends again what is not final, and keeps the books.

Runs beside benchmarks/breakage.py. Trusts nothing but the blocks, and asks every validator for them, so that it sees
a fork or a block that goes away again while it happens. Times in seconds of a monotonic clock.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp

from node.chain.signer import Signed
from node.domain.errors import TillnetError
from node.network.plan import NetworkPlan

LOOK_SECONDS: Final = 0.1
AGAIN_SECONDS: Final = 5.0
AGAIN_AT_ONCE: Final = 20
CALL_SECONDS: Final = 5.0
HASH_BYTES: Final = 32


class Source(Protocol):
    """Makes transactions one after the other; `weight` is how many payments (or calls) each of them is."""

    weight: int

    def next(self) -> Signed:
        """The next one, which was never made before."""


@dataclass(kw_only=True, slots=True)
class Entry:
    """A transaction that was sent. `height` is where it was seen final first, 0 before."""

    raw: bytes
    sent_at: float
    tried_at: float
    final_at: float = 0.0
    height: int = 0


class ChainChanged(TillnetError):
    """A block that was final is another one now, or two validators differ."""


class Traffic:
    """One load on one network, from `start` to `finish`. Sends to the gateways in turn."""

    def __init__(self, plan: NetworkPlan, source: Source, *, rate: float, in_flight: int) -> None:
        """`rate` is transactions a second, `in_flight` how many of them may be on their way at most."""
        self._urls = {validator.name: plan.rpc_url(validator) for validator in plan.validators}
        self._source = source
        self._rate = rate
        self._in_flight = in_flight
        self._turn = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._sending: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self.entries: dict[bytes, Entry] = {}
        self.waiting: dict[bytes, Entry] = {}
        self.heights: dict[str, int] = dict.fromkeys(self._urls, -1)
        self.hashes: dict[int, str] = {}
        self.longest_standstill = 0.0

    @property
    def weight(self) -> int:
        """How many payments (or calls) each transaction is."""
        return self._source.weight

    @property
    def top(self) -> int:
        """The highest block that any validator showed."""
        return max(self.hashes, default=0)

    @property
    def final(self) -> int:
        """How many transactions are final."""
        return len(self.entries) - len(self.waiting)

    async def __aenter__(self) -> "Traffic":
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS))
        self._tasks = [asyncio.create_task(self._watch(name)) for name in self._urls]
        self._tasks.append(asyncio.create_task(self._clock_standstills()))
        self._sending = asyncio.create_task(self._send_steadily())
        self._tasks.append(asyncio.create_task(self._send_again()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._all_tasks():
            task.cancel()
        await asyncio.gather(*self._all_tasks(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def check(self) -> None:
        """Raises what one of its tasks ended with: ChainChanged, or a failure of this program."""
        for task in self._all_tasks():
            if task.done() and not task.cancelled():
                task.result()

    async def finish(self, *, seconds: float) -> int:
        """Sends nothing new, and waits until all that was sent is final; how many are not."""
        if self._sending is not None:
            self._sending.cancel()
        deadline = time.monotonic() + seconds
        while self.waiting and time.monotonic() < deadline:
            self.check()
            await asyncio.sleep(LOOK_SECONDS)
        return len(self.waiting)

    def _all_tasks(self) -> Sequence[asyncio.Task[None]]:
        return [*self._tasks, *([self._sending] if self._sending is not None else [])]

    async def _send_steadily(self) -> None:
        started, sent = time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            while True:
                due = int((time.monotonic() - started) * self._rate)
                while sent < due and len(self.waiting) < self._in_flight:
                    signed, now = self._source.next(), time.monotonic()
                    entry = Entry(raw=signed.raw, sent_at=now, tried_at=now)
                    self.entries[signed.hash] = self.waiting[signed.hash] = entry
                    group.create_task(self._send(entry))
                    sent += 1
                # what could not be sent because too much is on its way is not made up for afterwards
                started += max(due - sent, 0) / self._rate
                await asyncio.sleep(min(0.02, 0.5 / self._rate))

    async def _send_again(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            # the oldest first: those of an account that come after a lost one wait for it
            old = [entry for entry in self.waiting.values() if now - entry.tried_at > AGAIN_SECONDS][:AGAIN_AT_ONCE]
            for entry in old:
                entry.tried_at = now
            await asyncio.gather(*(self._send(entry) for entry in old))

    async def _send(self, entry: Entry) -> None:
        self._turn += 1
        url = list(self._urls.values())[self._turn % len(self._urls)]
        # whatever the gateway says: what is not final soon is sent again elsewhere
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
            await self._call(url, "eth_sendRawTransaction", "0x" + entry.raw.hex())

    async def _watch(self, name: str) -> None:
        url, looked = self._urls[name], 0
        while True:
            try:
                newest = await self._call(url, "eth_getHeaderByNumber", "latest")
                height = int(newest["number"], 16)
                # geth goes back some blocks when it is killed, and what it then shows has to be the same again
                looked = min(looked, height)
                while looked < height:
                    block = await self._call(url, "eth_getBlockByNumber", hex(looked + 1), False)
                    self._see(name, looked + 1, block)
                    looked += 1
                self.heights[name] = height
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
                self.heights[name] = -1
            await asyncio.sleep(LOOK_SECONDS)

    def _see(self, name: str, height: int, block: dict[str, Any]) -> None:
        known = self.hashes.setdefault(height, block["hash"])
        if known != block["hash"]:
            raise ChainChanged(f"block {height} was {known}, and is {block['hash']} on {name}")
        now = time.monotonic()
        for text in block["transactions"]:
            entry = self.waiting.pop(bytes.fromhex(text[2:]), None)
            if entry is not None:
                entry.height, entry.final_at = height, now

    async def _clock_standstills(self) -> None:
        top, since = self.top, time.monotonic()
        while True:
            now = time.monotonic()
            if self.top > top:
                top, since = self.top, now
            self.longest_standstill = max(self.longest_standstill, now - since)
            await asyncio.sleep(LOOK_SECONDS)

    async def _call(self, url: str, method: str, *params: Any) -> Any:
        assert self._session is not None
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self._session.post(url, json=body) as response:
            return (await response.json(content_type=None))["result"]
