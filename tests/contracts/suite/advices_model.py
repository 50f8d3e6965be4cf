"""Sales that overdraw, what members owe for them, and the guarantee, in plain Python (interfaces/IAdvices.sol)."""

from collections import Counter
from dataclasses import dataclass, field, replace

from node.domain.ids import MemberId, MerchantId
from node.domain.words import FROZEN, LOCKED
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused
from tests.contracts.suite.cards_model import Part, whole
from tests.contracts.suite.till import ActDeclined

GUARANTEE = 0
AUTHORISATION, LIMIT, UNKNOWN, STATE, TIME, AMOUNT, STOCK, NOT_OPEN = 12, 13, 31, 32, 33, 35, 37, 11


@dataclass(frozen=True, kw_only=True)
class Owed:
    """What somebody owes or paid, by tender; minor units."""

    value: int = 0
    coins: int = 0

    def __add__(self, other: "Owed") -> "Owed":
        return Owed(value=self.value + other.value, coins=self.coins + other.coins)

    def __sub__(self, other: "Owed") -> "Owed":
        return Owed(value=self.value - other.value, coins=self.coins - other.coins)

    def at_most(self, other: "Owed") -> "Owed":
        """The smaller of both, tender by tender."""
        return Owed(value=min(self.value, other.value), coins=min(self.coins, other.coins))

    @property
    def sum(self) -> int:
        """Both tenders together."""
        return self.value + self.coins


@dataclass(frozen=True, kw_only=True)
class Booked:
    """What became of a sale."""

    merchant: int
    member: int
    day: int
    epoch: int
    value: int
    current: int
    previous: int
    fund: Owed
    shop: Owed


