"""The ledger's events on the posting path, decoded into frozen dataclasses (interfaces/IPaymentProcessor.sol).

Decoded by position, not through an ABI library: a block may carry thousands of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.domain.ids import Hash32, MemberId, MerchantId, Sequence, StreamId, Units
from node.domain.merkle import keccak


def topic_of(signature: str) -> str:
    """The first topic of an event, as JSON-RPC has it."""
    return "0x" + keccak(signature.encode()).hex()


BATCH_POSTED: Final = topic_of("BatchPosted(uint32,bytes32,uint64,uint32,uint32,uint32)")
REFUNDS_POSTED: Final = topic_of("RefundsPosted(uint32,uint32,uint32)")
SKIPPED: Final = topic_of("Skipped(uint32,uint64,uint8)")
CLAMPED: Final = topic_of("Clamped(uint32,uint64,uint8,uint64,uint64)")
DEBITED: Final = topic_of("Debited(uint64,uint32,uint64,uint32,uint64,uint64,uint64)")
REFUNDED: Final = topic_of("Refunded(uint32,uint64,bytes32,uint8,uint48,uint64,uint64,uint64)")


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPosted:
    """A batch was looked at up to `processed` payments; `root` is over its `leaves` leaves."""

    stream: StreamId
    root: Hash32
    first_sequence: Sequence
    processed: int
    skipped: int
    leaves: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundsPosted:
    """Refunds were looked at, up to `processed` of them."""

    stream: StreamId
    processed: int
    skipped: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A payment or refund had no effect, for a reason of docs/batch.md."""

    stream: StreamId
    sequence: Sequence
    reason: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Clamped:
    """A line gave `points` instead of what its rule says, and entitles to `due`."""

    stream: StreamId
    sequence: Sequence
    line: int
    points: Units
    due: Units


@dataclass(frozen=True, kw_only=True, slots=True)
class Debited:
    """A payment took stored value (minor units) or coins (units, by age) from a member."""

    member: MemberId
    stream: StreamId
    sequence: Sequence
    merchant: MerchantId
    value: int
    coins_previous: Units
    coins_current: Units


@dataclass(frozen=True, kw_only=True, slots=True)
class Refunded:
    """A part of a line was undone."""

    stream: StreamId
    sequence: Sequence
    leaf: Hash32
    kind: int
    amount: int
    clawed_back: Units
    set_off: Units
    arrears: Units


LedgerEvent = BatchPosted | RefundsPosted | Skipped | Clamped | Debited | Refunded


def decode_event(log: Mapping[str, Any]) -> LedgerEvent | None:
    """The event of a log as JSON-RPC gives it; None for one that is not of the posting path."""
    topics = log["topics"]
    name = topics[0] if topics else ""
    if name not in _KNOWN:
        return None
    data = bytes.fromhex(log["data"][2:])
    word = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
    indexed = [int(topic, 16) for topic in topics[1:]]
    if name == DEBITED:
        return Debited(
            member=MemberId(indexed[0]),
            stream=StreamId(indexed[1]),
            sequence=Sequence(indexed[2]),
            merchant=MerchantId(word[0]),
            value=word[1],
            coins_previous=Units(word[2]),
            coins_current=Units(word[3]),
        )
    stream = StreamId(indexed[0])
    if name == BATCH_POSTED:
        return BatchPosted(
            stream=stream,
            root=Hash32(bytes.fromhex(topics[2][2:])),
            first_sequence=Sequence(word[0]),
            processed=word[1],
            skipped=word[2],
            leaves=word[3],
        )
    if name == REFUNDS_POSTED:
        return RefundsPosted(stream=stream, processed=word[0], skipped=word[1])
    sequence = Sequence(indexed[1])
    if name == SKIPPED:
        return Skipped(stream=stream, sequence=sequence, reason=word[0])
    if name == CLAMPED:
        return Clamped(stream=stream, sequence=sequence, line=word[0], points=Units(word[1]), due=Units(word[2]))
    return Refunded(
        stream=stream,
        sequence=sequence,
        leaf=Hash32(bytes.fromhex(topics[3][2:])),
        kind=word[0],
        amount=word[1],
        clawed_back=Units(word[2]),
        set_off=Units(word[3]),
        arrears=Units(word[4]),
    )


POSTING_TOPICS: Final = (BATCH_POSTED, REFUNDS_POSTED, SKIPPED, CLAMPED, DEBITED, REFUNDED)
_KNOWN: Final = frozenset(POSTING_TOPICS)
