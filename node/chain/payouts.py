"""Merchants' settlements: what SettlementEscrow says when it closes a period (interfaces/IMerchantSettlement).

Read block by block by the bridge, for webhooks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.chain.blocks import Block, Blocks
from node.chain.events import topic_of
from node.domain.ids import Address, MerchantId

SETTLED: Final = topic_of("Settled(uint32,address,uint16,(uint64,uint64,uint64,uint64,uint64,uint64,uint64,uint64))")
STATEMENT: Final = ("gross", "refunds", "fees", "covered", "paidAtOnce", "restored", "net", "carryForward")
"""The members of the statement, minor units, in their order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Payout:
    """A closed period of a merchant; `to` is where the net went (zero: its payable), `day` the settlement day."""

    block: int
    log: int
    merchant: MerchantId
    to: Address
    day: int
    statement: Mapping[str, int]


async def payouts_in(block: Block, blocks: Blocks, escrow: Address) -> list[Payout]:
    """The settlements of a block. Raises ChainUnreachable, RpcRefused."""
    return [payout_in(log) for log in await blocks.logs(block, escrow, (SETTLED,))]


def payout_in(log: Mapping[str, Any]) -> Payout:
    """The settlement in a log as JSON-RPC gives it. Raises ValueError for another log."""
    data = bytes.fromhex(log["data"][2:])
    if log["topics"][0] != SETTLED or len(data) != 32 * (1 + len(STATEMENT)):
        raise ValueError("this log is no settlement")
    words = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
    return Payout(
        block=int(log["blockNumber"], 16),
        log=int(log["logIndex"], 16),
        merchant=MerchantId(int(log["topics"][1], 16)),
        to=Address(bytes.fromhex(log["topics"][2][2:])[12:]),
        day=words[0],
        statement=dict(zip(STATEMENT, words[1:], strict=True)),
    )
