"""Answers about payments: finds the batch that carried one, and rebuilds its lines under the ledger's root."""

from collections.abc import AsyncIterator, Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass
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
from node.domain.leaf import Leaf
from node.domain.ledger import Reason
from node.domain.packed_leaves import leaves_of
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
NOT_CONSUMED: Final = frozenset({1, 2, 3})
"""Reasons that leave the sequence as it was."""


class UnknownPayment(TillnetError):
    """The chain has no such payment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Carrier:
    """A mined batch that names the payment: its transaction, its block as JSON-RPC has it, and its events."""

    posted: BatchPosted
    transaction: str
    calldata: bytes
    raw_block: Mapping[str, Any]
    events: Many[LedgerEvent]

    @property
    def block(self) -> Block:
        return Block(
            number=int(self.raw_block["number"], 16),
            hash=Hash32(bytes.fromhex(self.raw_block["hash"][2:])),
            timestamp=int(self.raw_block["timestamp"], 16),
            base_fee=int(self.raw_block["baseFeePerGas"], 16),
            transactions=(),
        )


async def ask_payment(rpc: Rpc, deployment: Deployment, payment: PaymentId) -> PaymentAnswer:
    """A payment by its id. Raises UnknownPayment when no batch on the chain carries it.

    A batch that names it without consuming its sequence (posted again, malformed, paused) does not hide an older one.
    """
    found = await _outcome(rpc, deployment, payment)
    return found if isinstance(found, PaymentAnswer) else await _accepted(rpc, deployment, payment, found)


@dataclass(frozen=True, kw_only=True, slots=True)
class PostedBatch:
    """A batch on the chain: all leaves, 128 bytes each, their root, its transaction, its block as JSON-RPC has it."""

    leaves: bytes
    root: Hash32
    transaction: str
    block: Mapping[str, Any]


async def ask_batch(rpc: Rpc, deployment: Deployment, payment: PaymentId) -> PostedBatch:
    """The batch that carries an accepted payment.

    Raises UnknownPayment when no batch carries it, or the ledger skipped it.
    """
    found = await _outcome(rpc, deployment, payment)
    if isinstance(found, PaymentAnswer):
        raise UnknownPayment(payment)
    return PostedBatch(
        leaves=await _leaves(rpc, deployment, found),
        root=found.posted.root,
        transaction=found.transaction,
        block=found.raw_block,
    )


async def _outcome(rpc: Rpc, deployment: Deployment, payment: PaymentId) -> _Carrier | PaymentAnswer:
    """The batch that carries an accepted payment, or the answer that it was skipped."""
    stream, sequence = parse_payment_id(payment)
    skipped: PaymentAnswer | None = None
    async for log in _batches_around(rpc, deployment, stream, sequence):
        transaction = await rpc.call("eth_getTransactionByHash", log["transactionHash"])
        calldata = bytes.fromhex(transaction["input"][2:])
        posted = decode_event(log)
        assert isinstance(posted, BatchPosted)
        looked_at = decode_batch(batch_of(calldata)).payments[: posted.processed]
        named = [each for each in looked_at if each.sequence == sequence]
        if not named:
            continue
        carrier = await _carrier(rpc, posted, log, calldata)
        reasons = [each.reason for each in carrier.events if isinstance(each, Skipped) and each.sequence == sequence]
        if len(reasons) < len(named):
            return carrier
        skipped = skipped or _skipped(payment, named[-1], reasons[-1], carrier)
        if reasons[-1] not in NOT_CONSUMED:
            return _skipped(payment, named[-1], reasons[-1], carrier)
    if skipped is None:
        raise UnknownPayment(payment)
    return skipped


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


async def _carrier(rpc: Rpc, posted: BatchPosted, log: Mapping[str, Any], calldata: bytes) -> _Carrier:
    receipt = await rpc.call("eth_getTransactionReceipt", log["transactionHash"])
    # acts have other contracts write logs between the ledger's
    own = (each for each in receipt["logs"] if each["address"].lower() == log["address"].lower())
    decoded = [decode_event(each) for each in own if each["topics"][0] in POSTING_TOPICS]
    return _Carrier(
        posted=posted,
        transaction=log["transactionHash"],
        calldata=calldata,
        raw_block=await rpc.call("eth_getBlockByHash", log["blockHash"], False),
        events=[event for event in decoded if event is not None],
    )


async def _leaves(rpc: Rpc, deployment: Deployment, carrier: _Carrier) -> bytes:
    """The batch's leaves; raises BrokenInvariant when these do not hash to its root."""
    ledger = Ledger(rpc, deployment.ledger)
    rebuild = LeafRebuilder(ledger, await ledger.terms())
    return await rebuild(carrier.calldata, carrier.events, carrier.block, carrier.posted.root)


async def _accepted(rpc: Rpc, deployment: Deployment, payment: PaymentId, carrier: _Carrier) -> PaymentAnswer:
    """The payment by its leaves."""
    packed = await _leaves(rpc, deployment, carrier)
    _, sequence = parse_payment_id(payment)
    leaves = [Leaf.unpack(each) for _, each in leaves_of(packed, sequence)]
    views = Views(rpc, deployment.ledger)
    lines = []
    for leaf in leaves:
        refunded, undone = await views.ask("refunded(bytes32)", leaf.hash, returns="(uint256,uint256)")
        lines.append(_line(leaf, refunded, undone))
    looked_at = decode_batch(batch_of(carrier.calldata)).payments[: carrier.posted.processed]
    # the first is the accepted one; in a pause the first that undoes an act
    paused = any(isinstance(each, Skipped) and each.reason == Reason.PAUSED for each in carrier.events)
    named = (each for each in looked_at if each.sequence == sequence and not each.malformed)
    found = next(each for each in named if each.undoes or not paused)
    return _answer(payment, "final", found, carrier, tuple(lines))


def _skipped(payment: PaymentId, found: BatchPayment, reason: int, carrier: _Carrier) -> PaymentAnswer:
    return _answer(payment, f"skipped: {REASONS.get(reason, f'reason {reason}')}", found, carrier, ())


def _answer(
    payment: PaymentId, outcome: str, said: BatchPayment, carrier: _Carrier, lines: tuple[LineAnswer, ...]
) -> PaymentAnswer:
    return PaymentAnswer(
        payment=payment,
        outcome=outcome,
        merchant=said.merchant,
        terminal=said.terminal,
        member=said.member,
        time=said.time,
        lines=lines,
        items_root=_hex(said.items_root),
        authorisation=_hex(said.authorisation),
        block=carrier.block.number,
        block_hash=carrier.raw_block["hash"],
        block_time=carrier.block.timestamp,
        transaction=carrier.transaction,
        root="0x" + carrier.posted.root.hex(),
        act=None if said.act is None else "0x" + said.act.hex(),
    )


def _line(leaf: Leaf, refunded: int, points_undone: int) -> LineAnswer:
    return LineAnswer(
        line=leaf.line,
        tender=Tender(leaf.tender).name.lower().replace("_", " "),
        amount=leaf.amount,
        rule_version=leaf.rule_version,
        tier_bps=leaf.tier_bps,
        rate=leaf.rate,
        points=leaf.points,
        owed=0 if leaf.tender == Tender.COIN else leaf.last,
        leaf="0x" + leaf.hash.hex(),
        refunded=refunded,
        points_undone=points_undone,
    )


def _hex(value: Hash32 | None) -> str | None:
    return "0x" + value.hex() if value is not None and any(value) else None
