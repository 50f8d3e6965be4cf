"""What the journal keeps for each terminal: whether it signed on, and its business days with their totals.

Functions on a connection, as transitions and reading. A business day is a range of sequences: from the one after the
day before's last to the last one that was journaled when the cut-over came.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from node.bridge.entry import Kind, act_in
from node.bridge.journal.tables import TerminalOf, days, entries, terminals
from node.domain.act import ActKind
from node.domain.totals import Totals

APPROVED: Final = "00"
_UNCOUNTED: Final = (ActKind.AUTHORIZE, ActKind.VOID, ActKind.GIFT, ActKind.COUPON)
"""Acts without a sale that move nothing which DE4 says; a sale with one of them has lines, and counts."""
Day = tuple[int, int]
"""The sequences of a business day: after the first number, up to the second."""


def signed_on(connection: Connection) -> set[str]:
    """The terminals that are signed on."""
    return set(connection.execute(select(terminals.c.terminal).where(terminals.c.signed_on)).scalars())


def sign(connection: Connection, terminal: str, on: bool, now: int) -> None:
    """A terminal signs on or off."""
    values = {"signed_on": on, "changed_at": now}
    if not connection.execute(update(terminals).where(terminals.c.terminal == terminal).values(values)).rowcount:
        connection.execute(insert(terminals).values(terminal=terminal, **values))


def cut_over(connection: Connection, terminal: str, date: int, now: int) -> bool:
    """Closes a terminal's business day; one that is closed stays as it is. False for an older day that was not."""
    newest, since = connection.execute(
        select(func.max(days.c.date), func.max(days.c.upto)).where(days.c.terminal == terminal)
    ).one()
    if newest is not None and date <= newest:
        return day(connection, terminal, date) is not None
    upto = connection.execute(select(func.coalesce(func.max(entries.c.sequence), 0))).scalar_one()
    connection.execute(insert(days).values(terminal=terminal, date=date, since=since or 0, upto=upto, closed_at=now))
    return True


def day(connection: Connection, terminal: str, date: int) -> Day | None:
    """A closed business day; None where it was not closed."""
    row = connection.execute(
        select(days.c.since, days.c.upto).where(days.c.terminal == terminal, days.c.date == date)
    ).first()
    return None if row is None else (row.since, row.upto)


def open_day(connection: Connection, terminal: str) -> Day:
    """The business day that is not closed yet."""
    since = connection.execute(select(func.max(days.c.upto)).where(days.c.terminal == terminal)).scalar()
    last = connection.execute(select(func.coalesce(func.max(entries.c.sequence), 0))).scalar_one()
    return since or 0, last


def note_claim(connection: Connection, terminal: str, date: int, claimed: str, balanced: bool, now: int) -> None:
    """What a terminal said of a closed day, the newest word of it."""
    connection.execute(
        update(days)
        .where(days.c.terminal == terminal, days.c.date == date)
        .values(claimed=claimed, balanced=balanced, claimed_at=now)
    )


def terminals_seen(connection: Connection, most: int) -> list[str]:
    """The terminals whose messages the journal has, in their order, at most so many; a look into an index for each."""
    found: list[str] = []
    terminal = TerminalOf(entries.c.key)
    while len(found) < most:
        after = found[-1] if found else ""
        name = connection.execute(select(terminal).where(terminal > after).order_by(terminal).limit(1)).scalar()
        if name is None:
            break
        found.append(str(name))
    return found


def totals(connection: Connection, terminal: str, range_: Day) -> Totals:
    """What of these sequences' messages of a terminal was approved."""
    original = entries.alias("original")
    after, upto = range_
    rows = connection.execute(
        select(
            entries.c.kind,
            entries.c.key,
            entries.c.packed,
            entries.c.approved,
            original.c.kind,
            original.c.key,
            original.c.packed,
            original.c.approved,
            original.c.response_code,
        )
        .select_from(entries.outerjoin(original, original.c.sequence == entries.c.original))
        .where(
            TerminalOf(entries.c.key) == terminal,
            entries.c.sequence > after,
            entries.c.sequence <= upto,
            entries.c.response_code == APPROVED,
            entries.c.kind.in_([Kind.PAYMENT, Kind.REVERSAL, Kind.REFUND]),
        )
    )
    return _sum(_counted(tuple(row)) for row in rows)


def _counted(row: tuple[object, ...]) -> tuple[str, bool, int]:
    """Which side a message counts on ("" for none), whether it undoes, and its amount."""
    kind, of, code = row[0], row[4], row[8]
    if kind != Kind.REVERSAL:
        return _side(*row[:4])
    # what was never approved is not counted, and neither is that it was undone
    if of is None or code != APPROVED:
        return "", True, 0
    side, _, amount = _side(*row[4:8])
    return side, True, amount


def _side(kind: object, key: object, packed: object, approved: object) -> tuple[str, bool, int]:
    amount = int(approved) if isinstance(approved, int) else int(str(key).split("|")[3])
    if kind == Kind.REFUND:
        return "credit", False, amount
    assert isinstance(packed, bytes)
    act = act_in(packed)
    if act is not None and not packed[1] and act[0] in _UNCOUNTED:
        return "", False, 0
    return ("credit" if act is not None and act[0] == ActKind.RECHARGE else "debit"), False, amount


def _sum(counted: Iterable[tuple[str, bool, int]]) -> Totals:
    sums: dict[str, int] = {}
    for side, undone, amount in counted:
        if side:
            number = f"{side}_reversals" if undone else f"{side}s"
            money = f"{side}_reversal_amount" if undone else f"{side}_amount"
            sums[number] = sums.get(number, 0) + 1
            sums[money] = sums.get(money, 0) + amount
    return Totals(**sums)
