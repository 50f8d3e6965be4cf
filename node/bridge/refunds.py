"""Reversals and refunds on their way: each waits until its original is final, and until those before it are settled.

Stage before: journal. Stage after: transaction. They undo lines by Merkle proof: a reversal all of its original, a
refund a part of it. What concerns an original that was declined has no effect.
"""

from collections.abc import Sequence as Many
from typing import Final

from node.bridge.entry import Formed, Kind, ReversalEntry
from node.bridge.journal.reading import Original
from node.chain.ledger import LineRefund, Refund, RefundKind, post_refunds
from node.config import BatchSettings
from node.domain.errors import BrokenInvariant
from node.domain.ids import Hash32, MinorUnits, Sequence, StreamId
from node.domain.merkle import proof_of
from node.domain.packed_leaves import hashes, leaves_of

EXTRA_GAS: Final = 500_000
"""Gas that a batch gets more after one that ended early."""
TREES: Final = 8
"""Trees kept, so that reversals of one batch do not hash it again and again."""


class Refunds:
    """Reversals and refunds that are not settled, in a line for each original; the first of a line may be under way."""

    def __init__(self, settings: BatchSettings, stream: StreamId) -> None:
        self._settings = settings
        self._stream = stream
        self._lines: dict[Sequence, list[ReversalEntry]] = {}
        self._begun: set[Sequence] = set()
        self._taken: set[Sequence] = set()
        self._ready: dict[Sequence, tuple[ReversalEntry, Refund]] = {}
        self._extra_gas = 0
        self._trees: dict[Hash32, list[Hash32]] = {}

    @property
    def ready(self) -> int:
        """How many can go into a batch."""
        return len(self._ready)

    def wait(self, reversal: ReversalEntry) -> None:
        """One whose original is not final yet, as far as is known; or that was given back, and is first again."""
        self._forget(reversal)
        line = self._lines.setdefault(reversal.original, [])
        if reversal not in line:
            line.append(reversal)

    def resume(self, reversal: ReversalEntry) -> None:
        """One that is in a batch already."""
        self._lines.setdefault(reversal.original, []).insert(0, reversal)
        self._begun.add(reversal.sequence)
        self._taken.add(reversal.sequence)

    def first(self, original: Sequence) -> ReversalEntry | None:
        """The one whose turn it is, None if there is none or it is under way."""
        line = self._lines.get(original)
        return line[0] if line and line[0].sequence not in self._begun else None

    def begin(self, reversal: ReversalEntry) -> bool:
        """Lets the first of its line go; false if it is not first, or under way already."""
        if self.first(reversal.original) is not reversal:
            return False
        self._begun.add(reversal.sequence)
        return True

    def is_begun(self, reversal: ReversalEntry) -> bool:
        """Whether it was let go, and not withdrawn since."""
        return reversal.sequence in self._begun

    def original_final(self, reversal: ReversalEntry, original: Original, amounts: Many[MinorUnits] = ()) -> None:
        """The original took effect: what was begun is ready. `amounts` is a refund's part of each line."""
        tree = self._tree(original)
        leaves = leaves_of(original.leaves, reversal.original)
        if not leaves:
            raise BrokenInvariant(f"payment {reversal.original} is final and has no leaf")
        parts = amounts or [MinorUnits(0)] * len(leaves)
        lines = tuple(
            LineRefund(leaf=leaf, amount=part, root=original.root, proof=proof_of(tree, index))
            for (index, leaf), part in zip(leaves, parts, strict=True)
            if part or not reversal.is_refund
        )
        kind = RefundKind.REFUND if reversal.is_refund else RefundKind.REVERSAL
        self._ready[reversal.sequence] = (reversal, Refund(sequence=reversal.sequence, kind=kind, lines=lines))

    def withdraw(self, reversal: ReversalEntry) -> bool:
        """Takes one out that is in no batch yet; false when it is too late, or was taken out before."""
        if reversal.sequence in self._taken or reversal not in self._lines.get(reversal.original, []):
            return False
        self._ready.pop(reversal.sequence, None)
        self.done(reversal)
        return True

    def withdraw_reversal(self, original: Sequence) -> ReversalEntry | None:
        """Takes out the reversal of an original that went into no batch after all."""
        for reversal in self._lines.get(original, []):
            if not reversal.is_refund:
                self.done(reversal)
                return reversal
        return None

    def done(self, reversal: ReversalEntry) -> ReversalEntry | None:
        """It is settled, or needs no effect; the one whose turn it is then."""
        line = self._lines.get(reversal.original, [])
        if reversal in line:
            line.remove(reversal)
        if not line:
            self._lines.pop(reversal.original, None)
        self._forget(reversal)
        return self.first(reversal.original)

    def more_gas(self) -> None:
        """A batch ended early for want of gas: the next ones get more."""
        self._extra_gas = min(2 * self._extra_gas + EXTRA_GAS, self._settings.max_gas // 2)

    def take(self) -> tuple[Formed, list[ReversalEntry]] | None:
        """The next batch of refunds with its reversals, None when none is ready."""
        chosen = list(self._ready.values())[: self._settings.max_refunds]
        if not chosen:
            return None
        while True:
            refunds = [refund for _, refund in chosen]
            calldata = post_refunds(self._stream, refunds)
            gas = self._gas(refunds, calldata)
            # a transaction above the network's cap would be refused for good, and its nonce hold up all after it
            fits = len(calldata) <= self._settings.max_bytes and gas <= self._settings.max_gas
            if fits or len(chosen) == 1:
                break
            chosen = chosen[: len(chosen) // 2]
        for reversal, _ in chosen:
            del self._ready[reversal.sequence]
            self._taken.add(reversal.sequence)
        formed = Formed(
            kind=Kind.REVERSAL,
            sequences=tuple(reversal.sequence for reversal, _ in chosen),
            data=calldata,
            gas=min(gas, self._settings.max_gas),
        )
        return formed, [reversal for reversal, _ in chosen]

    def _gas(self, refunds: Many[Refund], calldata: bytes) -> int:
        settings = self._settings
        undone = sum(settings.gas_refund * (1 + len(refund.lines)) for refund in refunds)
        return settings.gas_base + self._extra_gas + undone + 16 * len(calldata)

    def _forget(self, reversal: ReversalEntry) -> None:
        self._begun.discard(reversal.sequence)
        self._taken.discard(reversal.sequence)

    def _tree(self, original: Original) -> list[Hash32]:
        tree = self._trees.get(original.root)
        if tree is None:
            tree = hashes(original.leaves)
            while len(self._trees) >= TREES:
                self._trees.pop(next(iter(self._trees)))
            self._trees[original.root] = tree
        return tree
