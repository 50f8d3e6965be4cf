"""Points for merchants and corrections by hand, in plain Python (interfaces/IPointSale.sol, ICorrections.sol)."""

import itertools
from dataclasses import dataclass, field

from node.domain.ids import MemberId, MerchantId
from node.domain.words import REGISTERED
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused
from tests.contracts.suite.cards_model import Part, whole
from tests.contracts.suite.value_model import Limits, ValueModel, sound

GRANT, CLAW_BACK, GIVE, TAKE = range(1, 5)
PATIENCE = 259_200


@dataclass
class Line:
    """A merchant's credit."""

    limit: int = 0
    term: int = 0
    cover: int = 0
    owed: int = 0
    due: int = 0


@dataclass
class SaleModel(Part):
    """PointSale."""

    ledger: DoorsModel
    limits: Limits = field(default_factory=Limits)
    steps: list[tuple[int, int]] = field(default_factory=list)
    lines: dict[int, Line] = field(default_factory=dict)
    bonus_fund: int = 0
    credit_fund: int = 0

    @property
    def receivables(self) -> int:
        return sum(line.owed for line in self.lines.values())

    def line(self, merchant: int) -> Line:
        return self.lines.setdefault(merchant, Line())

    def bonus(self, amount: int) -> int:
        reached = [bps for start, bps in self.steps if amount >= start]
        return amount * (reached[-1] if reached else 0) // 10_000

    def set_steps(self, steps: list[tuple[int, int]]) -> None:
        pairs = list(itertools.pairwise(steps))
        rising = all(low[0] < high[0] and low[1] < high[1] for low, high in pairs)
        if len(steps) > 8 or not rising or any(bps > 10_000 for _, bps in steps):
            raise Refused("BadSteps")
        self.steps = steps

    def set_line(self, merchant: int, limit: int, term: int, cover: int) -> None:
        if term < 86_400 or cover > 10_000:
            raise Refused("BadLine")
        line = self.line(merchant)
        line.limit, line.term, line.cover = limit, term, cover

    def pay_fund(self, credit: bool, amount: int) -> None:
        sound(amount)
        self._add(credit, amount)

    def take_fund(self, credit: bool, amount: int) -> None:
        sound(amount)
        if amount > (self.credit_fund if credit else self.bonus_fund):
            raise Refused("FundUsedUp")
        self._add(credit, -amount)

    @whole
    def buy_ahead(
        self, merchant: int, amount: int, at_least: int, *, from_payable: bool, store: int | None = None
    ) -> None:
        sound(amount)
        bonus = min(self.bonus(amount), self.bonus_fund)
        if bonus < at_least:
            raise Refused("BonusTooSmall")
        self.limits.spend(merchant, amount, self.ledger.day, store=store, terminal=None, needed=bonus != 0)
        self.bonus_fund -= bonus
        if from_payable:
            self.ledger.take_payable(MerchantId(merchant), amount)
        self.ledger.buy_points(MerchantId(merchant), amount + bonus)

    @whole
    def buy_on_credit(self, merchant: int, amount: int, *, store: int | None = None) -> None:
        line, now = self.line(merchant), self.ledger.block.time
        if line.due and now >= line.due:
            raise Refused("Overdue")
        sound(amount)
        if amount > line.limit - line.owed:
            raise Refused("CreditUsedUp")
        line.owed += amount
        if self.ledger.deposits.get(merchant, 0) < -(-line.owed * line.cover // 10_000):
            raise Refused("NotCovered")
        self.limits.spend(merchant, amount, self.ledger.day, store=store, terminal=None, needed=False)
        line.due = line.due or now + line.term
        if amount > self.credit_fund:
            raise Refused("FundUsedUp")
        self.credit_fund -= amount
        self.ledger.buy_points(MerchantId(merchant), amount)

    @whole
    def settle(self, merchant: int, amount: int, *, from_payable: bool) -> None:
        self._settle(merchant, amount)
        if from_payable:
            self.ledger.take_payable(MerchantId(merchant), amount)

    @whole
    def collect(self, merchant: int) -> None:
        line = self.line(merchant)
        if not line.owed:
            raise Refused("NothingOwed")
        if self.ledger.block.time < line.due:
            raise Refused("NotDueYet")
        held = self.ledger.free_funds(MerchantId(merchant))
        if not held:
            raise Refused("NothingToCollect")
        amount = min(held, line.owed)
        self._settle(merchant, amount)
        self.ledger.draw_on(MerchantId(merchant), amount)

    def _settle(self, merchant: int, amount: int) -> None:
        line = self.line(merchant)
        if not 0 < amount <= line.owed:
            raise Refused("NothingOwed")
        line.owed -= amount
        line.due = line.due if line.owed else 0
        self.credit_fund += amount

    def _add(self, credit: bool, amount: int) -> None:
        if credit:
            self.credit_fund += amount
        else:
            self.bonus_fund += amount


@dataclass
class Proposal:
    """A correction that somebody proposed."""

    kind: int
    merchant: int
    member: int
    amount: int
    proposer: str
    expires: int
    open: bool = True


@dataclass
class CorrectionsModel(Part):
    """Corrections and MemberMerge."""

    ledger: DoorsModel
    value: ValueModel
    fund: int = 0
    proposals: list[Proposal] = field(default_factory=list)
    per_day: dict[tuple[int, int], int] = field(default_factory=dict)
    used: dict[tuple[int, int, int], int] = field(default_factory=dict)
    merges: dict[tuple[int, int], tuple[str, str, int]] = field(default_factory=dict)

    def parts(self) -> list[Part]:
        return [*self.value.parts(), self]

    def propose(self, kind: int, merchant: int, member: int, amount: int, proposer: str) -> None:
        named = merchant != 0
        if not {GRANT: named, CLAW_BACK: named, GIVE: not named, TAKE: True}[kind]:
            raise Refused("BadKind")
        self._sound(amount)
        if not self.value.cards.account(member).flags & REGISTERED:
            raise Refused("UnknownMember")
        expires = self.ledger.block.time + PATIENCE
        self.proposals.append(Proposal(kind, merchant, member, amount, proposer, expires))

    @whole
    def approve(self, number: int, approver: str, *, by_merchant: bool) -> None:
        its = self._open(number)
        if (its.kind == GRANT) != by_merchant:
            raise Refused("BadKind")
        if self.ledger.block.time >= its.expires:
            raise Refused("NotProposed")
        if its.proposer == approver:
            raise Refused("SamePerson")
        self._use_limit(its)
        its.open = False
        if its.kind == GIVE:
            self.use_fund(its.amount)
        if its.kind == TAKE and not its.merchant:
            self.fund += its.amount
        self._apply(its)

    def cancel(self, number: int, sender: str, *, operator: bool) -> None:
        its = self._open(number)
        if not operator and its.proposer != sender:
            raise Refused("NotProposer")
        its.open = False

    def pay_fund(self, amount: int) -> None:
        self._sound(amount)
        self.fund += amount

    def use_fund(self, amount: int) -> None:
        self._sound(amount)
        if amount > self.fund:
            raise Refused("FundShort")
        self.fund -= amount

    def propose_merge(self, source: int, into: int, proposer: str, key: str) -> None:
        self.merges[source, into] = (proposer, key, self.ledger.block.time + PATIENCE)

    @whole
    def approve_merge(self, source: int, into: int, merchants: list[int], approver: str, key: str) -> None:
        proposer, seen, expires = self.merges.get((source, into), ("", "", 0))
        if self.ledger.block.time >= expires:
            raise Refused("NotProposed")
        if proposer == approver:
            raise Refused("SamePerson")
        if key != seen:
            raise Refused("OtherKey")
        del self.merges[source, into]
        self.merge(source, into, merchants)

    @whole
    def merge(self, source: int, into: int, merchants: list[int]) -> None:
        self.value.merge(source, into, merchants)
        self.value.advices.merge(source, into, merchants)
        self.ledger.merge_members(MemberId(source), MemberId(into), merchants)
        self.value.cards.merge(source, into)

    def _apply(self, its: Proposal) -> None:
        merchant, member = MerchantId(its.merchant), MemberId(its.member)
        if its.kind == GRANT:
            if not self.ledger.issue(merchant, member, its.amount):
                raise Refused("NothingDue")
        elif its.kind == CLAW_BACK:
            self.ledger.claw_back(merchant, member, its.amount)
        elif its.kind == GIVE:
            self.value.note(member, its.amount)
            self.ledger.recharge(member, its.amount)
        else:
            self.value.note(member, -its.amount)
            self.ledger.take_value(member, its.amount)
            if its.merchant:
                self.ledger.credit_payable(merchant, its.amount)

    def _use_limit(self, its: Proposal) -> None:
        merchant = 0 if its.kind == TAKE else its.merchant
        key = (merchant, its.kind, self.ledger.day)
        if self.used.get(key, 0) + its.amount > self.per_day.get((merchant, its.kind), 0):
            raise Refused("DayLimitUsedUp")
        self.used[key] = self.used.get(key, 0) + its.amount

    def _open(self, number: int) -> Proposal:
        if not 0 < number <= len(self.proposals) or not self.proposals[number - 1].open:
            raise Refused("NotOpen")
        return self.proposals[number - 1]

    def _sound(self, amount: int) -> None:
        if amount == 0:
            raise Refused("ZeroAmount")
        if amount > 2**56 - 1:
            raise Refused("TooMuch")
