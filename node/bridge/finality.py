"""What a final block did to our batches: each payment final, declined with a reason, or given back.

Stage before: transaction. Stage after: service, which has the results journaled and answers who waits. The leaves are
rebuilt from calldata and logs, and must hash to the root that the contract built; if not, everything stops.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.bridge.entry import BatchResult, Kind, Pending
from node.chain.blocks import Block, Blocks
from node.chain.events import (
    POSTING_TOPICS,
    BatchPosted,
    LedgerEvent,
    RefundsPosted,
    Skipped,
    decode_event,
)
from node.chain.ledger import batch_of, refunds_in
from node.chain.signer import calldata_of
from node.domain import ids
from node.domain.batch_format import HAS_ACT
from node.domain.ids import Address, Hash32

RESPONSE_CODES: Final[Mapping[int, str]] = {
    1: "96",  # ALREADY_POSTED: the stream was posted from elsewhere
    2: "30",  # MALFORMED
    4: "03",  # MERCHANT
    5: "58",  # TERMINAL
    6: "14",  # MEMBER
    7: "62",  # FROZEN
    8: "13",  # AMOUNT
    9: "12",  # TENDER
    10: "96",  # RULE
    11: "62",  # LOCKED
    12: "63",  # AUTHORISATION
    13: "61",  # STREAM_LIMIT
    14: "51",  # VALUE
    15: "51",  # COINS
    20: "25",  # PROOF
    21: "61",  # EXCEEDS
    22: "51",  # FUNDS
    23: "25",  # NOTHING
    24: "12",  # KIND
    30: "96",  # ACT
    31: "25",  # ACT_UNKNOWN
    32: "57",  # ACT_STATE
    33: "54",  # ACT_TIME
    34: "58",  # ACT_SCOPE
    35: "13",  # ACT_AMOUNT
    36: "61",  # ACT_LIMIT
    37: "51",  # ACT_STOCK
    38: "57",  # ACT_MEMBER
    **dict.fromkeys(range(39, 64), "57"),
}
"""DE39 for a reason of docs/batch.md."""
PAUSED: Final = 3
NO_ROOT: Final = Hash32(bytes(32))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mined:
    """A transaction of ours in a final block, with the posting events that it emitted, in order."""

    batch: int
    kind: Kind
    calldata: bytes
    events: tuple[LedgerEvent, ...]


Rebuild = Callable[[bytes, Sequence[LedgerEvent], Block, Hash32], Awaitable[bytes]]
"""The leaves (128 bytes each) of a mined batch, from its calldata and events, under the root that the chain has."""


async def mined_in(
    block: Block, blocks: Blocks, ledger: Address, find: Callable[[Hash32], Pending | None]
) -> list[Mined]:
    """Our transactions in a block with their events. Raises ChainUnreachable, RpcRefused."""
    ours = {hash_: pending for hash_ in block.transactions if (pending := find(hash_)) is not None}
    if not ours:
        return []
    events: dict[Hash32, list[LedgerEvent]] = {hash_: [] for hash_ in ours}
    for log in await blocks.logs(block, ledger, POSTING_TOPICS):
        hash_ = Hash32(bytes.fromhex(log["transactionHash"][2:]))
        event = decode_event(log) if hash_ in ours else None
        if event is not None:
            events[hash_].append(event)
    return [
        Mined(
            batch=pending.batch,
            kind=pending.kind,
            calldata=calldata_of(pending.rows[0].raw),
            events=tuple(events[hash_]),
        )
        for hash_, pending in ours.items()
    ]


async def result_of(mined: Mined, block: Block, rebuild: Rebuild) -> BatchResult:
    """What a mined batch did.

    Raises BrokenInvariant when the rebuilt leaves do not hash to the root on the chain.
    """
    posted = next((event for event in mined.events if isinstance(event, BatchPosted | RefundsPosted)), None)
    processed = posted.processed if posted is not None else 0
    skipped = {event.sequence: event.reason for event in mined.events if isinstance(event, Skipped)}
    declined = {sequence: reason for sequence, reason in skipped.items() if reason != PAUSED}
    # What was skipped in a pause may be posted again, and will be: its terminal may have been told 00.
    back = {*_order(mined)[processed:], *(skipped.keys() - declined.keys())}
    root, leaves = NO_ROOT, b""
    if isinstance(posted, BatchPosted):
        root, leaves = posted.root, await rebuild(mined.calldata, mined.events, block, posted.root)
    return BatchResult(
        batch=mined.batch,
        kind=mined.kind,
        block=block.number,
        processed=processed,
        root=root,
        leaves=leaves,
        declined=declined,
        given_back=tuple(ids.Sequence(sequence) for sequence in sorted(back)),
        paused=len(declined) != len(skipped),
        reverted=posted is None,
        short_of_gas=posted is not None and processed < len(_order(mined)),
    )


def _order(mined: Mined) -> list[int]:
    """The sequences as the contract looked at them."""
    if mined.kind is Kind.PAYMENT:
        return payments_in_order(batch_of(mined.calldata))
    return [sequence for sequence, _ in refunds_in(mined.calldata)]


def payments_in_order(batch: bytes) -> list[int]:
    """The sequences of a batch in the order in which the contract looks at them (docs/batch.md)."""
    first, merchants = int.from_bytes(batch[5:13], "big"), int.from_bytes(batch[14:16], "big")
    sequences: list[int] = []
    at = 16
    for _ in range(merchants):
        count = int.from_bytes(batch[at + 4 : at + 6], "big")
        at += 6
        for _ in range(count):
            sequences.append(first + int.from_bytes(batch[at : at + 2], "big"))
            flags, lines = batch[at + 2], batch[at + 3]
            at += 18 + 9 * lines + 32 * ((flags & 1) + (flags >> 1 & 1))
            if flags & HAS_ACT:
                at += 2 + int.from_bytes(batch[at : at + 2], "big")
    return sequences
