"""Which member has which card or phone number: a table of tokens, so that a number is neither stored nor logged.

token = HMAC-SHA256(key file, card); a phone number is its E.164 form, whichever way it was written. The member beside
it is sealed with a key of its own (people.py). Loaded by
`till bridge cards import`, asked by verify through `Cards.member_of`.
"""

import asyncio
import csv
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from node.bridge.at_hand import NotAtHand
from node.bridge.journal.people import PersonKey
from node.bridge.journal.pins import StoredPin, set_pin
from node.bridge.journal.schema import WRITES
from node.bridge.people import People
from node.bridge.security.pin_hash import is_pin, keep, pepper_of
from node.domain.errors import JournalUnwritable, Overloaded, Unusable
from node.domain.ids import MemberId
from node.domain.phone import is_phone, normalised

log = structlog.get_logger("bridge")
BLOCK: Final = 64
"""Bytes of a block of SHA-256; a key is no longer."""
CACHE: Final = 100_000
"""Cards kept in memory."""
FRESH_SECONDS: Final = 1.0
"""How long an import or an erasure may go unnoticed by a running bridge."""
FETCH_SECONDS: Final = 3.0
"""How long one card may be looked for in the journal."""
MOST_FETCHES: Final = 256
"""How many may be looked for at once; beyond, 96."""
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
    """The cards of one journal, by one key. `keep` reads them again when some were imported.

    The journal is asked in a thread of its own: a database that does not answer delays whom it concerns, and nobody
    else. As many cards as fit are in memory, each opened when it first comes; another one is fetched.
    """

    def __init__(self, engine: Engine, key: bytes, people: People) -> None:
        """Raises SQLAlchemyError."""
        self.people = people
        self._tokens, self._engine = Tokens(key), engine
        self._connection: Connection | None = None
        self._imports: str | None = None
        self._known: dict[bytes, bytes | MemberId] = {}
        self._fetched: dict[bytes, MemberId | None] = {}
        self._fetching = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cards")
        self._thread.submit(self._load).result()

    def member_of(self, card: str) -> MemberId | None:
        """The member with this card, loyalty id or phone number; None when nobody has it. Raises NotAtHand."""
        token = self.token_of(card)
        cards = self._known
        member = cards.get(token)
        if isinstance(member, bytes):
            # when it is first asked for: to open a hundred thousand takes a second
            member = self._open_at_hand(token, member)
            if member is not None:
                cards[token] = member
        elif member is None and len(cards) < CACHE:
            return None
        if member is not None:
            return member
        if token not in self._fetched:
            raise NotAtHand(partial(self._fetch, token))
        return self._fetched[token]

    def token_of(self, card: str) -> bytes:
        """What stands for a card in the journal."""
        return self._tokens.of(canonical(card))

    async def keep(self) -> None:
        """Reads the cards again when some were imported, for ever. While the database is away what was known stays
        known: nothing can be journaled then anyway."""
        while True:
            await asyncio.sleep(FRESH_SECONDS)
            try:
                await self.refresh()
            except SQLAlchemyError as error:
                log.warning("cards not read again", reason=type(error).__name__)

    async def refresh(self) -> None:
        """Reads the cards again if some were imported since they were last read. Raises SQLAlchemyError."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._load)

    def close(self) -> None:
        """Lets go of the file."""
        self._thread.submit(self._let_go)
        self._thread.shutdown(wait=False)

    async def _fetch(self, token: bytes) -> None:
        """Looks for a card that is not in memory. Raises Overloaded, JournalUnwritable."""
        if self._fetching >= MOST_FETCHES:
            raise Overloaded("too many cards are looked for")
        self._fetching += 1
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                await loop.run_in_executor(self._thread, self._look_for, token)
        except (TimeoutError, SQLAlchemyError, Unusable) as error:
            raise JournalUnwritable(f"the cards cannot be read: {type(error).__name__}") from None
        finally:
            self._fetching -= 1

    def _look_for(self, token: bytes) -> None:
        found = self._ask(f"{_SELECT} WHERE c.token = ?", (token,))
        member = None
        if found:
            _, sealed, number, wrapped = found[0]
            person = PersonKey(number=number, wrapped=bytes(wrapped))
            member = MemberId(self.people.open_card(person, token, bytes(sealed)))
        while len(self._fetched) >= CACHE:
            self._fetched.pop(next(iter(self._fetched)))
        self._fetched[token] = member

    def _load(self) -> None:
        imports = str(self._ask("SELECT value FROM meta WHERE name = ?", (IMPORTS,)))
        if imports != self._imports:
            rows = self._ask(f"{_SELECT} LIMIT ?", (CACHE,))
            self._known = {bytes(row[0]): _sealed(row) for row in rows}
            self._fetched = {}
            self._imports = imports

    def _open_at_hand(self, token: bytes, sealed: bytes) -> MemberId | None:
        """The member of a card that is not opened yet; None where the journal has to be asked for the key."""
        member = self.people.open_card_at_hand(_person_of(sealed), token, sealed[_NUMBER : _NUMBER + _MEMBER])
        return None if member is None else MemberId(member)

    def _ask(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = self._engine.connect()
        with self._connection.begin():
            return [tuple(row) for row in self._connection.exec_driver_sql(statement, values)]

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()


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


def _person_of(sealed: bytes) -> PersonKey:
    return PersonKey(number=int.from_bytes(sealed[:_NUMBER], "big"), wrapped=sealed[_NUMBER + _MEMBER :])
