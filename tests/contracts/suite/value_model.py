"""Rebates, recharges, starting values and pay-outs in plain Python (interfaces/IRebates.sol, IStoredValue.sol).

Dates come from Python's own calendar, not from the contract's algorithm.
"""

import calendar
import datetime
from collections import Counter
from dataclasses import dataclass, field

from node.domain.ids import MemberId, MerchantId
from node.domain.words import ACTIVE, FROZEN, LOCKED
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused
from tests.contracts.suite.advices_model import AdvicesModel
from tests.contracts.suite.cards_model import CardsModel, Part, whole

EPOCH_DAY = datetime.date(1970, 1, 1)
MAX_48 = 2**48 - 1
MERCHANT, STORE, TERMINAL = range(3)


def sound(amount: int) -> None:
    """Money that comes in."""
    if amount == 0:
        raise Refused("ZeroAmount")
    if amount > MAX_48:
        raise Refused("TooMuch")


def months_later(day: int, months: int) -> int:
    """The network's day so many months later; the last of the month if it is shorter."""
    date = EPOCH_DAY + datetime.timedelta(days=day)
    count = date.month - 1 + months
    year, month = date.year + count // 12, count % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return (datetime.date(year, month, min(date.day, last)) - EPOCH_DAY).days


@dataclass
class Limit:
    """A limit of a merchant, store or terminal."""

    left: int
    per_day: int
    day: int = 0
    used: int = 0

    def rest(self, day: int) -> int:
        return min(self.left, max(self.per_day - (self.used if self.day == day else 0), 0))


@dataclass
class Limits:
    """Limits by (merchant, scope, id); what a removed one had used today still counts when it is set again."""

    standing: dict[tuple[int, int, int], Limit] = field(default_factory=dict)
    removed: dict[tuple[int, int, int], Limit] = field(default_factory=dict)
    bound: dict[tuple[int, str], int] = field(default_factory=dict)
    versions: Counter[int] = field(default_factory=Counter)

    def set(self, merchant: int, scope: int, number: int, left: int, per_day: int) -> None:
        if scope > TERMINAL or (scope == MERCHANT and number):
            raise Refused("BadScope")
        key = (merchant, scope, number)
        old = self.standing.get(key) or self.removed.get(key) or Limit(0, 0)
        self.standing[key] = Limit(left, per_day, old.day, old.used)
        self.versions[merchant] += 1

    def raise_by(self, merchant: int, scope: int, number: int, more: int) -> None:
        self._known(merchant, scope, number).left += more

    def remove(self, merchant: int, scope: int, number: int) -> None:
        self._known(merchant, scope, number)
        key = (merchant, scope, number)
        self.removed[key] = self.standing.pop(key)
        self.versions[merchant] += 1

    def store_of(self, merchant: int, account: str) -> int | None:
        if not self.restricts(merchant):
            return None
        if (merchant, account) not in self.bound:
            raise Refused("AccountNotBound")
        return self.bound[merchant, account]

    def restricts(self, merchant: int) -> bool:
        return any(key[0] == merchant and key[1] == STORE for key in self.standing)

    def spend(
        self, merchant: int, amount: int, day: int, *, store: int | None, terminal: int | None, needed: bool
    ) -> None:
        if needed and (merchant, MERCHANT, 0) not in self.standing:
            raise Refused("NoLimit")
        limits = self._those(merchant, store, terminal)
        if any(amount > limit.rest(day) for limit in limits):
            raise Refused("LimitUsedUp")
        for limit in limits:
            limit.used = (limit.used if limit.day == day else 0) + amount
            limit.day = day
            limit.left -= amount

    def unspend(self, merchant: int, amount: int, day: int, *, store: int | None, terminal: int | None) -> None:
        for limit in self._those(merchant, store, terminal):
            limit.left += amount
            if limit.day == day:
                limit.used -= min(amount, limit.used)

    def _those(self, merchant: int, store: int | None, terminal: int | None) -> list[Limit]:
        keys = [(merchant, MERCHANT, 0)]
        keys += [] if store is None else [(merchant, STORE, store)]
        keys += [] if terminal is None else [(merchant, TERMINAL, terminal)]
        return [self.standing[key] for key in keys if key in self.standing]

    def _known(self, merchant: int, scope: int, number: int) -> Limit:
        if (merchant, scope, number) not in self.standing:
            raise Refused("UnknownLimit")
        return self.standing[merchant, scope, number]


@dataclass
class Programme:
    """A rebate programme."""

    bps: int
    months: int
    minimum: int
    fund: int = 0
    promised: int = 0
    open: bool = True


