"""Pending points and referrals in plain Python: what proven lines give later, and what a refund takes from it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from node.domain.ids import MemberId, MerchantId
from node.domain.leaf import Leaf
from node.domain.words import FROZEN, PAUSED, REGISTERED, Account
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import COIN, Refused

MAX_56 = 2**56 - 1
EXTERNAL = 0


@dataclass(frozen=True, kw_only=True)
class Days:
    """When lines count: days of the network, `until` 0 = no end, and whole days to wait."""

    first: int
    until: int = 0
    window: int = 0

    def check(self, today: int) -> None:
        if self.first < today or (self.until and self.until <= self.first) or self.window > 365:
            raise Refused("BadDays")


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A merchant's terms."""

    rate: int
    days: Days
    budget: int

    def words(self) -> tuple[int, ...]:
        """IPendingRewards.Terms."""
        return (self.rate, self.days.first, self.days.until, self.days.window, self.budget)


@dataclass(frozen=True, kw_only=True)
class Programme:
    """A referral programme."""

    sponsor: MerchantId
    rate: int
    days: Days
    budget: int
    everywhere: bool = False
    per_referred: int = 0
    per_referrer: int = 0

    def words(self) -> tuple[object, ...]:
        """IReferrals.Programme."""
        days = (self.days.first, self.days.until, self.days.window)
        caps = (self.budget, self.per_referred, self.per_referrer)
        return (self.sponsor, self.rate, *days, self.everywhere, *caps)


@dataclass
class ClaimsModel:
    """What both kinds of later points share. `posted_at` is the block of each line's root, by leaf."""

    ledger: DoorsModel
    survivor: Callable[[int], int]
    posted_at: dict[bytes, int] = field(default_factory=dict)

    def ripe(self, leaf: Leaf, days: Days) -> None:
        day = self.ledger.posted_on.get(leaf.hash)
        if day is None:
            raise Refused("NotProven")
        if day < days.first or (days.until and day >= days.until):
            raise Refused("LineDoesNotCount")
        if self.ledger.day < day + days.window + 1:
            raise Refused("TooEarly")

    def entitled(self, leaf: Leaf, rate: int) -> int:
        undone, _ = self.ledger.refunded.get(leaf.hash, (0, 0))
        return (leaf.amount - undone) * rate // 10_000

    def running(self) -> None:
        if self.ledger.book.supply.flags & PAUSED:
            raise Refused("NetworkPaused")

    def account(self, member: int) -> Account:
        return self.ledger.book.accounts.get(MemberId(member), Account())

    def prepaid(self, merchant: MerchantId) -> int:
        return self.ledger.book.merchants[merchant].prepaid


@dataclass
class PendingModel(ClaimsModel):
    """PendingRewards. `given`: leaf -> units, and the epoch in which it gave last."""

    terms: dict[tuple[int, int], Pending] = field(default_factory=dict)
    versions: Counter[int] = field(default_factory=Counter)
    given: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def set(self, merchant: int, terms: Pending) -> None:
        if not terms.rate:
            raise Refused("BadRate")
        if not terms.budget:
            raise Refused("BadBudget")
        today, version = self.ledger.day, self.versions[merchant]
        terms.days.check(today)
        if version:
            last = self.terms[merchant, version]
            if not last.days.until or last.days.until > terms.days.first:
                if terms.days.first <= today or terms.days.first < last.days.first:
                    raise Refused("BadDays")
                self.terms[merchant, version] = replace(last, days=replace(last.days, until=terms.days.first))
        self.versions[merchant] += 1
        self.terms[merchant, version + 1] = terms

    def end(self, merchant: int, until: int) -> None:
        version = self.versions[merchant]
        if not version:
            raise Refused("UnknownTerms")
        last = self.terms[merchant, version]
        sooner = not last.days.until or until < last.days.until
        if not sooner or until <= self.ledger.day or until < last.days.first:
            raise Refused("BadDays")
        self.terms[merchant, version] = replace(last, days=replace(last.days, until=until))

    def raise_budget(self, merchant: int, version: int, units: int) -> None:
        if (merchant, version) not in self.terms:
            raise Refused("UnknownTerms")
        terms = self.terms[merchant, version]
        if not units or terms.budget + units > MAX_56:
            raise Refused("BadBudget")
        self.terms[merchant, version] = replace(terms, budget=terms.budget + units)

    def claim(self, merchant: int, version: int, leaves: list[Leaf]) -> None:
        """All leaves are looked at before anything is given: one that does not count stops the call."""
        if (merchant, version) not in self.terms:
            raise Refused("UnknownTerms")
        days = self.terms[merchant, version].days
        for leaf in leaves:
            self.ripe(leaf, days)
            if leaf.merchant != merchant or leaf.tender == COIN:
                raise Refused("LineDoesNotCount")
            if self.entitled(leaf, self.terms[merchant, version].rate) > self.given.get(leaf.hash, (0, 0))[0]:
                self.running()
        if not sum([self._settle(leaf, version) for leaf in leaves]):
            raise Refused("NothingToGive")

    def _settle(self, leaf: Leaf, version: int) -> int:
        """Units that moved, either way."""
        terms = self.terms[leaf.merchant, version]
        due, member = self.entitled(leaf, terms.rate), MemberId(self.survivor(leaf.member))
        units, epoch = self.given.get(leaf.hash, (0, 0))
        if due < units:
            self.given[leaf.hash] = (due, epoch)
            if self.ledger.epoch <= epoch + 1:
                budget = min(terms.budget + units - due, MAX_56)
                self.terms[leaf.merchant, version] = replace(terms, budget=budget)
                self.ledger.claw_back(leaf.merchant, member, units - due)
            return units - due
        if self.account(member).flags & FROZEN:
            return 0
        fresh = min(due - units, terms.budget, self.prepaid(leaf.merchant))
        if fresh:
            self.terms[leaf.merchant, version] = replace(terms, budget=terms.budget - fresh)
            self.given[leaf.hash] = (units + fresh, self.ledger.epoch)
            assert self.ledger.issue(leaf.merchant, member, fresh) == fresh
        return fresh


