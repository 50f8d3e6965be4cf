"""Points that lines give later or to others, recomputed from their leaves (docs/points.md, docs/referrals.md); pure.

Units. Who claims brings the leaves in the calldata. By its terms a line gives its merchant's rate of pending points
once its window has passed, and a programme's rate to the referrer; in all claims never more than that of its whole
amount.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from node.audit.instruments.said import Said, Wrong
from node.domain.leaf import leaf_in

PENDING: Final = "PendingRewards"
REFERRALS: Final = "Referrals"
RATE_OF: Final = 10_000
"""Rates are units for so many minor units."""


@dataclass(kw_only=True, slots=True)
class Claims:
    """Recomputes pending points and referrals. Rates by merchant, or by programme; what each line gave there."""

    checked: Counter[str] = field(default_factory=Counter)
    rates: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    budgets: Counter[tuple[str, int]] = field(default_factory=Counter)
    given: Counter[tuple[str, int, bytes]] = field(default_factory=Counter)
    waiting: dict[bytes, int] = field(default_factory=dict)
    sums: Counter[str] = field(default_factory=Counter)

    @property
    def amounts(self) -> dict[str, int]:
        """What was given, what was taken back, and what is due and waits."""
        return {**self.sums, "pending points that wait": sum(self.waiting.values())}

    def transaction(self, time: int, said: Sequence[Said]) -> list[Wrong]:
        """What of a transaction's events is not what the terms say."""
        wrong: list[Wrong] = []
        for each in said:
            it = each.fields
            match each.name:
                case "PendingSet":
                    self._set((PENDING, it["merchant"]), it["terms"][0], it["terms"][4])
                case "ProgrammeSet":
                    self._set((REFERRALS, it["programme"]), it["terms"][1], it["terms"][6])
                case "PendingBudgetRaised":
                    self.budgets[PENDING, it["merchant"]] += it["units"]
                case "ProgrammeBudgetRaised":
                    self.budgets[REFERRALS, it["programme"]] += it["units"]
                case "PendingClaimed":
                    self.waiting[it["leaf"]] = it["left"]
                    wrong += self._claimed(each, (PENDING, it["merchant"]), it["units"], left=it["left"])
                case "ReferralClaimed":
                    wrong += self._claimed(each, (REFERRALS, it["programme"]), it["units"])
                case "PendingUnwound":
                    self._unwound((PENDING, it["merchant"]), it["leaf"], it["units"], "pending points taken back")
                case "ReferralUnwound":
                    self._unwound((REFERRALS, it["programme"]), it["leaf"], it["units"], "referral points taken back")
        return wrong

    def _set(self, terms: tuple[str, int], rate: int, budget: int) -> None:
        # which version a line has is a matter of its day: the largest rate bounds all of them
        self.rates[terms] = max(self.rates[terms], rate)
        self.budgets[terms] += budget

    def _claimed(self, each: Said, terms: tuple[str, int], units: int, *, left: int = 0) -> list[Wrong]:
        digest = each.fields["leaf"]
        pending = terms[0] == PENDING
        self.checked["pending points" if pending else "referrals"] += 1
        self.sums["pending points given" if pending else "points given for referrals"] += units
        self.given[(*terms, digest)] += units
        self.budgets[terms] -= units
        whom = f"{'merchant' if pending else 'programme'} {terms[1]}"
        if self.budgets[terms] < 0:
            return [(whom, f"gave {-self.budgets[terms]} units more than its budgets")]
        leaf = leaf_in(each.calldata, digest)
        if leaf is None:
            return [(whom, f"gave {units} units for a line 0x{digest.hex()} that the call does not show")]
        most = leaf.amount * self.rates[terms] // RATE_OF
        got = self.given[(*terms, digest)] + left
        if got > most:
            return [(whom, f"a line of {leaf.amount} is due {got} units on the chain, {most} at most by the terms")]
        return []

    def _unwound(self, terms: tuple[str, int], leaf: bytes, units: int, name: str) -> None:
        self.given[(*terms, leaf)] -= units
        self.sums[name] += units
