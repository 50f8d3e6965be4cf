"""What `till bridge days` and `till bridge totals` show: terminals' business days, and whether their totals were right.

From the journal, whether a bridge runs or not.
"""

import json
from collections.abc import Iterable
from collections.abc import Sequence as Many
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from node.bridge.entry import OWN_KEYS
from node.bridge.exceptions import journal_of
from node.bridge.journal import desk
from node.bridge.journal.tables import days
from node.config import BridgeSettings
from node.domain.errors import Unusable
from node.domain.totals import Totals

_EPOCH: Final = date(1970, 1, 1)
MOST_LISTED: Final = 100
MOST_TERMINALS: Final = 10_000
"""Terminals whose totals are added up at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClosedDay:
    """A closed business day. `totals` are the bridge's; `balanced` is None where the terminal told none."""

    terminal: str
    date: date
    closed_at: datetime
    totals: Totals
    balanced: bool | None


def list_days(settings: BridgeSettings, *, terminal: str = "", unbalanced: bool = False) -> Many[ClosedDay]:
    """The newest closed days, all or one terminal's; with `unbalanced` only those whose totals are not known to be
    right. Raises Unusable when there is no journal.
    """
    query = select(days).order_by(days.c.date.desc(), days.c.terminal).limit(MOST_LISTED)
    if terminal:
        query = query.where(days.c.terminal == terminal)
    if unbalanced:
        query = query.where(days.c.balanced.is_not(True))
    with journal_of(settings).begin() as connection:
        return [
            ClosedDay(
                terminal=row.terminal,
                date=_EPOCH + timedelta(days=row.date),
                closed_at=datetime.fromtimestamp(row.closed_at // 1000, UTC),
                totals=desk.totals(connection, row.terminal, (row.since, row.upto)),
                balanced=row.balanced,
            )
            for row in connection.execute(query).all()
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class TerminalTotals:
    """A terminal's totals of a business day, None for the open one. `claimed` is what the terminal said last of a
    closed day, and `balanced` whether that was the same; None where it said nothing.
    """

    terminal: str
    date: date | None
    totals: Totals
    claimed: Totals | None = None
    balanced: bool | None = None


def list_totals(settings: BridgeSettings, *, terminal: str = "", day: date | None = None) -> Many[TerminalTotals]:
    """Every terminal's totals, or one's: of a closed business day, or of the open one.

    Raises Unusable when there is no journal, or there are too many terminals.
    """
    with journal_of(settings).begin() as connection:
        found = _open(connection, terminal) if day is None else _closed(connection, terminal, day)
    if len(found) > MOST_TERMINALS:
        raise Unusable(f"there are more than {MOST_TERMINALS:,} terminals; name one")
    return found


def sum_of(each: Iterable[Totals]) -> Totals:
    """The totals of all of them together."""
    rows = [asdict(totals) for totals in each]
    return Totals(**{name: sum(row[name] for row in rows) for name in asdict(Totals())})


def _open(connection: Connection, terminal: str) -> list[TerminalTotals]:
    names = desk.terminals_seen(connection, MOST_TERMINALS + 1)
    found = [
        TerminalTotals(terminal=name, date=None, totals=desk.totals(connection, name, desk.open_day(connection, name)))
        for name in names
        if terminal in ("", name)
    ]
    # a terminal may be called like that, too; then it has sales
    return [each for each in found if each.terminal not in OWN_KEYS or each.totals != Totals()]


def _closed(connection: Connection, terminal: str, day: date) -> list[TerminalTotals]:
    query = select(days).where(days.c.date == (day - _EPOCH).days).order_by(days.c.terminal).limit(MOST_TERMINALS + 1)
    if terminal:
        query = query.where(days.c.terminal == terminal)
    return [
        TerminalTotals(
            terminal=row.terminal,
            date=day,
            totals=desk.totals(connection, row.terminal, (row.since, row.upto)),
            claimed=None if row.claimed is None else Totals(**json.loads(row.claimed)),
            balanced=row.balanced,
        )
        for row in connection.execute(query).all()
    ]
