"""Answers about blocks: what a block is, and how many payments its batches carry."""

from collections import Counter

from node.chain.deployment import Deployment
from node.chain.events import BATCH_POSTED, REFUNDS_POSTED, BatchPosted, RefundsPosted, decode_event
from node.chain.rpc import Rpc
from node.domain.errors import TillnetError
from node.explorer.answers import BlockAnswer


class UnknownBlock(TillnetError):
    """There is no such block yet."""


async def ask_block(rpc: Rpc, deployment: Deployment, number: int | None) -> BlockAnswer:
    """A block by its number, None for the latest. Raises UnknownBlock."""
    block = await rpc.call("eth_getBlockByNumber", "latest" if number is None else hex(number), False)
    if block is None:
        head = int(await rpc.call("eth_blockNumber"), 16)
        raise UnknownBlock(f"the latest is {head}")
    query = {
        "blockHash": block["hash"],
        "address": "0x" + deployment.ledger.hex(),
        "topics": [[BATCH_POSTED, REFUNDS_POSTED]],
    }
    payments: Counter[int] = Counter()
    refunds: Counter[int] = Counter()
    skipped = 0
    for log in await rpc.call("eth_getLogs", query):
        event = decode_event(log)
        if isinstance(event, BatchPosted):
            payments[event.stream] += event.processed
            skipped += event.skipped
        elif isinstance(event, RefundsPosted):
            refunds[event.stream] += event.processed
            skipped += event.skipped
    return BlockAnswer(
        number=int(block["number"], 16),
        hash=block["hash"],
        parent=block["parentHash"],
        time=int(block["timestamp"], 16),
        gas_used=int(block["gasUsed"], 16),
        gas_limit=int(block["gasLimit"], 16),
        transactions=tuple(block["transactions"]),
        payments=dict(payments),
        refunds=dict(refunds),
        skipped=skipped,
    )
