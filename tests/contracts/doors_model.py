"""The ledger's doors for the other contracts, in plain Python (interfaces/ILedgerDoors.sol).

A holder is a member's number, or the number of an address (`holder_of`). Cash that comes in or goes out is booked on
the ledger's side only; whoever calls keeps its own. An operation that the contract refuses raises Refused with the
typed error's name before it has changed anything.
"""

from dataclasses import dataclass, field, replace

from node.domain.ids import MemberId, MerchantId
from node.domain.leaf import Leaf
from node.domain.words import FROZEN, IN_ARREARS, LOCKED, PAUSED, REGISTERED, Account
from tests.contracts.model import COIN, MAX_56, Declined, Model, Refused, Undo

EARNED_MAX = 2**48 - 1


def holder_of(address: str) -> MemberId:
    """The key of an address's account in the model."""
    return MemberId(int(address, 16))


@dataclass
class DoorsModel(Model):
    """The whole ledger with its doors. `doors` by the caller's holder key, bits."""

    doors: dict[int, int] = field(default_factory=dict)

    # --- money ---

    def credit_payable(self, merchant: MerchantId, amount: int) -> None:
        self._known(merchant)
        self._take_cash(amount, "payable")
        word = self.book.roll_merchant(merchant, self.epoch)
        self.book.merchants[merchant] = replace(word, payable=word.payable + amount)

    def take_value(self, member: MemberId, amount: int) -> None:
        self._open_member(member)
        account = self.touch(member)
        if account.value < amount:
            raise Refused("InsufficientValue")
        self._pay_out(amount, "stored_value")
        self.book.accounts[member] = replace(account, value=account.value - amount)

    def take_payable(self, merchant: MerchantId, amount: int) -> None:
        """What the guarantee fund paid for the merchant goes back there first."""
        self._known(merchant)
        held = self.book.merchants[merchant].payable
        debt = min(self.guaranteed.get(merchant, 0), held)
        if held - debt < amount:
            raise Refused("InsufficientPayable")
        self._pay_out(amount, "payable")
        word = self.book.roll_merchant(merchant, self.epoch)
        self.book.merchants[merchant] = replace(word, payable=word.payable - debt - amount)
        if debt:
            self.guaranteed[merchant] -= debt
            self.deposits[0] = self.deposits.get(0, 0) + debt
            totals = self.book.totals
            self.book.totals = replace(totals, payable=totals.payable - debt, deposits=totals.deposits + debt)

    def draw_on(self, merchant: MerchantId, amount: int) -> tuple[int, int, int]:
        """What payable, deposit and guarantee fund gave."""
        self._known(merchant)
        payable = min(amount, self.book.merchants[merchant].payable)
        deposit = min(amount - payable, self.deposits.get(merchant, 0))
        fund = amount - payable - deposit
        if fund > self.deposits.get(0, 0):
            raise Refused("InsufficientFunds")
        if not amount:
            raise Refused("ZeroAmount")
        word = self.book.roll_merchant(merchant, self.epoch)
        self.book.merchants[merchant] = replace(word, payable=word.payable - payable)
        if deposit or fund:
            self.deposits[merchant] = self.deposits.get(merchant, 0) - deposit
        if fund:
            self.deposits[0] -= fund
            self.guaranteed[merchant] = self.guaranteed.get(merchant, 0) + fund
        totals = self.book.totals
        self.book.totals = replace(totals, payable=totals.payable - payable, deposits=totals.deposits - deposit - fund)
        return payable, deposit, fund

    def own_funds(self, merchant: MerchantId) -> int:
        """What can be undone at a merchant's till without the guarantee fund."""
        word = self.book.merchants.get(merchant)
        return (word.payable if word else 0) + self.deposits.get(merchant, 0)

    def free_funds(self, merchant: MerchantId) -> int:
        """What a merchant can let go of by an act of its own: what it owes the guarantee fund is set aside."""
        return max(self.own_funds(merchant) - self.guaranteed.get(merchant, 0), 0)

    # --- coins ---

    def take_coins(self, member: MemberId, units: int, to: MemberId) -> tuple[int, int]:
        """Current and previous units that moved."""
        self._open_member(member)
        account = self.touch(member)
        if account.coins < units:
            raise Refused("InsufficientCoins")
        left, old = account.without_coins(units)
        self.book.accounts[member] = left
        self._receive(to, units - old, old)
        return units - old, old

    def move_coins(self, holder: MemberId, to: MemberId, current: int, previous: int) -> None:
        account = self._own_coins(holder, current, previous)
        self.book.accounts[holder] = replace(
            account, current=account.current - current, previous=account.previous - previous
        )
        self._receive(to, current, previous)

    def redeem(self, holder: MemberId, current: int, previous: int) -> int:
        """Minor units paid."""
        account = self._own_coins(holder, current, previous)
        units = current + previous
        if units % self.par:
            raise Refused("NotAtPar")
        self._burn(holder, account, current, previous)
        totals = self.book.totals
        self.book.totals = replace(totals, reserve=totals.reserve - units // self.par)
        return units // self.par

    def restore(self, member: MemberId, current: int, previous: int) -> int:
        """Minor units taken for coins that come back to a member."""
        member = self.survivor(member)
        self._member(member)
        units = current + previous
        if units % self.par:
            raise Refused("NotAtPar")
        if self.book.totals.reserve * self.par + units > MAX_56:
            raise Refused("TooMuch")
        self._take_cash(units // self.par, "reserve")
        account = self.touch(member)
        self._change_supply(current=current, previous=previous)
        self.book.accounts[member] = replace(
            account, current=account.current + current, previous=account.previous + previous
        )
        return units // self.par

    def issue(self, merchant: MerchantId, to: MemberId, units: int) -> int:
        """Units given, as far as prepaid reaches."""
        if self.book.supply.flags & PAUSED:
            raise Refused("EarningPaused")
        to = self.survivor(to)
        account = self.touch(to)
        if account.flags & FROZEN:
            raise Refused("AccountLocked")
        self._known(merchant)
        given = min(units, self.book.merchants[merchant].prepaid)
        if not given:
            return 0
        word = self.book.roll_merchant(merchant, self.epoch)
        self.book.merchants[merchant] = replace(word, prepaid=word.prepaid - given, issued=word.issued + given)
        self._change_supply(current=given, issued=given)
        earned = min(account.earned + given, EARNED_MAX) if account.flags & REGISTERED else account.earned
        self.book.accounts[to] = replace(account, current=account.current + given, earned=earned)
        return given

    def return_points(self, holder: MemberId, merchant: MerchantId, current: int, previous: int) -> None:
        account = self._own_coins(holder, current, previous)
        self._known(merchant)
        self._burn(holder, account, current, previous)
        word = self.book.roll_merchant(merchant, self.epoch)
        self.book.merchants[merchant] = replace(word, prepaid=word.prepaid + current + previous)
        self._unissue_newest(merchant, current + previous)

    def claw_back(self, merchant: MerchantId, member: MemberId, units: int) -> int:
        """Units that the member still had; the rest became arrears."""
        if not units:
            raise Refused("ZeroAmount")
        if merchant == 0:
            raise Refused("UnknownMerchant")
        member = self.survivor(member)
        self._member(member)
        self._known(merchant)
        account = self.touch(member)
        account = replace(account, earned=max(account.earned - units, 0))
        clawed = min(units, account.coins)
        self.book.accounts[member] = account
        if clawed:  # else the merchant's word is read and stays as it is
            self.book.roll_merchant(merchant, self.epoch)
            recent = min(clawed, account.current)
            self._burn(member, account, recent, clawed - recent)
            word = self.book.merchants[merchant]
            self.book.merchants[merchant] = replace(word, prepaid=word.prepaid + clawed)
            self._unissue_newest(merchant, clawed)
        if debt := units - clawed:
            self._add_arrears(merchant, member, debt)
        return clawed

    # --- members and lines ---

    def merge_members(self, source: MemberId, into: MemberId, merchants: list[int]) -> None:
        if source == into:
            raise Refused("CannotMerge")
        self._member(source)
        self._member(into)
        if self.survivor(source) not in (source, into) or into in self.merged:
            raise Refused("CannotMerge")
        if 0 in merchants:
            raise Refused("UnknownMerchant")
        named = sum(self.arrears.get((merchant, source), 0) for merchant in set(merchants))
        if self.arrears.get((0, source), 0) != named:
            raise Refused("CannotMerge")
        old, new = self.touch(source), self.touch(into)
        self.book.accounts[source] = Account(epoch=self.epoch, tier=old.tier, flags=REGISTERED | FROZEN)
        self.merged[source] = into
        self.book.accounts[into] = replace(
            new,
            value=new.value + old.value,
            current=new.current + old.current,
            previous=new.previous + old.previous,
            earned=min(new.earned + old.earned, EARNED_MAX),
            tier=max(new.tier, old.tier),
        )
        for merchant in dict.fromkeys(merchants):
            if units := self.book.owed.get((MerchantId(merchant), source), 0):
                self.book.owed[MerchantId(merchant), source] = 0
                key = (MerchantId(merchant), into)
                self.book.owed[key] = self.book.owed.get(key, 0) + units
            if units := self.arrears.get((merchant, source), 0):
                self.arrears[merchant, source] = 0
                self.arrears[0, source] -= units
                self._add_arrears(merchant, into, units)

    def settle_line(self, leaf: Leaf, amount: int) -> tuple[int, int]:
        """Points clawed back, and new arrears; a refused one raises Refused("RefundRefused")."""
        try:
            part = self._checked_part(1, Undo(leaf=leaf, amount=amount))
        except Declined:
            raise Refused("RefundRefused") from None
        before, taken_before = self.refunded.get(leaf.hash, (0, 0))
        member = self.survivor(leaf.member)
        self.book.accounts[member] = self.touch(member)
        self.book.roll_merchant(leaf.merchant, self.epoch)
        taken = clawed = debt = 0
        if leaf.tender != COIN:
            taken, _, clawed, debt = self._take_points(leaf, before + part, taken_before)
        self.refunded[leaf.hash] = (before + part, taken_before + taken)
        self.settled[leaf.hash] = self.settled.get(leaf.hash, 0) + part
        return clawed, debt

    # --- inside ---

    def _open_member(self, member: MemberId) -> None:
        if self._member(member).flags & (LOCKED | FROZEN):
            raise Refused("AccountLocked")

    def _own_coins(self, holder: MemberId, current: int, previous: int) -> Account:
        if not current and not previous:
            raise Refused("ZeroAmount")
        account = self.touch(holder)
        if account.flags & (LOCKED | FROZEN):
            raise Refused("AccountLocked")
        if current > account.current or previous > account.previous:
            raise Refused("InsufficientCoins")
        return account

    def _receive(self, to: MemberId, current: int, previous: int) -> None:
        to = self.survivor(to)
        account = self.touch(to)
        self.book.accounts[to] = replace(
            account, current=account.current + current, previous=account.previous + previous
        )

    def _burn(self, holder: MemberId, account: Account, current: int, previous: int) -> None:
        self.book.accounts[holder] = replace(
            account, current=account.current - current, previous=account.previous - previous
        )
        self._change_supply(current=-current, previous=-previous)

    def _add_arrears(self, merchant: int, member: MemberId, units: int) -> None:
        account = self.book.accounts[member]
        self.book.accounts[member] = replace(account, flags=account.flags | IN_ARREARS)
        for place in ((merchant, member), (0, member)):
            self.arrears[place] = self.arrears.get(place, 0) + units

    def _pay_out(self, amount: int, total: str) -> None:
        if not amount:
            raise Refused("ZeroAmount")
        self.book.totals = replace(self.book.totals, **{total: getattr(self.book.totals, total) - amount})
