"""The escrow, its settlement and payouts in plain Python (interfaces/ISettlementEscrow.sol, IMerchantSettlement.sol).

Works on the shared model of the ledger. An operation that the contract refuses raises Refused with the typed error's
name, or a refused act Declined with its reason, and leaves everything as it was.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from benchmarks.escrow import CASH, COINS, NOBODY, VALUE, Terms
from node.domain.ids import MemberId, MerchantId
from node.domain.words import FROZEN, LOCKED, REGISTERED
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused

P = ParamSpec("P")
T = TypeVar("T")
MAX_48, MAX_56 = 2**48 - 1, 2**56 - 1
BPS = 10_000


class ActDeclined(Refused):
    """An act is refused for this reason."""

    def __init__(self, reason: int) -> None:
        super().__init__("ActRefused")
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Payment:
    """Where a payment stands."""

    capturable: int = 0
    captured: int = 0
    refunded: int = 0
    reward: int = 0
    captured_at: int = 0
    reward_epoch: int = 0

    @property
    def kept(self) -> int:
        """Points that are still the payer's."""
        return self.reward * (self.captured - self.refunded) // self.captured if self.captured else 0


@dataclass(frozen=True, kw_only=True)
class Coins:
    """Coins held for a payment and those that were redeemed for it, by age in `epoch`."""

    held: tuple[int, int] = (0, 0)
    spent: tuple[int, int] = (0, 0)
    epoch: int = 0

    def rolled(self, epoch: int) -> "Coins":
        """In this epoch: held ones expire, spent ones come back younger."""
        age = epoch - self.epoch
        if not age:
            return self
        held = (0, self.held[0]) if age == 1 else (0, 0)
        spent = self.spent[::-1] if age == 1 else (sum(self.spent), 0)
        return Coins(held=held, spent=spent, epoch=epoch)


@dataclass(frozen=True, kw_only=True)
class Book:
    """What was agreed with a merchant, and its open period."""

    fee_bps: int
    at_once: bool
    shares: tuple[tuple[str, int], ...]
    day: int
    gross: int = 0
    fees: int = 0
    refunds: int = 0
    paid: int = 0
    covered: int = 0
    carry: int = 0

    @property
    def held(self) -> int:
        return self.gross - self.fees - self.refunds - self.paid


def whole(operation: "Callable[Concatenate[Escrow, P], T]") -> "Callable[Concatenate[Escrow, P], T]":
    """All of it, or nothing."""

    @functools.wraps(operation)
    def run(escrow: "Escrow", *arguments: P.args, **named: P.kwargs) -> T:
        ledger = escrow.ledger
        saved = copy.deepcopy(ledger.__dict__), {k: copy.copy(v) for k, v in escrow.state().items()}
        try:
            return operation(escrow, *arguments, **named)
        except Refused:
            ledger.__dict__, kept = saved
            escrow.__dict__.update(kept)
            raise

    return run