@dataclass
class Promise:
    """A rebate promised; `instalments` in their order, and how many were paid."""

    programme: int
    start: int
    instalments: list[int]
    paid: int = 0


@dataclass
class Balance:
    """What a member paid in and took out."""

    net: int = 0
    mark: int = 0
    gifts: int = 0
    seen: int = 0
    gone: int = 0  # gifts that are not in the value that was seen
    closed_at: int = 0
    promises: list[Promise | None] = field(default_factory=list)


@dataclass
class Last:
    """A member's last recharge at a counter."""

    merchant: int
    day: int
    amount: int
    base: int
    repaid: int
    promise: int | None
    store: int | None
    terminal: int | None
    sequence: int | None = None
    limits_version: int = 0


@dataclass
class ValueModel(Part):
    """Rebates and StoredValue."""

    ledger: DoorsModel
    cards: CardsModel
    advices: AdvicesModel
    limits: Limits = field(default_factory=Limits)
    programmes: dict[int, Programme] = field(default_factory=dict)
    chosen: dict[int, int] = field(default_factory=dict)
    balances: dict[int, Balance] = field(default_factory=dict)
    last: dict[int, Last] = field(default_factory=dict)
    posted_as: dict[int, int | None] = field(default_factory=dict)
    arrears: dict[tuple[int, int], int] = field(default_factory=dict)
    started: set[tuple[int, int]] = field(default_factory=set)
    starting_fund: int = 0
    counters_a_day: int = 0
    counters_used: dict[int, int] = field(default_factory=dict)
    # what the tests look at: all that was promised, paid and given up
    promised_ever: int = 0
    paid_ever: int = 0
    forfeited_ever: int = 0
    cash_in: dict[int, int] = field(default_factory=dict)
    cash_out: dict[int, int] = field(default_factory=dict)

    def parts(self) -> list[Part]:
        return [self.ledger, self.cards, self.advices, self]  # type: ignore[list-item]

    def balance(self, member: int) -> Balance:
        return self.balances.setdefault(member, Balance())

    def value(self, member: int) -> int:
        return self.cards.account(member).value

    def day_of(self, time: int) -> int:
        return (time + self.ledger.book.terms.utc_offset) // 86_400

    # --- programmes ---

    def define(self, bps: int, months: int, minimum: int) -> None:
        if not 0 < bps <= 10_000 or not 0 < months <= 120:
            raise Refused("BadProgramme")
        self.programmes[len(self.programmes) + 1] = Programme(bps, months, minimum)

    def fund(self, programme: int, amount: int) -> None:
        sound(amount)
        self._programme(programme)
        self.programmes[programme].fund += amount

    def withdraw(self, programme: int, amount: int) -> None:
        self._programme(programme)
        sound(amount)
        if amount > self.programmes[programme].fund:
            raise Refused("FundTooSmall")
        self.programmes[programme].fund -= amount

    def choose(self, merchant: int, programme: int) -> None:
        if programme:
            self._programme(programme)
        self.chosen[merchant] = programme

    # --- recharges ---

    @whole
    def recharge(self, member: int, amount: int, at_least: int) -> None:
        self._running()
        sound(amount)
        self._take_in(0, member, amount, at_least)
        self.last.pop(member, None)
        self.cash_in[member] = self.cash_in.get(member, 0) + amount
        self.ledger.recharge(MemberId(member), amount)
        self.advices.collect(0, member)

    @whole
    def recharge_at(
        self,
        merchant: int,
        member: int,
        amount: int,
        at_least: int,
        *,
        store: int | None = None,
        account: str | None = None,
        terminal: int | None = None,
        sequence: int | None = None,
    ) -> None:
        """By an account of the merchant's, or at a terminal of a store."""
        if account is not None:  # of a terminal's act the ledger asks
            self._running()
            if not self.ledger.book.merchants[MerchantId(merchant)].flags & ACTIVE:
                raise Refused("MerchantClosed")
        sound(amount)
        if account is not None:
            store = self.limits.store_of(merchant, account)
        self.limits.spend(merchant, amount, self.ledger.day, store=store, terminal=terminal, needed=True)
        repaid = min(self.arrears.get((merchant, member), 0), amount)
        self._owe(merchant, member, -repaid)
        if self.ledger.free_funds(MerchantId(merchant)) < amount - repaid:
            raise Refused("MerchantShort")
        base, promise = self._take_in(merchant, member, amount, at_least)
        version = self.limits.versions[merchant]
        self.last[member] = Last(
            merchant, self.ledger.day, amount, base, repaid, promise, store, terminal, sequence, version
        )
        self.cash_in[member] = self.cash_in.get(member, 0) + amount
        self.posted_as[member] = sequence
        if amount > repaid:
            self.ledger.draw_on(MerchantId(merchant), amount - repaid)
            self.ledger.recharge(MemberId(member), amount - repaid)
            self.advices.collect(merchant, member)

    @whole
    def undo(self, merchant: int, member: int, amount: int) -> int:
        """What the member still had."""
        last = self.last.get(member)
        if last is None or last.merchant != merchant:
            raise Refused("NothingToUndo")
        if self.ledger.day > last.day + 1:
            raise Refused("UndoTooLate")
        if last.amount != amount:
            raise Refused("OtherAmount")
        del self.last[member]
        if last.limits_version == self.limits.versions[merchant]:
            self.limits.unspend(merchant, amount, last.day, store=last.store, terminal=last.terminal)
        balance = self.balance(member)
        if last.promise is not None:
            self._void(balance, last.promise)
        balance.net -= amount
        balance.mark -= last.base
        open_ = not self.cards.account(member).flags & (LOCKED | FROZEN)
        taken = min(self.value(member), amount - last.repaid) if open_ else 0
        self._owe(merchant, member, amount - taken)
        self.cash_in[member] -= amount
        if taken:
            self.ledger.take_value(MemberId(member), taken)
            self.ledger.credit_payable(MerchantId(merchant), taken)
        return taken

    @whole
    def undo_posted(self, merchant: int, member: int, sequence: int) -> None:
        """A reversal of an act; the last recharge that was an act is looked up, be it undone or not."""
        if self.posted_as.get(member) != sequence:
            raise Refused("UnknownRecharge")
        last = self.last.get(member)
        self.undo(merchant, member, last.amount if last else 0)

    # --- rebates ---

    @whole
    def release(self, member: int, indexes: list[int]) -> None:
        to = self.cards.survivor(member)
        total = 0
        for index in indexes:
            promise = self._promise(member, index)
            if self.is_forfeited(member, promise):
                raise Refused("PromiseForfeited")
            due = self.due(promise)
            if not due:
                raise Refused("NotDue")
            amount = sum(promise.instalments[promise.paid : promise.paid + due])
            promise.paid += due
            self.programmes[promise.programme].promised -= amount
            self.paid_ever += amount
            total += amount
        if not total:
            raise Refused("ZeroAmount")
        self._comes_in(to, total, given=True)
        self.ledger.recharge(MemberId(to), total)

    @whole
    def sweep(self, member: int, index: int) -> None:
        if not self.is_forfeited(member, self._promise(member, index)):
            raise Refused("PromiseStands")
        self._void(self.balance(member), index)

    def due(self, promise: Promise) -> int:
        """Instalments due and not paid."""
        start, today = self.day_of(promise.start), self.ledger.day
        passed = sum(months_later(start, number + 1) <= today for number in range(len(promise.instalments)))
        return passed - promise.paid

    def is_forfeited(self, member: int, promise: Promise) -> bool:
        while True:
            if promise.start <= self.balance(member).closed_at:
                return True
            if member not in self.cards.merged:
                return False
            member = self.cards.merged[member]

    # --- starting values, pay-outs, corrections, merging ---

    @whole
    def pay_start(self, card: int) -> None:
        self._running()
        if not self.cards.usable(card):
            raise Refused("BadState")
        its = self.cards.cards[card]
        member, amount = self.cards.survivor(its.member), self.cards.kinds[its.kind].start
        if not amount or (member, its.kind) in self.started:
            raise Refused("NoStartingValue")
        if amount > self.starting_fund:
            raise Refused("FundTooSmall")
        self.starting_fund -= amount
        self.started.add((member, its.kind))
        self._comes_in(member, amount, given=True)
        self.ledger.recharge(MemberId(member), amount)

    def fund_start(self, amount: int) -> None:
        sound(amount)
        self.starting_fund += amount

    def payout(self, member: int) -> int:
        gifts, _ = self.gifts(member)
        return max(min(self.value(member) - gifts, self.balance(member).net), 0)

    @whole
    def close(self, card: int, counter: int, *, by_operator: bool = False) -> None:
        """Gives up a card; `counter` 0 pays to an address."""
        member, last = self.cards.close(card)
        if last:
            if self.arrears.get((0, member), 0) + self.advices.collect(0, member):
                raise Refused("OwesValue")
            amount, balance = self.payout(member), self._comes_in(member, 0)
            balance.net -= amount
            balance.seen -= amount
            balance.closed_at = self.ledger.block.time
            if by_operator and amount:
                self._use_counters(amount)
            self.last.pop(member, None)
            self.cash_out[member] = self.cash_out.get(member, 0) + amount
            if amount:
                self.ledger.take_value(MemberId(member), amount)
                if counter:
                    self.ledger.credit_payable(MerchantId(counter), amount)
        self.cards.sync_lock(member)

    def counters_left(self) -> int:
        """What the operator may still pay out today."""
        return max(self.counters_a_day - self.counters_used.get(self.ledger.day, 0), 0)

    def _use_counters(self, amount: int) -> None:
        if amount > self.counters_left():
            raise Refused("CounterLimitUsedUp")
        self.counters_used = {self.ledger.day: self.counters_used.get(self.ledger.day, 0) + amount}

    def note(self, member: int, change: int) -> None:
        """Inside of a correction."""
        self.last.pop(member, None)
        balance = self._comes_in(member, max(change, 0))
        balance.net += change
        balance.mark = max(balance.mark, balance.net)
        self.cash_in[member] = self.cash_in.get(member, 0) + change

    def merge(self, source: int, into: int, merchants: list[int]) -> None:
        """Inside of a merge of members, before the ledger's."""
        if source == into or source in self.cards.merged or into in self.cards.merged:
            raise Refused("MergedAway")
        old = self._comes_in(source, 0)
        new = self._comes_in(into, old.seen)
        new.net, new.mark, new.gifts = new.net + old.net, new.mark + old.mark, new.gifts + old.gifts
        new.gone += old.gone
        old.net = old.mark = old.gifts = old.seen = old.gone = 0
        self.started |= {(into, kind) for member, kind in self.started if member == source}
        self.last.pop(source, None)
        self.last.pop(into, None)
        for book in (self.cash_in, self.cash_out):
            book[into] = book.get(into, 0) + book.pop(source, 0)
        for merchant in dict.fromkeys(merchants):
            if merchant and (owed := self.arrears.get((merchant, source), 0)):
                self._owe(merchant, source, -owed)
                self._owe(merchant, into, owed)
        if self.arrears.get((0, source), 0):
            raise Refused("OwesValue")

    # --- inside ---

    def _running(self) -> None:
        if self.ledger.book.supply.flags & 1:
            raise Refused("NetworkPaused")

    def _programme(self, programme: int) -> None:
        if programme not in self.programmes:
            raise Refused("UnknownProgramme")

    def _promise(self, member: int, index: int) -> Promise:
        promises = self.balance(member).promises
        promise = promises[index] if index < len(promises) else None
        if promise is None or promise.paid == len(promise.instalments):
            raise Refused("NoPromise")
        return promise

    def _take_in(self, merchant: int, member: int, amount: int, at_least: int) -> tuple[int, int | None]:
        self.cards.require_open(member)
        balance = self._comes_in(member, amount)
        balance.net += amount
        base = max(balance.net - balance.mark, 0)
        balance.mark += base
        number = self.chosen.get(merchant) or self.chosen.get(0, 0)
        programme = self.programmes.get(number)
        wanted = 0
        if programme is not None and programme.open and amount >= programme.minimum:
            wanted = base * programme.bps * self.cards.rebate_bps(member) // 10**8
        total = min(wanted, programme.fund) if programme is not None else 0
        if total < at_least:
            raise Refused("RebateTooSmall")
        if programme is None or not total:
            return base, None
        programme.fund -= total
        programme.promised += total
        self.promised_ever += total
        each = total // programme.months
        instalments = [each] * (programme.months - 1)
        start = max(self.ledger.block.time, balance.closed_at + 1)
        balance.promises.append(Promise(number, start, [*instalments, total - sum(instalments)]))
        return base, len(balance.promises) - 1

    def _void(self, balance: Balance, index: int) -> None:
        promise = balance.promises[index]
        assert promise is not None
        left = sum(promise.instalments[promise.paid :])
        self.programmes[promise.programme].fund += left
        self.programmes[promise.programme].promised -= left
        self.forfeited_ever += left
        balance.promises[index] = None

    def gifts(self, member: int) -> tuple[int, int]:
        """Gifts in a member's value now, and those that are out of it: what leaves was own, what comes back given."""
        balance, value = self.balance(member), self.value(member)
        back = min(max(value - balance.seen, 0), balance.gone)
        gone = max(balance.gifts - value, 0)
        return balance.gifts + back - gone, balance.gone - back + gone

    def _comes_in(self, member: int, amount: int, *, given: bool = False) -> Balance:
        balance = self.balance(member)
        balance.gifts, balance.gone = self.gifts(member)
        balance.gifts += amount if given else 0
        balance.seen = self.value(member) + amount
        return balance

    def _owe(self, merchant: int, member: int, change: int) -> None:
        for key in ((merchant, member), (0, member)):
            self.arrears[key] = self.arrears.get(key, 0) + change
