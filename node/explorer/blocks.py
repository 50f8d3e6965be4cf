"""Answers about blocks: what a block is, how many payments its batches carry, who is said to have signed twice."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from node.chain.deployment import Deployment
from node.chain.events import BATCH_POSTED, REFUNDS_POSTED, BatchPosted, RefundsPosted, decode_event, topic_of
from node.chain.rpc import Rpc
from node.consensus.registry import VALIDATOR_REGISTRY
from node.domain.errors import TillnetError
from node.explorer.answers import BlockAnswer, EvidenceAnswer

# interfaces/IValidatorRegistry.sol
REPORTED: Final = topic_of("EvidenceReported(bytes20,address,uint64,uint8)")
ACCEPTED: Final = topic_of("EvidenceAccepted(bytes20,address,uint64,uint8,bool)")


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
        evidence=await _evidence(rpc, block["hash"]),
    )


async def _evidence(rpc: Rpc, block_hash: str) -> tuple[EvidenceAnswer, ...]:
    query = {
        "blockHash": block_hash,
        "address": "0x" + VALIDATOR_REGISTRY.hex(),
        "topics": [[REPORTED, ACCEPTED]],
    }
    return tuple(_decode_evidence(log) for log in await rpc.call("eth_getLogs", query))


def _decode_evidence(log: Mapping[str, Any]) -> EvidenceAnswer:
    name, culprit, account = log["topics"]
    data = bytes.fromhex(log["data"][2:])
    accepted = name == ACCEPTED
    return EvidenceAnswer(
        # a bytes20 stands at the left of its topic, an address at the right
        culprit=culprit[2:42].upper(),
        height=int.from_bytes(data[:32], "big"),
        reporter=None if accepted else "0x" + account[-40:],
        removed=accepted and bool(int.from_bytes(data[64:96], "big")),
    )
