"""Purchases in instalments in plain Python (interfaces/IInstalmentPlans.sol), on the shared model of the ledger."""

from calendar import monthrange
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from benchmarks.escrow import NOBODY
from node.domain.ids import MemberId, MerchantId
from node.domain.words import FROZEN, LOCKED
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused

EPOCH_DAY = date(1970, 1, 1)
OPENED, CLOSED, DEFAULTED = 1, 2, 4


@dataclass(frozen=True, kw_only=True)
class Plan:
    """IInstalmentPlans.Plan."""

    payer: str = NOBODY
    member: int = 0
    merchant: int = 1
    funder: str = NOBODY
    price: int = 100_000
    interest: int = 0
    merchant_pays: bool = False
    count: int = 4
    months: int = 1
    first_day: int = 0
    open_by: int = 0
    salt: int = 0

    def words(self) -> tuple[Any, ...]:
        """As the contract takes them."""
        return tuple(self.__dict__.values())

    @property
    def total(self) -> int:
        return self.price + (0 if self.merchant_pays else self.interest)

    def due(self, instalments: int) -> int:
        """What so many instalments are together."""
        return -(-self.total * instalments // self.count)

    def instalments_by(self, day: int) -> int:
        """How many are due on this day."""
        return min(self.periods_by(day), self.count)

    def periods_by(self, day: int) -> int:
        """The same if there were no last one."""
        periods = 0
        while months_later(self.first_day, periods * self.months) <= day:
            periods += 1
        return periods


@dataclass(frozen=True, kw_only=True)
class Standing:
    """IInstalmentPlans.Standing."""

    paid: int = 0
    credited: int = 0
    refunded: int = 0
    missed: int = 0
    flags: int = OPENED


@dataclass
class Plans:
    """All plans, and the cash of who is outside."""

    ledger: DoorsModel
    cash: dict[str, int] = field(default_factory=dict)
    lines: dict[int, int] = field(default_factory=dict)
    plans: dict[bytes, tuple[Plan, Standing]] = field(default_factory=dict)

    def open(self, id_: bytes, plan: Plan) -> None:
        """A sound plan, signed; the funder's line and cash may be short."""
        if self.ledger.survivor(MemberId(plan.member)) != plan.member:
            raise Refused("NotSigned")  # a merged member has no key
        advanced = plan.price - (plan.interest if plan.merchant_pays else 0) if plan.funder != NOBODY else 0
        if advanced > self.lines.get(plan.merchant, 0):
            raise Refused("LineTooShort")
        if advanced > self.cash.get(plan.funder, 0):
            raise Refused("ERC20InsufficientBalance")
        self.plans[id_] = plan, Standing()
        if advanced:
            self.lines[plan.merchant] -= advanced
            self.cash[plan.funder] -= advanced
            self.ledger.credit_payable(MerchantId(plan.merchant), advanced)

    def collect(self, id_: bytes) -> None:
        plan, standing = self._open(id_)
        number = plan.instalments_by(self.ledger.day)
        due = min(plan.due(number), plan.total - standing.credited) - standing.paid
        if due <= 0:
            raise Refused("NothingDue")
        if self._has(plan, due):
            self._pay(id_, plan, standing, due, 0)
        elif standing.missed >= plan.periods_by(self.ledger.day):
            raise Refused("StillMissed")
        else:
            self.plans[id_] = plan, replace(standing, missed=plan.periods_by(self.ledger.day))

    def pay_off(self, id_: bytes, sender: str) -> None:
        plan, standing = self._open(id_)
        if sender != plan.payer:
            raise Refused("NotPayer")
        owed = plan.total - standing.paid - standing.credited
        saved = self._saved(plan, standing)
        if not self._has(plan, owed - saved):
            raise Refused("ERC20InsufficientBalance")
        self._pay(id_, plan, standing, owed - saved, saved)

    def refund(self, id_: bytes, amount: int) -> None:
        plan, standing = self.plans[id_]
        if not 0 < amount <= plan.price - standing.refunded:
            raise Refused("ExceedsPrice")
        after = replace(standing, refunded=standing.refunded + amount)
        if after.refunded == plan.price:
            after = replace(after, credited=after.credited + self._saved(plan, after))
        credited = min(amount, plan.total - after.paid - after.credited)
        returned = amount - credited
        funded = plan.funder != NOBODY
        drawn = returned + (credited if funded else 0)
        merchant = MerchantId(plan.merchant)
        if drawn > self.ledger.free_funds(merchant):
            raise Refused("InsufficientFunds")
        if credited and funded:
            self.ledger.draw_on(merchant, credited)
            self.cash[plan.funder] += credited
        if returned:
            self.ledger.draw_on(merchant, returned)
            if plan.payer != NOBODY:
                self.cash[plan.payer] += returned
            else:
                self.ledger.recharge(MemberId(plan.member), returned)
        after = replace(after, credited=after.credited + credited)
        self.plans[id_] = plan, self._closed(plan, after)

    def write_off(self, id_: bytes, sender: str, *, finance: str) -> None:
        plan, standing = self._open(id_)
        if plan.funder == NOBODY and sender != finance:
            raise Refused("NotInGroup")
        if plan.funder not in (NOBODY, sender):
            raise Refused("NotPayer")
        paid = sum(plan.due(number) <= standing.paid for number in range(1, plan.count + 1))
        if standing.missed - paid < 3:
            raise Refused("NotDefaultable")
        self.plans[id_] = plan, replace(standing, flags=OPENED | CLOSED | DEFAULTED)

    def _saved(self, plan: Plan, standing: Standing) -> int:
        """The interest of instalments that are not due yet."""
        owed = plan.total - standing.paid - standing.credited
        early = plan.count - plan.instalments_by(self.ledger.day)
        return 0 if plan.merchant_pays else min(plan.interest * early // plan.count, owed)

    def _open(self, id_: bytes) -> tuple[Plan, Standing]:
        plan, standing = self.plans[id_]
        if standing.flags != OPENED:
            raise Refused("NotOpen")
        return plan, standing

    def _has(self, plan: Plan, amount: int) -> bool:
        if plan.payer != NOBODY:
            return self.cash[plan.payer] >= amount
        account = self.ledger.touch(MemberId(plan.member))
        return not account.flags & (LOCKED | FROZEN) and account.value >= amount

    def _pay(self, id_: bytes, plan: Plan, standing: Standing, amount: int, saved: int) -> None:
        after = replace(standing, paid=standing.paid + amount, credited=standing.credited + saved)
        self.plans[id_] = plan, self._closed(plan, after)
        if not amount:
            return
        if plan.payer != NOBODY:
            self.cash[plan.payer] -= amount
        else:
            self.ledger.take_value(MemberId(plan.member), amount)
        if plan.funder != NOBODY:
            self.cash[plan.funder] += amount
        else:
            self.ledger.credit_payable(MerchantId(plan.merchant), amount)

    def _closed(self, plan: Plan, standing: Standing) -> Standing:
        done = plan.total == standing.paid + standing.credited
        return replace(standing, flags=standing.flags | CLOSED) if done else standing


def months_later(day: int, months: int) -> int:
    """The same day of a later month, or its last."""
    start = EPOCH_DAY + timedelta(days=day)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return (date(year, month + 1, min(start.day, last)) - EPOCH_DAY).days
