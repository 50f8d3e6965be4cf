"""What was answered 00 and the chain then declined: noted when it happens, closed when people have settled it.

Functions on a connection, as transitions and reading. Advices that overdraw end here, and sales of cards that nobody
has, reversals that a merchant's funds do not cover, acts that can no longer be undone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    SmallInteger,
    and_,
    func,
    insert,
    literal,
    select,
    update,
)

from node.bridge.entry import Kind, lines_in
from node.bridge.journal import picture
from node.bridge.journal.sql import has_table
from node.bridge.journal.tables import directory, entries, exceptions
from node.domain.ids import MinorUnits

ADVICE_CLASS: Final = "022"
MOST_LISTED: Final = 10_000
OVERDRAWN: Final = (14, 15)
"""The ledger's reasons for what a member has too little for: stored value, coins (docs/batch.md)."""


class What(Enum):
    """What of a terminal the chain did not take."""

    SALE = "sale"
    ADVICE = "advice"
    REVERSAL = "reversal"
    UNDOING = "undoing of an act"


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """An exception. `amount` in minor units, None where the message said none; times in milliseconds.

    `original` is the sequence of what a reversal or an undoing is about. Of an advice that overdraws, `owed` is what
    the member did not pay, and `guaranteed` what the network stands for of it: up to the floor limit of the terminal.
    Once it is booked on the chain (`booked_as`), they are what is booked there, with what the member paid (`taken`)
    and what the guarantee's fund was too small for (`due`); until then all of the sale, and the limit as known now.
    """

    sequence: int
    what: What
    reason: int
    terminal: str
    stan: str
    merchant: int
    amount: MinorUnits | None
    original: int | None
    received_at: int
    noted_at: int
    closed_at: int | None
    note: str | None
    owed: MinorUnits | None = None
    guaranteed: MinorUnits | None = None
    booked_as: int | None = None
    taken: MinorUnits | None = None
    due: MinorUnits | None = None


def note(connection: Connection, sequence: int, reason: int, now: int) -> None:
    """Notes an entry that was just declined, if it had been answered 00; of what books an advice, the advice is."""
    answered = select(entries.c.sequence, literal(reason, SmallInteger), literal(now, BigInteger)).where(
        entries.c.sequence == sequence, entries.c.response_code == "00", entries.c.kind != Kind.ADVICE
    )
    columns = [exceptions.c.sequence, exceptions.c.reason, exceptions.c.noted_at]
    connection.execute(insert(exceptions).from_select(columns, answered))


def close(connection: Connection, sequence: int, note_: str, now: int) -> bool:
    """People have settled it; false where there is no such open exception."""
    changed = connection.execute(
        update(exceptions)
        .where(exceptions.c.sequence == sequence, exceptions.c.closed_at.is_(None))
        .values(closed_at=now, note=note_)
    )
    return bool(changed.rowcount)


def noted(connection: Connection, *, closed: bool = False) -> Iterator[Noted]:
    """The open exceptions, or all of them, oldest first. What its terminal reversed since is not open any more."""
    query = _with_entries(select(exceptions, entries)).order_by(exceptions.c.sequence).limit(MOST_LISTED)
    if not closed:
        query = query.where(_is_open())
    floors = _floors(connection)
    for row in connection.execute(query).mappings():
        terminal, class_, stan, _ = row[entries.c.reference].split("|")
        parts = row[entries.c.key].split("|")
        what = _what(row[entries.c.kind], class_)
        overdrew = what is What.ADVICE and row[exceptions.c.reason] in OVERDRAWN
        yield Noted(
            **(_shares(row, floors.get(terminal, 0)) if overdrew else {}),
            sequence=row[exceptions.c.sequence],
            what=what,
            reason=row[exceptions.c.reason],
            terminal=terminal,
            stan=stan,
            merchant=row[entries.c.merchant],
            amount=MinorUnits(int(parts[3])) if len(parts) > 3 else None,
            original=row[entries.c.original],
            received_at=row[entries.c.received_at],
            noted_at=row[exceptions.c.noted_at],
            closed_at=row[exceptions.c.closed_at],
            note=row[exceptions.c.note],
        )


def _shares(row: RowMapping, floor: int) -> dict[str, Any]:
    """Who pays what of an advice that overdrew."""
    sale = sum(amount for amount, tender in lines_in(bytes(row[entries.c.packed])) if tender.debits)
    if row[exceptions.c.booked_as] is None:
        return {"owed": MinorUnits(sale), "guaranteed": MinorUnits(min(sale, floor))}
    return {
        "owed": MinorUnits(sale - row[exceptions.c.taken]),
        **{name: row[exceptions.c[name]] for name in ("guaranteed", "booked_as", "taken", "due")},
    }


def _floors(connection: Connection) -> Mapping[str, int]:
    if not has_table(connection, directory.name):
        return {}  # a journal of an older schema
    known = picture.kept(connection)
    return {} if known is None else {name: it.floor_limit for name, it in known.directory.terminals.items()}


def count_open(connection: Connection) -> int:
    """How many are open, however many that is."""
    query = _with_entries(select(func.count()).select_from(exceptions)).where(_is_open())
    return int(connection.execute(query).scalar_one())


def _with_entries(query: Select[Any]) -> Select[Any]:
    return query.join(entries, entries.c.sequence == exceptions.c.sequence)


def _is_open() -> ColumnElement[bool]:
    reversed_since = and_(entries.c.kind == Kind.PAYMENT, entries.c.reversed_by.is_not(None))
    return and_(exceptions.c.closed_at.is_(None), ~reversed_since)


def _what(kind: int, class_: str) -> What:
    if kind == Kind.PAYMENT:
        return What.ADVICE if class_ == ADVICE_CLASS else What.SALE
    return What.REVERSAL if kind == Kind.REVERSAL else What.UNDOING
