"""What happened in the audited blocks, counted: payments, points, debits, refunds, and what an auditor wants listed.

Stage before: follow. Stage after: report. Pure; every list has a bound.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from node.audit.evidence import ProvenBlock, Transaction
from node.audit.findings import Finding, Findings, Kind
from node.audit.state import Replayed
from node.domain.batch_format import Batch, BatchPayment
from node.domain.ids import Sequence as SequenceNumber
from node.domain.ids import payment_id
from node.domain.leaf import Leaf
from node.domain.ledger import Log, Reason
from node.domain.payment import Tender

MANUAL: Final = frozenset(
    {
        "ArrearsForgiven",
        "BudgetRaised",
        "MemberFlagsSet",
        "MembersMerged",
        "Paused",
        "RuleVetoed",
        "StreamSet",
        "Unpaused",
    }
)
"""What somebody did by hand that changes what members and merchants have, or what may be done."""
DAY: Final = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """When tills are open, seconds of the network's day; past midnight where `until` is before `since`."""

    since: int
    until: int

    def cover(self, second: int) -> bool:
        """Whether a second of the day is within them."""
        if self.since <= self.until:
            return self.since <= second < self.until
        return second >= self.since or second < self.until


@dataclass(kw_only=True, slots=True)
class Tally:
    """Counts of the blocks from `first` on. Money in minor units, points in units, by merchant."""

    first: int = 0
    hours: Hours | None = None
    names: dict[int, str] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    seen: int = 0
    batches: int = 0
    accepted: int = 0
    lines: int = 0
    skipped: Counter[Reason] = field(default_factory=Counter)
    turnover: Counter[int] = field(default_factory=Counter)
    points: Counter[int] = field(default_factory=Counter)
    owed: Counter[int] = field(default_factory=Counter)
    paid_in_coins: Counter[int] = field(default_factory=Counter)
    paid_in_value: Counter[int] = field(default_factory=Counter)
    clawed_back: int = 0
    set_off: int = 0
    arrears: int = 0
    refunds: int = 0
    merges: int = 0
    merged_value: int = 0
    merged_coins: int = 0
    outside_payments: Counter[str] = field(default_factory=Counter)
    outside_hours: int = 0
    items_roots: dict[str, bytes] = field(default_factory=dict)
    wanted_items: frozenset[str] = frozenset()

    def batch(
        self,
        ledger: Replayed,
        batch: Batch,
        leaves: Sequence[Leaf],
        skipped: Sequence[tuple[SequenceNumber, Reason]],
        transaction: Transaction,
    ) -> None:
        """Counts a batch."""
        self.seen += len(batch.payments)
        if ledger.block.number < self.first:
            return
        self.batches += 1
        self.accepted += len(batch.payments) - len(skipped)
        self.skipped.update(reason for _, reason in skipped)
        for leaf in leaves:
            self._line(leaf)
        if self.hours is not None or self.wanted_items:
            refused = {sequence for sequence, _ in skipped}
            for payment in batch.payments:
                if payment.sequence not in refused:
                    self._payment(ledger, batch, payment, transaction)

    def _line(self, leaf: Leaf) -> None:
        self.lines += 1
        self.turnover[leaf.merchant] += leaf.amount
        if leaf.tender == Tender.COIN:
            self.paid_in_coins[leaf.merchant] += leaf.amount
            return
        self.points[leaf.merchant] += leaf.points
        self.owed[leaf.merchant] += leaf.last
        if leaf.tender == Tender.STORED_VALUE:
            self.paid_in_value[leaf.merchant] += leaf.amount

    def _payment(self, ledger: Replayed, batch: Batch, payment: BatchPayment, transaction: Transaction) -> None:
        name = payment_id(batch.stream, payment.sequence)
        if name in self.wanted_items:
            self.items_roots[name] = bytes(payment.items_root or b"")
        second = (payment.time + ledger.terms.utc_offset) % DAY
        if self.hours is None or self.hours.cover(second):
            return
        self.outside_hours += 1
        clock = f"{second // 3_600:02d}:{second // 60 % 60:02d}"
        self._note(
            Kind.HOURS,
            f"terminal {payment.terminal} of merchant {payment.merchant} took it at {clock}",
            ledger.block.number,
            transaction,
            subject=f"payment {name}",
        )

    def refund(self, ledger: Replayed, logs: Sequence[Log]) -> None:
        """Counts what a call of postRefunds undid."""
        if ledger.block.number < self.first:
            return
        for log in logs:
            if log.name == "Refunded":
                clawed_back, set_off, arrears = (int(value) for value in log.values[5:8])
                self.refunds += 1
                self.clawed_back += clawed_back
                self.set_off += set_off
                self.arrears += arrears

    def events(self, block: ProvenBlock, transaction: Transaction, found: Sequence[Log]) -> None:
        """Notes what was done by hand, and points that were given beside payments."""
        if block.number < self.first:
            return
        for log in found:
            if log.name == "MembersMerged":
                self.merges += 1
                self.merged_value += int(log.values[2])
                self.merged_coins += int(log.values[3])
            if log.name in MANUAL:
                values = ", ".join(str(value) for value in log.values)
                self._note(Kind.MANUAL, f"{log.name}({values})", block.number, transaction)
            elif log.name == "PointsIssued":
                merchant, to, part, units = (int(value) for value in log.values)
                name = self.names.get(part, f"0x{part:040x}")
                self.outside_payments[name] += units
                if part not in self.names:
                    text = (
                        f"{name} gave {units} units of merchant {merchant} to {to}, and is no contract of the network"
                    )
                    self._note(Kind.ACCRUAL, text, block.number, transaction)

    def _note(self, kind: Kind, text: str, block: int, transaction: Transaction, *, subject: str = "") -> None:
        found = Finding(kind=kind, text=text, subject=subject, block=block, transaction="0x" + transaction.hash.hex())
        self.findings.add(found)
