"""PINs of cards in the journal: who has one, how many tries are used up, and what became of each try.

Functions for `Journal.run`, each in one SQL transaction; asked by node/bridge/security/pins.py. A try is counted before
it is judged, so that none is free because the bridge died meanwhile, and belongs to its message: the same message again
is no further try.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, SmallInteger, Table, Text

from node.bridge.journal.people import PersonKey
from node.bridge.journal.tables import metadata

NAME: Final = Text().with_variant(Text(collation="C"), "postgresql")
KEPT_MS: Final = 7 * 86_400_000
"""How long it is known what became of a try: longer than a terminal sends the same message again."""
SWEPT: Final = 16
"""Old tries that go with each new one."""

PINS: Final = Table(
    "pins",
    metadata,
    # the card's, as in `cards`
    Column("token", LargeBinary, primary_key=True),
    # empty: it is in `hash`, which is sealed with the data key of `person` (people.py)
    Column("salt", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("cost", Text, nullable=False),
    # used up since the last right PIN
    Column("tries", SmallInteger, nullable=False),
    Column("person", BigInteger, index=True),
)
ATTEMPTS: Final = Table(
    "pin_attempts",
    metadata,
    Column("key", NAME, primary_key=True),
    # a keyed digest of card, content and PIN block: that a message with the same key is the same
    Column("said", LargeBinary, nullable=False),
    # NULL while nobody knows
    Column("verdict", Text),
    Column("at", BigInteger, nullable=False),
    Index("pin_attempts_by_time", "at"),
)


class Verdict(Enum):
    """What became of a try."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"
    NO_PIN = "no PIN"
    OTHER = "other"
    """Another message had this key; not of the table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPin:
    """A card's PIN as it is kept, but for the seal (node/bridge/security/pin_hash.py)."""

    salt: bytes
    hash: bytes
    cost: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedPin:
    """A card's PIN as it stands in the journal, and whose key opens it (node/bridge/people.py)."""

    sealed: bytes
    cost: str
    person: PersonKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """A message that shows a PIN: its key in the journal, the card's token, and a digest of all that it says."""

    key: str
    token: bytes
    said: bytes


def begin(connection: Connection, attempt: Attempt, *, tries: int, now: int) -> Verdict | SealedPin:
    """The verdict if there is one already, else the PIN to judge the try by; the try is counted then, once.

    A message that the journal has is RIGHT: it has its answer. `now` in milliseconds.
    """
    run = connection.exec_driver_sql
    if run("SELECT 1 FROM entries WHERE key = ?", (attempt.key,)).first() is not None:
        return Verdict.RIGHT
    known = run("SELECT said, verdict FROM pin_attempts WHERE key = ?", (attempt.key,)).first()
    if known is not None and bytes(known[0]) != attempt.said:
        return Verdict.OTHER
    if known is not None and known[1] is not None:
        return Verdict(known[1])
    pin = run(
        "SELECT n.hash, n.cost, n.tries, p.number, p.wrapped FROM pins n JOIN people p ON p.number = n.person"
        " WHERE n.token = ?",
        (attempt.token,),
    ).first()
    if pin is None:
        return Verdict.NO_PIN
    if known is None:
        locked = pin[2] >= tries
        _record(connection, attempt, Verdict.LOCKED if locked else None, now)
        if locked:
            return Verdict.LOCKED
        run("UPDATE pins SET tries = tries + 1 WHERE token = ?", (attempt.token,))
    return SealedPin(sealed=bytes(pin[0]), cost=str(pin[1]), person=PersonKey(number=pin[3], wrapped=bytes(pin[4])))


def end(connection: Connection, attempt: Attempt, *, right: bool, tries: int) -> Verdict:
    """The verdict on a try that was begun. A right PIN gives the tries back; the last wrong one is LOCKED already."""
    run = connection.exec_driver_sql
    if right:
        run("UPDATE pins SET tries = 0 WHERE token = ?", (attempt.token,))
        verdict = Verdict.RIGHT
    else:
        used = run("SELECT tries FROM pins WHERE token = ?", (attempt.token,)).scalar()
        verdict = Verdict.LOCKED if used is not None and used >= tries else Verdict.WRONG
    run("UPDATE pin_attempts SET verdict = ? WHERE key = ?", (verdict.value, attempt.key))
    return verdict


def set_pin(connection: Connection, token: bytes, pin: SealedPin) -> None:
    """Gives a card a PIN, in place of the one it had; no try of it is used."""
    connection.exec_driver_sql(
        "INSERT INTO pins (token, salt, hash, cost, tries, person) VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (token)"
        " DO UPDATE SET salt = excluded.salt, hash = excluded.hash, cost = excluded.cost, tries = 0,"
        " person = excluded.person",
        (token, b"", pin.sealed, pin.cost, pin.person.number),
    )


def unlock(connection: Connection, tokens: list[bytes]) -> int:
    """Gives these cards all their tries back; how many of them have a PIN."""
    return sum(
        connection.exec_driver_sql("UPDATE pins SET tries = 0 WHERE token = ?", (token,)).rowcount for token in tokens
    )


def _record(connection: Connection, attempt: Attempt, verdict: Verdict | None, now: int) -> None:
    run = connection.exec_driver_sql
    run(
        "DELETE FROM pin_attempts WHERE key IN (SELECT key FROM pin_attempts WHERE at < ? ORDER BY at LIMIT ?)",
        (now - KEPT_MS, SWEPT),
    )
    run(
        "INSERT INTO pin_attempts (key, said, verdict, at) VALUES (?, ?, ?, ?)",
        (attempt.key, attempt.said, None if verdict is None else verdict.value, now),
    )
