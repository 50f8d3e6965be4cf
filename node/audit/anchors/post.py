"""Sends anchors: a plain transaction of the anchoring key to itself, with the anchor as its calldata.

The signed bytes are written down before they are sent, and after a crash the same bytes are sent again: one anchor is
one transaction, whatever happens. No contract is needed on the other chain (docs/decisions/0011).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from node.anchor_settings import AnchorSettings
from node.audit.anchors.record import Anchor, Sent, append_record, read_records
from node.audit.evidence import Evidence
from node.chain.deployment import Deployment
from node.chain.rpc import Rpc, SendResult
from node.chain.signer import Call, Signer
from node.domain.errors import Retryable, Unusable
from node.domain.merkle import root_of

GAS: Final = 60_000
"""21,000 for a transaction, and at most 40 for each of 97 bytes."""
POLL_SECONDS: Final = 0.5

Tell = Callable[[str], None]


class AnchorPending(Retryable):
    """The other chain has not taken the anchor yet."""


@dataclass(kw_only=True, slots=True)
class Anchoring:
    """Anchors one chain on another."""

    settings: AnchorSettings
    deployment: Deployment
    chain: Rpc
    target: Rpc
    signer: Signer
    tell: Tell
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)

    async def run(self) -> None:
        """Anchors as often as the settings say, for ever. Raises Unusable; waits out chains that do not answer."""
        while True:
            try:
                await self.once()
            except Retryable as failure:
                self.tell(f"{failure}")
            await self.sleep(self.settings.poll_ms / 1_000)

    async def once(self) -> Sent | None:
        """Finishes the last anchor, and sends the next if it is time. Raises AnchorPending, ChainUnreachable, Unusable.

        None when it is too early.
        """
        await self._check_chains()
        records = read_records(self.settings.state)
        if records:
            await self._finish(records[-1])
        first = records[-1].anchor.height + 1 if records else self.deployment.block
        newest = int(await self.chain.call("eth_blockNumber"), 16)
        if newest - first + 1 < self.settings.every_blocks:
            return None
        sent = await self._sign(await self._anchor(first, first + self.settings.every_blocks - 1))
        append_record(self.settings.state, records, sent)
        await self._finish(sent)
        self.tell(f"blocks {sent.anchor.first:,} to {sent.anchor.height:,} are anchored by 0x{sent.transaction.hex()}")
        return sent

    async def _check_chains(self) -> None:
        for rpc, wanted in ((self.chain, self.deployment.chain_id), (self.target, self.settings.target.chain_id)):
            found = int(await rpc.call("eth_chainId"), 16)
            if found != wanted:
                raise Unusable(f"the chain's id is {found}, in the settings it is {wanted}")

    async def _anchor(self, first: int, height: int) -> Anchor:
        roots, block_hash = [], None
        async for block in Evidence(self.chain, []).blocks(first, height):
            roots.append(block.receipts_root)
            block_hash = block.hash
        assert block_hash is not None
        return Anchor(
            chain_id=self.deployment.chain_id,
            first=first,
            height=height,
            block_hash=block_hash,
            log_root=root_of(roots),
        )

    async def _sign(self, anchor: Anchor) -> Sent:
        address = "0x" + self.signer.address.hex()
        signed = self.signer.sign(
            Call(
                chain_id=self.settings.target.chain_id,
                nonce=int(await self.target.call("eth_getTransactionCount", address, "latest"), 16),
                to=self.signer.address,
                data=anchor.pack(),
                gas=GAS,
                max_fee=self.settings.target.max_fee,
                priority_fee=min(self.settings.target.priority_fee, self.settings.target.max_fee),
            )
        )
        return Sent(anchor=anchor, transaction=signed.hash, raw=signed.raw)

    async def _finish(self, sent: Sent) -> None:
        """Waits until the other chain has the anchor, deep enough; sends its bytes again while it has not."""
        deadline = time.monotonic() + self.settings.target.timeout_s
        said = ""
        while True:
            receipt = await self.target.call("eth_getTransactionReceipt", "0x" + sent.transaction.hex())
            if receipt is not None:
                depth = int(await self.target.call("eth_blockNumber"), 16) - int(receipt["blockNumber"], 16)
                if depth >= self.settings.target.confirmations:
                    return
            else:
                answer = await self.target.send_raw(sent.raw)
                said = answer.text
                if answer.result is SendResult.NONCE_USED and not await self._mined(sent):
                    raise Unusable("another transaction took the anchor's nonce; this key is for nothing but anchors")
            if time.monotonic() > deadline:
                raise AnchorPending(f"0x{sent.transaction.hex()} {said}".strip())
            await self.sleep(POLL_SECONDS)

    async def _mined(self, sent: Sent) -> bool:
        return await self.target.call("eth_getTransactionReceipt", "0x" + sent.transaction.hex()) is not None
