"""Column kinds of the index, the same on SQLite and PostgreSQL; before it nothing, after it the tables.

A database's whole number has 63 bits and a sign. What the contracts bound below that (money, units, times) is one; a
uint64 that anybody may choose is 8 bytes, big end first, so that it sorts as a number; anything wider is decimal text.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text
from sqlalchemy.types import TypeDecorator

metadata: Final = MetaData()
NUMBER: Final = Integer().with_variant(BigInteger(), "postgresql")
# compared byte by byte whatever the database's language is
NAME: Final = Text().with_variant(Text(collation="C"), "postgresql")


class Uint64(TypeDecorator[int]):
    """A uint64 as 8 bytes, big end first: an int in Python."""

    impl = LargeBinary(8)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Any) -> bytes | None:
        return None if value is None else value.to_bytes(8, "big")

    def process_result_value(self, value: Any, dialect: Any) -> int | None:
        return None if value is None else int.from_bytes(value, "big")


def table(name: str, *parts: Column[Any] | Index, comment: str) -> Table:
    """A table of the index; in SQLite its rows lie in the order of their key, so that no second tree leads to them."""
    return Table(name, metadata, *parts, comment=comment, sqlite_with_rowid=False)


def key(kind: Any, name: str, says: str) -> Column[Any]:
    """A part of the table's primary key."""
    return Column(name, kind, primary_key=True, autoincrement=False, comment=says)


def number(name: str, says: str, *, empty: bool = False) -> Column[Any]:
    """A whole number of at most 63 bits."""
    return Column(name, NUMBER, nullable=empty, comment=says)


def money(name: str, says: str) -> Column[Any]:
    """Minor units of the currency."""
    return Column(name, NUMBER, nullable=False, comment=f"{says}, minor units")


def units(name: str, says: str) -> Column[Any]:
    """Units of the coin (10^-6)."""
    return Column(name, NUMBER, nullable=False, comment=f"{says}, units")


def small(name: str, says: str, *, empty: bool = False) -> Column[Any]:
    """A number below 2^15."""
    return Column(name, SmallInteger, nullable=empty, comment=says)


def uint64(name: str, says: str, *, empty: bool = False) -> Column[Any]:
    """A uint64 of any size."""
    return Column(name, Uint64, nullable=empty, comment=says)


def octets(name: str, says: str, *, empty: bool = False) -> Column[Any]:
    """Bytes as they are: a hash, an address, calldata."""
    return Column(name, LargeBinary, nullable=empty, comment=says)


def words(name: str, says: str, *, empty: bool = False) -> Column[Any]:
    """Text; of a uint256 its decimal digits."""
    return Column(name, NAME, nullable=empty, comment=says)


def flag(name: str, says: str, *, empty: bool = False) -> Column[Any]:
    """True or false."""
    return Column(name, Boolean, nullable=empty, comment=says)


def place() -> tuple[Column[Any], Column[Any]]:
    """The key of a row that an event made: its block, and the log's place in it."""
    return key(NUMBER, "block", "The block of the event"), key(NUMBER, "log", "The log's index in its block")


def seen() -> tuple[Column[Any], Column[Any]]:
    """Where a row that later events change came from."""
    return number("block", "The block of the event that made the row"), number("log", "That event's index in its block")


def changed() -> Column[Any]:
    """The block of the last event that changed a row; set by whoever changes it (node/indexer/rows.py)."""
    return Column("block", NUMBER, nullable=False, comment="The block that changed it last", info={"changed": True})
