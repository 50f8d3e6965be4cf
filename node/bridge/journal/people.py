"""The data keys of members, and what of a person is sealed with them: whose a card is, and its PIN.

Functions on a connection, as transitions and reading; asked by node/bridge/people.py, which seals and opens. A member
is found by a keyed hash of its number. Where its key is gone, what was sealed with it is noise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, Table, Text

from node.bridge.journal.postgres import LOCK
from node.bridge.journal.sql import insert_rows, is_postgresql, select_among
from node.bridge.journal.tables import metadata

PEOPLE: Final = Table(
    "people",
    metadata,
    # random
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # HMAC-SHA256 of the member's number under a key that is not in the journal, as hexadecimal digits
    Column("tag", Text, nullable=False, unique=True),
    # the member's data key, under the people's key
    Column("wrapped", LargeBinary, nullable=False),
)
MASTERS: Final = Table(
    "people_masters",
    metadata,
    # one row
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    # the people's key, under the master key
    Column("wrapped", LargeBinary, nullable=False),
)
_ONE: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonKey:
    """A member's data key as it is stored."""

    number: int
    wrapped: bytes = field(repr=False)


def lock(connection: Connection) -> None:
    """Whoever makes keys does so alone; in SQLite, whoever writes is alone anyway."""
    if is_postgresql(connection):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(?)", (LOCK + 1,))


def master(connection: Connection) -> bytes | None:
    """The people's key, wrapped; None before there is one."""
    found = connection.exec_driver_sql("SELECT wrapped FROM people_masters WHERE number = ?", (_ONE,)).scalar()
    return None if found is None else bytes(found)


def set_master(connection: Connection, wrapped: bytes) -> None:
    """The people's key, wrapped, in place of the one before."""
    connection.exec_driver_sql(
        "INSERT INTO people_masters (number, wrapped) VALUES (?, ?)"
        " ON CONFLICT (number) DO UPDATE SET wrapped = excluded.wrapped",
        (_ONE, wrapped),
    )


def by_tags(connection: Connection, tags: Sequence[str]) -> dict[str, PersonKey]:
    """Those of these members that have a key."""
    rows = select_among(connection, "tag, number, wrapped", "people", "tag", tags)
    return {row[0]: PersonKey(number=row[1], wrapped=bytes(row[2])) for row in rows}


def by_card(connection: Connection, token: bytes) -> PersonKey | None:
    """The key of whoever has this card."""
    row = connection.exec_driver_sql(
        "SELECT p.number, p.wrapped FROM cards c JOIN people p ON p.number = c.person WHERE c.token = ?", (token,)
    ).first()
    return None if row is None else PersonKey(number=row[0], wrapped=bytes(row[1]))


def everybody(connection: Connection) -> list[PersonKey]:
    """All keys."""
    rows = connection.exec_driver_sql("SELECT number, wrapped FROM people ORDER BY number")
    return [PersonKey(number=row[0], wrapped=bytes(row[1])) for row in rows]


def add(connection: Connection, new: Iterable[tuple[str, PersonKey]]) -> None:
    """Keys of members that had none, each with its tag."""
    rows = [(key.number, tag, key.wrapped) for tag, key in new]
    insert_rows(connection, "people", {"number": "bigint", "tag": "text", "wrapped": "bytea"}, rows)


def wrap_again(connection: Connection, keys: Iterable[PersonKey]) -> None:
    """The same keys, wrapped anew."""
    for key in keys:
        connection.exec_driver_sql("UPDATE people SET wrapped = ? WHERE number = ?", (key.wrapped, key.number))


def cards_of(connection: Connection, person: int) -> list[bytes]:
    """The tokens of a person's cards."""
    rows = connection.exec_driver_sql("SELECT token FROM cards WHERE person = ?", (person,))
    return [bytes(row[0]) for row in rows]


def erase(connection: Connection, person: int) -> int:
    """Destroys a person's key, cards and PINs; how many cards."""
    run = connection.exec_driver_sql
    run("DELETE FROM pins WHERE person = ? OR token IN (SELECT token FROM cards WHERE person = ?)", (person, person))
    cards = run("DELETE FROM cards WHERE person = ?", (person,)).rowcount
    run("DELETE FROM people WHERE number = ?", (person,))
    return cards


def strangers_pins(connection: Connection) -> list[tuple[bytes, bytes, PersonKey, PersonKey]]:
    """PINs of cards that have become somebody else's: token, sealed, under whose key, whose it is now."""
    rows = connection.exec_driver_sql(
        "SELECT n.token, n.hash, o.number, o.wrapped, p.number, p.wrapped FROM pins n"
        " JOIN cards c ON c.token = n.token JOIN people o ON o.number = n.person JOIN people p ON p.number = c.person"
        " WHERE n.person <> c.person"
    )
    return [
        (
            bytes(row[0]),
            bytes(row[1]),
            PersonKey(number=row[2], wrapped=bytes(row[3])),
            PersonKey(number=row[4], wrapped=bytes(row[5])),
        )
        for row in rows.all()
    ]


def open_cards(connection: Connection, limit: int) -> list[tuple[bytes, bytes]]:
    """Cards that an older version kept with their member in the clear: token and member, at most `limit`."""
    rows = connection.exec_driver_sql("SELECT token, member FROM cards WHERE person IS NULL LIMIT ?", (limit,))
    return [(bytes(row[0]), bytes(row[1])) for row in rows.all()]


def open_pins(connection: Connection, limit: int) -> list[tuple[bytes, bytes, bytes, PersonKey]]:
    """PINs that an older version kept unsealed: token, salt, hash, whose key is to seal them; at most `limit`."""
    rows = connection.exec_driver_sql(
        "SELECT n.token, n.salt, n.hash, p.number, p.wrapped FROM pins n JOIN cards c ON c.token = n.token"
        " JOIN people p ON p.number = c.person WHERE n.person IS NULL LIMIT ?",
        (limit,),
    )
    return [
        (bytes(row[0]), bytes(row[1]), bytes(row[2]), PersonKey(number=row[3], wrapped=bytes(row[4])))
        for row in rows.all()
    ]


def seal_card(connection: Connection, token: bytes, member: bytes, person: int) -> None:
    """A card's member, sealed."""
    connection.exec_driver_sql("UPDATE cards SET member = ?, person = ? WHERE token = ?", (member, person, token))


def seal_pin(connection: Connection, token: bytes, sealed: bytes, person: int) -> None:
    """A card's PIN, sealed; its salt is in there."""
    connection.exec_driver_sql(
        "UPDATE pins SET salt = ?, hash = ?, person = ? WHERE token = ?", (b"", sealed, person, token)
    )
