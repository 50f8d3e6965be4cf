"""Rule versions as they are defined and vetoed, and as the rebuilding of a batch asks for them."""

from collections.abc import Iterator, Mapping

from node.chain.ledger import RuleTerms
from node.domain.words import VETOED, Rule
from node.indexer.apply.accounts import LEDGER, account_of
from node.indexer.apply.handling import Now, on
from node.indexer.decode import Event
from node.indexer.tables import ledger


@on(LEDGER, "RuleSet")
def rule_set(now: Now, event: Event) -> None:
    """A version as the ledger uses it."""
    args = event.args
    rule, table = Rule.unpack(args["word"]), args["tierTable"]
    now.rows.at(ledger.rule_versions, args["merchant"], args["version"]).update(
        rate=rule.rate, base_rate=rule.base_rate, starts=rule.starts, until=rule.until, budget=rule.budget_left,
        day_cap=rule.day_cap, flags=rule.flags,
        tiers=",".join(str(table >> 16 * tier & 0xFFFF) for tier in range(16)) if table else "",
    )  # fmt: skip


@on(LEDGER, "BudgetRaised")
def budget_raised(now: Now, event: Event) -> None:
    """More bonus points may be given."""
    args = event.args
    now.rows.at(ledger.rule_versions, args["merchant"], args["version"])["budget"] += args["units"]


@on(LEDGER, "RuleVetoed")
def rule_vetoed(now: Now, event: Event) -> None:
    """Out of force after this block."""
    args = event.args
    row = now.rows.at(ledger.rule_versions, args["merchant"], args["version"])
    row["veto_block"] = args["vetoBlock"]
    row["flags"] |= VETOED


@on("RewardRules", "VersionVetoed")
def version_vetoed(now: Now, event: Event) -> None:
    """Why."""
    args = event.args
    now.rows.at(ledger.rule_versions, args["merchant"], args["version"])["vetoed"] = args["reason"]


@on("RewardRules", "BaseDefined")
def base_defined(now: Now, event: Event) -> None:
    """What earns where no offer applies."""
    now.rows.at(ledger.rule_versions, event.args["merchant"], event.args["version"])["kind"] = "base"


@on("RewardRules", "RuleDefined")
def rule_defined(now: Now, event: Event) -> None:
    """An offer, with the products that it is for."""
    args = event.args
    products = args["productSet"]
    now.rows.at(ledger.rule_versions, args["merchant"], args["version"]).update(
        kind="offer", product_set=products if any(products) else None, catalogue=args["offer"]["catalogue"]
    )


class Rules(Mapping[tuple[int, int], RuleTerms]):
    """The index's rule versions, for whoever rebuilds a batch."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._read: dict[tuple[int, int], RuleTerms] = {}

    def __getitem__(self, key: tuple[int, int]) -> RuleTerms:
        found = self._read.get(key)
        if found is None:
            row = self._now.rows.find(ledger.rule_versions, *key)
            if row is None or not row["flags"]:
                raise KeyError(key)
            found = self._read[key] = RuleTerms(
                rate=row["rate"], base_rate=row["base_rate"], starts=row["starts"], until=row["until"],
                veto_block=row["veto_block"],
                tiers=tuple(int(bps) for bps in row["tiers"].split(",")) if row["tiers"] else (),
            )  # fmt: skip
        return found

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


class Tiers(Mapping[int, int]):
    """Members' tiers; with `before`, as they were before this transaction."""

    def __init__(self, now: Now, *, before: bool = False) -> None:
        self._now, self._before = now, now.tiers_before if before else {}

    def __getitem__(self, member: int) -> int:
        if member in self._before:
            return self._before[member]
        row = self._now.rows.find(ledger.accounts, account_of(member))
        return 0 if row is None else int(row["tier"])

    def __iter__(self) -> Iterator[int]:
        return iter(self._before)

    def __len__(self) -> int:
        return len(self._before)
