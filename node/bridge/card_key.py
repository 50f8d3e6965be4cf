"""The key of the cards' tokens: its file, and whether it is the one that a journal's cards were imported with.

Used by start.py and `till bridge cards import`. With another key no card would be known, and each that is imported
then would be known to one bridge of the stream and not to the other; so the journal keeps the key's check value.
"""

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from node.bridge.journal.schema import WRITES
from node.bridge.journal.sql import has_table, is_postgresql
from node.bridge.journal.transitions import set_meta
from node.domain.errors import Unusable

KEY_BYTES: Final = 32
CHECK: Final = "card_key_check"
"""Name in the journal's meta of the check value: it tells keys apart, and says nothing of a card."""
CHECK_BYTES: Final = 8


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


def key_of_journal(engine: Engine, path: Path | None) -> bytes:
    """The key of a journal's cards; made where the file is missing and nothing is kept under another one yet.

    Raises Unusable when the file is no good, is missing where there are cards, or holds another journal's key.
    """
    if path is None:
        return load_key(None)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        known = _check_value(connection)
        _refuse_missing(connection, known, path)
        key = load_key(path, make=True)
        if known is None:
            set_meta(connection, CHECK, check_value(key))
        elif known != check_value(key):
            raise _other(path)
    return key


def look_at_key(engine: Engine, path: Path | None) -> None:
    """What `key_of_journal` refuses, for a bridge that only waits for the stream yet; it makes and writes nothing.

    Raises Unusable.
    """
    if path is None:
        return
    with engine.connect() as connection:
        if not has_table(connection, "cards"):
            return
        known = _check_value(connection)
        _refuse_missing(connection, known, path)
    if path.exists() and known not in (None, check_value(load_key(path))):
        raise _other(path)


def check_value(key: bytes) -> str:
    """What tells a key from another one, and does not give it away."""
    return hmac.digest(key, b"Tillnet card key check", "sha256")[:CHECK_BYTES].hex()


def _check_value(connection: Connection) -> str | None:
    if not is_postgresql(connection) and not _has_cards(connection):
        return None  # nobody else has the key, and nothing is kept under it
    found = connection.exec_driver_sql("SELECT value FROM meta WHERE name = ?", (CHECK,)).scalar()
    return None if found is None else str(found)


def _refuse_missing(connection: Connection, known: str | None, path: Path) -> None:
    if path.exists():
        return
    if known is not None or _has_cards(connection):
        raise Unusable(f"there is no card key file {path}, but the journal is kept under one: copy it from where it is")


def _has_cards(connection: Connection) -> bool:
    return connection.exec_driver_sql("SELECT 1 FROM cards LIMIT 1").first() is not None


def _other(path: Path) -> Unusable:
    return Unusable(f"the card key file {path} holds another key than that of the journal's cards")
