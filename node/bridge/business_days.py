"""What `till bridge days` shows: the business days that terminals closed, and whether their totals were right.

From the journal, whether a bridge runs or not.
"""

from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import select

from node.bridge.exceptions import journal_of
from node.bridge.journal import desk
from node.bridge.journal.tables import days
from node.config import BridgeSettings
from node.domain.totals import Totals

_EPOCH: Final = date(1970, 1, 1)
MOST_LISTED: Final = 100


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