@dataclass
class AdvicesModel(Part):
    """The contract at `holder`; `floors` by (merchant, terminal)."""

    ledger: DoorsModel
    holder: MemberId
    floors: dict[tuple[int, int], int] = field(default_factory=dict)
    guarantee: int = 0
    due: Counter[int] = field(default_factory=Counter)
    arrears: dict[tuple[int, int], Owed] = field(default_factory=dict)
    bookings: dict[int, Booked] = field(default_factory=dict)
    booked_as: dict[int, int] = field(default_factory=dict)
    forgiven: dict[tuple[int, int], Owed] = field(default_factory=dict)

    # --- acts ---

    @whole
    def book(
        self, sequence: int, original: int, merchant: int, member: int, wanted: Owed, *, terminal: int, left: int
    ) -> int:
        """What the act says that it debited: all of the sale."""
        if not wanted.sum:
            raise ActDeclined(AMOUNT)
        if wanted.sum > left:
            raise ActDeclined(LIMIT)
        if self._closed(member):
            raise ActDeclined(NOT_OPEN)
        if not any(posted == original for _, posted in self.ledger.book.posted):
            raise ActDeclined(UNKNOWN)
        if original in self.booked_as:
            raise ActDeclined(STATE)
        self.booked_as[original] = sequence
        value, current, previous = self._take(member, wanted)
        taken = Owed(value=value, coins=(current + previous) // self.ledger.par)
        missing = wanted - taken
        covered = max(min(wanted.sum, self.floors.get((merchant, terminal), 0)) - taken.sum, 0)
        of_value = min(missing.value, covered)
        fund = Owed(value=of_value, coins=covered - of_value)
        for creditor, owed in ((GUARANTEE, fund), (merchant, missing - fund)):
            self._owe(creditor, member, owed)
        paid = min(covered, self.guarantee)
        self.guarantee -= paid
        self.due[merchant] += covered - paid
        self.bookings[sequence] = Booked(
            merchant=merchant,
            member=member,
            day=self.ledger.day,
            epoch=self.ledger.epoch,
            value=value,
            current=current,
            previous=previous,
            fund=fund,
            shop=missing - fund,
        )
        if taken.sum + paid:
            self.ledger.credit_payable(MerchantId(merchant), taken.sum + paid)
        return wanted.sum

    @whole
    def undo(self, sequence: int, merchant: int, member: int) -> int:
        """Nothing is debited."""
        its = self.bookings.get(sequence)
        if its is None or (its.merchant, its.member) != (merchant, member):
            raise ActDeclined(UNKNOWN)
        if self.ledger.day > its.day + 1:
            raise ActDeclined(TIME)
        del self.bookings[sequence]
        by_fund, by_shop = (
            self._strike(creditor, its, self._owed_for(sequence, its, creditor)) for creditor in (GUARANTEE, merchant)
        )
        unpaid = min(self.due[merchant], its.fund.sum)
        self.due[merchant] -= unpaid
        self.guarantee += its.fund.sum - unpaid - by_fund.sum
        if self.guarantee < 0:
            raise ActDeclined(STOCK)
        coins = its.current + its.previous
        returned = its.value + coins // self.ledger.par + its.fund.sum - unpaid + by_shop.sum
        if self.ledger.own_funds(MerchantId(merchant)) < returned:
            raise ActDeclined(STOCK)
        if returned:
            self.ledger.draw_on(MerchantId(merchant), returned)
        back = by_fund + by_shop
        if its.value + back.value:
            self.ledger.recharge(self.ledger.survivor(MemberId(member)), its.value + back.value)
        age = self.ledger.epoch - its.epoch
        recent, old = {0: (its.current, its.previous), 1: (its.previous, its.current)}.get(age, (coins, 0))
        recent += back.coins * self.ledger.par
        if recent + old:
            self.ledger.restore(MemberId(member), recent, old)
        return 0

    # --- debts ---

    @whole
    def collect(self, merchant: int, member: int) -> int:
        """What is left."""
        for creditor in dict.fromkeys((GUARANTEE, merchant)):
            self._collect(creditor, member)
        return self.owing(member)

    def owing(self, member: int) -> int:
        """To all."""
        return sum(owed.sum for (_, debtor), owed in self.arrears.items() if debtor == member)

    def forgive(self, sequence: int, creditor: int, amount: Owed) -> None:
        """Of one sale; none that is booked is owed nothing for."""
        if not amount.sum:
            raise Refused("ZeroAmount")
        its = self.bookings.get(sequence)
        owed = Owed() if its is None else self._owed_for(sequence, its, creditor)
        place = creditor, 0 if its is None else self.ledger.survivor(MemberId(its.member))
        left = self.arrears.get(place, Owed())
        if left.at_most(owed).at_most(amount) != amount:
            raise Refused("OwesLess")
        self.arrears[place] = left - amount
        self.forgiven[sequence, creditor] = self.forgiven.get((sequence, creditor), Owed()) + amount

    def merge(self, source: int, into: int, merchants: list[int]) -> None:
        """Inside of a merge of members."""
        for merchant in dict.fromkeys((GUARANTEE, *merchants)):
            self._owe(merchant, into, self.arrears.pop((merchant, source), Owed()))
        if self.owing(source):
            raise Refused("OwesMore")

    # --- the fund ---

    def pay_in(self, amount: int) -> None:
        if not amount:
            raise Refused("ZeroAmount")
        self.guarantee += amount

    def take_out(self, amount: int) -> None:
        if not amount:
            raise Refused("ZeroAmount")
        if amount > self.guarantee - sum(self.due.values()):
            raise Refused("GuaranteeShort")
        self.guarantee -= amount

    @whole
    def pay_due(self, merchant: int) -> None:
        amount = min(self.due[merchant], self.guarantee)
        if not amount:
            raise Refused("NoGuaranteeDue")
        self.guarantee -= amount
        self.due[merchant] -= amount
        self.ledger.credit_payable(MerchantId(merchant), amount)

    # --- inside ---

    def _closed(self, member: int) -> bool:
        return bool(self.ledger.touch(MemberId(member)).flags & (LOCKED | FROZEN))

    def _take(self, member: int, wanted: Owed) -> tuple[int, int, int]:
        account, par = self.ledger.touch(MemberId(member)), self.ledger.par
        value = min(wanted.value, account.value)
        units = min(wanted.coins, account.coins // par) * par
        if value:
            self.ledger.take_value(MemberId(member), value)
        if not units:
            return value, 0, 0
        current, previous = self.ledger.take_coins(MemberId(member), units, self.holder)
        self.ledger.redeem(self.holder, current, previous)
        return value, current, previous

    def _collect(self, merchant: int, member: int) -> None:
        its = self.arrears.get((merchant, member), Owed())
        if not its.sum or self._closed(member):
            return
        value, current, previous = self._take(member, its)
        paid = Owed(value=value, coins=(current + previous) // self.ledger.par)
        self.arrears[merchant, member] = its - paid
        if merchant == GUARANTEE:
            self.guarantee += paid.sum
        elif paid.sum:
            self.ledger.credit_payable(MerchantId(merchant), paid.sum)

    def _owe(self, merchant: int, member: int, owed: Owed) -> None:
        self.arrears[merchant, member] = self.arrears.get((merchant, member), Owed()) + owed

    def _owed_for(self, sequence: int, its: Booked, creditor: int) -> Owed:
        owed = its.fund if creditor == GUARANTEE else its.shop
        return owed - self.forgiven.get((sequence, creditor), Owed())

    def _strike(self, merchant: int, its: Booked, owed: Owed) -> Owed:
        """Strikes a debt out; what the member had paid of it."""
        place = merchant, self.ledger.survivor(MemberId(its.member))
        struck = self.arrears.get(place, Owed()).at_most(owed)
        self.arrears[place] = replace(self.arrears.get(place, Owed())) - struck
        return owed - struck
