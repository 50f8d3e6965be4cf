"""Who may read a merchant's line items, the content keys that sealed them, and the copies of these for the readers.

Functions on a connection, as transitions and reading. A sealed basket itself stands with its entry (`entries.sealed`).
A copy opens with its reader's secret key only, which the journal never has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, ForeignKey, Index, Integer, LargeBinary, Table, Text

from node.bridge.journal.sql import among, insert_rows, listed
from node.bridge.journal.tables import NUMBER, metadata

READERS_CHANGED: Final = "line_readers"
"""Name in the journal's meta that counts changes among the readers: the writer makes new content keys then."""
ALL_SEALED: Final = "lines_sealed"
"""Name in the journal's meta that says that no basket is kept as it came, as versions before 0008 did."""

READERS: Final = Table(
    "line_readers",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("merchant", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    # the merchant's own key: without one, the operator keeps the merchant's copies
    Column("own", Boolean, nullable=False),
    # days since 1970, both included; NULL: without an end
    Column("since", Integer, nullable=False),
    Column("until", Integer),
    Column("granted_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Index("line_readers_by_merchant", "merchant"),
)
KEYS: Final = Table(
    "line_keys",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("merchant", BigInteger, nullable=False),
    Column("day", Integer, nullable=False),
    Index("line_keys_by_merchant", "merchant", "day"),
)
COPIES: Final = Table(
    "line_key_copies",
    metadata,
    Column("key", BigInteger, ForeignKey("line_keys.number"), primary_key=True, autoincrement=False),
    # the reader's public key
    Column("reader", LargeBinary, primary_key=True),
    Column("copy", LargeBinary, nullable=False),
)
_FIELDS: Final = "number, merchant, name, public_key, own, since, until, granted_at, revoked_at"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Somebody who may read a merchant's lines of some days. `granted_at`, `revoked_at`: milliseconds."""

    number: int
    merchant: int
    name: str
    public_key: bytes
    own: bool
    since: int
    until: int | None
    granted_at: int
    revoked_at: int | None = None

    def reads(self, day: int) -> bool:
        """Whether content keys of that day are for this reader."""
        return self.revoked_at is None and self.since <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredLines:
    """A payment's sealed basket as the journal has it; `packed` is the payment."""

    sequence: int
    merchant: int
    packed: bytes
    sealed: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCopy:
    """A copy of a content key."""

    key: int
    merchant: int
    day: int
    copy: bytes


def changes(connection: Connection) -> str:
    """A text that is another one when the readers have changed."""
    return str(
        connection.exec_driver_sql("SELECT value FROM meta WHERE name = ?", (READERS_CHANGED,)).scalar_one_or_none()
    )


def readers(connection: Connection, merchant: int | None = None) -> list[Reader]:
    """All readers, revoked ones too, in the order in which they were let in; of one merchant or of all."""
    where, values = ("", ()) if merchant is None else (" WHERE merchant = ?", (merchant,))
    rows = connection.exec_driver_sql(f"SELECT {_FIELDS} FROM line_readers{where} ORDER BY number", values)
    return [_reader(tuple(row)) for row in rows]


def add_reader(connection: Connection, reader: Reader) -> int:
    """Lets a reader in; its number (that of `reader` is not looked at)."""
    number = int(connection.exec_driver_sql("SELECT coalesce(max(number), 0) + 1 FROM line_readers").scalar_one())
    connection.exec_driver_sql(
        f"INSERT INTO line_readers ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            reader.merchant,
            reader.name,
            reader.public_key,
            reader.own,
            reader.since,
            reader.until,
            reader.granted_at,
            reader.revoked_at,
        ),
    )
    _changed(connection)
    return number


def revoke_reader(connection: Connection, number: int, now: int) -> None:
    """No content key that is made from now on is for this reader, and the copies that it had are gone from here."""
    run = connection.exec_driver_sql
    merchant, key = run("SELECT merchant, public_key FROM line_readers WHERE number = ?", (number,)).one()
    run("UPDATE line_readers SET revoked_at = ? WHERE number = ?", (now, number))
    run(
        "DELETE FROM line_key_copies WHERE reader = ? AND key IN (SELECT number FROM line_keys WHERE merchant = ?)",
        (key, merchant),
    )
    _changed(connection)


def destroy_copies(connection: Connection, merchant: int, before: int) -> int:
    """Destroys all copies of the content keys of days before that one; how many keys nobody can open any more."""
    keys = "SELECT number FROM line_keys WHERE merchant = ? AND day < ?"
    run, values = connection.exec_driver_sql, (merchant, before)
    count = run(f"SELECT count(DISTINCT key) FROM line_key_copies WHERE key IN ({keys})", values).scalar_one()
    run(f"DELETE FROM line_key_copies WHERE key IN ({keys})", values)
    _changed(connection)
    return int(count)


def add_key(
    connection: Connection, number: int, merchant: int, day: int, copies: Iterable[tuple[bytes, bytes]]
) -> None:
    """A content key with its copies, each with its reader."""
    connection.exec_driver_sql(
        "INSERT INTO line_keys (number, merchant, day) VALUES (?, ?, ?)", (number, merchant, day)
    )
    add_copies(connection, [(number, reader, copy) for reader, copy in copies])


def add_copies(connection: Connection, rows: list[tuple[int, bytes, bytes]]) -> None:
    """Copies of content keys: number of the key, reader, copy."""
    insert_rows(connection, "line_key_copies", {"key": "bigint", "reader": "bytea", "copy": "bytea"}, rows)


def copies(connection: Connection, merchant: int, reader: bytes, since: int, until: int) -> list[StoredCopy]:
    """A reader's copies of the content keys of these days."""
    rows = connection.exec_driver_sql(
        "SELECT k.number, k.merchant, k.day, c.copy FROM line_keys k JOIN line_key_copies c ON c.key = k.number"
        " WHERE k.merchant = ? AND c.reader = ? AND k.day >= ? AND k.day <= ? ORDER BY k.day, k.number",
        (merchant, reader, since, until),
    )
    return [StoredCopy(key=row[0], merchant=row[1], day=row[2], copy=bytes(row[3])) for row in rows]


def copies_of(connection: Connection, keys: Iterable[int], reader: bytes) -> dict[int, StoredCopy]:
    """A reader's copies of these content keys, by number; an empty one where it has none."""
    rows = connection.exec_driver_sql(
        "SELECT k.number, k.merchant, k.day, c.copy FROM line_keys k"
        f" LEFT JOIN line_key_copies c ON c.key = k.number AND c.reader = ? WHERE {among(connection, 'k.number')}",
        (reader, listed(connection, keys)),
    )
    return {row[0]: StoredCopy(key=row[0], merchant=row[1], day=row[2], copy=bytes(row[3] or b"")) for row in rows}


def payment(connection: Connection, sequence: int) -> StoredLines | None:
    """A payment's sealed basket; None when the journal has no such payment, or it has no items."""
    row = connection.exec_driver_sql(
        "SELECT sequence, merchant, packed, sealed FROM entries WHERE sequence = ? AND kind = 0", (sequence,)
    ).first()
    return None if row is None or not row[3] else _lines(tuple(row))


def payments(connection: Connection, merchant: int, after: int, limit: int) -> Iterator[StoredLines]:
    """A merchant's payments with items whose sequence is above `after`, at most `limit`, in their order.

    Those that the chain declined are not among them.
    """
    rows = connection.exec_driver_sql(
        "SELECT sequence, merchant, packed, sealed FROM entries WHERE merchant = ? AND sequence > ? AND kind = 0"
        " AND status <> 'declined' AND length(sealed) > 0 ORDER BY sequence LIMIT ?",
        (merchant, after, limit),
    )
    return (_lines(tuple(row)) for row in rows.all())


def unsealed(connection: Connection, limit: int) -> Iterator[tuple[StoredLines, int]]:
    """Baskets that an older version of Tillnet kept as they were, at most `limit`, and when they came; none once
    `note_all_sealed` was called.
    """
    if connection.exec_driver_sql("SELECT 1 FROM meta WHERE name = ?", (ALL_SEALED,)).first() is not None:
        return iter(())
    rows = connection.exec_driver_sql(
        "SELECT sequence, merchant, packed, sealed, received_at FROM entries"
        " WHERE kind = 0 AND sealed >= ? AND sealed < ? LIMIT ?",
        (b"\x01", b"\x02", limit),
    )
    return ((_lines(tuple(row[:4])), int(row[4])) for row in rows.all())


def replace_sealed(connection: Connection, sequence: int, sealed: bytes) -> None:
    """Puts a sealed basket in the place of one that was not."""
    connection.exec_driver_sql("UPDATE entries SET sealed = ? WHERE sequence = ?", (sealed, sequence))


def note_all_sealed(connection: Connection) -> None:
    """No basket stands in this journal as it was."""
    connection.exec_driver_sql(
        "INSERT INTO meta (name, value) VALUES (?, '1') ON CONFLICT (name) DO NOTHING", (ALL_SEALED,)
    )


def _changed(connection: Connection) -> None:
    connection.exec_driver_sql(
        "INSERT INTO meta (name, value) VALUES (?, '1') ON CONFLICT (name)"
        " DO UPDATE SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)",
        (READERS_CHANGED,),
    )


def _reader(row: tuple[Any, ...]) -> Reader:
    number, merchant, name, key, own, since, until, granted, revoked = row
    return Reader(
        number=number,
        merchant=merchant,
        name=name,
        public_key=bytes(key),
        own=bool(own),
        since=since,
        until=until,
        granted_at=granted,
        revoked_at=revoked,
    )


def _lines(row: tuple[Any, ...]) -> StoredLines:
    return StoredLines(sequence=row[0], merchant=row[1], packed=bytes(row[2]), sealed=bytes(row[3]))
