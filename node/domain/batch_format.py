"""The bytes that `postBatch` takes (docs/batch.md, "postBatch"), from payments and their sequences, and back.

Stage before: batch (which picked payments and sequences). Stage after: transaction. Pure.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final, cast

from node.domain.act import MAX_ACT_BYTES, UNDO
from node.domain.ids import (
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    Sequence,
    StreamId,
    TerminalNumber,
)
from node.domain.payment import Line, Payment, Tender

VERSION: Final = 1
WINDOW_BITS: Final = 256
MAX_WINDOW_WORDS: Final = 32
MAX_LINES: Final = 16
HAS_ITEMS: Final = 1
HAS_AUTHORISATION: Final = 2
ENROLS: Final = 4
HAS_ACT: Final = 8
KNOWN_FLAGS: Final = HAS_ITEMS | HAS_AUTHORISATION | ENROLS | HAS_ACT
ACT_GAS: Final = 1_060_000
"""Gas that an act may take with all that the ledger does for it."""

_HEADER: Final = struct.Struct(">BIQBH")
_SECTION: Final = struct.Struct(">IH")
_PAYMENT: Final = struct.Struct(">HBBHQI")
_LINE: Final = struct.Struct(">6sHB")
_ACT_LENGTH: Final = struct.Struct(">H")


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPayment:
    """A payment as the chain sees it: `enrol` asks to register a member that is not registered yet.

    `act` is its bytes. What only a hostile poster sends: `unknown_flags`, an act of no or too many bytes, neither lines
    nor an act (a line count out of range), bare numbers as tenders.
    """

    sequence: Sequence
    merchant: MerchantId
    terminal: TerminalNumber
    member: MemberId
    time: int
    lines: tuple[Line, ...]
    items_root: Hash32 | None = None
    authorisation: Hash32 | None = None
    enrol: bool = False
    unknown_flags: int = 0
    act: bytes | None = None

    @property
    def countless(self) -> bool:
        """Whether its line count is out of range: the ledger looks at nothing behind it."""
        return self.act is None and not self.lines

    @property
    def malformed(self) -> bool:
        """Whether the ledger skips it for its flags or its act's length, and so lets it consume no sequence."""
        return self.unknown_flags != 0 or (self.act is not None and not 1 <= len(self.act) <= MAX_ACT_BYTES)

    @property
    def undoes(self) -> bool:
        """Whether it is only the reversal of an act, which no pause stops."""
        return self.act is not None and not self.lines and self.act[:1] >= bytes([UNDO])


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """A batch in the order in which the ledger looks at it: by merchant, inside a merchant as they were given."""

    stream: StreamId
    first_sequence: Sequence
    window_words: int
    payments: tuple[BatchPayment, ...]


def for_batch(payment: Payment, sequence: Sequence, *, enrol: bool = False) -> BatchPayment:
    """What the chain is to see of a journaled payment that was given `sequence`."""
    return BatchPayment(
        sequence=sequence,
        merchant=payment.merchant,
        terminal=payment.terminal,
        member=payment.member,
        time=payment.time,
        lines=payment.lines,
        items_root=payment.items_root,
        authorisation=payment.authorisation,
        enrol=enrol,
        act=None if payment.act is None else payment.act.data,
    )


def make_batch(stream: StreamId, payments: Iterable[BatchPayment]) -> Batch:
    """Sorts payments by merchant (otherwise as given) and lays the sequence window around them.

    Raises ValueError when there is none, or when their sequences span more than 32 words of 256.
    """
    ordered = tuple(sorted(payments, key=lambda payment: payment.merchant))
    if not ordered:
        raise ValueError("a batch holds at least one payment")
    first = min(payment.sequence for payment in ordered) // WINDOW_BITS * WINDOW_BITS
    words = (max(payment.sequence for payment in ordered) - first) // WINDOW_BITS + 1
    if words > MAX_WINDOW_WORDS:
        raise ValueError(f"the sequences span {words} words of {WINDOW_BITS}, more than {MAX_WINDOW_WORDS}")
    return Batch(stream=stream, first_sequence=Sequence(first), window_words=words, payments=ordered)


def encode_batch(batch: Batch) -> bytes:
    """The bytes of a batch. Raises ValueError when a field does not fit its width or merchants are out of order."""
    sections = [(merchant, list(group)) for merchant, group in groupby(batch.payments, lambda p: p.merchant)]
    merchants = [merchant for merchant, _ in sections]
    if merchants != sorted(set(merchants)):
        raise ValueError("the merchants of a batch rise")
    try:
        parts = [_HEADER.pack(VERSION, batch.stream, batch.first_sequence, batch.window_words, len(sections))]
        for merchant, payments in sections:
            parts.append(_SECTION.pack(merchant, len(payments)))
            parts.extend(_encode_payment(payment, batch.first_sequence) for payment in payments)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"a field does not fit the batch format: {error}") from error
    return b"".join(parts)