@dataclass
class ReferralsModel(ClaimsModel):
    """Referrals. `named`: (scope, member) -> referrer and block; `gained`: epoch, units in it, debt."""

    named: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    programmes: dict[int, Programme] = field(default_factory=dict)
    given: dict[tuple[int, bytes], tuple[int, int]] = field(default_factory=dict)
    brought: Counter[tuple[int, int]] = field(default_factory=Counter)
    gained: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)

    def name(self, scope: int, member: int, referrer: int, *, allowed: str = "") -> None:
        """`allowed` is the error of a sender that may not."""
        if allowed:
            raise Refused(allowed)
        if not all(self.account(each).flags & REGISTERED for each in (member, referrer)):
            raise Refused("NoSuchMember")
        if self.survivor(member) == self.survivor(referrer):
            raise Refused("SelfReferral")
        if (scope, member) in self.named:
            raise Refused("AlreadyReferred")
        refers_in = {key[0] for key, found in self.named.items() if found[0] == member}
        if refers_in & {scope, 0} or (refers_in and scope == 0):
            raise Refused("ReferrerAlready")
        self.named[scope, member] = (referrer, self.ledger.block.number)

    def open(self, programme: Programme) -> None:
        if not programme.rate:
            raise Refused("BadRate")
        if not programme.budget:
            raise Refused("BadBudget")
        programme.days.check(self.ledger.day)
        self.programmes[len(self.programmes) + 1] = programme

    def carry_debt(self, number: int, source: int) -> None:
        into = self.survivor(source)
        epoch, units, debt = self.gained.get((number, source), (0, 0, 0))
        if into == source or not debt:
            raise Refused("NothingToGive")
        self.gained[number, source] = (epoch, units, 0)
        self._owe(number, into, debt)

    def claim(self, number: int, leaves: list[Leaf]) -> None:
        if number not in self.programmes:
            raise Refused("UnknownProgramme")
        programme = self.programmes[number]
        moved = 0
        for leaf in leaves:
            self.ripe(leaf, programme.days)
            if leaf.tender != EXTERNAL or not (programme.everywhere or leaf.merchant == programme.sponsor):
                raise Refused("LineDoesNotCount")
            if self.entitled(leaf, programme.rate) > self.given.get((number, leaf.hash), (0, 0))[0]:
                self._referrer(programme.sponsor, leaf)
                self.running()
        for leaf in leaves:
            moved += self._settle(number, leaf)
        if not moved:
            raise Refused("NothingToGive")

    def _referrer(self, sponsor: int, leaf: Leaf) -> int:
        block = self.posted_at[leaf.hash]
        found = [self.named.get((scope, leaf.member)) for scope in (sponsor, 0)]
        since = [each for each in found if each and each[1] <= block]
        if not since or self.survivor(since[0][0]) == self.survivor(leaf.member):
            raise Refused("NotReferred")
        return self.survivor(since[0][0])

    def _settle(self, number: int, leaf: Leaf) -> int:
        programme, key = self.programmes[number], (number, bytes(leaf.hash))
        due = self.entitled(leaf, programme.rate)
        units, whom = self.given.get(key, (0, 0))
        if due < units:
            self.given[key] = (due, whom)
            self.brought[number, leaf.member] -= units - due
            self._owe(number, self.survivor(whom), units - due)
            return units - due
        if due == units:
            return 0
        referrer = self._referrer(programme.sponsor, leaf)
        if self.account(referrer).flags & FROZEN:
            return 0
        epoch, gained, debt = self.gained.get((number, referrer), (0, 0, 0))
        if epoch != self.ledger.epoch:
            epoch, gained = self.ledger.epoch, 0
        wanted = due - units
        if programme.per_referred:
            wanted = min(wanted, max(programme.per_referred - self.brought[number, leaf.member], 0))
        if programme.per_referrer:
            wanted = min(wanted, max(programme.per_referrer - gained, 0))
        set_off = min(wanted, debt)
        fresh = min(wanted - set_off, programme.budget, self.prepaid(programme.sponsor))
        if not set_off + fresh:
            return 0
        self.given[key] = (units + set_off + fresh, referrer)
        self.brought[number, leaf.member] += set_off + fresh
        self.gained[number, referrer] = (epoch, gained + set_off + fresh, debt - set_off)
        self.programmes[number] = replace(programme, budget=programme.budget - fresh)
        if fresh:
            assert self.ledger.issue(programme.sponsor, MemberId(referrer), fresh) == fresh
        return set_off + fresh

    def _owe(self, number: int, referrer: int, units: int) -> None:
        epoch, gained, debt = self.gained.get((number, referrer), (0, 0, 0))
        self.gained[number, referrer] = (epoch, gained, debt + units)
