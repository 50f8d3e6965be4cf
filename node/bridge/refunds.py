"""Reversals on their way: each waits until its original is final, then undoes every line of it by Merkle proof.

Stage before: journal. Stage after: transaction. A reversal of a payment that was declined is final without effect.
"""

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
    """Reversals that are in no batch yet."""

    def __init__(self, settings: BatchSettings, stream: StreamId) -> None:
        self._settings = settings
        self._stream = stream
        self.awaiting: dict[Sequence, ReversalEntry] = {}
        self._ready: dict[Sequence, tuple[ReversalEntry, Refund]] = {}
        self._extra_gas = 0
        self._trees: dict[Hash32, list[Hash32]] = {}

    @property
    def ready(self) -> int:
        """Reversals that can go into a batch."""
        return len(self._ready)

    def wait(self, reversal: ReversalEntry) -> None:
        """A reversal whose original is not final yet, as far as is known."""
        self.awaiting[reversal.original] = reversal

    def original_final(self, reversal: ReversalEntry, original: Original) -> None:
        """The original took effect: the reversal may go."""
        self.awaiting.pop(reversal.original, None)
        lines = tuple(
            LineRefund(leaf=leaf, amount=MinorUnits(0), root=original.root, proof=proof_of(tree, index))
            for tree in [self._tree(original)]
            for index, leaf in leaves_of(original.leaves, reversal.original)
        )
        if not lines:
            raise BrokenInvariant(f"payment {reversal.original} is final and has no leaf")
        refund = Refund(sequence=reversal.sequence, kind=RefundKind.REVERSAL, lines=lines)
        self._ready[reversal.sequence] = (reversal, refund)

    def original_declined(self, reversal: ReversalEntry) -> None:
        """The original had no effect: nothing is to be undone."""
        self.awaiting.pop(reversal.original, None)

    def more_gas(self) -> None:
        """A batch ended early for want of gas: the next ones get more."""
        self._extra_gas = min(2 * self._extra_gas + EXTRA_GAS, self._settings.max_gas // 2)

    def take(self) -> tuple[Formed, list[ReversalEntry]] | None:
        """The next batch of refunds with its reversals, None when none is ready."""
        chosen = list(self._ready.values())[: self._settings.max_refunds]
        if not chosen:
            return None
        while True:
            calldata = post_refunds(self._stream, [refund for _, refund in chosen])
            if len(calldata) <= self._settings.max_bytes or len(chosen) == 1:
                break
            chosen = chosen[: len(chosen) // 2]
        for reversal, _ in chosen:
            del self._ready[reversal.sequence]
        formed = Formed(
            kind=Kind.REVERSAL,
            sequences=tuple(reversal.sequence for reversal, _ in chosen),
            data=calldata,
            gas=self._settings.gas_base
            + self._extra_gas
            + sum(self._settings.gas_refund * (1 + len(refund.lines)) for _, refund in chosen)
            + 16 * len(calldata),
        )
        return formed, [reversal for reversal, _ in chosen]

    def _tree(self, original: Original) -> list[Hash32]:
        tree = self._trees.get(original.root)
        if tree is None:
            tree = hashes(original.leaves)
            while len(self._trees) >= TREES:
                self._trees.pop(next(iter(self._trees)))
            self._trees[original.root] = tree
        return tree
