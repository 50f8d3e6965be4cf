"""Puts journaled payments together into batches that the ledger takes (docs/batch.md), without I/O.

Stage before: journal. Stage after: transaction. One payment of a member in a batch, and none overtakes an earlier one
of the same member, nor a reversal that the member still waits for. Payments stand in a line for each member; a batch
is made from the heads of the lines, so that a member with many payments delays nobody else's.
"""

import heapq
import struct
from collections.abc import Iterable
from typing import Final

from node.bridge.entry import Formed, Kind, PaymentEntry, ReversalEntry
from node.chain.ledger import post_batch
from node.config import BatchSettings
from node.domain.batch_format import ACT_GAS, MAX_WINDOW_WORDS, VERSION, WINDOW_BITS
from node.domain.ids import MemberId, Sequence, StreamId

HEADER: Final = struct.Struct(">BIQBH")
SECTION: Final = struct.Struct(">IH")
OFFSET: Final = struct.Struct(">H")
WINDOW: Final = WINDOW_BITS * MAX_WINDOW_WORDS
GAS_MERCHANT: Final = 60_000
"""Gas for a merchant's section, whatever it meets."""
GAS_BYTE: Final = 16
"""Gas of a byte of calldata that is not zero."""
GAS_WORD: Final = 25_000
"""Gas of a word of 256 sequences."""
EXTRA_GAS: Final = 250_000
"""Gas that a batch gets more after one that ended early."""


