"""A batch of payments, recomputed from its calldata and held against the logs that the ledger wrote.

The arithmetic is the mirror's (node/domain/rewards.py). What an act did to the ledger is in the ledger's own logs,
which are replayed where the act stands; why a target refused one is the target's to say. Stage before: follow.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from node.audit.doors import DOORS, apply_door, move_coins
from node.audit.state import Replayed
from node.audit.undoing import settle_line
from node.domain.act import ActKind
from node.domain.acts.advice import BookAdvice
from node.domain.batch_format import Batch, BatchPayment
from node.domain.ids import MemberId
from node.domain.leaf import Leaf
from node.domain.ledger import Log, Reason
from node.domain.merkle import root_of
from node.domain.rewards import Acted, Posting, debits_of
from node.domain.words import Account

ACT_REASONS: Final = frozenset({*range(11, 16), *range(30, 64)})
"""What the contract behind an act may say (docs/batch.md)."""


class ReplayedBatch(Posting):
    """One batch on its way through the replayed ledger, along the logs that it wrote."""

    def __init__(self, ledger: Replayed, batch: Batch, found: Sequence[Log]) -> None:
        super().__init__(ledger, batch, ledger.block, self._act_of)
        self.books, self.found = ledger, found

    def run(self) -> tuple[Leaf, ...]:
        """Posts every payment that was looked at; `logs` are those that the ledger must have written."""
        self.books.roll_supply(self.books.epoch)
        for payment in self.batch.payments:
            self.payment(payment)
        root = root_of([leaf.hash for leaf in self.leaves])
        counts = (len(self.batch.payments), len(self.skipped), len(self.leaves))
        self.logs.append(Log("BatchPosted", (self.batch.stream, bytes(root), self.batch.first_sequence, *counts)))
        if self.leaves:
            self.books.roots[bytes(root)] = (self.books.day, self.books.block.number)
        return tuple(self.leaves)

    # --- ages that no log told before ---

    def _account(self, member: MemberId) -> tuple[Account, int]:
        if member in self.books.vague:
            self._learn(member)
        return super()._account(member)

    def _learn(self, member: MemberId) -> None:
        """What the next log says of the ages of this member's coins."""
        account = self.books.account(member)
        if account.epoch == self.books.epoch:
            return
        said = self.found[len(self.logs)] if len(self.logs) < len(self.found) else None
        expired = 0
        if said is not None and said.name == "Transfer" and said.values[:2] == (member, 0):
            expired = int(said.values[2])
        if account.epoch + 1 == self.books.epoch and expired <= account.coins:
            account = replace(account, current=account.coins - expired, previous=expired)
        self.books.store(member, account)
        self.books.vague.discard(member)

    def _book(self, payment: BatchPayment) -> None:
        if payment.member in self.books.vague and debits_of(payment)[0]:
            self._learn_from_debit(payment)
        super()._book(payment)

    def _learn_from_debit(self, payment: BatchPayment) -> None:
        for log in self.found[len(self.logs) :]:
            if log.name == "Debited" and log.values[:3] == (payment.member, self.batch.stream, payment.sequence):
                account = self.books.account(payment.member)
                previous, current = int(log.values[5]), int(log.values[6])
                # what was taken of the newer ones says that no older ones were left
                old = previous if current else min(max(previous, account.previous), account.coins)
                self.books.store(payment.member, replace(account, current=account.coins - old, previous=old))
                if current:
                    self.books.vague.discard(payment.member)
                return

    # --- acts ---

    def _act_of(self, payment: BatchPayment, _: object, debit_left: int) -> Acted | Reason:
        """What the logs show of an act: its refusal, or what it had the ledger do."""
        reason = self._refusal(payment)
        if reason is not None:
            return reason
        at = len(self.logs)
        logs = replay_doors(self.books, self.found[at:])
        taken = sum(int(log.values[3]) for log in logs if log.name == "ValueTaken")
        coins = sum(
            int(log.values[2]) for log in logs if log.name == "Transfer" and log.values[0] == payment.member != 0
            and log.values[1]
        )  # fmt: skip
        known = _told_debit(payment)
        if known is not None:
            return Acted(debited=known, logs=tuple(logs))
        if taken or coins:
            self.books.vague_days.add((self.batch.stream, self.books.day))
        return Acted(debited=min(taken + coins // self.books.par, debit_left), logs=tuple(logs))

    def _refusal(self, payment: BatchPayment) -> Reason | None:
        """The reason if the ledger's next log refuses this payment."""
        places = [len(self.logs)]
        if self.logs and self.logs[-1] == Log("MemberEnrolled", (payment.member,)):
            # noted before the act runs; of a refused one that is gone again, and what expired with it
            places += [len(self.logs) - 1, len(self.logs) - 2]
        key = (self.batch.stream, payment.sequence)
        for log in (self.found[at] for at in places if 0 <= at < len(self.found)):
            if log.name == "Skipped" and log.values[:2] == key and int(log.values[2]) in ACT_REASONS:
                return _reason(int(log.values[2]))
        return None


def _told_debit(payment: BatchPayment) -> int | None:
    """What an act debits, where its bytes say it: an advice all of its sale, what the member did not have as well."""
    act = payment.act or b""
    if act[:1] != bytes([ActKind.ADVICE]):
        return None
    booked = BookAdvice.read(act)
    return booked.value + booked.coins


def replay_doors(ledger: Replayed, found: Sequence[Log]) -> list[Log]:
    """Replays what doors and transfers did, up to the first log that is neither; the logs it understood.

    These are what the ledger must have written, so a value in `found` that it does not follow from differs from them.
    """
    at = 0
    done: list[Log] = []
    while at < len(found):
        expected = _next_step(ledger, found, at)
        if not expected:
            break
        done += expected
        at += len(expected)
    return done


def _next_step(ledger: Replayed, found: Sequence[Log], at: int) -> list[Log]:
    log = found[at]
    if log.name == "LineSettled":
        return settle_line(ledger, log)
    if log.name in DOORS:
        return apply_door(ledger, log)
    if log.name == "Guaranteed" and at + 1 < len(found) and found[at + 1].name == "DrawnOn":
        return apply_door(ledger, found[at + 1])
    if log.name != "Transfer":
        return []
    giver, taker, units = (int(value) for value in log.values)
    event = found[at + 1] if at + 1 < len(found) else None
    if event is not None and event.name == "LineSettled" and not taker and units == event.values[3]:
        return settle_line(ledger, event)
    if event is not None and event.name in DOORS and _belongs(ledger, (giver, taker, units), event):
        return apply_door(ledger, event)
    if giver and taker:
        return move_coins(ledger, giver, taker, units)
    if giver and ledger.expire(giver, units):
        return [log]
    return []


def _belongs(ledger: Replayed, moved: tuple[int, int, int], event: Log) -> bool:
    """Whether a transfer is the one that stands before this event of a door."""
    giver, taker, units = moved
    values: Sequence[int] = [value for value in event.values if isinstance(value, int)]
    match event.name:
        case "PointsIssued" | "OwedSettled" | "CoinsRestored":
            return giver == 0 and taker != 0 and units in (values[-1], sum(values[2:4]))
        case "PointsReturned":
            return (giver, taker, units) == (values[1], 0, values[2])
        case "Redeemed":
            return (giver, taker, units) == (values[0], 0, values[1])
        case "PointsClawedBack":
            return (giver, taker, units) == (values[1], 0, values[3])
        case "ArrearsCollected":
            return (giver, taker, units) == (values[1], 0, values[2])
        case "MembersMerged":
            return (giver, taker, units) == (values[0], values[1], values[3])
        case _:
            return False


def _reason(number: int) -> Reason:
    """The reason, ACT for one of a target that has no name here; its number is compared by the log."""
    try:
        return Reason(number)
    except ValueError:
        return Reason.ACT
