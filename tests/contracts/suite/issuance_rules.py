"""The cap of coupons: sales counted, periods closed, the formula set, in any order. Needs coupons_rules beside it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.suite import Suite
from node.domain.leaf import Leaf
from node.domain.payment import Tender
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused
from tests.contracts.suite.coupons_model import CouponsModel
from tests.contracts.suite.market_world import undone_if_refused
from tests.contracts.suite.proofs import block_of, proven
from tests.contracts.twin import Twin

MOST_OF_A_CALL = 3
NEWEST = 40  # lines that are looked at


@dataclass(kw_only=True)
class Issuance:
    """interfaces/IIssuanceCap.sol in plain Python: what is counted in the open period, of lines of those before."""

    ledger: DoorsModel
    formula: dict[str, int]
    length: int
    number: int
    started: int
    start_block: int
    previous_start_block: int
    lines: set[tuple[int, int, int]] = field(default_factory=set)
    members: set[int] = field(default_factory=set)
    sold: Counter[int] = field(default_factory=Counter)
    new_members: int = 0

    def count(self, leaf: Leaf, block: int) -> None:
        """One line that was paid through the network, in a period that is closed."""
        if block < self.previous_start_block:
            raise Refused("TooOld")
        place = (leaf.stream, leaf.sequence, leaf.line)
        if place in self.lines:
            raise Refused("AlreadyCounted")
        undone = self.ledger.refunded.get(leaf.hash, (0, 0))[0]
        if undone == leaf.amount:
            raise Refused("Undone")
        self.lines.add(place)
        amount = leaf.amount - undone
        if leaf.tender == Tender.STORED_VALUE and amount >= self.minimum and leaf.member not in self.members:
            self.members.add(leaf.member)
            self.new_members += 1
        self.sold[leaf.merchant] += min(amount, max(self.formula["saturation"] - self.sold[leaf.merchant], 0))

    def close(self, now: int, block: int) -> None:
        """The period is over, and the next one begins where it should have."""
        end = self.started + self.length
        self.number += 1
        self.started = end + (now - end) // self.length * self.length
        self.start_block, self.previous_start_block = block, self.start_block
        self.sold, self.new_members = Counter(), 0

    def cap(self) -> int:
        """What the next period may issue."""
        merchants = sum(amount >= self.minimum for amount in self.sold.values())
        cap = merchants * self.formula["perMerchant"] + self.new_members * self.formula["perMember"]
        per_coupon = self.formula["turnoverPerCoupon"]
        return cap + (sum(self.sold.values()) // per_coupon if per_coupon else 0)

    @property
    def minimum(self) -> int:
        """What of a merchant's sales, or of a member's spend, has to count for them to be counted."""
        return self.formula.get("minimumSpend", 1)


class IssuanceRules:
    """The cap of the coupons that coupons_rules issues."""

    twin: Twin
    desk: CouponsModel

    def setup_issuance(self) -> None:
        """The first period, as it was deployed."""
        world = self.twin.world
        assert isinstance(world, Suite)
        self.issuance_cap = world["IssuanceCap"]
        it = self.issuance_cap.view("period")
        self.issuance = Issuance(
            ledger=self.twin.model,
            formula=self.issuance_cap.view("formula"),
            length=self.issuance_cap.view("periodLength"),
            number=it["number"],
            started=it["startedAt"],
            start_block=it["startBlock"],
            previous_start_block=it["previousStartBlock"],
        )
        self.root_blocks: dict[bytes, int] = {}

    def cash_owed_issuance(self) -> dict[str, int]:
        """Nothing ever."""
        return {"IssuanceCap": 0}

    @rule(wait=st.sampled_from([0, 1, 1, 1, 3]))
    def end_issuance_period(self, wait: int) -> None:
        """After so many periods. What the first one leaves to the next is told by the chain."""
        model, cap = self.issuance, self.issuance.cap()
        if wait:
            self.twin.tick(wait * model.length)
            self.twin.world.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)

        def follow() -> None:
            if self.twin.now < model.started + model.length:
                raise Refused("PeriodOpen")

        receipt = self.twin.act(self.issuance_cap, "close", model=follow, sender=self.twin.world.stranger)
        if receipt is None:
            return
        self.desk.cap = cap if model.number > 1 else self.issuance_cap.view("left")
        model.close(self.twin.now, receipt.block)

    @precondition(lambda self: self.issuance.number > 1)
    @rule(data=st.data(), count=st.integers(1, MOST_OF_A_CALL))
    def count_sales(self, data: Any, count: int) -> None:
        leaves = [leaf for tree in self.twin.trees.values() for leaf in tree if leaf.tender != Tender.EXTERNAL]
        old = [leaf for leaf in leaves if self._posted_in(leaf) < self.issuance.start_block][-NEWEST:]
        if not old:
            return
        fresh = [leaf for leaf in old if (leaf.stream, leaf.sequence, leaf.line) not in self.issuance.lines]
        if fresh and data.draw(st.sampled_from([True, True, False])):
            old = fresh
        chosen = [old[data.draw(st.integers(0, len(old) - 1))] for _ in range(count)]

        def follow() -> None:
            with undone_if_refused(self.issuance):
                for leaf in chosen:
                    self.issuance.count(leaf, self._posted_in(leaf))

        words = [proven(self.twin, leaf) for leaf in chosen]
        self.twin.act(self.issuance_cap, "countSales", words, model=follow, sender=self.twin.world.stranger)

    @rule(
        per_merchant=st.sampled_from([0, 3, 500]),
        per_member=st.sampled_from([0, 2]),
        turnover=st.sampled_from([0, 700]),
    )
    def set_issuance_formula(self, per_merchant: int, per_member: int, turnover: int) -> None:
        changed = {"perMerchant": per_merchant, "perMember": per_member, "turnoverPerCoupon": turnover}
        formula = self.issuance.formula | changed
        self.twin.act(self.issuance_cap, "setFormula", tuple(formula.values()), model=lambda: None)
        self.issuance.formula = formula

    @invariant()
    def cap_is_what_was_counted(self) -> None:
        """Of the open period; and what coupons_rules may still issue."""
        it, model = self.issuance_cap.view("period"), self.issuance
        assert (it["number"], it["startedAt"], it["startBlock"]) == (model.number, model.started, model.start_block)
        assert it["turnover"] == sum(model.sold.values())
        assert it["members"] == model.new_members
        assert it["merchants"] == sum(amount >= model.minimum for amount in model.sold.values())
        assert self.issuance_cap.view("left") == self.desk.cap

    def _posted_in(self, leaf: Leaf) -> int:
        """The block of a line's batch."""
        root = self.twin.root_of_leaf[leaf.hash]
        if root not in self.root_blocks:
            self.root_blocks[root] = block_of(self.twin, leaf)
        return self.root_blocks[root]
