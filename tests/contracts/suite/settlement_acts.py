"""The escrow's acts from tills, on its model."""

from dataclasses import dataclass
from typing import Any

from benchmarks.escrow import COINS, VALUE, Terms
from node.domain.ids import MemberId, MerchantId
from node.domain.words import FROZEN, LOCKED, REGISTERED
from tests.contracts.suite.settlement_merchants import ActDeclined, whole
from tests.contracts.suite.settlement_model import Payments


@dataclass
class Escrow(Payments):
    """Payments by signature and from tills."""

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
        self.acts[key] = ("capture", origin, amount, fee, self.ledger.day)

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
        _, origin, amount, fee, day = act
        id_, terms = self._origin(origin, member, merchant)
        _decline({33: day != self.ledger.day})
        payment = self.payments[id_]
        own = self.books[merchant].held + self.ledger.own_funds(MerchantId(merchant))
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
