"""Reading, in their order, payments that only earn and that no batch has: those that wait on the disk (backlog.py).

Functions on a connection, as reading.py's. Pages are ranges of sequences: both databases walk their primary key then.
"""

from typing import Final

from sqlalchemy import Connection

from node.bridge.entry import PaymentEntry, entry_of, member_of
from node.domain.ids import MemberId, Sequence

_WAITS: Final = "status = 'journaled' AND kind = 0 AND NOT debits"


def page(connection: Connection, after: int, upto: int) -> list[PaymentEntry]:
    """Those with sequences above `after`, up to `upto`."""
    rows = connection.exec_driver_sql(
        "SELECT sequence, merchant, packed, received_at FROM entries"
        f" WHERE sequence > ? AND sequence <= ? AND {_WAITS} ORDER BY sequence",
        (after, upto),
    )
    return [entry_of(*row, debits=False) for row in rows]


def members(connection: Connection, after: int, upto: int) -> list[MemberId]:
    """Whose they are, one for each."""
    rows = connection.exec_driver_sql(
        f"SELECT packed FROM entries WHERE sequence > ? AND sequence <= ? AND {_WAITS}", (after, upto)
    )
    return [member_of(bytes(row[0])) for row in rows]


def first(connection: Connection) -> Sequence | None:
    """The lowest of them, None where there is none."""
    found = connection.exec_driver_sql(f"SELECT min(sequence) FROM entries WHERE {_WAITS}").scalar_one()
    return None if found is None else Sequence(found)
