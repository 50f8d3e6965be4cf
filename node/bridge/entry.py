"""What the stages after the journal pass on: entries waiting for the chain, and what became of a batch.

Between journal, batch, transaction and finality; imports no stage.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.domain.act import undoing
from node.domain.acts.advice import BookAdvice
from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits, RuleVersion, Sequence, StreamId
from node.domain.payment import Payment, Status, Tender

HEAD: Final = struct.Struct(">BBHQI")
LINE: Final = struct.Struct(">HIHB")
"""The 6-byte amount as 2 + 4 bytes, rule version, tender."""
ITEMS_ROOT, AUTHORISATION, ENROL, ACT = 1, 2, 4, 8
_LINE_SIZE: Final = 9
OWN_KEYS: Final = frozenset({"act", "advice", "undo"})
"""What the journal's keys of the bridge's own entries begin with, where those of messages have the terminal."""


class Kind(IntEnum):
    """What an entry or a batch is. Reversals and refunds go out in one kind of batch, REVERSAL."""

    PAYMENT = 0
    REVERSAL = 1
    REFUND = 2
    UNDO = 3
    """The payment that undoes an act, beside the reversal that undoes the lines."""
    ADVICE = 4
    """The payment whose act books an advice that overdrew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentEntry:
    """A journaled payment. `packed` are its bytes in a batch after the sequence offset (docs/batch.md).

    `debits`: it takes something from the member or carries an act, so somebody waits for the chain's word on it.
    """

    sequence: Sequence
    merchant: MerchantId
    member: MemberId
    rule: RuleVersion
    lines: int
    debits: bool
    packed: bytes
    received_at: int

    @property
    def acts(self) -> bool:
        """Whether it carries an act."""
        return bool(self.packed[0] & ACT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReversalEntry:
    """A journaled reversal of the payment with the sequence `original`; with an `amount`, a refund of that much.

    `unsent`: the original only earns, and was in no batch when the reversal was journaled.
    """

    sequence: Sequence
    original: Sequence
    member: MemberId
    received_at: int
    amount: MinorUnits | None = None
    unsent: bool = False

    @property
    def is_refund(self) -> bool:
        """Whether somebody waits for the chain's word on it, and the original stays if it is not final yet."""
        return self.amount is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """What the journal made of a message: a new entry, or the one that this message repeats.

    `sequence` names what the answer is about (a payment, a refund, a reversal's original), None for a tombstone. A
    `stream` is another one, whose journal has the entry (journal/handed.py).
    """

    sequence: Sequence | None
    status: Status
    response_code: str | None
    entry: PaymentEntry | ReversalEntry | None
    duplicate: bool
    stream: StreamId | None = None


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
    used_at: int | None = None
    """The gateway that says that its nonce is used: one of its hashes must be in a block."""
    lookups: int = 0
    """How often in a row it was looked for in vain."""


def pack_payment(payment: Payment, *, enrol: bool = False) -> bytes:
    """A payment's bytes in a batch from its flags on (docs/batch.md); all but the sequence offset."""
    flags = ENROL if enrol and payment.member and payment.act is None and not payment.debits else 0
    tail = b""
    if payment.items_root is not None:
        flags |= ITEMS_ROOT
        tail = payment.items_root
    if payment.authorisation is not None:
        flags |= AUTHORISATION
        tail += payment.authorisation
    if payment.act is not None:
        flags |= ACT
        tail += len(payment.act.data).to_bytes(2, "big") + payment.act.data
    parts = [HEAD.pack(flags, len(payment.lines), payment.terminal, payment.member, payment.time)]
    for line in payment.lines:
        parts.append(LINE.pack(line.amount >> 32, line.amount & 0xFFFFFFFF, line.rule_version, line.tender))
    parts.append(tail)
    return b"".join(parts)


def pack_undo(packed: bytes, sequence: Sequence) -> bytes:
    """The payment that undoes the act of the packed one with this sequence; empty where that has none."""
    act = act_in(packed)
    if act is None:
        return b""
    flags, lines, terminal, member, time = HEAD.unpack_from(packed)
    at = HEAD.size + _LINE_SIZE * lines + 32 * (flags & ITEMS_ROOT)
    granted = packed[at : at + 32] if flags & AUTHORISATION else b""
    data = undoing(act[0], sequence).data
    head = HEAD.pack(ACT | flags & AUTHORISATION, 0, terminal, member, time)
    return head + granted + len(data).to_bytes(2, "big") + data


def pack_advice(packed: bytes, sequence: Sequence) -> bytes:
    """The payment that books the packed advice with this sequence, which overdrew; empty where none can."""
    flags, lines, terminal, member, time = HEAD.unpack_from(packed)
    due = {tender: MinorUnits(0) for tender in Tender}
    for amount, tender in lines_in(packed):
        due[tender] = MinorUnits(due[tender] + amount)
    if not flags & AUTHORISATION or flags & ACT:
        return b""
    at = HEAD.size + _LINE_SIZE * lines + 32 * (flags & ITEMS_ROOT)
    data = BookAdvice(original=sequence, value=due[Tender.STORED_VALUE], coins=due[Tender.COIN]).act().data
    head = HEAD.pack(ACT | AUTHORISATION, 0, terminal, member, time)
    return head + packed[at : at + 32] + len(data).to_bytes(2, "big") + data


def advice_key(original: int) -> str:
    """The journal's key of the payment that books an advice: one for each original."""
    return f"advice|{original}"


def undo_key(original: int) -> str:
    """The journal's key of the payment that undoes an act: one for each original."""
    return f"act|{original}"


def act_in(packed: bytes) -> bytes | None:
    """The act that a packed payment carries."""
    flags = packed[0] if packed else 0
    if not flags & ACT:
        return None
    at = HEAD.size + _LINE_SIZE * packed[1] + 32 * ((flags & 1) + (flags >> 1 & 1)) + 2
    return packed[at:]


def is_authorised(packed: bytes) -> bool:
    """Whether a packed payment carries who authorised it: with a debit or an act of a message that was proved."""
    return bool(packed) and bool(packed[0] & AUTHORISATION)


def items_root_in(packed: bytes) -> Hash32 | None:
    """The items root that a packed payment carries."""
    if not packed or not packed[0] & ITEMS_ROOT:
        return None
    at = HEAD.size + _LINE_SIZE * packed[1]
    return Hash32(packed[at : at + 32])


def lines_in(packed: bytes) -> Iterator[tuple[MinorUnits, Tender]]:
    """Amount and tender of the lines of a packed payment."""
    for at in range(HEAD.size, HEAD.size + _LINE_SIZE * packed[1], _LINE_SIZE):
        high, low, _, tender = LINE.unpack_from(packed, at)
        yield MinorUnits(high << 32 | low), Tender(tender)


def entry_of(sequence: int, merchant: int, packed: bytes, received_at: int, *, debits: bool) -> PaymentEntry:
    """The entry of a journal row."""
    _, lines, _, member, _ = HEAD.unpack_from(packed)
    return PaymentEntry(
        sequence=Sequence(sequence),
        merchant=MerchantId(merchant),
        member=MemberId(member),
        rule=RuleVersion(LINE.unpack_from(packed, HEAD.size + _LINE_SIZE * (lines - 1))[2] if lines else 0),
        lines=lines,
        debits=debits,
        packed=packed,
        received_at=received_at,
    )


def time_of(packed: bytes) -> int:
    """The terminal's clock in a packed payment, Unix seconds."""
    return int(HEAD.unpack_from(packed)[4])


def line_count(packed: bytes) -> int:
    """How many lines a packed payment has."""
    return packed[1]


def member_of(packed: bytes) -> MemberId:
    """The member of a packed payment."""
    return MemberId(HEAD.unpack_from(packed)[3])
