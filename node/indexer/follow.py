"""Follows a chain's finality: fetches ranges ahead, checks that each block names the one before, applies, writes.

What is in the database is never undone: a block that was final and is another one now stops the index with an error. A
node that knows less than the index does is waited for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from node.chain.checked import CheckedBlock
from node.chain.rpc import ChainSilent, RpcRefused
from node.domain.errors import ChainUnreachable
from node.indexer.apply.blocks import apply_block
from node.indexer.errors import Reorganised
from node.indexer.fetch import AT_ONCE, Behind, Fetcher, linked
from node.indexer.known import Known
from node.indexer.record import Record
from node.indexer.rows import Rows
from node.indexer.store import Store
from node.indexer.tokens import describe_tokens
from node.indexer.tracing import Tracer
from node.indexer.warm import warm_rows
from node.network.heights import Heights

AHEAD: Final = 3
"""Ranges that are fetched while one is applied."""
REFUSALS: Final = 40
"""So often in a row a node may refuse to give blocks before the index stops."""
GENESIS_PARENT: Final = bytes(32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """How a chain is followed. `finality` is "instant" where a block is final when it appears, else "finalized"."""

    finality: str = "instant"
    poll: float = 0.25
    range: int = AT_ONCE


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far the index is, for whoever looks: its height, the chain's, and what it has done since it was started.

    `record` is how far the validators' record is; -1 where nobody gives what they signed.
    """

    height: int = -1
    head: int = -1
    block_time: int = 0
    blocks: int = 0
    events: int = 0
    node_failures: int = 0
    record: int = -1


class Indexer:
    """Follows one chain into one store."""

    def __init__(
        self,
        fetcher: Fetcher,
        store: Store,
        known: Known,
        following: Following,
        *,
        trace: bool = True,
        heights: Heights | None = None,
    ) -> None:
        self._fetcher, self._store, self._known, self._following = fetcher, store, known, following
        self._tracer = Tracer(fetcher, wanted=trace)
        self._rows = Rows(store.load, store.load_line)
        self._record = None if heights is None else Record(heights, store, self._rows)
        self.progress = Progress()

    async def run(self, *, until: int | None = None, wrote: Callable[[Progress], None] | None = None) -> None:
        """Indexes for ever, or up to block `until` (-1: the head of now).

        Raises Reorganised, LyingNode, OtherChain, Unusable; waits out a node that is away or behind.
        """
        genesis = (await self._fetcher.blocks(0, 0))[0]
        self._store.open(self._known, genesis.hash)
        parent = await self._begin()
        await self._follow_record()
        if until == -1:
            until = await self._head()
        async for blocks in self._ranges(until):
            linked(blocks, parent)
            parent = blocks[-1].hash
            await self._apply(blocks)
            await self._follow_record()
            if wrote is not None:
                wrote(self.progress)

    async def _begin(self) -> bytes:
        """The hash of the block that the next one names, compared with the node's."""
        found = self._store.head()
        if found is None:
            return GENESIS_PARENT
        number, ours = found
        self.progress.height = number
        while True:
            try:
                theirs = (await self._fetcher.blocks(number, number))[0]
            except Behind:
                await self._wait()
                continue
            if theirs.hash != ours:
                raise Reorganised(number, ours, theirs.hash)
            return ours

    async def _ranges(self, until: int | None) -> AsyncIterator[list[CheckedBlock]]:
        """Checked blocks from the index's next one on, a range at a time, `AHEAD` ranges fetched in advance."""
        waiting: list[asyncio.Task[list[CheckedBlock]]] = []
        number = self.progress.height + 1
        try:
            while until is None or number <= until or waiting:
                last = self.progress.head if until is None else min(until, self.progress.head)
                while number <= last and len(waiting) < AHEAD:
                    end = min(number + self._following.range - 1, last)
                    waiting.append(asyncio.create_task(self._range(number, end)))
                    number = end + 1
                if waiting:
                    yield await waiting.pop(0)
                else:
                    self.progress.head = await self._head()
                    if number > self.progress.head:
                        await self._wait()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _range(self, first: int, last: int) -> list[CheckedBlock]:
        """Blocks that the node said it has; one behind another gateway, or without its engine, is waited for.

        Raises RpcRefused when it goes on refusing.
        """
        refusals = 0
        while True:
            try:
                return await self._fetcher.blocks(first, last)
            except (Behind, ChainUnreachable):
                self.progress.node_failures += 1
            except RpcRefused:
                self.progress.node_failures += 1
                refusals += 1
                if refusals == REFUSALS:
                    raise
            await self._wait()

    async def _head(self) -> int:
        """The newest final block; as far as the index is while the node does not answer."""
        tag = "latest" if self._following.finality == "instant" else "finalized"
        try:
            found: dict[str, Any] | None = await self._fetcher.call("eth_getBlockByNumber", tag, False)
        except (ChainSilent, RpcRefused):
            self.progress.node_failures += 1
            return self.progress.height
        return self.progress.height if found is None else int(found["number"], 16)

    async def _apply(self, blocks: list[CheckedBlock]) -> None:
        rows = self._rows
        rows.first = blocks[0].number
        warm_rows(rows, self._store, self._known, blocks)
        for block in blocks:
            traces = await self._tracer.traces(block, self.progress.head)
            apply_block(rows, self._known, block, traces)
        await describe_tokens(self._fetcher, rows)
        self._store.write(rows)
        progress = self.progress
        progress.height, progress.block_time = blocks[-1].number, blocks[-1].time
        progress.blocks += len(blocks)
        progress.events += sum(len(block.logs) for block in blocks)

    async def _follow_record(self) -> None:
        if self._record is not None:
            await self._record.follow(self.progress.height)
            self.progress.record = self._record.height

    async def _wait(self) -> None:
        await asyncio.sleep(self._following.poll)


def seconds_behind(progress: Progress) -> int:
    """How old the newest indexed block is."""
    return max(int(time.time()) - progress.block_time, 0) if progress.block_time else 0
