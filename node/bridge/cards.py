"""Which member has which card or phone number: a table of tokens, so that a number is neither stored nor logged.

token = HMAC-SHA256(key file, card); a phone number is its E.164 form, whichever way it was written. The member beside
it is sealed with a key of its own (people.py). Loaded by
`till bridge cards import`, asked by verify through `Cards.member_of`.
"""

import csv
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from node.bridge.journal.people import PersonKey
from node.bridge.journal.pins import StoredPin, set_pin
from node.bridge.journal.schema import WRITES
from node.bridge.people import People, Unreadable
from node.bridge.security.pin_hash import is_pin, keep, pepper_of
from node.domain.errors import Unusable
from node.domain.ids import MemberId
from node.domain.phone import is_phone, normalised

log = structlog.get_logger("bridge")
KEY_BYTES: Final = 32
BLOCK: Final = 64
"""Bytes of a block of SHA-256; a key is no longer."""
CACHE: Final = 100_000
"""Cards kept in memory."""
FRESH_SECONDS: Final = 1.0
"""How long an import or an erasure may go unnoticed by a running bridge."""
IMPORTS: Final = "card_imports"
"""Name in the journal's meta that counts imports."""
CHUNK: Final = 5_000
"""Cards of one SQL transaction."""
COLUMNS: Final = ["card", "member"]
COLUMNS_WITH_PIN: Final = [*COLUMNS, "pin"]
MAX_CARD: Final = 37
"""Characters of a loyalty id: what track 2 holds."""
CARD_DIGITS: Final = range(8, 20)
"""Digits of a card's number (ISO/IEC 7812-1); DE2 holds 19."""


_Card = tuple[bytes, int, StoredPin | None]
"""Token, member, PIN."""
_SELECT: Final = "SELECT c.token, c.member, p.number, p.wrapped FROM cards c JOIN people p ON p.number = c.person"

_NUMBER, _MEMBER = 8, 36
"""Bytes of a person's number, and of a sealed member."""


