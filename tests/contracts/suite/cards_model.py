"""Cards of members, their kinds and tiers, in plain Python (interfaces/IMemberCards.sol)."""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from node.domain.ids import MemberId
from node.domain.words import FROZEN, LOCKED, REGISTERED, Account
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused

P = ParamSpec("P")
T = TypeVar("T")
DAY = 86_400
NONE, ISSUED, ACTIVE, MINE, HELD, REPLACED, EXPIRED, CLOSED = range(8)


class Part:
    """A model beside the ledger's; what is refused has changed nothing, here or there."""

    ledger: DoorsModel

    def parts(self) -> list[Any]:
        """Everything that an operation of this model may change."""
        return [self.ledger, self]


def whole(operation: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """An operation that is done wholly or, Refused, not at all."""

    @functools.wraps(operation)
    def run(self: Any, *arguments: P.args, **named: P.kwargs) -> T:
        parts = self.parts()
        shared = {id(part): part for part in parts}  # what links the models is not copied
        kept = [copy.deepcopy(part.__dict__, dict(shared)) for part in parts]
        try:
            return operation(self, *arguments, **named)
        except Refused:
            for part, was in zip(parts, kept, strict=True):
                part.__dict__ = was
            raise

    return run


@dataclass
class Kind:
    """A kind's terms."""

    start: int
    days: int
    rebate: int
    tier: int


@dataclass
class Card:
    """A card."""

    kind: int
    merchant: int
    state: int = ISSUED
    member: int = 0
    expires: int = 0
    next: int = 0


@dataclass
class Holder:
    """A member's cards and tier."""

    active: int = 0
    locked: int = 0
    bound: int = 0
    kind: int = 0
    held: int = 0
    held_until: int = 0
    gained: int = 0
    gained_epoch: int = 0
    locked_here: bool = False


@dataclass
class CardsModel(Part):
    """MemberCards."""

    ledger: DoorsModel
    kinds: dict[int, Kind] = field(default_factory=dict)
    cards: dict[int, Card] = field(default_factory=dict)
    holders: dict[int, Holder] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)
    thresholds: list[int] = field(default_factory=list)
    hold_epochs: int = 0

    @property
    def now(self) -> int:
        return self.ledger.block.time

    def holder(self, member: int) -> Holder:
        return self.holders.setdefault(member, Holder())

    def survivor(self, member: int) -> int:
        while member in self.merged:
            member = self.merged[member]
        return member

    def account(self, member: int) -> Account:
        """The ledger's, as its view tells it."""
        return self.ledger.book.accounts.get(MemberId(member), Account()).rolled(self.ledger.epoch)[0]

    def usable(self, card: int) -> bool:
        its = self.cards.get(card)
        return its is not None and its.state == ACTIVE and (not its.expires or self.now < its.expires)

    def rebate_bps(self, member: int) -> int:
        kind = self.holder(member).kind
        return self.kinds[kind].rebate if kind else 10_000

    # --- the operator's and the member's ---

    def set_kind(self, kind: int, start: int, days: int, rebate: int, tier: int) -> None:
        if kind == 0 or tier > 15:
            raise Refused("BadKind")
        self.kinds[kind] = Kind(start, days, rebate, tier)

    @whole
    def issue_cards(self, merchant: int, kind: int, cards: list[int]) -> None:
        if kind not in self.kinds:
            raise Refused("UnknownKind")
        for card in cards:
            if card == 0 or card in self.cards:
                raise Refused("CardExists")
            self.cards[card] = Card(kind, merchant)

    @whole
    def activate(self, card: int, member: int, *, locks: bool = True) -> None:
        """A card that a clerk bound locks its member neither when it expires."""
        self.require_open(member)
        self._bind(card, member, locks=locks)
        self._review(member)
        self.sync_lock(member)

    @whole
    def lock(self, card: int, *, held: bool) -> None:
        its = self._card(card)
        if its.state not in (ACTIVE, MINE) or (its.state == MINE and not held):
            raise Refused("BadState")
        holder = self.holder(self.survivor(its.member))
        if its.state == ACTIVE:
            holder.active -= 1
            holder.locked += 1
        its.state = HELD if held else MINE
        self.sync_lock(self.survivor(its.member))

    @whole
    def unlock(self, card: int, *, operator: bool) -> None:
        its = self._card(card)
        if its.state != MINE and not (operator and its.state == HELD):
            raise Refused("BadState")
        member = self.survivor(its.member)
        its.state = ACTIVE
        self.holder(member).active += 1
        self.holder(member).locked -= 1
        self.sync_lock(member)

    @whole
    def replace(self, card: int, following: int, *, operator: bool = True) -> None:
        its = self._card(card)
        if not operator and its.state == HELD:
            raise Refused("BadState")
        if not operator and self._kind_of(following) != its.kind:
            raise Refused("OtherKind")
        if its.state not in (ACTIVE, MINE, HELD, EXPIRED):
            raise Refused("BadState")
        member = self.survivor(its.member)
        self._uncount(member, its.state)
        its.state, its.next = REPLACED, following
        self._bind(following, member)
        self._review(member)
        self.sync_lock(member)

    @whole
    def expire(self, card: int) -> None:
        its = self._card(card)
        if its.state not in (ACTIVE, MINE):
            raise Refused("BadState")
        if not its.expires or self.now < its.expires:
            raise Refused("NotExpiredYet")
        member = self.survivor(its.member)
        self._uncount(member, its.state)
        its.state = EXPIRED
        self.sync_lock(member)

    def close(self, card: int) -> tuple[int, bool]:
        """Its member, and whether it was the last; inside of a pay-out."""
        its = self._card(card)
        if its.state not in (ACTIVE, EXPIRED):
            raise Refused("BadState")
        member = self.survivor(its.member)
        holder = self.holder(member)
        if its.state == ACTIVE:
            holder.active -= 1
        its.state = CLOSED
        last = not holder.active and not holder.locked
        if last and holder.locked_here:
            holder.locked_here = False
            self._set_locked(member, False)
        return member, last

    def merge(self, source: int, into: int) -> None:
        """Inside of a merge of members."""
        self.require_open(source)
        self.require_open(into)
        old, new = self.holder(source), self.holder(into)
        self.merged[source] = into
        new.active += old.active
        new.locked += old.locked
        new.bound += old.bound
        new.kind = new.kind or old.kind
        if old.held > new.held:
            new.held, new.held_until = old.held, old.held_until
        self.holders[source] = Holder()
        self.sync_lock(into)

    def set_tier_terms(self, thresholds: list[int], hold: int) -> None:
        rising = all(low < high for low, high in zip([0, *thresholds], thresholds, strict=False))
        if len(thresholds) > 15 or not rising:
            raise Refused("BadTierTerms")
        self.thresholds, self.hold_epochs = thresholds, hold

    @whole
    def review(self, member: int) -> None:
        self.require_open(member)
        self._review(member)

    # --- inside ---

    def require_open(self, member: int) -> None:
        if member in self.merged:
            raise Refused("MergedAway")

    def sync_lock(self, member: int) -> None:
        holder = self.holder(member)
        wanted = holder.locked != 0 or (holder.bound != 0 and holder.active == 0)
        if wanted == holder.locked_here or (wanted and self.account(member).flags & LOCKED):
            return
        holder.locked_here = wanted
        self._set_locked(member, wanted)

    def _review(self, member: int) -> None:
        account = self.account(member)
        if not account.flags & REGISTERED:
            raise Refused("UnknownMember")
        holder = self.holder(member)
        tier = account.tier
        if self.thresholds:
            self._close_epoch(holder)
            holder.gained = sum(account.earned >= threshold for threshold in self.thresholds)
            tier = max(holder.gained, holder.held)
        if holder.kind:
            tier = max(tier, self.kinds[holder.kind].tier)
        if tier != account.tier:
            self.ledger.set_tier(MemberId(member), tier)

    def _close_epoch(self, holder: Holder) -> None:
        epoch = self.ledger.epoch
        if holder.gained_epoch == epoch:
            return
        until = holder.gained_epoch + self.hold_epochs
        still_held = epoch <= holder.held_until
        gained_counts = holder.gained != 0 and epoch <= until
        if gained_counts and (holder.gained >= holder.held or not still_held):
            holder.held, holder.held_until = holder.gained, min(until, 65_535)
        elif not still_held:
            holder.held = 0
        holder.gained, holder.gained_epoch = 0, epoch

    def _bind(self, card: int, member: int, *, locks: bool = True) -> None:
        its = self._card(card)
        if its.state != ISSUED:
            raise Refused("BadState")
        days = self.kinds[its.kind].days
        its.member, its.state = member, ACTIVE
        its.expires = self.now + days * DAY if days else 0
        holder = self.holder(member)
        holder.active += 1
        holder.bound += locks
        holder.kind = its.kind

    def _uncount(self, member: int, state: int) -> None:
        holder = self.holder(member)
        holder.active -= state == ACTIVE
        holder.locked -= state in (MINE, HELD)

    def _set_locked(self, member: int, locked: bool) -> None:
        frozen = self.account(member).flags & FROZEN
        self.ledger.set_flags(MemberId(member), frozen | (LOCKED if locked else 0))

    def _kind_of(self, card: int) -> int:
        return self.cards[card].kind if card in self.cards else 0

    def _card(self, card: int) -> Card:
        if card not in self.cards:
            raise Refused("BadState")
        return self.cards[card]
