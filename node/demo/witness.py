"""Watches the chain beside the bridge, and notes when each payment became final; trusts nothing but the blocks.

Runs beside replay. Stage after: check.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from node.chain.blocks import Block, Blocks
from node.chain.events import BATCH_POSTED, REFUNDS_POSTED, SKIPPED, BatchPosted, RefundsPosted, Skipped, decode_event
from node.chain.ledger import batch_of, refunds_in
from node.chain.rpc import Rpc
from node.config import ChainSettings
from node.domain.batch_format import decode_batch
from node.domain.ids import Address, Hash32, PaymentId, payment_id

TOPICS: Final = (BATCH_POSTED, REFUNDS_POSTED, SKIPPED)
POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """Where a payment or refund was seen; `seen_at` in seconds of the witness's clock. Skipped: it had no effect."""

    block: Block
    transaction: Hash32
    seen_at: float
    skipped: bool
    line_count: int


@dataclass(kw_only=True, slots=True)
class Diary:
    """What was seen so far. `batch_gas` is of all transactions that posted payments, of any stream."""

    sightings: dict[PaymentId, Sighting] = field(default_factory=dict)
    batch_gas: int = 0
    batches: int = 0


class Witness:
    """Follows final blocks from the one after `after`, until it is closed."""

    def __init__(self, rpc: Rpc, ledger: Address, websocket: str, *, clock: Callable[[], float] = time.time) -> None:
        self._rpc = rpc
        self._ledger = ledger
        self._clock = clock
        # of the chain's settings, following uses only these; the rest is for a bridge
        settings = ChainSettings(rpc=rpc.urls, websocket=websocket, deployment=Path())
        self._blocks = Blocks(rpc, settings)
        self._task: asyncio.Task[None] | None = None
        self.diary = Diary()

    async def __aenter__(self) -> "Witness":
        head = await self._blocks.head()
        self._task = asyncio.create_task(self._follow(head.number))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def wait_for(self, payments: set[PaymentId], *, seconds: float) -> set[PaymentId]:
        """Waits until all of these were seen; what is missing when the time is up. Raises what following raised."""
        deadline = time.monotonic() + seconds
        while missing := payments - self.diary.sightings.keys():
            if self._task is not None and self._task.done():
                self._task.result()
            if time.monotonic() > deadline:
                return missing
            await asyncio.sleep(POLL_SECONDS)
        return set()

    async def _follow(self, after: int) -> None:
        async for block in self._blocks.follow(after):
            seen_at = self._clock()
            if block.transactions:
                await self._note(block, seen_at)

    async def _note(self, block: Block, seen_at: float) -> None:
        by_transaction: dict[str, list[dict[str, Any]]] = {}
        for log in await self._blocks.logs(block, self._ledger, TOPICS):
            by_transaction.setdefault(log["transactionHash"], []).append(log)
        for name, logs in by_transaction.items():
            events = [decode_event(log) for log in logs]
            skipped = {event.sequence for event in events if isinstance(event, Skipped)}
            closing = next(event for event in events if isinstance(event, BatchPosted | RefundsPosted))
            transaction = await self._rpc.call("eth_getTransactionByHash", name)
            calldata = bytes.fromhex(transaction["input"][2:])
            if isinstance(closing, BatchPosted):
                payments = decode_batch(batch_of(calldata)).payments[: closing.processed]
                entries = [(payment.sequence, len(payment.lines)) for payment in payments]
                receipt = await self._rpc.call("eth_getTransactionReceipt", name)
                self.diary.batch_gas += int(receipt["gasUsed"], 16)
                self.diary.batches += 1
            else:
                entries = [(sequence, 1) for sequence, _ in refunds_in(calldata)[: closing.processed]]
            for sequence, line_count in entries:
                self.diary.sightings[payment_id(closing.stream, sequence)] = Sighting(
                    block=block,
                    transaction=Hash32(bytes.fromhex(name[2:])),
                    seen_at=seen_at,
                    skipped=sequence in skipped,
                    line_count=line_count,
                )
