"""Answers about payments: finds the batch that carried one, and rebuilds its lines under the ledger's root."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from node.chain.blocks import Block
from node.chain.deployment import Deployment
from node.chain.events import BATCH_POSTED, POSTING_TOPICS, BatchPosted, LedgerEvent, Skipped, decode_event
from node.chain.ledger import Ledger, batch_of
from node.chain.rebuild import LeafRebuilder
from node.chain.rpc import Rpc
from node.chain.views import Views
from node.domain.batch_format import MAX_WINDOW_WORDS, WINDOW_BITS, BatchPayment, decode_batch
from node.domain.errors import TillnetError
from node.domain.ids import Hash32, PaymentId, Sequence, StreamId, parse_payment_id
from node.domain.merkle import keccak
from node.domain.packed_leaves import LEAF_BYTES, leaves_of
from node.domain.payment import Tender
from node.explorer.answers import LineAnswer, PaymentAnswer

LOG_BLOCKS: Final = 5_000
"""Blocks of one request for logs, from the newest back."""
REASONS: Final[Mapping[int, str]] = {
    1: "already posted",
    2: "malformed",
    3: "earning was paused",
    4: "the merchant was not active",
    5: "the terminal was not active on this stream",
    6: "the member was not enrolled",
    7: "the member was frozen",
    8: "the amount was zero or above the limit",
    9: "unknown tender",
    10: "unknown rule version",
    11: "the member was locked",
    12: "no authorisation for a debit",
    13: "the stream's daily debit limit was reached",
    14: "not enough stored value",
    15: "not enough coins",
}
"""Why the ledger skipped a payment (docs/batch.md)."""


class UnknownPayment(TillnetError):
    """The chain has no such payment."""


async def ask_payment(rpc: Rpc, deployment: Deployment, payment: PaymentId) -> PaymentAnswer:
    """A payment by its id. Raises UnknownPayment when no batch on the chain carries it."""
    stream, sequence = parse_payment_id(payment)
    async for log in _batches_around(rpc, deployment, stream, sequence):
        transaction = await rpc.call("eth_getTransactionByHash", log["transactionHash"])
        calldata = bytes.fromhex(transaction["input"][2:])
        posted = decode_event(log)
        assert isinstance(posted, BatchPosted)
        looked_at = decode_batch(batch_of(calldata)).payments[: posted.processed]
        found = next((each for each in looked_at if each.sequence == sequence), None)
        if found is not None:
            return await _answer(rpc, deployment, payment, found, posted, log, calldata)
    raise UnknownPayment(payment)


async def _batches_around(
    rpc: Rpc, deployment: Deployment, stream: StreamId, sequence: Sequence
) -> AsyncIterator[dict[str, Any]]:
    """The BatchPosted logs of a stream whose window may hold the sequence, the newest first."""
    newest = int(await rpc.call("eth_blockNumber"), 16)
    topic = "0x" + stream.to_bytes(32, "big").hex()
    while newest >= deployment.block:
        oldest = max(deployment.block, newest - LOG_BLOCKS + 1)
        query = {
            "fromBlock": hex(oldest),
            "toBlock": hex(newest),
            "address": "0x" + deployment.ledger.hex(),
            "topics": [BATCH_POSTED, topic],
        }
        for log in reversed(await rpc.call("eth_getLogs", query)):
            posted = decode_event(log)
            assert isinstance(posted, BatchPosted)
            if posted.first_sequence <= sequence < posted.first_sequence + WINDOW_BITS * MAX_WINDOW_WORDS:
                yield log
        newest = oldest - 1


async def _answer(
    rpc: Rpc,
    deployment: Deployment,
    payment: PaymentId,
    found: BatchPayment,
    posted: BatchPosted,
    log: dict[str, Any],
    calldata: bytes,
) -> PaymentAnswer:
    raw = await rpc.call("eth_getBlockByHash", log["blockHash"], False)
    receipt = await rpc.call("eth_getTransactionReceipt", log["transactionHash"])
    decoded = [decode_event(each) for each in receipt["logs"] if each["topics"][0] in POSTING_TOPICS]
    events = [event for event in decoded if event is not None]
    reason = next(
        (event.reason for event in events if isinstance(event, Skipped) and event.sequence == found.sequence), 0
    )
    lines = () if reason else await _lines(rpc, deployment, found, posted, raw, calldata, events)
    return PaymentAnswer(
        payment=payment,
        outcome=f"skipped: {REASONS.get(reason, f'reason {reason}')}" if reason else "final",
        merchant=found.merchant,
        terminal=found.terminal,
        member=found.member,
        time=found.time,
        lines=lines,
        items_root=_hex(found.items_root),
        authorisation=_hex(found.authorisation),
        block=int(raw["number"], 16),
        block_hash=raw["hash"],
        block_time=int(raw["timestamp"], 16),
        transaction=log["transactionHash"],
        root="0x" + posted.root.hex(),
    )


async def _lines(
    rpc: Rpc,
    deployment: Deployment,
    found: BatchPayment,
    posted: BatchPosted,
    raw: dict[str, Any],
    calldata: bytes,
    events: list[LedgerEvent],
) -> tuple[LineAnswer, ...]:
    """The payment's lines; raises BrokenInvariant when the rebuilt leaves do not hash to the batch's root."""
    ledger = Ledger(rpc, deployment.ledger)
    block = Block(
        number=int(raw["number"], 16),
        hash=Hash32(bytes.fromhex(raw["hash"][2:])),
        timestamp=int(raw["timestamp"], 16),
        base_fee=0,
        transactions=(),
    )
    rebuilt = await LeafRebuilder(ledger, await ledger.terms())(calldata, events, block, posted.root)
    views = Views(rpc, deployment.ledger)
    lines = []
    for _, leaf in leaves_of(rebuilt, found.sequence):
        name = keccak(leaf)
        refunded, clawed_back = await views.ask("refunded(bytes32)", name, returns="(uint256,uint256)")
        lines.append(_line(leaf, name, refunded, clawed_back))
    return tuple(lines)


def _line(leaf: bytes, name: Hash32, refunded: int, clawed_back: int) -> LineAnswer:
    """A leaf's fields (docs/batch.md, "The leaf")."""
    assert len(leaf) == LEAF_BYTES

    def number(start: int, size: int) -> int:
        return int.from_bytes(leaf[start : start + size], "big")

    return LineAnswer(
        line=number(13, 1),
        tender=Tender(number(14, 1)).name.lower().replace("_", " "),
        amount=number(40, 6),
        rule_version=number(21, 2),
        tier_bps=number(23, 2),
        rate=number(27, 5),
        points=number(50, 7),
        leaf="0x" + name.hex(),
        refunded=refunded,
        clawed_back=clawed_back,
    )


def _hex(value: Hash32 | None) -> str | None:
    return None if value is None else "0x" + value.hex()
