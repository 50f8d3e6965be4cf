"""What the stages after the journal pass on: entries waiting for the chain, and what became of a batch.

Between journal, batch, transaction and finality; imports no stage.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits, RuleVersion, Sequence
from node.domain.payment import Payment, Status

HEAD: Final = struct.Struct(">BBHQI")
LINE: Final = struct.Struct(">HIHB")
"""The 6-byte amount as 2 + 4 bytes, rule version, tender."""
ITEMS_ROOT, AUTHORISATION, ENROL = 1, 2, 4
_LINE_SIZE: Final = 9


class Kind(IntEnum):
    """What an entry or a batch is. Reversals and refunds go out in one kind of batch, REVERSAL."""

    PAYMENT = 0
    REVERSAL = 1
    REFUND = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentEntry:
    """A journaled payment. `packed` are its bytes in a batch after the sequence offset (docs/batch.md)."""

    sequence: Sequence
    merchant: MerchantId
    member: MemberId
    rule: RuleVersion
    lines: int
    debits: bool
    packed: bytes
    received_at: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReversalEntry:
    """A journaled reversal of the payment with the sequence `original`; with an `amount`, a refund of that much."""

    sequence: Sequence
    original: Sequence
    member: MemberId
    received_at: int
    amount: MinorUnits | None = None

    @property
    def is_refund(self) -> bool:
        """Whether somebody waits for the chain's word on it, and the original stays if it is not final yet."""
        return self.amount is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """What the journal made of a message: a new entry, or the one that this message repeats.

    `sequence` names what the answer is about (a payment, a refund, a reversal's original), None for a tombstone.
    """

    sequence: Sequence | None
    status: Status
    response_code: str | None
    entry: PaymentEntry | ReversalEntry | None
    duplicate: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchResult:
    """A batch as the chain has it. `declined`: the contract's reasons; `given_back`: not looked at,
    or skipped because earning was `paused`.
    """

    batch: int
    kind: Kind
    block: int
    processed: int
    root: Hash32
    leaves: bytes
    declined: dict[Sequence, int]
    given_back: tuple[Sequence, ...]
    paused: bool = False
    reverted: bool = False
    short_of_gas: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Formed:
    """A batch ready to be signed: its entries in its order, the calldata, and the gas it may use."""

    kind: Kind
    sequences: tuple[Sequence, ...]
    data: bytes
    gas: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionRow:
    """A signed transaction as recorded before it is broadcast; fees in wei."""

    hash: Hash32
    batch: int
    nonce: int
    raw: bytes
    max_fee: int
    priority_fee: int
    gas: int
    created_at: int


@dataclass(kw_only=True, slots=True)
class Pending:
    """A batch whose transaction no final block holds yet. `tried_at` in milliseconds; `turn` picks the gateway."""

    batch: int
    kind: Kind
    sequences: tuple[int, ...]
    rows: list[TransactionRow]
    tried_at: int = 0
    turn: int = 0
    sent: bool = False
    lookup: bool = False
    """A gateway says that its nonce is used: one of its hashes must be in a block."""


def pack_payment(payment: Payment, *, enrol: bool = False) -> bytes:
    """A payment's bytes in a batch from its flags on (docs/batch.md); all but the sequence offset."""
    flags = ENROL if enrol and not payment.debits else 0
    tail = b""
    if payment.items_root is not None:
        flags |= ITEMS_ROOT
        tail = payment.items_root
    if payment.authorisation is not None:
        flags |= AUTHORISATION
        tail += payment.authorisation
    parts = [HEAD.pack(flags, len(payment.lines), payment.terminal, payment.member, payment.time)]
    for line in payment.lines:
        parts.append(LINE.pack(line.amount >> 32, line.amount & 0xFFFFFFFF, line.rule_version, line.tender))
    parts.append(tail)
    return b"".join(parts)


def entry_of(sequence: int, merchant: int, packed: bytes, received_at: int, *, debits: bool) -> PaymentEntry:
    """The entry of a journal row."""
    _, lines, _, member, _ = HEAD.unpack_from(packed)
    return PaymentEntry(
        sequence=Sequence(sequence),
        merchant=MerchantId(merchant),
        member=MemberId(member),
        rule=RuleVersion(LINE.unpack_from(packed, HEAD.size + _LINE_SIZE * (lines - 1))[2]),
        lines=lines,
        debits=debits,
        packed=packed,
        received_at=received_at,
    )


def line_count(packed: bytes) -> int:
    """How many lines a packed payment has."""
    return packed[1]


def member_of(packed: bytes) -> MemberId:
    """The member of a packed payment."""
    return MemberId(HEAD.unpack_from(packed)[3])
