"""Which member has which card or phone number: a table of tokens, so that a number is neither stored nor logged.

token = HMAC-SHA256(key file, card); a phone number is its E.164 form, whichever way it was written. Loaded by
`till bridge cards import`, asked by verify through `Cards.member_of`.
"""

import asyncio
import csv
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from node.bridge.at_hand import NotAtHand
from node.bridge.journal.pins import StoredPin, set_pin
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
"""How long an import may go unnoticed by a running bridge."""
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


_Card = tuple[bytes, bytes, StoredPin | None]
"""Token, member, PIN."""


class Cards:
    """The cards of one journal, by one key. `keep` reads them again when some were imported.

    The journal is asked in a thread of its own: a database that does not answer delays whom it concerns, and nobody
    else. As many cards as fit are in memory; another one is fetched when it comes.
    """

    def __init__(self, engine: Engine, key: bytes) -> None:
        """Raises SQLAlchemyError."""
        self._tokens, self._engine = Tokens(key), engine
        self._connection: Connection | None = None
        self._imports: str | None = None
        self._known: dict[bytes, MemberId] = {}
        self._fetched: dict[bytes, MemberId | None] = {}
        self._fetching = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cards")
        self._thread.submit(self._load).result()

    def member_of(self, card: str) -> MemberId | None:
        """The member with this card, loyalty id or phone number; None when nobody has it. Raises NotAtHand."""
        token = self.token_of(card)
        member = self._known.get(token)
        if member is not None or len(self._known) < CACHE:
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
        except (TimeoutError, SQLAlchemyError) as error:
            raise JournalUnwritable(f"the cards cannot be read: {type(error).__name__}") from None
        finally:
            self._fetching -= 1

    def _look_for(self, token: bytes) -> None:
        found = self._ask("SELECT member FROM cards WHERE token = ?", (token,))
        while len(self._fetched) >= CACHE:
            self._fetched.pop(next(iter(self._fetched)))
        self._fetched[token] = MemberId(int.from_bytes(found[0][0], "big")) if found else None

    def _load(self) -> None:
        imports = str(self._ask("SELECT value FROM meta WHERE name = ?", (IMPORTS,)))
        if imports != self._imports:
            rows = self._ask("SELECT token, member FROM cards LIMIT ?", (CACHE,))
            self._known = {token: MemberId(int.from_bytes(member, "big")) for token, member in rows}
            self._fetched = {}
            self._imports = imports

    def _ask(self, statement: str, values: tuple[object, ...]) -> list[tuple[bytes, ...]]:
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


def import_cards(engine: Engine, key: bytes, file: Path) -> int:
    """Loads a CSV file with the columns card and member, and pin if it likes (a header line may be there); the number
    of cards. A PIN may be empty: the card keeps the one that it has, or has none.

    A card that is known already gets its new member. Raises Unusable for a file without a card, and for a line that
    cannot be read, by its number: a card's number never gets into a message.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            count = sum(_store(engine, chunk) for chunk in _chunks(_rows(key, csv.reader(lines), file)))
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
        yield token, int(member).to_bytes(8, "big"), keep(pepper, token, pin) if pin else None


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


def _store(engine: Engine, chunk: list[_Card]) -> int:
    with engine.begin() as connection:
        for token, _, pin in chunk:
            if pin is not None:
                set_pin(connection, token, pin)
        connection.exec_driver_sql(
            "INSERT INTO cards VALUES (?, ?) ON CONFLICT (token) DO UPDATE SET member = excluded.member",
            [(token, member) for token, member, _ in chunk],
        )
        connection.exec_driver_sql(
            "INSERT INTO meta VALUES (?, '1') ON CONFLICT (name)"
            " DO UPDATE SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)",
            (IMPORTS,),
        )
    return len(chunk)
