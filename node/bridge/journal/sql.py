"""What SQLite and PostgreSQL say differently. All else of the journal is written once, with `?` for a value."""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

POSTGRESQL: Final = "postgresql"
_DEADLOCK: Final = "40P01"
CHUNKS: Final = (256, 64, 16, 4, 1)
"""Rows of one INSERT in SQLite: few sizes, so that statements stay prepared; many rows, so that threads seldom
switch."""


def is_postgresql(connection: Connection) -> bool:
    """Whether the journal is on PostgreSQL."""
    return connection.dialect.name == POSTGRESQL


def has_table(connection: Connection, name: str) -> bool:
    """Whether the journal has this table yet."""
    if is_postgresql(connection):
        return connection.exec_driver_sql("SELECT to_regclass(?)", (name,)).scalar() is not None
    query = "SELECT 1 FROM sqlite_master WHERE name = ?"
    return connection.exec_driver_sql(query, (name,)).first() is not None


def is_deadlock(error: SQLAlchemyError) -> bool:
    """Whether PostgreSQL has undone an SQL transaction because it and another one waited for each other."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", "") == _DEADLOCK


@lru_cache(maxsize=512)
def with_psycopg_marks(statement: str) -> str:
    """A statement with `?` for its values as psycopg wants it. No text in the journal's statements holds a `?`."""
    return statement.replace("%", "%%").replace("?", "%s")


def among(connection: Connection, column: str) -> str:
    """The condition that a whole number is among `listed` ones: one statement for lists of all lengths."""
    if is_postgresql(connection):
        return f"{column} = ANY(?::bigint[])"
    return f"{column} IN (SELECT value FROM json_each(?))"


def listed(connection: Connection, numbers: Iterable[int]) -> Any:
    """The value that goes with `among`."""
    wanted = [int(number) for number in numbers]
    return wanted if is_postgresql(connection) else json.dumps(wanted)


def select_among(
    connection: Connection, columns: str, table: str, column: str, texts: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Rows whose text in `column` is one of these; empty for none. In SQLite their number is rounded up to a power of
    two, so that few statements are prepared."""
    if not texts:
        return []
    if is_postgresql(connection):
        statement, values = f"SELECT {columns} FROM {table} WHERE {column} = ANY(?::text[])", (list(texts),)
        return [tuple(row) for row in connection.exec_driver_sql(statement, values)]
    size = 1 << (len(texts) - 1).bit_length()
    padded = (*texts, *[""] * (size - len(texts)))
    return [tuple(row) for row in connection.exec_driver_sql(_in(columns, table, column, size), padded)]


def insert_rows(connection: Connection, table: str, columns: dict[str, str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Appends rows; `columns` are their names with PostgreSQL's types, in the order of the values."""
    if not rows:
        return
    if is_postgresql(connection):
        values = tuple(list(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(_insert_unnested(table, tuple(columns.items())), values)
        return
    start = 0
    for size in CHUNKS:
        while len(rows) - start >= size:
            flat = tuple(value for row in rows[start : start + size] for value in row)
            connection.exec_driver_sql(_insert(table, tuple(columns), size), flat)
            start += size


@lru_cache(maxsize=64)
def _in(columns: str, table: str, column: str, size: int) -> str:
    return f"SELECT {columns} FROM {table} WHERE {column} IN ({', '.join('?' * size)})"


@lru_cache(maxsize=32)
def _insert(table: str, columns: tuple[str, ...], size: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * size)}"


@lru_cache(maxsize=32)
def _insert_unnested(table: str, columns: tuple[tuple[str, str], ...]) -> str:
    names = ", ".join([name for name, _ in columns])
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({', '.join([f'?::{kind}[]' for _, kind in columns])})"
