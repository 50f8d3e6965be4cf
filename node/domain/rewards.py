"""The posting path in Python: what a batch does to the ledger's words, its leaves and its logs, to the last bit.

The mirror of PaymentProcessor.postBatch (contracts/libraries/BatchPosting.sol), by the rules of docs/batch.md. Tests
compare it with the chain; auditors recompute with it. No I/O; the ledger that is given is changed in place.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from node.domain.batch_format import MAX_LINES, WINDOW_BITS, Batch, BatchPayment
from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits, Sequence
from node.domain.leaf import Leaf, leaf_of
from node.domain.ledger import Block, Ledger, Log, Reason
from node.domain.merkle import root_of
from node.domain.payment import Line, Tender
from node.domain.words import (
    ACTIVE,
    BUDGETED,
    CAPPED,
    EXISTS,
    FROZEN,
    ISSUED_MAX,
    LOCKED,
    PAUSED,
    REGISTERED,
    TURNOVER_MAX,
    Account,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a batch came to: the leaves under its root, the reasons of what was skipped, the logs in their order."""

    leaves: tuple[Leaf, ...]
    root: Hash32
    skipped: tuple[tuple[Sequence, Reason], ...]
    logs: tuple[Log, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Acted:
    """What an act did beside its effect on the ledger that it was given: minor units debited, the ledger's logs."""

    debited: int = 0
    logs: tuple[Log, ...] = ()


Acts = Callable[[BatchPayment, Ledger, int], Acted | Reason]
"""What a payment's act comes to: it changes the ledger, or refuses and leaves it as it was. The number is what the
stream may still debit after the payment's lines; more than that must be refused with STREAM_LIMIT."""


def no_target(_payment: BatchPayment, _ledger: Ledger, _debit_left: int) -> Acted | Reason:
    """What becomes of an act that no contract takes."""
    return Reason.ACT


def post_batch(ledger: Ledger, batch: Batch, block: Block, acts: Acts = no_target) -> Outcome:
    """Posts a batch whose header is sound, by its stream's poster, with gas enough."""
    ledger.roll_supply(ledger.terms.epoch(block.time))
    posting = Posting(ledger, batch, block, acts)
    for payment in batch.payments:
        posting.payment(payment)
    root = root_of([leaf.hash for leaf in posting.leaves])
    closing = (batch.stream, bytes(root), batch.first_sequence)
    counts = (len(batch.payments), len(posting.skipped), len(posting.leaves))
    return Outcome(
        leaves=tuple(posting.leaves),
        root=root,
        skipped=tuple(posting.skipped),
        logs=(*posting.logs, Log("BatchPosted", closing + counts)),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Due:
    """What a line that earns is due; `plain` without cap and budget."""

    rate: int
    bps: int
    due: int
    plain: int


class Posting:
    """One batch on its way through the ledger."""

    def __init__(self, ledger: Ledger, batch: Batch, block: Block, acts: Acts) -> None:
        self.ledger, self.batch, self.block, self.acts = ledger, batch, block, acts
        self.paused = bool(ledger.supply.flags & PAUSED)
        self.epoch, self.day = ledger.terms.epoch(block.time), ledger.terms.day(block.time)
        self.leaves: list[Leaf] = []
        self.skipped: list[tuple[Sequence, Reason]] = []
        self.logs: list[Log] = []

    def payment(self, payment: BatchPayment) -> None:
        reason = self._reason(payment) or self._act(payment)
        key = (self.batch.stream, payment.sequence)
        if reason is not None:
            self.skipped.append((payment.sequence, reason))
            self.logs.append(Log("Skipped", (*key, int(reason))))
            if reason.consumes:
                self.ledger.posted.add(key)
            return
        self.ledger.posted.add(key)
        if payment.lines:
            self._book(payment)

    # --- validation ---

    def _reason(self, payment: BatchPayment) -> Reason | None:
        ledger, stream = self.ledger, self.batch.stream
        offset = payment.sequence - self.batch.first_sequence
        if payment.countless or len(payment.lines) > MAX_LINES or offset >= WINDOW_BITS * self.batch.window_words:
            return Reason.MALFORMED
        merchant = ledger.merchants.get(payment.merchant)
        account, _ = self._account(payment.member)
        earns = not payment.undoes
        no_terminal = (payment.merchant, stream, payment.terminal) not in ledger.terminals
        checks = (
            (Reason.ALREADY_POSTED, (stream, payment.sequence) in ledger.posted),
            (Reason.MALFORMED, payment.malformed),
            (Reason.PAUSED, earns and self.paused),
            (Reason.MERCHANT, earns and (merchant is None or not merchant.flags & ACTIVE)),
            (Reason.TERMINAL, earns and no_terminal),
            (Reason.MEMBER, not account.flags & REGISTERED and not (payment.enrol and payment.member)),
            (Reason.FROZEN, earns and bool(account.flags & FROZEN)),
        )
        for reason, fails in checks:
            if fails:
                return reason
        return self._line_reason(payment) or self._debit_reason(payment, account)

    def _line_reason(self, payment: BatchPayment) -> Reason | None:
        for line in payment.lines:
            if not 1 <= line.amount <= self.ledger.terms.max_line_amount:
                return Reason.AMOUNT
            if line.tender > Tender.STORED_VALUE:
                return Reason.TENDER
            rule = self.ledger.rules.get((payment.merchant, line.rule_version))
            if line.tender != Tender.COIN and (rule is None or not rule.flags & EXISTS):
                return Reason.RULE
        return None

    def _debit_reason(self, payment: BatchPayment, account: Account) -> Reason | None:
        coins, value = debits_of(payment)
        if not coins + value:
            return None
        checks = (
            (Reason.LOCKED, bool(account.flags & LOCKED)),
            (Reason.AUTHORISATION, not any(payment.authorisation or b"")),
            (Reason.STREAM_LIMIT, coins + value > self.ledger.streams[self.batch.stream].left(self.day)),
            (Reason.VALUE, value > account.value),
            (Reason.COINS, coins * self.ledger.terms.units_per_minor_unit > account.coins),
        )
        return next((reason for reason, fails in checks if fails), None)

    def _account(self, member: MemberId) -> tuple[Account, int]:
        return self.ledger.accounts.get(member, Account()).rolled(self.epoch)

    # --- effects ---

    def _act(self, payment: BatchPayment) -> Reason | None:
        """Lets the act run, after the payment was found sound; of a refused one nothing stays."""
        if payment.act is None:
            return None
        ledger, before, logged = self.ledger, self.ledger.accounts.get(payment.member), len(self.logs)
        account, expired = self._account(payment.member)
        if not account.flags & REGISTERED:
            ledger.accounts[payment.member] = replace(account, flags=account.flags | REGISTERED)
            if expired:
                self._log("Transfer", payment.member, 0, expired)
            self._log("MemberEnrolled", payment.member)
        stream = ledger.streams[self.batch.stream]
        done = self.acts(payment, ledger, stream.left(self.day) - sum(debits_of(payment)))
        if isinstance(done, Reason):
            del self.logs[logged:]
            if before is not None:
                ledger.accounts[payment.member] = before
            else:
                ledger.accounts.pop(payment.member, None)
            return done
        self.logs += done.logs
        if done.debited:
            self._count_debit(done.debited)
        return None

    def _book(self, payment: BatchPayment) -> None:
        ledger, merchant = self.ledger, payment.merchant
        account, expired = self._account(payment.member)
        coins, value = debits_of(payment)
        units = coins * ledger.terms.units_per_minor_unit
        account, previous = account.without_coins(units)
        minted = self._lines(payment, account.tier, previous)
        account = replace(account.with_points(minted), value=account.value - value)
        if not account.flags & REGISTERED:
            account = replace(account, flags=account.flags | REGISTERED)
            self._log("MemberEnrolled", payment.member)
        ledger.accounts[payment.member] = account
        for sender, receiver, amount in (
            (payment.member, 0, expired),
            (0, payment.member, minted),
            (payment.member, 0, units),
        ):
            if amount:
                self._log("Transfer", sender, receiver, amount)
        if coins + value:
            taken = (value, previous, units - previous)
            self._log("Debited", payment.member, self.batch.stream, payment.sequence, merchant, *taken)
            self._debit_totals(merchant, coins, value)
        ledger.supply = replace(
            ledger.supply,
            current=ledger.supply.current + minted - (units - previous),
            previous=ledger.supply.previous - previous,
            issued=ledger.supply.issued + minted,
        )

    def _lines(self, payment: BatchPayment, tier: int, previous: int) -> int:
        """Books each line with the merchant; the points of all of them."""
        minted = 0
        for number, line in enumerate(payment.lines):
            word = self.ledger.roll_merchant(payment.merchant, self.epoch)
            word = replace(word, turnover=min(word.turnover + line.amount, TURNOVER_MAX))
            bps = rate = points = last = 0
            if line.tender == Tender.COIN:
                last = min(previous, line.amount * self.ledger.terms.units_per_minor_unit)
                previous -= last
            else:
                earned = self._due(payment, line, tier)
                bps, rate = earned.bps, earned.rate
                points = min(earned.due, word.prepaid)
                last = earned.due - points
                issued = min(word.issued + points, ISSUED_MAX)
                word = replace(word, prepaid=word.prepaid - points, issued=issued)
                self._log_line(payment, number, points, earned)
            self.ledger.merchants[payment.merchant] = word
            minted += points
            self.leaves.append(leaf_of(self.batch.stream, payment, number, bps, self.epoch, rate, points, last))
        return minted

    def _due(self, payment: BatchPayment, line: Line, tier: int) -> _Due:
        key = (payment.merchant, line.rule_version)
        rule = self.ledger.rules[key]
        bps = rule.tier_bps(tier)
        base = line.amount * rule.base_rate * bps // 10**8
        time = self.ledger.terms.rule_time(payment.time, self.block.time)
        if not rule.in_force(time, self.block.number):
            return _Due(rate=rule.base_rate, bps=bps, due=base, plain=base)
        full = line.amount * rule.rate * bps // 10**8
        bonus = max(full - base, 0)
        cap_key = (*key, payment.member)
        day, used = self.ledger.caps.get(cap_key, (self.day, 0))
        used = used if day == self.day else 0
        if rule.flags & CAPPED:
            bonus = min(bonus, max(rule.day_cap - used, 0))
        if rule.flags & BUDGETED:
            bonus = min(bonus, rule.budget_left)
        if bonus and rule.flags & CAPPED:
            self.ledger.caps[cap_key] = (self.day, used + bonus)
        if bonus and rule.flags & BUDGETED:
            self.ledger.rules[key] = replace(rule, budget_left=rule.budget_left - bonus)
        return _Due(rate=rule.rate, bps=bps, due=min(full, base) + bonus, plain=full)

    def _log_line(self, payment: BatchPayment, number: int, points: int, earned: _Due) -> None:
        if points < earned.due:
            key = (payment.merchant, payment.member)
            self.ledger.owed[key] = self.ledger.owed.get(key, 0) + earned.due - points
            self._log("Owed", *key, earned.due - points)
        if points != earned.plain:
            self._log("Clamped", self.batch.stream, payment.sequence, number, points, earned.due)

    def _debit_totals(self, merchant: MerchantId, coins: int, value: int) -> None:
        ledger = self.ledger
        ledger.totals = replace(
            ledger.totals,
            stored_value=ledger.totals.stored_value - value,
            payable=ledger.totals.payable + coins + value,
            reserve=ledger.totals.reserve - coins,
        )
        word = ledger.merchants[merchant]
        ledger.merchants[merchant] = replace(word, payable=word.payable + coins + value)
        self._count_debit(coins + value)

    def _count_debit(self, amount: int) -> None:
        stream = self.ledger.streams[self.batch.stream]
        before = stream.debited if stream.day == self.day else 0
        self.ledger.streams[self.batch.stream] = replace(stream, day=self.day, debited=before + amount)

    def _log(self, name: str, *values: int) -> None:
        self.logs.append(Log(name, values))


def debits_of(payment: BatchPayment) -> tuple[MinorUnits, MinorUnits]:
    """What a payment takes in coins and from stored value, minor units."""
    coins = sum(line.amount for line in payment.lines if line.tender == Tender.COIN)
    value = sum(line.amount for line in payment.lines if line.tender == Tender.STORED_VALUE)
    return MinorUnits(coins), MinorUnits(value)