class Batcher:
    """Payments that wait for a batch, in the order of their sequence."""

    def __init__(self, settings: BatchSettings, stream: StreamId) -> None:
        self._settings = settings
        self._stream = stream
        self._waiting: dict[Sequence, PaymentEntry] = {}
        self._lines: dict[MemberId, dict[Sequence, None]] = {}
        # heads of lines, the lowest first; what is no head any more, or in no line, is passed over when it comes up
        self._heads: list[Sequence] = []
        self._held: dict[MemberId, set[Sequence]] = {}
        self._extra_gas = 0
        self.rest_until = 0
        """No batch before this time (milliseconds): earning is paused on the chain."""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def oldest(self) -> int:
        """When the payment came that waits longest, in milliseconds; 0 when none waits."""
        return next(iter(self._waiting.values())).received_at if self._waiting else 0

    def add(self, entry: PaymentEntry) -> None:
        """A payment that was just journaled."""
        self._waiting[entry.sequence] = entry
        line = self._lines.get(entry.member)
        if line is None:
            self._lines[entry.member] = {entry.sequence: None}
            heapq.heappush(self._heads, entry.sequence)
        else:
            line[entry.sequence] = None

    def give_back(self, entries: Iterable[PaymentEntry]) -> None:
        """Payments that a batch left out for want of gas: they come first."""
        back = {entry.sequence: entry for entry in entries}
        self._waiting = dict(sorted((back | self._waiting).items()))
        for sequence, entry in back.items():
            line = self._lines.get(entry.member, {}) | {sequence: None}
            self._lines[entry.member] = dict(sorted(line.items()))
            self._offer(entry.member)

    def waiting_of(self, member: MemberId) -> int:
        """How many payments of a member wait."""
        return len(self._lines.get(member, ()))

    def more_gas(self) -> None:
        """A batch ended early for want of gas: the next ones get more."""
        self._extra_gas = min(2 * self._extra_gas + EXTRA_GAS, self._settings.max_gas // 2)

    def hold(self, reversal: ReversalEntry) -> None:
        """Later payments of this member wait until the reversal is on its way."""
        self._held.setdefault(reversal.member, set()).add(reversal.sequence)

    def release(self, reversal: ReversalEntry) -> None:
        """The reversal is on its way, or needs no effect."""
        held = self._held.get(reversal.member, set())
        held.discard(reversal.sequence)
        if not held:
            self._held.pop(reversal.member, None)
        self._offer(reversal.member)

    def cancel(self, sequence: Sequence) -> PaymentEntry | None:
        """Takes a payment out that is in no batch yet; None when it is too late."""
        entry = self._waiting.get(sequence)
        if entry is not None:
            self._take_out(entry)
            self._offer(entry.member)
        return entry

    def take(self) -> Formed | None:
        """The next batch, None when nothing may go now."""
        chosen, gas = self._choose()
        if not chosen:
            return None
        for entry in chosen:
            self._offer(entry.member)
        chosen.sort(key=_by_merchant_and_rule)
        numbers = [entry.sequence for entry in chosen]
        words = max(numbers) // WINDOW_BITS - min(numbers) // WINDOW_BITS + 1
        return Formed(
            kind=Kind.PAYMENT,
            sequences=tuple(entry.sequence for entry in chosen),
            data=post_batch(encode(self._stream, chosen)),
            gas=gas + GAS_WORD * words,
        )

    def _choose(self) -> tuple[list[PaymentEntry], int]:
        settings = self._settings
        chosen: list[PaymentEntry] = []
        members: set[MemberId] = set()
        merchants: set[int] = set()
        acts = False
        size, gas, end = HEADER.size, settings.gas_base + self._extra_gas, None
        while self._heads and len(chosen) < settings.max_payments:
            sequence = heapq.heappop(self._heads)
            entry = self._waiting.get(sequence)
            if entry is None or entry.member in members or self._head(entry.member) != sequence:
                continue
            if self._is_held(entry):
                continue  # `release` offers it again
            more = OFFSET.size + len(entry.packed) + (0 if entry.merchant in merchants else SECTION.size)
            more_gas = settings.gas_payment + settings.gas_line * entry.lines + GAS_BYTE * more
            if entry.acts:
                # what the last one may take must be left over; the others take what acts mostly do
                more_gas += settings.gas_act + (0 if acts else ACT_GAS)
            more_gas += 0 if entry.merchant in merchants else GAS_MERCHANT
            if end is None:
                end = entry.sequence // WINDOW_BITS * WINDOW_BITS + WINDOW
            if (
                entry.sequence >= end
                or size + more > settings.max_bytes
                or gas + more_gas > settings.max_gas - GAS_WORD * MAX_WINDOW_WORDS
            ):
                heapq.heappush(self._heads, sequence)
                break
            self._take_out(entry)
            members.add(entry.member)
            merchants.add(entry.merchant)
            chosen.append(entry)
            acts |= entry.acts
            size, gas = size + more, gas + more_gas
        return chosen, gas

    def _take_out(self, entry: PaymentEntry) -> None:
        del self._waiting[entry.sequence]
        line = self._lines[entry.member]
        del line[entry.sequence]
        if not line:
            del self._lines[entry.member]

    def _head(self, member: MemberId) -> Sequence | None:
        return next(iter(self._lines.get(member, ())), None)

    def _offer(self, member: MemberId) -> None:
        """The head of a member's line may go into a batch."""
        head = self._head(member)
        if head is not None:
            heapq.heappush(self._heads, head)

    def _is_held(self, entry: PaymentEntry) -> bool:
        held = self._held.get(entry.member)
        return held is not None and entry.sequence > min(held)


def encode(stream: StreamId, entries: list[PaymentEntry]) -> bytes:
    """The bytes of a batch (docs/batch.md, postBatch) of entries that are sorted by merchant."""
    lowest = min(entry.sequence for entry in entries)
    highest = max(entry.sequence for entry in entries)
    first = lowest // WINDOW_BITS * WINDOW_BITS
    words = (highest - first) // WINDOW_BITS + 1
    counts: dict[int, int] = {}
    for entry in entries:
        counts[entry.merchant] = counts.get(entry.merchant, 0) + 1
    parts = [HEADER.pack(VERSION, stream, first, words, len(counts))]
    merchant = -1
    for entry in entries:
        if entry.merchant != merchant:
            merchant = entry.merchant
            parts.append(SECTION.pack(merchant, counts[merchant]))
        parts.append(OFFSET.pack(entry.sequence - first))
        parts.append(entry.packed)
    return b"".join(parts)


def _by_merchant_and_rule(entry: PaymentEntry) -> tuple[int, int, int]:
    return entry.merchant, entry.rule, entry.sequence
