"""Asks a node for blocks with their receipts, many in one request, and checks them; before it the node, after it apply.

Reading and checking the answer is work for a processor, so it is handed to worker processes where there are any.
"""

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Final

from node.chain.checked import CheckedBlock, LyingNode, check_block
from node.chain.rpc import UNANSWERED, ChainSilent, Rpc, RpcRefused
from node.indexer.errors import TooLarge

AT_ONCE: Final = 20
"""Blocks of one request: two calls each, and gateways take 100 calls from an auditor (docs/access.md)."""
MAX_RANGE: Final = 64 * 2**20
"""Bytes of an answer about many blocks; about more than that they are asked for apart."""
MAX_BLOCK: Final = 256 * 2**20
"""Bytes of an answer about one block: one that is full of calldata takes 72 MB as JSON, and its receipts some more."""
ATTEMPTS: Final = 6
PAUSE: Final = 0.2
RETRY_AFTER: Final = 429
RESPONSE_TOO_LARGE: Final = -32003
"""What geth refuses the rest of a batch with when its answers are more than 25 MB."""


class Behind(Exception):
    """The node does not have all of these blocks yet."""


class Fetcher:
    """Fetches ranges of blocks through one Rpc; `executor` runs what needs a processor (None: a thread)."""

    def __init__(self, rpc: Rpc, executor: Executor | None = None, *, believe_senders: bool = False) -> None:
        self._rpc, self._executor, self._believe = rpc, executor, believe_senders
        self._turn = 0

    async def blocks(self, first: int, last: int) -> list[CheckedBlock]:
        """Blocks `first` to `last`, checked. Raises Behind, LyingNode, TooLarge, ChainSilent."""
        try:
            answer = await self._post(json.dumps(_calls(first, last)), MAX_BLOCK if first == last else MAX_RANGE)
            return await self._read(answer, first, last)
        except TooLarge:
            if first == last:
                return await self._one_by_one(first)
            middle = (first + last) // 2
            return await self.blocks(first, middle) + await self.blocks(middle + 1, last)

    async def _one_by_one(self, number: int) -> list[CheckedBlock]:
        """A block that is too much for one batch together with its receipts."""
        answers: list[bytes] = []
        for call in _calls(number, number):
            answers.append(await self._post(json.dumps(call), MAX_BLOCK - sum(map(len, answers))))
        return await self._read(b"[" + b",".join(answers) + b"]", number, number)

    async def _read(self, answer: bytes, first: int, last: int) -> list[CheckedBlock]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, read_answer, answer, first, last, self._believe)

    async def call(self, method: str, *params: Any) -> Any:
        """One call. Raises RpcRefused, ChainSilent."""
        return await self._rpc.call(method, *params)

    async def _post(self, body: str, limit: int) -> bytes:
        failure = ""
        for attempt in range(ATTEMPTS):
            url = self._rpc.urls[self._turn % len(self._rpc.urls)]
            pause = PAUSE * 2**attempt
            try:
                async with self._rpc.session.post(
                    url, data=body, headers={"content-type": "application/json"}
                ) as response:
                    if response.status == RETRY_AFTER:
                        pause = float(int(response.headers.get("Retry-After", "1")))
                        raise ValueError("more calls than the gateway allows")
                    return await _bounded(response, limit)
            except UNANSWERED as error:
                failure = f"{type(error).__name__} {error}".strip()
                self._turn += 1
            await asyncio.sleep(pause)
        raise ChainSilent(f"blocks cannot be had from any gateway ({failure})")


def _calls(first: int, last: int) -> list[dict[str, Any]]:
    """Each block with its transactions, and its receipts."""
    return [
        {"jsonrpc": "2.0", "id": 2 * (number - first) + part, "method": method, "params": [hex(number), *rest]}
        for number in range(first, last + 1)
        for part, (method, rest) in enumerate((("eth_getBlockByNumber", [True]), ("eth_getBlockReceipts", [])))
    ]


def read_answer(answer: bytes, first: int, last: int, believe_senders: bool = False) -> list[CheckedBlock]:
    """The checked blocks in an answer to a batch. Raises Behind, LyingNode, RpcRefused, TooLarge."""
    try:
        parts = json.loads(answer)
    except ValueError:
        raise LyingNode("what the node says of blocks is no JSON") from None
    if isinstance(parts, dict):
        error = parts.get("error") or {}
        raise RpcRefused(int(error.get("code", 0)), str(error.get("message", "no answer to a batch of calls")))
    results: dict[int, Any] = {}
    for part in parts:
        error = part.get("error")
        if error is not None:
            if error.get("code") == RESPONSE_TOO_LARGE:
                raise TooLarge(f"blocks {first} to {last} are more than the node gives at a time")
            raise RpcRefused(int(error.get("code", 0)), str(error.get("message", "")))
        results[part["id"]] = part.get("result")
    checked: list[CheckedBlock] = []
    for number in range(first, last + 1):
        block, receipts = results.get(2 * (number - first)), results.get(2 * (number - first) + 1)
        if block is None or receipts is None:
            raise Behind
        found = check_block(block, receipts, believe_senders=believe_senders)
        if found.number != number:
            raise LyingNode(f"asked for block {number}, the node gave block {found.number}")
        checked.append(found)
    return checked


def linked(blocks: Sequence[CheckedBlock], parent: bytes) -> None:
    """Nothing, if each block names the one before. Raises LyingNode."""
    for block in blocks:
        if block.parent != parent:
            raise LyingNode(f"block {block.number} follows 0x{block.parent.hex()}, but the block before it is another")
        parent = block.hash


async def _bounded(response: Any, limit: int) -> bytes:
    if response.content_length is not None and response.content_length > limit:
        raise TooLarge(f"an answer of {response.content_length} bytes")
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(1 << 16):
        size += len(part)
        if size > limit:
            raise TooLarge(f"an answer of more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)
