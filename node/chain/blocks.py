"""Final blocks, in order: followed by WebSocket where there is one, and by polling where it is silent.

Where a block is final when it appears, the newest one is followed; on other chains the one tagged `finalized`.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from node.chain.rpc import Rpc, RpcRefused
from node.config import ChainSettings
from node.domain.errors import ChainUnreachable
from node.domain.ids import Address, Hash32

RECONNECT: Final = 2.0
"""Seconds before a broken subscription is made again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A final block; `transactions` are the hashes of what it carries, `timestamp` in Unix seconds."""

    number: int
    hash: Hash32
    timestamp: int
    base_fee: int
    transactions: tuple[Hash32, ...]


class Blocks:
    """The chain's final blocks."""

    def __init__(self, rpc: Rpc, settings: ChainSettings) -> None:
        self._rpc = rpc
        self._settings = settings
        self._tag = "latest" if settings.finality == "instant" else "finalized"
        self._news = asyncio.Event()

    async def head(self) -> Block:
        """The newest final block. Raises ChainUnreachable."""
        found = await self._get(self._tag)
        if found is None:
            raise ChainUnreachable("no block is final yet")
        return found

    async def get(self, number: int) -> Block | None:
        """A block by its number; None when this gateway does not have it yet."""
        return await self._get(hex(number))

    def turn_away(self) -> None:
        """The preferred gateway knows less than another one: prefer the next one."""
        self._rpc.turn_away()

    async def logs(self, block: Block, address: Address, topics: tuple[str, ...]) -> list[dict[str, Any]]:
        """The logs of one block by a contract with one of these first topics.

        Asked by the block's hash, so that a gateway that lags behind refuses instead of saying that there are none.
        """
        query = {"blockHash": "0x" + block.hash.hex(), "address": "0x" + address.hex(), "topics": [list(topics)]}
        logs = await self._rpc.call("eth_getLogs", query)
        return list(logs)

    async def follow(self, after: int) -> AsyncIterator[Block]:
        """Every final block after this number, in order, for ever; waits out a chain that does not answer."""
        listener = asyncio.create_task(self._listen()) if self._settings.websocket else None
        try:
            number, moved_at = after + 1, time.monotonic()
            while True:
                self._news.clear()
                try:
                    newest = await self.head()
                    while number <= newest.number:
                        block = newest if number == newest.number else await self.get(number)
                        if block is None:
                            break
                        yield block
                        number, moved_at = number + 1, time.monotonic()
                except (ChainUnreachable, RpcRefused):
                    pass  # named by the stages that call; here the next poll asks again
                if time.monotonic() - moved_at > self._settings.stale_ms / 1000:
                    self._rpc.turn_away()
                    moved_at = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), self._settings.poll_ms / 1000)
        finally:
            if listener is not None:
                listener.cancel()

    async def _get(self, which: str) -> Block | None:
        found = await self._rpc.call("eth_getBlockByNumber", which, False)
        return None if found is None else _block(found)

    async def _listen(self) -> None:
        """Wakes `follow` at every new head; the polling goes on beside it."""
        subscribe = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with self._rpc.session.ws_connect(self._settings.websocket, heartbeat=20) as socket:
                    await socket.send_str(subscribe)
                    async for message in socket:
                        if message.type != aiohttp.WSMsgType.TEXT:
                            break
                        self._news.set()
            await asyncio.sleep(RECONNECT)


def _block(found: dict[str, Any]) -> Block:
    return Block(
        number=int(found["number"], 16),
        hash=Hash32(bytes.fromhex(found["hash"][2:])),
        timestamp=int(found["timestamp"], 16),
        base_fee=int(found.get("baseFeePerGas") or "0x0", 16),
        transactions=tuple(Hash32(bytes.fromhex(hash_[2:])) for hash_ in found["transactions"]),
    )
