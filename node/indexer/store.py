"""Writes a range of blocks to the database in one SQL transaction, and reads single rows for apply.

Before it apply; after it whoever reads the index. Written for many rows: values go to the driver as they are, by COPY
on PostgreSQL.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, select
from sqlalchemy.exc import DatabaseError, IntegrityError

from node.domain.errors import Unusable
from node.indexer.database import POSTGRESQL, migrate, place_of, reason_of
from node.indexer.errors import OtherChain
from node.indexer.known import Known
from node.indexer.rows import Key, Row, Rows
from node.indexer.tables import Uint64, chain, ledger, metadata

MANY: Final = 400
"""Rows that are asked for at once."""
SMALL: Final = 64
"""Rows below which PostgreSQL is given an INSERT and not a COPY."""


class Store:
    """The index's database, for the one process that writes it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._connection: Connection | None = None
        self._columns = {table.name: _Columns(table) for table in metadata.sorted_tables}

    def open(self, known: Known, genesis: bytes) -> None:
        """Makes the tables, and notes or checks what the index is of. Raises OtherChain, Unusable."""
        migrate(self.engine)
        wanted = known.meta | {"genesis": "0x" + genesis.hex()}
        with self.engine.begin() as connection:
            found = {row.name: row.value for row in connection.execute(select(chain.meta.c.name, chain.meta.c.value))}
            if not found:
                connection.execute(chain.meta.insert(), [{"name": n, "value": v} for n, v in wanted.items()])
        for name, value in wanted.items():
            if found and found.get(name) != value:
                raise OtherChain(
                    f"the index is of {name} {found.get(name)}, and the chain has {value}: give another --database, or "
                    "till index rebuild"
                )

    def head(self) -> tuple[int, bytes] | None:
        """Number and hash of the highest block that is in it."""
        query = select(chain.blocks.c.number, chain.blocks.c.hash).order_by(chain.blocks.c.number.desc()).limit(1)
        with self.reading() as connection:
            row = connection.execute(query).first()
            connection.rollback()
        return None if row is None else (row.number, bytes(row.hash))

    def load(self, table: Table, key: Key) -> Row | None:
        """A row by its key."""
        columns = self._columns[table.name]
        with self.reading() as connection:
            row = connection.exec_driver_sql(columns.by_key(connection), columns.encoded_key(key)).first()
        return None if row is None else columns.decoded(row)

    def load_many(self, table: Table, keys: Sequence[Key]) -> list[Row]:
        """The rows with these keys, as far as there are any."""
        columns = self._columns[table.name]
        found: list[Row] = []
        with self.reading() as connection:
            for start in range(0, len(keys), MANY):
                part = keys[start : start + MANY]
                values = tuple(value for key in part for value in columns.encoded_key(key))
                for row in connection.exec_driver_sql(columns.by_keys(connection, len(part)), values):
                    found.append(columns.decoded(row))
        return found

    def load_line(self, leaf: bytes) -> Key | None:
        """The key of the line with this leaf."""
        lines = ledger.payment_lines.c
        with self.reading() as connection:
            row = connection.execute(
                select(lines.stream, lines.sequence, lines.line).where(lines.leaf == leaf).limit(1)
            ).first()
        return None if row is None else tuple(row)

    def write(self, rows: Rows) -> None:
        """All that a range added and changed, or nothing of it."""
        try:
            self._write(rows)
        except IntegrityError:
            raise Unusable(f"another process writes the index {place_of(self.engine)} too; end one of them") from None
        except DatabaseError as error:
            raise Unusable(f"the index {place_of(self.engine)} cannot be written: {reason_of(error)}") from None
        rows.written()

    def _write(self, rows: Rows) -> None:
        connection = self._open()
        try:
            for name, added in rows.added.items():
                self._insert(connection, self._columns[name], [row for row in added if row is not None])
            for name, keys in rows.removed.items():
                columns = self._columns[name]
                for key in sorted(keys):
                    connection.exec_driver_sql(columns.delete(connection), columns.encoded_key(key))
            for name, changed in rows.changed.items():
                self._upsert(connection, self._columns[name], changed.values())
            connection.commit()
        except BaseException:
            connection.rollback()
            raise

    def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> Connection:
        """The one connection. What a range reads and writes is one SQL transaction, which `write` ends."""
        if self._connection is None:
            self._connection = self.engine.connect()
        return self._connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The connection, for questions in the range's SQL transaction."""
        yield self._open()

    def _insert(self, connection: Connection, columns: "_Columns", rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        if connection.dialect.name == POSTGRESQL and len(rows) >= SMALL:
            cursor = connection.connection.cursor()
            with cursor.copy(columns.copy()) as copy:
                copy.set_types(columns.postgres_types)
                for row in rows:
                    copy.write_row(columns.encoded(row))
            return
        connection.exec_driver_sql(columns.insert(connection), [columns.encoded(row) for row in rows])

    def _upsert(self, connection: Connection, columns: "_Columns", rows: Iterable[Row]) -> None:
        values = [columns.encoded(tuple(row.values())) for row in rows]
        if values:
            connection.exec_driver_sql(columns.upsert(connection), values)


class _Columns:
    """A table's statements, and its values as the drivers want them: a Uint64 as its 8 bytes."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.names = [column.name for column in table.columns]
        self.wide = [index for index, column in enumerate(table.columns) if isinstance(column.type, Uint64)]
        self.keys = [column.name for column in table.primary_key.columns]
        self.wide_keys = [i for i, column in enumerate(table.primary_key.columns) if isinstance(column.type, Uint64)]
        self.flags = [i for i, column in enumerate(table.columns) if column.type.python_type is bool]
        self.quoted = ", ".join(f'"{name}"' for name in self.names)
        types = {"INTEGER": "int8", "BIGINT": "int8", "SMALLINT": "int2", "BOOLEAN": "bool", "TEXT": "text"}
        self.postgres_types = [types.get(_kind(column), "bytea") for column in table.columns]

    def encoded(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """A row as the driver wants it."""
        if not self.wide:
            return tuple(row)
        values = list(row)
        for index in self.wide:
            value = values[index]
            if value is not None:
                values[index] = value.to_bytes(8, "big")
        return tuple(values)

    def encoded_key(self, key: Key) -> tuple[Any, ...]:
        """A key as the driver wants it."""
        values = list(key)
        for index in self.wide_keys:
            values[index] = values[index].to_bytes(8, "big")
        return tuple(values)

    def decoded(self, row: Sequence[Any]) -> Row:
        """A row as apply wants it."""
        values = [bytes(value) if isinstance(value, memoryview) else value for value in row]
        for index in self.wide:
            if values[index] is not None:
                values[index] = int.from_bytes(values[index], "big")
        for index in self.flags:
            if values[index] is not None:
                values[index] = bool(values[index])
        return dict(zip(self.names, values, strict=True))

    def by_key(self, connection: Connection) -> str:
        """One row."""
        return f"SELECT {self.quoted} FROM {self.table.name} WHERE {self._where(connection)}"

    def by_keys(self, connection: Connection, count: int) -> str:
        """So many rows."""
        one = f"({', '.join([_mark(connection)] * len(self.keys))})"
        names = ", ".join(f'"{name}"' for name in self.keys)
        return f"SELECT {self.quoted} FROM {self.table.name} WHERE ({names}) IN (VALUES {', '.join([one] * count)})"

    def delete(self, connection: Connection) -> str:
        """One row, out."""
        return f"DELETE FROM {self.table.name} WHERE {self._where(connection)}"

    def copy(self) -> str:
        """Many rows, to PostgreSQL."""
        return f"COPY {self.table.name} ({self.quoted}) FROM STDIN (FORMAT BINARY)"

    def insert(self, connection: Connection) -> str:
        """A new row."""
        marks = ", ".join([_mark(connection)] * len(self.names))
        return f"INSERT INTO {self.table.name} ({self.quoted}) VALUES ({marks})"

    def upsert(self, connection: Connection) -> str:
        """A row, new or in place of the one with its key."""
        rest = [name for name in self.names if name not in self.keys]
        key = ", ".join(f'"{name}"' for name in self.keys)
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name in rest)
        return f"{self.insert(connection)} ON CONFLICT ({key}) DO UPDATE SET {changes}"

    def _where(self, connection: Connection) -> str:
        return " AND ".join(f'"{name}" = {_mark(connection)}' for name in self.keys)


def _mark(connection: Connection) -> str:
    return "%s" if connection.dialect.name == POSTGRESQL else "?"


def _kind(column: Any) -> str:
    return str(column.type.compile()).split()[0] if not isinstance(column.type, Uint64) else "BLOB"
