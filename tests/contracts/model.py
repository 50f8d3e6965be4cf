"""The ledger beyond the posting path, in plain Python: refunds and the other doors (docs/batch.md).

Built on the mirror of the posting path (node/domain/ledger.py). An operation that the contract refuses raises Refused
with the typed error's name, before it has changed anything.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from node.domain.ids import MemberId, MerchantId, RuleVersion, StreamId
from node.domain.leaf import Leaf
from node.domain.ledger import Block, Ledger, Log, Reason
from node.domain.words import (
    ACTIVE,
    BUDGETED,
    EXISTS,
    FROZEN,
    IN_ARREARS,
    KNOWN,
    LOCKED,
    PAUSED,
    REGISTERED,
    VETOED,
    Account,
    Merchant,
    Rule,
    Stream,
)

MAX_56 = 2**56 - 1
COIN = 1
STORED_VALUE = 2


class Refused(Exception):
    """The contract reverts with this typed error."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Declined(Exception):
    """A refund is skipped for this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Undo:
    """A part of a line to undo; `proved` says whether its proof leads to a root of the ledger."""

    leaf: Leaf
    amount: int = 0
    proved: bool = True


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Lines to undo under one sequence."""

    sequence: int
    kind: int
    lines: tuple[Undo, ...]


@dataclass
class Model:
    """The whole ledger."""

    book: Ledger
    block: Block
    cash: int = 0
    arrears: dict[tuple[int, int], int] = field(default_factory=dict)
    deposits: dict[int, int] = field(default_factory=dict)
    guaranteed: dict[int, int] = field(default_factory=dict)
    refunded: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    settled: dict[bytes, int] = field(default_factory=dict)
    stream_refunds: dict[int, tuple[int, int]] = field(default_factory=dict)
    refund_limits: dict[int, int] = field(default_factory=dict)
    posted_on: dict[bytes, int] = field(default_factory=dict)
    claimed: int = 0
    merged: dict[int, MemberId] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        return self.book.terms.epoch(self.block.time)

    @property
    def day(self) -> int:
        return self.book.terms.day(self.block.time)

    @property
    def par(self) -> int:
        return self.book.terms.units_per_minor_unit

    # --- doors ---

    def set_stream(self, stream: StreamId, poster: int, limit: int, refund_limit: int) -> None:
        old = self.book.streams.get(stream, Stream())
        self.book.streams[stream] = replace(old, poster=poster, limit=limit)
        self.refund_limits[stream] = refund_limit

    def set_merchant(self, merchant: MerchantId, active: bool) -> None:
        old = self.book.merchants.get(merchant, Merchant(epoch=self.epoch))
        self.book.merchants[merchant] = replace(old, flags=KNOWN | (ACTIVE if active else 0))

    def enrol(self, member: MemberId) -> None:
        old = self.book.accounts.get(member, Account())
        if not old.flags & REGISTERED:
            rolled, _ = old.rolled(self.epoch)
            self.book.accounts[member] = replace(rolled, flags=rolled.flags | REGISTERED)

    def set_flags(self, member: MemberId, flags: int) -> None:
        old = self._member(member)
        if member in self.merged:
            raise Refused("MergedAway")
        self.book.accounts[member] = replace(old, flags=old.flags & ~(LOCKED | FROZEN) | flags)

    def set_tier(self, member: MemberId, tier: int) -> None:
        self.book.accounts[member] = replace(self._member(member), tier=tier)

    def set_rule(self, merchant: MerchantId, version: RuleVersion, rule: Rule) -> None:
        self.book.rules[merchant, version] = rule

    def veto(self, merchant: MerchantId, version: RuleVersion) -> None:
        rule = self.book.rules[merchant, version]
        if not rule.flags & VETOED:
            vetoed = replace(rule, flags=rule.flags | VETOED, veto_block=self.block.number)
            self.book.rules[merchant, version] = vetoed

    def raise_budget(self, merchant: MerchantId, version: RuleVersion, units: int) -> None:
        rule = self.book.rules.get((merchant, version), Rule())
        if not rule.flags & BUDGETED or not rule.flags & EXISTS or rule.budget_left + units > MAX_56:
            raise Refused("BadBudget")
        self.book.rules[merchant, version] = replace(rule, budget_left=rule.budget_left + units)

    def set_paused(self, paused: bool) -> None:
        supply = self.book.supply
        self.book.supply = replace(supply, flags=PAUSED if paused else 0)

    def buy_points(self, merchant: MerchantId, amount: int) -> None:
        self._known(merchant)
        if (self.book.totals.reserve + amount) * self.par > MAX_56:
            raise Refused("TooMuch")
        self._take_cash(amount, "reserve")
        word = self.book.roll_merchant(merchant, self.epoch)
        self.book.merchants[merchant] = replace(word, prepaid=word.prepaid + amount * self.par)

    def recharge(self, member: MemberId, amount: int) -> None:
        member = self.survivor(member)
        self._member(member)
        self._take_cash(amount, "stored_value")
        account = self.touch(member)
        self.book.accounts[member] = replace(account, value=account.value + amount)

    def add_deposit(self, merchant: int, amount: int) -> None:
        if merchant:
            self._known(MerchantId(merchant))
        self._take_cash(amount, "deposits")
        to_fund = min(amount, self.guaranteed.get(merchant, 0)) if merchant else 0
        if to_fund:
            self.guaranteed[merchant] -= to_fund
            self.deposits[0] = self.deposits.get(0, 0) + to_fund
        self.deposits[merchant] = self.deposits.get(merchant, 0) + amount - to_fund

    def settle_owed(self, merchant: MerchantId, member: MemberId) -> None:
        if self.book.supply.flags & PAUSED:
            raise Refused("EarningPaused")
        holder = self.survivor(member)
        if self._member(holder).flags & FROZEN:
            raise Refused("AccountLocked")
        self._known(merchant)
        owed = self.book.owed.get((merchant, member), 0)
        points = min(owed, self.book.merchants[merchant].prepaid)
        if not points:
            raise Refused("NothingDue")
        word = self.book.roll_merchant(merchant, self.epoch)
        self.book.owed[merchant, member] = owed - points
        self.book.merchants[merchant] = replace(word, prepaid=word.prepaid - points, issued=word.issued + points)
        self._change_supply(current=points, issued=points)
        self.book.accounts[holder] = self.touch(holder).with_points(points)

    def collect_arrears(self, merchant: MerchantId, member: MemberId) -> None:
        if merchant == 0:
            raise Refused("UnknownMerchant")
        self._member(member)
        debt = self.arrears.get((merchant, member), 0)
        account, _ = self.book.accounts[member].rolled(self.epoch)
        points = min(debt, account.coins)
        if not points:
            raise Refused("NothingDue")
        account, old = self.touch(member).without_coins(points)
        self._change_supply(current=old - points, previous=-old)
        self.arrears[merchant, member] -= points
        self.arrears[0, member] -= points
        if not self.arrears[0, member]:
            account = replace(account, flags=account.flags & ~IN_ARREARS)
        self.book.accounts[member] = account
        word = self.book.roll_merchant(merchant, self.epoch)
        self.book.merchants[merchant] = replace(word, prepaid=word.prepaid + points)
        self._unissue_now(merchant, points)

    def forgive_arrears(self, merchant: MerchantId, member: MemberId, units: int) -> None:
        if merchant == 0:
            raise Refused("UnknownMerchant")
        if not 0 < units <= self.arrears.get((merchant, member), 0):
            raise Refused("NothingDue")
        self.arrears[merchant, member] -= units
        self.arrears[0, member] -= units
        if not self.arrears[0, member]:
            account = self.book.accounts[member]
            self.book.accounts[member] = replace(account, flags=account.flags & ~IN_ARREARS)

    def claim_expired(self, merchant: MerchantId, epoch: int) -> None:
        if epoch + 2 > self.epoch:
            raise Refused("NotExpired")
        if merchant == 0:
            self._claim_for_fund(epoch)
            return
        self._known(merchant)
        saved = copy.deepcopy(self.book)
        self.book.roll_supply(self.epoch)
        word = self.book.roll_merchant(merchant, self.epoch)
        mine = self.book.issued.get((merchant, epoch), 0)
        issued, expired = self.book.closed_epochs.get(epoch, (0, 0))
        points = expired * mine // issued if mine else 0
        if not points:
            self.book = saved
            raise Refused("NothingDue")
        self.book.issued[merchant, epoch] = 0
        self.claimed += points
        self.book.merchants[merchant] = replace(word, prepaid=word.prepaid + points)

    def _claim_for_fund(self, epoch: int) -> None:
        """What expired of an epoch in which nobody issued becomes money of the guarantee fund."""
        saved = copy.deepcopy(self.book)
        self.book.roll_supply(self.epoch)
        issued, expired = self.book.closed_epochs.get(epoch, (0, 0))
        amount = 0 if issued else expired // self.par
        if not amount:
            self.book = saved
            raise Refused("NothingDue")
        self.book.closed_epochs[epoch] = (0, expired - amount * self.par)
        self.deposits[0] = self.deposits.get(0, 0) + amount
        totals = self.book.totals
        self.book.totals = replace(totals, reserve=totals.reserve - amount, deposits=totals.deposits + amount)

    def transfer(self, sender: MemberId, receiver: MemberId, units: int) -> None:
        """Coins move with their age. Holders are named like members here."""
        account, _ = self.book.accounts.get(sender, Account()).rolled(self.epoch)
        if account.flags & (LOCKED | FROZEN):
            raise Refused("AccountLocked")
        if account.coins < units:
            raise Refused("ERC20InsufficientBalance")
        left, old = self.touch(sender).without_coins(units)
        self.book.accounts[sender] = left
        receiver = self.survivor(receiver)
        to = self.touch(receiver)
        self.book.accounts[receiver] = replace(to, current=to.current + units - old, previous=to.previous + old)

    # --- refunds ---

    def post_refunds(self, stream: StreamId, refunds: Sequence[Refund]) -> list[Log]:
        """What Refunded, Skipped and RefundsPosted say."""
        logs: list[Log] = []
        skipped = 0
        for refund in refunds:
            key = (stream, refund.sequence)
            if key in self.book.posted:
                reason, found = Reason.ALREADY_POSTED, []
            else:
                saved = copy.deepcopy(self.__dict__)
                try:
                    reason, found = None, self._refund(stream, refund)
                except Declined as declined:
                    self.__dict__ = saved
                    reason, found = declined.reason, []
                self.book.posted.add(key)  # type: ignore[arg-type]
            if reason is not None:
                skipped += 1
                found = [Log("Skipped", (stream, refund.sequence, int(reason)))]
            logs += found
        return [*logs, Log("RefundsPosted", (stream, len(refunds), skipped))]

    def _refund(self, stream: StreamId, refund: Refund) -> list[Log]:
        if refund.kind not in (1, 2, 3) or not refund.lines:
            raise Declined(Reason.KIND)
        logs, moved = [], 0
        for undo in refund.lines:
            first = refund.lines[0].leaf
            if (undo.leaf.stream, undo.leaf.sequence) != (first.stream, first.sequence):
                raise Declined(Reason.KIND)
            part = self._checked_part(refund.kind, undo)
            if part:
                money, log = self._undo(stream, refund, undo.leaf, part)
                moved += money
                logs.append(log)
        if not logs:
            raise Declined(Reason.NOTHING)
        self._count_against_limit(stream, moved)
        return logs

    def _checked_part(self, kind: int, undo: Undo) -> int:
        if not undo.proved:
            raise Declined(Reason.PROOF)
        account = self.book.accounts.get(self.survivor(undo.leaf.member), Account())
        if not account.flags & REGISTERED:
            raise Declined(Reason.MEMBER)
        left = undo.leaf.amount - self.refunded.get(undo.leaf.hash, (0, 0))[0]
        if not (1 <= undo.amount <= left if kind == 1 else undo.amount == 0):
            raise Declined(Reason.EXCEEDS)
        return undo.amount if kind == 1 else left

    def _undo(self, stream: StreamId, refund: Refund, leaf: Leaf, part: int) -> tuple[int, Log]:
        before, taken_before = self.refunded.get(leaf.hash, (0, 0))
        member = self.survivor(leaf.member)
        account = self.touch(member)
        self.book.roll_merchant(leaf.merchant, self.epoch)
        moved = taken = clawed = set_off = debt = 0
        if leaf.tender:
            self._collect_money(leaf, part)
            moved = part
            if leaf.tender == STORED_VALUE:
                account = replace(account, value=account.value + part)
            else:
                account = self._remint(account, leaf, before, part)
        self.book.accounts[member] = account
        if leaf.tender != COIN:
            taken, set_off, clawed, debt = self._take_points(leaf, before + part, taken_before)
            moved += -(-(clawed + set_off + debt) // self.par)
        if leaf.stream == stream and self.posted_on[leaf.hash] == self.day:
            moved = 0
        self.refunded[leaf.hash] = (before + part, taken_before + taken)
        values = (stream, refund.sequence, bytes(leaf.hash), refund.kind, part, clawed, set_off, debt)
        return moved, Log("Refunded", values)

    def _collect_money(self, leaf: Leaf, part: int) -> None:
        word = self.book.merchants[leaf.merchant]
        payable = min(part, word.payable)
        deposit = min(part - payable, self.deposits.get(leaf.merchant, 0))
        fund = part - payable - deposit
        full = leaf.tender == COIN and (self.book.totals.reserve + part) * self.par > MAX_56
        if full or fund > self.deposits.get(0, 0):
            raise Declined(Reason.FUNDS)
        self.book.merchants[leaf.merchant] = replace(word, payable=word.payable - payable)
        self.deposits[leaf.merchant] = self.deposits.get(leaf.merchant, 0) - deposit
        self.deposits[0] = self.deposits.get(0, 0) - fund
        self.guaranteed[leaf.merchant] = self.guaranteed.get(leaf.merchant, 0) + fund
        totals = self.book.totals
        self.book.totals = replace(
            totals,
            payable=totals.payable - payable,
            deposits=totals.deposits - deposit - fund,
            stored_value=totals.stored_value + (part if leaf.tender == STORED_VALUE else 0),
            reserve=totals.reserve + (part if leaf.tender == COIN else 0),
        )

    def _remint(self, account: Account, leaf: Leaf, before: int, part: int) -> Account:
        from_current = leaf.amount * self.par - leaf.last
        # unit by unit: the first `from_current` units of the line go back as current, the rest as previous
        low, high = before * self.par, (before + part) * self.par
        recent = max(min(high, from_current) - low, 0)
        old = high - low - recent
        age = self.epoch - leaf.epoch
        current, previous = {0: (recent, old), 1: (old, recent)}.get(age, (recent + old, 0))
        self._change_supply(current=current, previous=previous)
        return replace(account, current=account.current + current, previous=account.previous + previous)

    def _take_points(self, leaf: Leaf, refunded: int, taken_before: int) -> tuple[int, int, int, int]:
        due = leaf.points + leaf.last
        keep = (leaf.amount - refunded) * leaf.rate * leaf.tier_bps // 10**8
        taken = due - min(due, keep) - taken_before
        expired = self.epoch > leaf.epoch + 1
        of_owed = min(taken_before + taken, leaf.last) - min(taken_before, leaf.last)
        member = self.survivor(leaf.member)
        key = (leaf.merchant, member)
        set_off = min(of_owed if expired else taken, self.book.owed.get(key, 0))
        if set_off:
            self.book.owed[key] -= set_off
        wanted = 0 if expired else taken - set_off
        clawed = self._claw_back(leaf, wanted)
        debt = wanted - clawed
        if debt:
            account = self.book.accounts[member]
            self.book.accounts[member] = replace(account, flags=account.flags | IN_ARREARS)
            for place in (key, (0, member)):
                self.arrears[place] = self.arrears.get(place, 0) + debt
        return taken, set_off, clawed, debt

    def _claw_back(self, leaf: Leaf, wanted: int) -> int:
        member = self.survivor(leaf.member)
        account = self.book.accounts[member]
        clawed = min(wanted, account.coins)
        if leaf.epoch == self.epoch:
            account = replace(account, earned=max(account.earned - wanted, 0))
            recent = min(clawed, account.current)
        else:
            recent = clawed - min(clawed, account.previous)
        old = clawed - recent
        account = replace(account, current=account.current - recent, previous=account.previous - old)
        self.book.accounts[member] = account
        if clawed:
            self._change_supply(current=-recent, previous=-old)
            word = self.book.merchants[leaf.merchant]
            self.book.merchants[leaf.merchant] = replace(word, prepaid=word.prepaid + clawed)
            self._unissue(leaf, clawed)
        return clawed

    def _unissue(self, leaf: Leaf, units: int) -> None:
        key = (leaf.merchant, leaf.epoch)
        closed = min(units, self.book.issued.get(key, 0)) if leaf.epoch != self.epoch else 0
        if closed:
            self.book.issued[key] -= closed
            issued, expired = self.book.closed_epochs[leaf.epoch]
            self.book.closed_epochs[leaf.epoch] = (issued - closed, expired)
        self._unissue_now(leaf.merchant, units - closed)

    def _unissue_now(self, merchant: MerchantId, units: int) -> None:
        """Points that a merchant gave in this epoch, as far as it gave any, were not given after all."""
        word = self.book.merchants[merchant]
        units = min(units, word.issued)
        if units:
            self.book.merchants[merchant] = replace(word, issued=word.issued - units)
            self._change_supply(issued=-units)

    def _unissue_newest(self, merchant: MerchantId, units: int) -> None:
        """The same; what this epoch did not give was given in the one before."""
        key = (merchant, self.epoch - 1)
        word = self.book.roll_merchant(merchant, self.epoch)
        closed = min(max(units - word.issued, 0), self.book.issued.get(key, 0))
        if closed:
            self.book.roll_supply(self.epoch)
            self.book.issued[key] -= closed
            issued, expired = self.book.closed_epochs[self.epoch - 1]
            self.book.closed_epochs[self.epoch - 1] = (issued - closed, expired)
        self._unissue_now(merchant, units)

    def _count_against_limit(self, stream: StreamId, moved: int) -> None:
        if not moved:
            return
        day, used = self.stream_refunds.get(stream, (0, 0))
        used = used if day == self.day else 0
        if used + moved > self.refund_limits.get(stream, 0):
            raise Declined(Reason.STREAM_LIMIT)
        self.stream_refunds[stream] = (self.day, used + moved)

    # --- inside ---

    def survivor(self, member: MemberId) -> MemberId:
        """Who a member is now, after merges."""
        while member in self.merged:
            member = self.merged[member]
        return member

    def touch(self, holder: MemberId) -> Account:
        """The account rolled to now."""
        rolled, _ = self.book.accounts.get(holder, Account()).rolled(self.epoch)
        return rolled

    def _member(self, member: MemberId) -> Account:
        account = self.book.accounts.get(member, Account())
        if not account.flags & REGISTERED:
            raise Refused("UnknownMember")
        return account

    def _known(self, merchant: MerchantId) -> None:
        if merchant not in self.book.merchants:
            raise Refused("UnknownMerchant")

    def _take_cash(self, amount: int, total: str) -> None:
        if not amount:
            raise Refused("ZeroAmount")
        totals = self.book.totals
        held = totals.stored_value + totals.payable + totals.reserve + totals.deposits
        if held + amount > MAX_56:
            raise Refused("TooMuch")
        self.book.totals = replace(totals, **{total: getattr(totals, total) + amount})
        self.cash += amount

    def _change_supply(self, *, current: int = 0, previous: int = 0, issued: int = 0) -> None:
        self.book.roll_supply(self.epoch)
        old = self.book.supply
        self.book.supply = replace(
            old, current=old.current + current, previous=old.previous + previous, issued=old.issued + issued
        )
