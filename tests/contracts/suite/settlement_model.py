"""The escrow in plain Python (interfaces/ISettlementEscrow.sol); what merchants get is in settlement_merchants.py.

Works on the shared model of the ledger. An operation that the contract refuses raises Refused with the typed error's
name, or a refused act ActDeclined with its reason (settlement_acts.py), and leaves everything as it was.
"""

from dataclasses import dataclass, replace

from benchmarks.escrow import CASH, COINS, NOBODY, VALUE, Terms
from node.domain.ids import MemberId, MerchantId
from node.domain.words import ACTIVE, REGISTERED
from tests.contracts.model import Refused
from tests.contracts.suite.settlement_merchants import BPS, Coins, Payment, Settlement, whole

MAX_48, MAX_56 = 2**48 - 1, 2**56 - 1


@dataclass
class Payments(Settlement):
    """All payments and their steps."""

    # --- steps ---

    @whole
    def authorize(self, id_: bytes, terms: Terms, amount: int, *, signed: bool = True, clerk: bool = True) -> None:
        if self.now >= terms.authorize_by:
            raise Refused("AuthorizeExpired")
        if not signed:
            raise Refused("NotSigned")
        if not clerk:
            raise Refused("NotInGroup")
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

    def _closed(self, merchant: int) -> bool:
        return not self.ledger.book.merchants[MerchantId(merchant)].flags & ACTIVE

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
            "MerchantClosed": terms.merchant in self.books and self._closed(terms.merchant),
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
        due = (book.gross + amount) * book.fee_bps // BPS
        fee = min(max(due - book.fees, 0), amount)
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
        self._draw(terms.merchant, amount, None if guaranteed else self.ledger.free_funds(MerchantId(terms.merchant)))
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
        own = self.ledger.own_funds(MerchantId(terms.merchant))
        if book.gross >= amount and book.fees >= fee and (held or (book.paid >= net and own >= net)):
            paid = book.paid - (0 if held else net)
            self.books[terms.merchant] = replace(book, gross=book.gross - amount, fees=book.fees - fee, paid=paid)
            if not held and net:
                self.ledger.draw_on(MerchantId(terms.merchant), net)
        else:
            self._draw(terms.merchant, amount, own)
        self.authorized += again
        if taken:
            self.ledger.claw_back(MerchantId(terms.merchant), MemberId(terms.member), taken)
        if terms.tender == COINS:
            self._remint(id_, terms, amount)

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

    def _known(self, id_: bytes) -> Payment:
        if id_ not in self.payments:
            raise Refused("UnknownPayment")
        return self.payments[id_]
