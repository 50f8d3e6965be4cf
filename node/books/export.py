"""One export: an audit's replay, with somebody who keeps the books; nothing is left behind if they are not the chain's.

audit/run -> keeper -> journal, rolls, statements. The files are whole or not there.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TextIO

from node.audit.evidence import ProvenBlock, Transaction
from node.audit.run import Audit, Order, run_audit
from node.audit.state import Replayed
from node.books.entry import Unbalanced
from node.books.journal import Beancount, Hledger, Journal, Rows, roll_rows
from node.books.keeper import Keeper
from node.books.statements import Statements
from node.chain.abi_events import events_of
from node.chain.deployment import Deployment
from node.chain.rpc import Rpc
from node.domain.errors import TillnetError, Unusable
from node.domain.leaf import Leaf
from node.domain.ledger import Log

ESCROW: Final = "SettlementEscrow"
SETTLING: Final = ("SettlementEscrow", "MerchantPayouts")


class Format(StrEnum):
    """What the books are written for."""

    BEANCOUNT = "beancount"
    HLEDGER = "hledger"
    CSV = "csv"


class NotTheChains(TillnetError):
    """The books are not what the chain has."""


@dataclass(kw_only=True, slots=True)
class Bookkeeper:
    """Sees what is replayed, for the books and for the statements."""

    keeper: Keeper
    statements: Statements
    first: int
    at: ProvenBlock | None = None

    def block(self, ledger: Replayed, block: ProvenBlock) -> None:
        """A block begins."""
        self.at = block
        self.keeper.block(ledger, block)

    def transaction(self, ledger: Replayed, found: Sequence[Log], leaves: Sequence[Leaf], done: Transaction) -> None:
        """A transaction was replayed."""
        self.keeper.transaction(ledger, found, leaves, done)
        assert self.at is not None
        if self.at.number >= self.first:
            self.statements.transaction(self.at, done)


async def export_books(rpc: Rpc, deployment: Deployment, order: Order, form: Format, output: Path) -> Audit:
    """Writes the books into a file, as CSV into a folder of files.

    Raises NotTheChains when the chain's state is not what its transactions come to (till audit run says where),
    Unusable, EvidenceBroken, StateGone, ChainUnreachable.
    """
    folder = output if form is Format.CSV else output.parent
    folder.mkdir(parents=True, exist_ok=True)
    journal_file = output / "journal.csv" if form is Format.CSV else output
    with _whole(journal_file) as file:
        journal = _journal(form, file, f"Tillnet, chain {deployment.chain_id}")
        books = _bookkeeper(deployment, order, journal)
        try:
            audit = await run_audit(rpc, deployment, order, watcher=books)
            books.keeper.close(audit.ledger)
        except Unbalanced as failure:
            raise NotTheChains(str(failure)) from None
        if not audit.agrees:
            raise NotTheChains(f"{audit.findings.differences} differences; till audit run names them")
        journal.close(audit.last.time, books.keeper.balances)
    if form is Format.CSV:
        _write_rows(output / "rollforward.csv", roll_rows(books.keeper.rolls))
        _write_rows(output / "statements.csv", books.statements.table())
    return audit


def _bookkeeper(deployment: Deployment, order: Order, journal: Journal) -> Bookkeeper:
    cash = deployment.parts.get("CashToken")
    keeper = Keeper(
        keep=journal.entry,
        ledger=deployment.ledger,
        cash=cash,
        cash_shapes=events_of("CashToken") if cash is not None else {},
        names={int.from_bytes(address, "big"): name for name, address in deployment.parts.items()},
        escrow=deployment.parts.get(ESCROW),
        escrow_shapes=events_of(ESCROW) if ESCROW in deployment.parts else {},
        first=order.first,
    )
    sources = {deployment.parts[name]: events_of(name) for name in SETTLING if name in deployment.parts}
    return Bookkeeper(keeper=keeper, statements=Statements(sources=sources), first=order.first)


def _journal(form: Format, file: TextIO, title: str) -> Journal:
    match form:
        case Format.BEANCOUNT:
            return Beancount(file, title)
        case Format.HLEDGER:
            return Hledger(file, title)
        case Format.CSV:
            return Rows(file)


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """A file that is there with all of its contents, or as it was before."""
    if path.is_dir():
        raise Unusable(f"{path} is a folder")
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write_rows(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    with _whole(path) as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