def decode_batch(data: bytes) -> Batch:
    """The payments that the ledger may have looked at in these bytes, however the poster made them.

    Reads what the ledger reads and no more: unknown tenders and flags are kept (the ledger skips such payments), it
    ends with a payment whose line count is out of range (kept, without lines and act), and before one that is cut
    short: the ledger comes so far only when gas ends the batch before. Of the result the first `processed` payments
    were looked at. Raises ValueError when the header is not one (the ledger reverts).
    """
    if len(data) < _HEADER.size:
        raise ValueError("the batch is cut short")
    version, stream, first, words, merchant_count = _HEADER.unpack_from(data, 0)
    if version != VERSION:
        raise ValueError(f"batch format {version} is not known")
    payments = tuple(_decode_payments(data, merchant_count, first))
    return Batch(stream=StreamId(stream), first_sequence=Sequence(first), window_words=words, payments=payments)


def _decode_payments(data: bytes, merchant_count: int, first: int) -> Iterator[BatchPayment]:
    at = _HEADER.size
    for _ in range(merchant_count):
        if at + _SECTION.size > len(data):
            return
        merchant, count = _SECTION.unpack_from(data, at)
        at += _SECTION.size
        for _ in range(count):
            found = _decode_payment(data, at, MerchantId(merchant), first)
            if found is None:
                return
            payment, at = found
            yield payment
            if payment.countless:
                return


def gas_limit(batch: Batch) -> int:
    """Gas with which every payment of the batch is looked at, whatever it meets (docs/batch.md, "Gas").

    An estimate by the node is too low: the ledger ends a batch early rather than fail for want of gas.
    """
    lines = sum(len(payment.lines) for payment in batch.payments)
    merchants = len({payment.merchant for payment in batch.payments})
    acts = sum(payment.act is not None for payment in batch.payments)
    size = len(encode_batch(batch))
    closing = 160_000 + 22_200 * batch.window_words + 14 * size
    looking = 60_000 * len(batch.payments) + 37_000 * lines + ACT_GAS * acts
    return 21_000 + 16 * size + closing + 40_000 * merchants + looking


def _encode_payment(payment: BatchPayment, first_sequence: int) -> bytes:
    if payment.countless or len(payment.lines) > MAX_LINES:
        raise ValueError(f"payment {payment.sequence} has {len(payment.lines)} lines, not 1 to {MAX_LINES}")
    if payment.malformed:
        raise ValueError(f"payment {payment.sequence} has flags that are not known, or an act of no or too many bytes")
    flags = (
        (HAS_ITEMS if payment.items_root is not None else 0)
        | (HAS_AUTHORISATION if payment.authorisation is not None else 0)
        | (ENROLS if payment.enrol else 0)
        | (HAS_ACT if payment.act is not None else 0)
    )
    head = _PAYMENT.pack(
        payment.sequence - first_sequence, flags, len(payment.lines), payment.terminal, payment.member, payment.time
    )
    lines = b"".join(
        _LINE.pack(line.amount.to_bytes(6, "big"), line.rule_version, line.tender) for line in payment.lines
    )
    act = b"" if payment.act is None else _ACT_LENGTH.pack(len(payment.act)) + payment.act
    return head + lines + (payment.items_root or b"") + (payment.authorisation or b"") + act


def _decode_payment(data: bytes, at: int, merchant: MerchantId, first: int) -> tuple[BatchPayment, int] | None:
    """The payment at this place and where the next starts; None when it is cut short."""
    if at + _PAYMENT.size > len(data):
        return None
    offset, flags, line_count, terminal, member, time = _PAYMENT.unpack_from(data, at)
    at += _PAYMENT.size
    if line_count > MAX_LINES or (not line_count and not flags & HAS_ACT):
        flags, line_count = flags & ~(HAS_ITEMS | HAS_AUTHORISATION | HAS_ACT), 0
    tail = at + _LINE.size * line_count
    end = tail + 32 * (flags & HAS_ITEMS) + 16 * (flags & HAS_AUTHORISATION)
    act, after = _decode_act(data, end) if flags & HAS_ACT else (None, end)
    if after > len(data):
        return None
    lines = tuple(
        Line(
            amount=MinorUnits(int.from_bytes(amount, "big")), rule_version=RuleVersion(version), tender=_tender(tender)
        )
        for amount, version, tender in _LINE.iter_unpack(data[at:tail])
    )
    payment = BatchPayment(
        sequence=Sequence(first + offset),
        merchant=merchant,
        terminal=TerminalNumber(terminal),
        member=MemberId(member),
        time=time,
        lines=lines,
        items_root=Hash32(data[tail : tail + 32]) if flags & HAS_ITEMS else None,
        authorisation=Hash32(data[end - 32 : end]) if flags & HAS_AUTHORISATION else None,
        enrol=bool(flags & ENROLS),
        unknown_flags=flags & ~KNOWN_FLAGS,
        act=act,
    )
    return payment, after


def _decode_act(data: bytes, at: int) -> tuple[bytes, int]:
    """The act at this place and where it ends, which may lie behind the data."""
    start = at + _ACT_LENGTH.size
    end = start + int.from_bytes(data[at:start], "big")
    return data[start:end], end


def _tender(number: int) -> Tender:
    """The tender, or the bare number of one that is not known; the ledger skips the payment."""
    return Tender(number) if number <= Tender.STORED_VALUE else cast(Tender, number)
