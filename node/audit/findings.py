"""What an audit found: where chain and recomputation differ, and what an auditor should look at.

Every kind has its bound; what is beyond it is counted and not kept. Stage after: report. Pure.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

KEPT: Final = 1_000
"""Findings of a kind that are kept whole."""


class Kind(StrEnum):
    """What kind of finding; the first group are differences, the second is for eyes."""

    DIFFERENCE = "difference"
    UNEXPLAINED = "unexplained"
    STATE = "state"
    BACKING = "backing"
    SUPPLY = "supply"
    CONTRADICTED = "contradicted"
    INSTRUMENT = "instrument"
    ANCHOR = "anchor"
    GAP = "gap"
    HOURS = "hours"
    MANUAL = "manual"
    ACCRUAL = "accrual"
    NOTE = "note"


DIFFERENCES: Final = frozenset(
    {
        Kind.DIFFERENCE,
        Kind.UNEXPLAINED,
        Kind.STATE,
        Kind.BACKING,
        Kind.SUPPLY,
        Kind.CONTRADICTED,
        Kind.INSTRUMENT,
        Kind.ANCHOR,
    }
)
"""Kinds after which an audit does not agree."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing found. `block` and `transaction` where it was found, 0 and empty for what concerns the whole."""

    kind: Kind
    text: str
    subject: str = ""
    block: int = 0
    transaction: str = ""


@dataclass(kw_only=True, slots=True)
class Findings:
    """All that was found, each kind up to its bound; `counts` has all of them."""

    counts: Counter[Kind] = field(default_factory=Counter)
    kept: dict[Kind, list[Finding]] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Notes a finding."""
        self.counts[finding.kind] += 1
        kept = self.kept.setdefault(finding.kind, [])
        if len(kept) < KEPT:
            kept.append(finding)

    @property
    def differences(self) -> int:
        """How many say that chain and recomputation do not agree."""
        return sum(count for kind, count in self.counts.items() if kind in DIFFERENCES)

    def __iter__(self) -> Iterator[Finding]:
        for kind in Kind:
            yield from self.kept.get(kind, [])