class Cards:
    """The cards of one journal, by one key; as many as fit are kept in memory. `clock` gives seconds."""

    def __init__(self, engine: Engine, key: bytes, people: People, clock: Callable[[], float] = time.monotonic) -> None:
        self.people = people
        self._tokens, self._clock = Tokens(key), clock
        self._connection = engine.connect()
        self._looked_at = 0.0
        self._imports: str | None = None
        self._known: dict[bytes, bytes | MemberId] = {}
        self._load()

    def member_of(self, card: str) -> MemberId | None:
        """The member with this card, loyalty id or phone number; None when nobody has it."""
        token = self.token_of(card)
        if self._clock() - self._looked_at > FRESH_SECONDS:
            try:
                self._load()
            except SQLAlchemyError as error:
                # the database is away: nothing can be journaled now, and what was known stays known
                log.warning("cards not read again", reason=type(error).__name__)
        known = self._known.get(token)
        if known is None and len(self._known) >= CACHE:
            found = self._ask(f"{_SELECT} WHERE c.token = ?", (token,))
            return self._open(token, _sealed(found[0])) if found else None
        # opened when it is first asked for: a hundred thousand take a second
        if isinstance(known, bytes):
            member = self._open(token, known)
            if member is not None:
                self._known[token] = member
            return member
        return known

    def token_of(self, card: str) -> bytes:
        """What stands for a card in the journal."""
        return self._tokens.of(canonical(card))

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def _load(self, *, again: bool = False) -> None:
        """Reads the cards if some were imported or erased since they were last read, or `again`."""
        self._looked_at = self._clock()
        imports = str(self._ask("SELECT value FROM meta WHERE name = ?", (IMPORTS,)))
        if again or imports != self._imports:
            self._imports = imports
            rows = self._ask(f"{_SELECT} LIMIT ?", (CACHE,))
            self._known = {bytes(row[0]): _sealed(row) for row in rows}

    def _open(self, token: bytes, sealed: bytes) -> MemberId | None:
        """The member of a card that is not opened yet; None if it was erased since the cards were read."""
        try:
            return self._opened(token, sealed)
        except Unreadable:
            # the keys may have been wrapped anew since
            self._load(again=True)
            found = self._ask(f"{_SELECT} WHERE c.token = ?", (token,))
            return self._opened(token, _sealed(found[0])) if found else None

    def _opened(self, token: bytes, sealed: bytes) -> MemberId:
        number, member, wrapped = sealed[:_NUMBER], sealed[_NUMBER : _NUMBER + _MEMBER], sealed[_NUMBER + _MEMBER :]
        person = PersonKey(number=int.from_bytes(number, "big"), wrapped=wrapped)
        return MemberId(self.people.open_card(person, token, member))

    def _ask(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._connection.begin():
            return [tuple(row) for row in self._connection.exec_driver_sql(statement, values)]


class Tokens:
    """HMAC-SHA256 (RFC 2104) under one key, its two pads hashed once: hmac.digest takes 12 us a card, this takes 2."""

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def of(self, card: str) -> bytes:
        """What stands for a card in the journal."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(card.encode())
        outer.update(inner.digest())
        return outer.digest()


def canonical(card: str) -> str:
    """A phone number in its one form; anything else as it is."""
    return (normalised(card) or card) if is_phone(card) else card


def load_key(path: Path | None, *, make: bool = False) -> bytes:
    """The cards' key from its file (32 bytes as hex, mode 0600), made there if `make` and it is missing.

    Without a path a key of no use: no card is known then. Raises Unusable when the file is no good.
    """
    if path is None:
        return bytes(KEY_BYTES)
    if make and not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
    try:
        if path.stat().st_mode & 0o077:
            raise Unusable(f"the card key file {path} can be read by others; chmod 600 it")
        key = bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        raise Unusable(f"there is no card key file {path}; till bridge cards import makes one") from None
    except (OSError, ValueError):
        raise Unusable(f"the card key file {path} cannot be read") from None
    if len(key) != KEY_BYTES:
        raise Unusable(f"the card key file {path} holds {len(key)} bytes, not {KEY_BYTES}")
    return key


def import_cards(engine: Engine, key: bytes, people: People, file: Path) -> int:
    """Loads a CSV file with the columns card and member, and pin if it likes (a header line may be there); the number
    of cards. A PIN may be empty: the card keeps the one that it has, or has none.

    A card that is known already gets its new member. Raises Unusable for a file without a card, and for a line that
    cannot be read, by its number: a card's number never gets into a message.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            count = sum(_store(engine, people, chunk) for chunk in _chunks(_rows(key, csv.reader(lines), file)))
    except OSError as error:
        raise Unusable(f"the file of cards {file} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise Unusable(f"the file of cards {file} cannot be read: it is not CSV text in UTF-8") from None
    if not count:
        raise Unusable(f"the file of cards {file} holds no card; its lines are card,member")
    return count


def _rows(key: bytes, rows: Iterable[list[str]], file: Path) -> Iterator[_Card]:
    tokens, pepper = Tokens(key), pepper_of(key)
    for number, row in enumerate(rows, start=1):
        if not row or (number == 1 and [column.strip().lower() for column in row] in (COLUMNS, COLUMNS_WITH_PIN)):
            continue
        if len(row) not in (len(COLUMNS), len(COLUMNS_WITH_PIN)):
            raise Unusable(f"line {number} of {file} is not: card,member or card,member,pin")
        card, member, pin = row[0].strip(), row[1].strip(), "".join(row[2:]).strip()
        if not is_card(card):
            raise Unusable(
                f"line {number} of {file} does not begin with a card (8 to 19 digits), a phone number (+ and 7 to 15"
                f" digits) or a loyalty id (1 to {MAX_CARD} characters, not digits only)"
            )
        if not (member.isascii() and member.isdecimal() and len(member) <= 20 and 0 < int(member) < 2**64):
            raise Unusable(f"line {number} of {file} has no member's number after the card")
        if pin and not is_pin(pin):
            raise Unusable(f"line {number} of {file} has no PIN of 4 to 12 digits at its end")
        token = tokens.of(canonical(card))
        yield token, int(member), keep(pepper, token, pin) if pin else None


def is_card(text: str) -> bool:
    """Whether it can be a card, a phone number or a loyalty id."""
    if is_phone(text):
        return normalised(text) is not None
    if text.isascii() and text.isdecimal():
        return len(text) in CARD_DIGITS
    return 1 <= len(text) <= MAX_CARD and text.isascii() and text.isprintable()


def _chunks(rows: Iterable[_Card]) -> Iterator[list[_Card]]:
    chunk: list[_Card] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def note_change(connection: Connection) -> None:
    """Running bridges read the cards again."""
    connection.exec_driver_sql(
        "INSERT INTO meta VALUES (?, '1') ON CONFLICT (name)"
        " DO UPDATE SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)",
        (IMPORTS,),
    )


def _store(engine: Engine, people: People, chunk: list[_Card]) -> int:
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        keys = people.keys_of(connection, {member for _, member, _ in chunk})
        connection.exec_driver_sql(
            "INSERT INTO cards (token, member, person) VALUES (?, ?, ?) ON CONFLICT (token)"
            " DO UPDATE SET member = excluded.member, person = excluded.person",
            [(token, people.seal_card(keys[member], token, member), keys[member].number) for token, member, _ in chunk],
        )
        for token, member, pin in chunk:
            if pin is not None:
                set_pin(connection, token, people.seal_pin(keys[member], token, pin))
        people.take_pins_along(connection)
        note_change(connection)
    return len(chunk)


def _sealed(row: tuple[Any, ...]) -> bytes:
    """A card's member that is not opened yet, with the key for it: one value, for there are many."""
    _, member, number, wrapped = row
    return int(number).to_bytes(_NUMBER, "big") + bytes(member) + bytes(wrapped)
