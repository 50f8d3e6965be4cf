"""Rebates in instalments, recomputed (docs/value.md): what a fund covers, what each month pays, and not before; pure.

Minor units. What a card's kind adds to a programme's rate is taken as said.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from node.audit.instruments.said import Said, Wrong
from node.domain.leaf import NetworkTerms

DAY: Final = 86_400


@dataclass(kw_only=True, slots=True)
class Promised:
    """A promise: `made` is the network's day of it."""

    programme: int
    total: int
    months: int
    made: int
    released: int = 0

    def paid_up_to(self, instalments: int) -> int:
        """The sum of the first instalments; the last brings the remainder."""
        if instalments == self.months:
            return self.total
        return self.total // self.months * instalments


@dataclass(kw_only=True, slots=True)
class Rebates:
    """Recomputes all programmes. `funds` is what is free in each."""

    terms: NetworkTerms
    checked: Counter[str] = field(default_factory=Counter)
    funds: Counter[int] = field(default_factory=Counter)
    months: dict[int, int] = field(default_factory=dict)
    promises: dict[tuple[int, int], Promised] = field(default_factory=dict)

    @property
    def amounts(self) -> dict[str, int]:
        """Rebates that are promised and not paid yet."""
        return {"rebates promised": sum(each.total - each.released for each in self.promises.values())}

    def transaction(self, time: int, said: Sequence[Said]) -> list[Wrong]:
        """What of a transaction's events is not what the terms say."""
        wrong: list[Wrong] = []
        for each in said:
            if each.part != "Rebates":
                continue
            it = each.fields
            match each.name:
                case "ProgrammeDefined":
                    self.months[it["programme"]] = it["months"]
                case "ProgrammeFunded":
                    self.funds[it["programme"]] += it["amount"]
                case "FundWithdrawn":
                    self.funds[it["programme"]] -= it["amount"]
                case "RebatePromised":
                    wrong += self._promised(self.terms.day(time), it)
                case "RebateReleased":
                    wrong += self._released(self.terms.day(time), it)
                case "RebateForfeited":
                    wrong += self._forfeited(it)
        return wrong

    def _promised(self, day: int, it: Mapping[str, int]) -> list[Wrong]:
        programme = it["programme"]
        due = min(it["wanted"], self.funds[programme])
        self.funds[programme] -= it["total"]
        self.promises[it["member"], it["index"]] = Promised(
            programme=programme, total=it["total"], months=self.months.get(programme, 1), made=day
        )
        self.checked["rebates promised"] += 1
        if it["total"] == due:
            return []
        return [(f"member {it['member']}", f"a rebate of {it['total']} was promised, its fund covers {due}")]

    def _released(self, day: int, it: Mapping[str, int]) -> list[Wrong]:
        member, its = f"member {it['member']}", self.promises.get((it["member"], it["index"]))
        self.checked["rebates paid"] += 1
        if its is None:
            return [(member, f"a rebate of {it['amount']} was paid that was never promised")]
        upto = its.released + it["instalments"]
        wrong: list[Wrong] = []
        if upto > min(its.months, months_passed(its.made, day)):
            wrong.append((member, f"instalment {upto} of a rebate was paid before it was due"))
        due = its.paid_up_to(min(upto, its.months)) - its.paid_up_to(its.released)
        its.released = upto
        if it["amount"] != due:
            wrong.append((member, f"{it['amount']} of a rebate were paid, its instalments come to {due}"))
        return wrong

    def _forfeited(self, it: Mapping[str, int]) -> list[Wrong]:
        its = self.promises.pop((it["member"], it["index"]), None)
        due = 0 if its is None else its.total - its.paid_up_to(its.released)
        if its is not None:
            self.funds[its.programme] += it["amount"]
        self.checked["rebates forfeited"] += 1
        if it["amount"] == due:
            return []
        return [(f"member {it['member']}", f"{it['amount']} of a rebate went back to its fund, {due} were left")]


def months_passed(made: int, day: int) -> int:
    """Months of the calendar between two days since 1970; where the later month is shorter, its last day counts."""
    if day <= made:
        return 0
    then, now = (datetime.fromtimestamp(each * DAY, UTC) for each in (made, day))
    months = now.year * 12 + now.month - then.year * 12 - then.month
    following = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    last = datetime.fromtimestamp(following.timestamp() - DAY, UTC).day
    return months - (now.day < min(then.day, last))
