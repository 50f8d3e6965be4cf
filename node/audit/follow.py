"""Replays the ledger transaction by transaction, and names every place where it did other than its rules say.

Stage before: evidence. Stage after: compare. Pure: no node is asked for anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Final, Protocol

from eth_abi.exceptions import DecodingError

from node.audit.control import SETTERS, SILENT, apply_setter
from node.audit.evidence import ProvenBlock, RawLog, Transaction
from node.audit.findings import Finding, Findings, Kind
from node.audit.posting import ReplayedBatch, replay_doors
from node.audit.state import Replayed
from node.audit.tally import Tally
from node.audit.undoing import replay_refunds
from node.chain.abi_events import EventShape, NotThisEvent
from node.chain.ledger import posts_batch, posts_refunds, sent_batch, sent_refunds
from node.domain.batch_format import decode_batch
from node.domain.ids import Address
from node.domain.leaf import Leaf
from node.domain.ledger import Block, Log

SUCCESSION: Final = frozenset(
    {
        "PredecessorSet", "SuccessorSet", "HolderEmigrated", "HolderImmigrated", "MerchantEmigrated",
        "MerchantImmigrated", "DebtEmigrated", "DebtImmigrated",
    }
)  # fmt: skip


class Watcher(Protocol):
    """Whoever wants to see what was replayed, such as the books."""

    def block(self, ledger: Replayed, block: ProvenBlock) -> None:
        """A block begins."""

    def transaction(self, ledger: Replayed, found: Sequence[Log], leaves: Sequence[Leaf], done: Transaction) -> None:
        """A transaction was replayed: the ledger's own logs, and the lines that it accepted."""


@dataclass(kw_only=True, slots=True)
class Follower:
    """Replays one ledger. `shapes` are its events by their topics."""

    ledger: Replayed
    address: Address
    shapes: Mapping[bytes, EventShape]
    findings: Findings = field(default_factory=Findings)
    tally: Tally = field(default_factory=Tally)
    succeeded: bool = False
    watcher: Watcher | None = None
    leaves: tuple[Leaf, ...] = ()

    def block(self, block: ProvenBlock) -> None:
        """Replays what a block did."""
        self.ledger.block = Block(number=block.number, time=block.time)
        if self.watcher is not None:
            self.watcher.block(self.ledger, block)
        for transaction in block.transactions:
            self._transaction(block, transaction)

    def _transaction(self, block: ProvenBlock, transaction: Transaction) -> None:
        where = _Where(block=block.number, transaction=transaction.hash)
        found = [log for log in map(self._log, self._own(transaction.logs)) if log.name not in SILENT]
        self.leaves = ()
        if not found:
            if self.watcher is not None:
                self.watcher.transaction(self.ledger, (), (), transaction)
            return
        self.ledger.calldata = transaction.calldata
        if any(log.name in SUCCESSION for log in found):
            self.succeeded = True
        try:
            expected = self._replay(transaction, found)
        except (KeyError, ValueError, OverflowError, DecodingError) as failure:
            self.findings.add(
                where.finding(Kind.UNEXPLAINED, f"cannot be followed ({type(failure).__name__}: {failure})")
            )
            return
        self._compare(where, found, expected)
        self.tally.events(block, transaction, found)
        if self.watcher is not None:
            self.watcher.transaction(self.ledger, found, self.leaves, transaction)

    def _own(self, logs: Sequence[RawLog]) -> list[RawLog]:
        return [log for log in logs if log.address == self.address]

    def _log(self, log: RawLog) -> Log:
        shape = self.shapes.get(log.topics[0]) if log.topics else None
        if shape is None:
            return Log("?", (log.topics[0] if log.topics else b"", log.data))
        try:
            return Log(shape.name, shape.values(log.topics, log.data))
        except NotThisEvent:
            return Log("?", (log.topics[0], log.data))

    def _replay(self, transaction: Transaction, found: Sequence[Log]) -> list[Log]:
        """The logs that the ledger must have written."""
        direct = transaction.to == self.address
        if direct and posts_batch(transaction.calldata):
            return self._batch(transaction, found)
        if direct and posts_refunds(transaction.calldata):
            stream, refunds = sent_refunds(transaction.calldata)
            processed = int(found[-1].values[1])
            expected = replay_refunds(self.ledger, stream, refunds[:processed], found)
            self.tally.refund(self.ledger, expected)
            return expected
        return self._others(found)

    def _batch(self, transaction: Transaction, found: Sequence[Log]) -> list[Log]:
        batch = decode_batch(sent_batch(transaction.calldata))
        processed = int(found[-1].values[3]) if found[-1].name == "BatchPosted" else 0
        batch = replace(batch, payments=batch.payments[:processed])
        replayed = ReplayedBatch(self.ledger, batch, found)
        self.leaves = replayed.run()
        self.tally.batch(self.ledger, batch, self.leaves, replayed.skipped, transaction)
        return replayed.logs

    def _others(self, found: Sequence[Log]) -> list[Log]:
        """What anybody did but post: setters, doors and transfers, in their order."""
        expected: list[Log] = []
        while len(expected) < len(found):
            at = len(expected)
            log = found[at]
            if log.name in SETTERS:
                apply_setter(self.ledger, log)
                expected.append(log)
            elif log.name in SUCCESSION:
                expected.append(log)
            else:
                done = replay_doors(self.ledger, found[at:])
                if not done:
                    break
                expected += done
        return expected

    def _compare(self, where: "_Where", found: Sequence[Log], expected: Sequence[Log]) -> None:
        for said, due in zip_longest(found, expected):
            if said != due:
                # what follows in this transaction follows from this
                self.findings.add(where.finding(Kind.DIFFERENCE, _told(said, due), subject=_subject(said or due)))
                return


@dataclass(frozen=True, kw_only=True, slots=True)
class _Where:
    block: int
    transaction: bytes

    def finding(self, kind: Kind, text: str, subject: str = "") -> Finding:
        return Finding(
            kind=kind, block=self.block, transaction="0x" + self.transaction.hex(), subject=subject, text=text
        )


def _told(said: Log | None, due: Log | None) -> str:
    if said is None:
        return f"the rules say {_words(due)}, the chain says nothing"
    if due is None:
        return f"the chain says {_words(said)}, which nothing explains"
    return f"the chain says {_words(said)}, the rules say {_words(due)}"


def _words(log: Log | None) -> str:
    assert log is not None
    return f"{log.name}({', '.join(map(_value, log.values))})"


def _value(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


def _subject(log: Log | None) -> str:
    """The payment that an event names, where it names one."""
    if log is None or log.name not in ("Skipped", "Clamped", "Refunded", "Debited"):
        return ""
    stream, sequence = (log.values[at] for at in ((1, 2) if log.name == "Debited" else (0, 1)))
    return f"payment {stream!r}-{sequence!r}"
