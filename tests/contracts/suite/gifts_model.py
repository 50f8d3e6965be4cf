"""Gifts in plain Python (interfaces/IGifts.sol): what each operation does, or by which error it is refused."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from node.domain.ids import MemberId, MerchantId
from node.domain.words import ACTIVE, FROZEN, LOCKED, PAUSED, Account
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused
from tests.contracts.suite.till import Act, ActDeclined

MAX_48 = 2**48 - 1
MAX_56 = 2**56 - 1
AT_A_TILL = 1 << 96


@dataclass(frozen=True, kw_only=True)
class Gift:
    """A gift of a merchant."""

    price: int
    cash: int
    stock: int
    starts: int = 0
    until: int = 0
    limit: int = 0
    hold: int = 3_600
    open: bool = True

    def terms(self) -> tuple[int, ...]:
        """IGifts.Terms."""
        return (self.price, self.cash, self.stock, self.starts, self.until, self.limit, self.hold)


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """Coins and cash held for a gift; the buckets are those of `epoch`."""

    gift: int
    member: MemberId
    current: int
    previous: int
    epoch: int
    expires: int
    state: str = "Reserved"
    day: int = 0

    @property
    def units(self) -> int:
        return self.current + self.previous

    def rolled(self, epoch: int) -> tuple[int, int]:
        """Current and previous units that are left in an epoch."""
        age = epoch - self.epoch
        return {0: (self.current, self.previous), 1: (0, self.current)}.get(age, (0, 0))

    def given_back(self, epoch: int) -> tuple[int, int]:
        """The ages in which coins that were spent come back: those of a closed epoch as current."""
        age = epoch - self.epoch
        return {0: (self.current, self.previous), 1: (self.previous, self.current)}.get(age, (self.units, 0))


@dataclass
class GiftsModel:
    """All gifts. `holder` is the contract's account in the ledger; `survivor` says who a merged member is now."""

    ledger: DoorsModel
    holder: MemberId
    survivor: Callable[[int], int]
    gifts: dict[int, Gift] = field(default_factory=dict)
    reservations: dict[int, Reservation] = field(default_factory=dict)
    taken: Counter[tuple[int, int]] = field(default_factory=Counter)
    count: int = 0

    @property
    def now(self) -> int:
        return self.ledger.block.time

    @property
    def held(self) -> int:
        """Cash parts of all that is reserved."""
        standing = (it for it in self.reservations.values() if it.state == "Reserved")
        return sum(self.gifts[it.gift].cash for it in standing)

    def publish(self, merchant: int, gift: Gift) -> None:
        if (
            gift.price > MAX_48
            or gift.cash > MAX_48
            or gift.price * self.ledger.par > MAX_56
            or not gift.price + gift.cash
        ):
            raise Refused("BadPrice")
        if (gift.until and (gift.until <= gift.starts or gift.until <= self.now)) or gift.hold < 60:
            raise Refused("BadWindow")
        number = sum(1 for each in self.gifts if each >> 32 == merchant) + 1
        self.gifts[merchant << 32 | number] = gift

    def add_stock(self, gift: int, units: int) -> None:
        it = self._known(gift)
        if not units or it.stock + units > 2**32 - 1:
            raise Refused("BadStock")
        self.gifts[gift] = replace(it, stock=it.stock + units)

    def withdraw(self, gift: int) -> None:
        it = self._known(gift)
        if not it.open:
            raise Refused("GiftClosed")
        self.gifts[gift] = replace(it, open=False)

    def reserve(self, gift: int, member: MemberId) -> None:
        """By the member's key."""
        if self.ledger.book.supply.flags & PAUSED:
            raise Refused("NetworkPaused")
        if self.survivor(member) != member:
            raise Refused("NotMember")
        it = self._known(gift)
        if not self.ledger.book.merchants[MerchantId(gift >> 32)].flags & ACTIVE:
            raise Refused("GiftClosed")
        errors = {32: "GiftClosed", 33: "NotOffered", 37: "OutOfStock", 36: "LimitReached"}
        if reason := self._problem(gift, member):
            raise Refused(errors[reason])
        self._open_member(member)
        account = self.ledger.touch(member)
        if account.coins < it.price * self.ledger.par:
            raise Refused("InsufficientCoins")
        if account.value < it.cash:
            raise Refused("InsufficientValue")
        self.count += 1
        self._take(self.count, gift, member)

    def confirm(self, number: int, *, clerk: bool = True) -> None:
        it = self._in_state(number, "Reserved")
        self._require(clerk)
        if self.now >= it.expires:
            raise Refused("ReservationOver")
        self._hand_over(number)

    def cancel(self, number: int, *, key: bool = True) -> None:
        self._in_state(number, "Reserved")
        if not key:
            raise Refused("NotMember")
        self._release(number)

    def release(self, number: int, *, clerk: bool = True) -> None:
        it = self._in_state(number, "Reserved")
        self._require(clerk or self.now >= it.expires)
        self._release(number)

    def take_back(self, number: int, *, clerk: bool = True) -> None:
        it = self._in_state(number, "HandedOver")
        self._require(clerk)
        if self._paid_for(it) > self.ledger.free_funds(MerchantId(it.gift >> 32)):
            raise Refused("InsufficientFunds")
        self._take_back(number, it)

    # --- at a till ---

    def take_at_till(self, act: Act, gift: int) -> int:
        """Minor units debited."""
        if act.amount:
            raise ActDeclined(34)
        it = self.gifts.get(gift)
        if it is None:
            raise ActDeclined(31)
        if gift >> 32 != act.merchant:
            raise ActDeclined(34)
        if reason := self._problem(gift, MemberId(act.member)):
            raise ActDeclined(reason)
        account, debited = self.ledger.touch(MemberId(act.member)), it.price + it.cash
        for refused, reason in (
            (account.flags & (LOCKED | FROZEN), 11),
            (not any(act.authorisation), 12),
            (debited > act.debit_left, 13),
            (account.value < it.cash, 14),
            (account.coins < it.price * self.ledger.par, 15),
        ):
            if refused:
                raise ActDeclined(reason)
        number = AT_A_TILL | act.stream << 64 | act.sequence
        self._take(number, gift, MemberId(act.member))
        self._hand_over(number)
        return debited

    def hand_over_at_till(self, act: Act, number: int) -> int:
        """Nothing is debited."""
        it = self._of_act(act, number)
        if it.state != "Reserved":
            raise ActDeclined(32)
        if self.now >= it.expires:
            raise ActDeclined(33)
        self._hand_over(number)
        return 0

    def undo_at_till(self, act: Act, sequence: int) -> int:
        """Nothing is debited."""
        number = AT_A_TILL | act.stream << 64 | sequence
        it = self._of_act(act, number)
        if it.state != "HandedOver":
            raise ActDeclined(32)
        if it.day != self.ledger.day:
            raise ActDeclined(33)
        if self._paid_for(it) > self.ledger.own_funds(MerchantId(it.gift >> 32)):
            raise ActDeclined(37)
        self._take_back(number, it)
        return 0

    # --- inside ---

    def _of_act(self, act: Act, number: int) -> Reservation:
        it = self.reservations.get(number)
        if it is None:
            raise ActDeclined(31)
        if it.gift >> 32 != act.merchant:
            raise ActDeclined(34)
        if self.survivor(it.member) != act.member:
            raise ActDeclined(38)
        return it

    def _problem(self, gift: int, member: MemberId) -> int:
        it = self.gifts[gift]
        if not it.open:
            return 32
        if self.now < it.starts or (it.until and self.now >= it.until):
            return 33
        if not it.stock:
            return 37
        return 36 if it.limit and self.taken[gift, member] >= it.limit else 0

    def _take(self, number: int, gift: int, member: MemberId) -> None:
        it, ledger = self.gifts[gift], self.ledger
        self.gifts[gift] = replace(it, stock=it.stock - 1)
        self.taken[gift, member] += 1
        current = previous = 0
        if it.price:
            current, previous = ledger.take_coins(member, it.price * ledger.par, self.holder)
        if it.cash:
            ledger.take_value(member, it.cash)
        terms, expires = ledger.book.terms, self.now + it.hold
        if terms.epoch_length and current + previous:
            last = ledger.epoch + (1 if previous else 2)
            expires = min(expires, terms.epoch_start + last * terms.epoch_length)
        self.reservations[number] = Reservation(
            gift=gift, member=member, current=current, previous=previous, epoch=ledger.epoch, expires=expires
        )

    def _hand_over(self, number: int) -> None:
        it = self.reservations[number]
        gift, merchant = self.gifts[it.gift], MerchantId(it.gift >> 32)
        current, previous = it.rolled(self.ledger.epoch)
        assert current + previous == gift.price * self.ledger.par, "what is handed over is paid in full"
        if gift.price:
            self.ledger.redeem(self.holder, current, previous)
        self.ledger.credit_payable(merchant, gift.price + gift.cash)
        self.reservations[number] = replace(it, state="HandedOver", day=self.ledger.day)

    def _release(self, number: int) -> None:
        it = self.reservations[number]
        current, previous = it.rolled(self.ledger.epoch)
        if current + previous:
            self.ledger.move_coins(self.holder, MemberId(self.survivor(it.member)), current, previous)
        self._put_back(number, "Released")
        if self.gifts[it.gift].cash:
            self.ledger.recharge(MemberId(self.survivor(it.member)), self.gifts[it.gift].cash)

    def _take_back(self, number: int, it: Reservation) -> None:
        gift = self.gifts[it.gift]
        self.ledger.draw_on(MerchantId(it.gift >> 32), self._paid_for(it))
        if gift.price:
            self.ledger.restore(MemberId(self.survivor(it.member)), *it.given_back(self.ledger.epoch))
        if gift.cash:
            self.ledger.recharge(MemberId(self.survivor(it.member)), gift.cash)
        self._put_back(number, "TakenBack")

    def _paid_for(self, it: Reservation) -> int:
        return self.gifts[it.gift].price + self.gifts[it.gift].cash

    def _put_back(self, number: int, state: str) -> None:
        it = self.reservations[number]
        gift = self.gifts[it.gift]
        self.gifts[it.gift] = replace(gift, stock=min(gift.stock + 1, 2**32 - 1))
        self.taken[it.gift, it.member] -= 1
        self.reservations[number] = replace(it, state=state)

    def _known(self, gift: int) -> Gift:
        if gift not in self.gifts:
            raise Refused("UnknownGift")
        return self.gifts[gift]

    def _in_state(self, number: int, state: str) -> Reservation:
        it = self.reservations.get(number)
        if it is None or it.state != state:
            raise Refused("WrongState")
        return it

    def _open_member(self, member: MemberId) -> Account:
        account = self.ledger._member(member)
        if account.flags & (LOCKED | FROZEN):
            raise Refused("AccountLocked")
        return account

    def _require(self, allowed: bool) -> None:
        if not allowed:
            raise Refused("NotInGroup")