@dataclass
class Escrow:
    """All payments. `cash` are the balances of addresses outside; `key` is the escrow's holder key in the ledger."""

    ledger: DoorsModel
    key: MemberId
    settlement_days: int = 1
    chargeback_window: int = 10_368_000
    authorized: int = 0
    payments: dict[bytes, Payment] = field(default_factory=dict)
    coins: dict[bytes, Coins] = field(default_factory=dict)
    books: dict[int, Book] = field(default_factory=dict)
    claimable: dict[str, int] = field(default_factory=dict)
    cash: dict[str, int] = field(default_factory=dict)
    payouts: dict[int, str] = field(default_factory=dict)
    acts: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """What operations change."""
        names = ("authorized", "payments", "coins", "books", "claimable", "cash", "acts")
        return {name: self.__dict__[name] for name in names}

    @property
    def now(self) -> int:
        return self.ledger.block.time

    # --- steps ---

    @whole
    def authorize(self, id_: bytes, terms: Terms, amount: int, *, signed: bool = True) -> None:
        if self.now >= terms.authorize_by:
            raise Refused("AuthorizeExpired")
        if not signed:
            raise Refused("NotSigned")
        self._open(id_, terms, amount)

    @whole
    def charge(self, id_: bytes, terms: Terms, amount: int, reward: int, *, signed: bool = True) -> None:
        if self.now >= terms.authorize_by:
            raise Refused("AuthorizeExpired")
        if not signed:
            raise Refused("NotSigned")
        self._open(id_, terms, amount)
        self._take(id_, terms, amount, reward)

    @whole
    def capture(self, id_: bytes, terms: Terms, amount: int, reward: int) -> int:
        """The fee."""
        if not amount:
            raise Refused("ZeroAmount")
        payment = self._known(id_)
        if self.now >= terms.capture_by:
            raise Refused("CaptureExpired")
        if amount > payment.capturable:
            raise Refused("ExceedsAuthorized")
        return self._take(id_, terms, amount, reward)

    @whole
    def void(self, id_: bytes, terms: Terms) -> None:
        payment = self._known(id_)
        if not payment.capturable:
            raise Refused("NothingAuthorized")
        self._free(id_, terms)

    @whole
    def reclaim(self, id_: bytes, terms: Terms) -> None:
        if self.now < terms.capture_by:
            raise Refused("NotReclaimable")
        self.void(id_, terms)

    @whole
    def refund(self, id_: bytes, terms: Terms, amount: int) -> None:
        if self.now >= terms.refund_by:
            raise Refused("RefundExpired")
        self._refund(id_, terms, amount)

    @whole
    def charge_back(self, id_: bytes, terms: Terms, amount: int) -> None:
        if self.now >= self._known(id_).captured_at + self.chargeback_window:
            raise Refused("ChargebackExpired")
        self._refund(id_, terms, amount, guaranteed=True)

    # --- merchants ---

    @whole
    def set_terms(self, merchant: int, fee_bps: int, at_once: bool, shares: tuple[tuple[str, int], ...]) -> None:
        if fee_bps > BPS:
            raise Refused("BadFee")
        if (sum(bps for _, bps in shares) != BPS or len(shares) > 8) if shares else fee_bps:
            raise Refused("BadShares")
        old = self.books.get(merchant)
        if old and (old.gross or old.covered):
            self._settle(merchant)
            old = self.books[merchant]
        day, carry = self.ledger.day, old.carry if old else 0
        self.books[merchant] = Book(fee_bps=fee_bps, at_once=at_once, shares=shares, day=day, carry=carry)

    @whole
    def settle(self, merchant: int) -> None:
        book = self._admitted(merchant)
        if self.ledger.day < book.day + self.settlement_days:
            raise Refused("NotSettlementDay")
        self._settle(merchant)

    @whole
    def pay_out(self, merchant: int, amount: int) -> None:
        if not (to := self.payouts.get(merchant)):
            raise Refused("NoPayout")
        self.ledger.take_payable(MerchantId(merchant), amount)
        self._pay(to, amount)

    @whole
    def claim(self, receiver: str, to: str) -> None:
        amount = self.claimable.get(receiver, 0)
        if not amount:
            raise Refused("NothingToClaim")
        self.claimable[receiver] = 0
        self._pay(to, amount)

    def statement(self, merchant: int) -> dict[str, int]:
        """The open period as it would be closed now."""
        book = self._admitted(merchant)
        restored = min(book.held, book.carry)
        return {
            "gross": book.gross,
            "refunds": book.refunds + book.covered,
            "fees": book.fees,
            "covered": book.covered,
            "paidAtOnce": book.paid,
            "restored": restored,
            "net": book.held - restored,
            "carryForward": book.carry - restored,
        }

    def cash_owed(self) -> int:
        """What the escrow's cash is for."""
        held = sum(book.held + book.fees for book in self.books.values())
        return self.authorized + held + sum(self.claimable.values())

    # --- inside ---

    def _open(self, id_: bytes, terms: Terms, amount: int) -> None:
        self._check(id_, terms, amount)
        self.payments[id_] = Payment(capturable=amount)
        if terms.tender == COINS:
            key, epoch = MemberId(terms.member), self.ledger.epoch
            moved = self.ledger.take_coins(key, amount * self.ledger.par, self.key)
            if terms.capture_by > self._first_expiry(moved[1] > 0):
                raise Refused("CoinsExpireBefore")
            self.coins[id_] = Coins(held=moved, epoch=epoch)
            return
        self.authorized += amount
        if terms.tender == VALUE:
            self.ledger.take_value(MemberId(terms.member), amount)
        else:
            if self.cash.get(terms.payer, 0) < amount:
                raise Refused("ERC20InsufficientBalance")
            self.cash[terms.payer] -= amount

    def _check(self, id_: bytes, terms: Terms, amount: int) -> None:
        by_member = terms.payer == NOBODY and terms.member and terms.tender in (COINS, VALUE)
        by_address = terms.payer != NOBODY and terms.tender == CASH
        no_reward = terms.min_reward and (not terms.member or terms.tender == COINS)
        refusals = {
            "ZeroAmount": not amount,
            "AmountTooLarge": terms.amount > MAX_48 or terms.min_reward > MAX_56,
            "ExceedsTerms": amount > terms.amount,
            "BadPayer": not by_member and not by_address,
            "NoReward": bool(no_reward),
            "UnknownMember": terms.min_reward and not self._registered(terms),
            "BadTimes": not terms.authorize_by <= terms.capture_by <= terms.refund_by,
            "BadFeeRange": not terms.min_fee_bps <= terms.max_fee_bps <= BPS,
            "NotAdmitted": terms.merchant not in self.books,
            "CaptureExpired": self.now >= terms.capture_by,
            "AlreadyAuthorized": id_ in self.payments,
        }
        for error, holds in refusals.items():
            if holds:
                raise Refused(error)

    def _take(self, id_: bytes, terms: Terms, amount: int, reward: int) -> int:
        payment = self._renewed(self.payments[id_])
        if reward < self.needed(terms, amount):
            raise Refused("RewardBelow")
        if reward and (not terms.member or terms.tender == COINS):
            raise Refused("NoReward")
        if reward and not self._registered(terms):
            raise Refused("UnknownMember")
        self.payments[id_] = replace(
            payment,
            capturable=payment.capturable - amount,
            captured=payment.captured + amount,
            captured_at=self.now,
            reward=payment.reward + reward,
            reward_epoch=self.ledger.epoch if reward and not payment.reward else payment.reward_epoch,
        )
        book = self._admitted(terms.merchant)
        if not terms.min_fee_bps <= book.fee_bps <= terms.max_fee_bps:
            raise Refused("FeeOutOfRange")
        fee = amount * book.fee_bps // BPS
        net = amount - fee
        self.books[terms.merchant] = replace(
            book, gross=book.gross + amount, fees=book.fees + fee, paid=book.paid + (net if book.at_once else 0)
        )
        if terms.tender == COINS:
            self._redeem(id_, amount * self.ledger.par)
        else:
            self.authorized -= amount
        if book.at_once and net:
            self.ledger.credit_payable(MerchantId(terms.merchant), net)
        if reward and self.ledger.issue(MerchantId(terms.merchant), MemberId(terms.member), reward) < reward:
            raise Refused("RewardBelow")
        return fee

    def _redeem(self, id_: bytes, units: int) -> None:
        coins = self.coins[id_].rolled(self.ledger.epoch)
        old = min(units, coins.held[1])
        new = units - old
        self.ledger.redeem(self.key, new, old)
        self.coins[id_] = replace(
            coins,
            held=(coins.held[0] - new, coins.held[1] - old),
            spent=(coins.spent[0] + new, coins.spent[1] + old),
        )

    def _free(self, id_: bytes, terms: Terms) -> None:
        payment = self.payments[id_]
        self.payments[id_] = replace(payment, capturable=0)
        if terms.tender != COINS:
            self.authorized -= payment.capturable
            self._give_cash(terms, payment.capturable)
            return
        coins = self.coins[id_].rolled(self.ledger.epoch)
        self.coins[id_] = replace(coins, held=(0, 0))
        if any(coins.held):
            self.ledger.move_coins(self.key, MemberId(terms.member), *coins.held)

    def _refund(self, id_: bytes, terms: Terms, amount: int, *, guaranteed: bool = False) -> None:
        if not amount:
            raise Refused("ZeroAmount")
        payment = self._known(id_)
        if amount > payment.captured - payment.refunded:
            raise Refused("ExceedsCaptured")
        after = replace(payment, refunded=payment.refunded + amount)
        self.payments[id_] = after
        self._draw(terms.merchant, amount, guaranteed=guaranteed)
        taken = 0 if self._expired(payment) else payment.kept - after.kept
        if taken:
            self.ledger.claw_back(MerchantId(terms.merchant), MemberId(terms.member), taken)
        if terms.tender != COINS:
            self._give_cash(terms, amount)
            return
        self._remint(id_, terms, amount)

    def _remint(self, id_: bytes, terms: Terms, amount: int) -> None:
        coins = self.coins[id_].rolled(self.ledger.epoch)
        new = min(amount * self.ledger.par, coins.spent[0])
        old = amount * self.ledger.par - new
        self.coins[id_] = replace(coins, spent=(coins.spent[0] - new, coins.spent[1] - old))
        self.ledger.restore(MemberId(terms.member), new, old)

    def undo(self, id_: bytes, terms: Terms, amount: int, fee: int) -> None:
        """Puts a captured part aside again, or gives it back in coins; the fee is undone too."""
        payment = self.payments[id_]
        after = replace(payment, refunded=payment.refunded + amount)
        taken = 0 if self._expired(payment) else payment.kept - after.kept
        after = self._renewed(after)
        again = 0 if terms.tender == COINS else amount
        self.payments[id_] = replace(after, capturable=after.capturable + again)
        book, net = self.books[terms.merchant], amount - fee
        held = book.held >= net
        own = self.ledger.book.merchants[MerchantId(terms.merchant)].payable
        own += self.ledger.deposits.get(terms.merchant, 0)
        if book.gross >= amount and book.fees >= fee and (held or (book.paid >= net and own >= net)):
            paid = book.paid - (0 if held else net)
            self.books[terms.merchant] = replace(book, gross=book.gross - amount, fees=book.fees - fee, paid=paid)
            if not held and net:
                self.ledger.draw_on(MerchantId(terms.merchant), net)
        else:
            self._draw(terms.merchant, amount)
        self.authorized += again
        if taken:
            self.ledger.claw_back(MerchantId(terms.merchant), MemberId(terms.member), taken)
        if terms.tender == COINS:
            self._remint(id_, terms, amount)

    def _draw(self, merchant: int, amount: int, *, guaranteed: bool = False) -> None:
        book = self._admitted(merchant)
        part = min(amount, book.held)
        book = replace(book, refunds=book.refunds + part)
        if rest := amount - part:
            own = self.ledger.book.merchants[MerchantId(merchant)].payable + self.ledger.deposits.get(merchant, 0)
            if rest > own and not guaranteed:
                raise Refused("InsufficientFunds")
            _, deposit, fund = self.ledger.draw_on(MerchantId(merchant), rest)
            book = replace(book, covered=book.covered + rest, carry=book.carry + deposit + fund)
        self.books[merchant] = book

    def _settle(self, merchant: int) -> None:
        book, says = self.books[merchant], self.statement(merchant)
        clear = Book(fee_bps=book.fee_bps, at_once=book.at_once, shares=book.shares, day=self.ledger.day)
        self.books[merchant] = replace(clear, carry=says["carryForward"])
        left = book.fees
        for place, (receiver, bps) in enumerate(book.shares):
            part = left if place == len(book.shares) - 1 else book.fees * bps // BPS
            left -= part
            self.claimable[receiver] = self.claimable.get(receiver, 0) + part
        if says["restored"]:
            self.ledger.add_deposit(merchant, says["restored"])
        if not says["net"]:
            return
        if to := self.payouts.get(merchant):
            self._pay(to, says["net"])
        else:
            self.ledger.credit_payable(MerchantId(merchant), says["net"])

    def needed(self, terms: Terms, amount: int) -> int:
        """Points that capturing this much needs."""
        return -(-terms.min_reward * amount // terms.amount)

    def _renewed(self, payment: Payment) -> Payment:
        if payment.reward and self._expired(payment):
            payment = replace(payment, reward=0)
        if payment.refunded:
            left = payment.captured - payment.refunded
            payment = replace(payment, reward=payment.kept, captured=left, refunded=0)
        return payment

    def _registered(self, terms: Terms) -> bool:
        return bool(self.ledger.touch(MemberId(terms.member)).flags & REGISTERED)

    def _expired(self, payment: Payment) -> bool:
        return self.ledger.epoch > payment.reward_epoch + 1

    def _first_expiry(self, some: bool) -> int:
        terms = self.ledger.book.terms
        return terms.epoch_start + (self.ledger.epoch + (1 if some else 2)) * terms.epoch_length

    def _give_cash(self, terms: Terms, amount: int) -> None:
        if terms.tender == CASH:
            self._pay(terms.payer, amount)
        else:
            self.ledger.recharge(MemberId(terms.member), amount)

    def _pay(self, to: str, amount: int) -> None:
        self.cash[to] = self.cash.get(to, 0) + amount

    def _known(self, id_: bytes) -> Payment:
        if id_ not in self.payments:
            raise Refused("UnknownPayment")
        return self.payments[id_]

    def _admitted(self, merchant: int) -> Book:
        if merchant not in self.books:
            raise Refused("NotAdmitted")
        return self.books[merchant]

    # --- acts ---

    @whole
    def act_authorize(self, origin: int, id_: bytes, terms: Terms, *, debit_left: int, authorised: bool) -> None:
        member = MemberId(terms.member)
        account, par = self.ledger.touch(member), self.ledger.par
        coins = terms.tender == COINS
        refusals = {
            12: not authorised,
            35: not terms.amount,
            13: terms.amount > debit_left,
            34: terms.tender not in (COINS, VALUE) or (coins and terms.min_reward) or terms.merchant not in self.books,
            33: self.now >= terms.capture_by or terms.capture_by > terms.refund_by,
            11: account.flags & (LOCKED | FROZEN),
            38: not account.flags & REGISTERED,
            14: not coins and account.value < terms.amount,
            15: coins and account.coins < terms.amount * par,
        }
        _decline(refusals)
        _decline({33: coins and terms.capture_by > self._first_expiry(account.previous > 0)})
        self._open(id_, terms, terms.amount)
        self.acts[origin] = ("authorize", id_, terms)

    @whole
    def act_capture(self, key: int, origin: int, member: int, merchant: int, amount: int, reward: int) -> None:
        id_, terms = self._origin(origin, member, merchant)
        payment = self.payments[id_]
        _decline(
            {
                32: not payment.capturable,
                33: self.now >= terms.capture_by,
                35: not 0 < amount <= payment.capturable or reward < self.needed(terms, amount),
                34: bool(reward) and terms.tender == COINS,
                37: reward > self.ledger.book.merchants[MerchantId(merchant)].prepaid,
            }
        )
        fee = self._take(id_, terms, amount, reward)
        self.acts[key] = ("capture", origin, amount, fee)

    @whole
    def act_void(self, origin: int, member: int, merchant: int, *, undo: bool = False) -> None:
        id_, terms = self._origin(origin, member, merchant)
        _decline({32: not self.payments[id_].capturable or (undo and self.acts[origin][-1] is True)})
        if undo:
            self.acts[origin] = (*self.acts[origin][:3], True)
        self._free(id_, terms)

    @whole
    def act_undo_capture(self, key: int, member: int, merchant: int) -> None:
        act = self.acts.get(key, ("",))
        _decline({31: act[0] != "capture", 32: act[-1] is True})
        _, origin, amount, fee = act
        id_, terms = self._origin(origin, member, merchant)
        payment = self.payments[id_]
        own = self.books[merchant].held + self.ledger.book.merchants[MerchantId(merchant)].payable
        own += self.ledger.deposits.get(merchant, 0)
        _decline({32: payment.captured - payment.refunded < amount, 37: own < amount - fee})
        self.acts[key] = (*act, True)
        self.undo(id_, terms, amount, fee)

    def _origin(self, origin: int, member: int, merchant: int) -> tuple[bytes, Terms]:
        act = self.acts.get(origin, ("",))
        _decline({31: act[0] != "authorize"})
        _decline({38: act[2].member != member})
        _decline({34: act[2].merchant != merchant})
        return act[1], act[2]


def _decline(refusals: dict[int, Any]) -> None:
    for reason, holds in refusals.items():
        if holds:
            raise ActDeclined(reason)
