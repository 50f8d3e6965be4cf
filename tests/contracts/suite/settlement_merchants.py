"""What the escrow's model keeps of payments, coins and merchants, and how an operation of it is all or nothing."""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from node.domain.ids import MemberId, MerchantId
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused

P = ParamSpec("P")
T = TypeVar("T")
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


def whole(operation: "Callable[Concatenate[Settlement, P], T]") -> "Callable[Concatenate[Settlement, P], T]":
    """All of it, or nothing."""

    @functools.wraps(operation)
    def run(escrow: "Settlement", *arguments: P.args, **named: P.kwargs) -> T:
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
class Settlement:
    """What merchants get for captured payments. `cash` are the balances of addresses outside; `key` is the escrow's
    holder key in the ledger."""

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
        owing = self.ledger.guaranteed.get(merchant, 0) + book.carry
        restored = min(book.held, owing)
        return {
            "gross": book.gross,
            "refunds": book.refunds + book.covered,
            "fees": book.fees,
            "covered": book.covered,
            "paidAtOnce": book.paid,
            "restored": restored,
            "net": book.held - restored,
            "carryForward": owing - restored,
        }

    def cash_owed(self) -> int:
        """What the escrow's cash is for."""
        held = sum(book.held + book.fees for book in self.books.values())
        return self.authorized + held + sum(self.claimable.values())

    # --- inside ---

    def _draw(self, merchant: int, amount: int, most: int | None) -> None:
        """`most` is what payable and deposit may give; None = the guarantee fund gives the rest."""
        book = self._admitted(merchant)
        part = min(amount, book.held)
        book = replace(book, refunds=book.refunds + part)
        if rest := amount - part:
            if most is not None and rest > most:
                raise Refused("InsufficientFunds")
            _, deposit, _ = self.ledger.draw_on(MerchantId(merchant), rest)
            book = replace(book, covered=book.covered + rest, carry=book.carry + deposit)
        self.books[merchant] = book

    def _settle(self, merchant: int) -> None:
        book, says = self.books[merchant], self.statement(merchant)
        clear = Book(fee_bps=book.fee_bps, at_once=book.at_once, shares=book.shares, day=self.ledger.day)
        to_fund = min(says["restored"], self.ledger.guaranteed.get(merchant, 0))
        self.books[merchant] = replace(clear, carry=book.carry - says["restored"] + to_fund)
        left = book.fees
        for place, (receiver, bps) in enumerate(book.shares):
            part = left if place == len(book.shares) - 1 else book.fees * bps // BPS
            left -= part
            self.claimable[receiver] = self.claimable.get(receiver, 0) + part
        if says["restored"]:
            self.ledger.add_deposit(merchant, says["restored"])
        if not says["net"]:
            return
        to = self.payouts.get(merchant)
        if to:
            self._pay(to, says["net"])
        else:
            self.ledger.credit_payable(MerchantId(merchant), says["net"])

    def _pay(self, to: str, amount: int) -> None:
        self.cash[to] = self.cash.get(to, 0) + amount

    def _admitted(self, merchant: int) -> Book:
        if merchant not in self.books:
            raise Refused("NotAdmitted")
        return self.books[merchant]
