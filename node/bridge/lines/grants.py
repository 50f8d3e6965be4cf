"""Who may read a merchant's lines: lets readers in, with the past if somebody who can read it says so, and out again.

On the journal, whether a bridge runs or not: its writer sees the change with its next group of messages, and seals
with new content keys from then on.
"""

from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection

from node.bridge.journal import lines
from node.bridge.journal.lines import Reader, StoredCopy
from node.bridge.lines.sealing import KeyName, key_from_copy
from node.domain.errors import Unusable
from node.domain.ids import MerchantId, StreamId

MAX_NAME: Final = 60
MAX_READERS: Final = 32
"""Readers of one merchant at a time: each costs a copy of every content key."""
FOREVER: Final = 2**31 - 1
"""A day that never comes."""


def grant(connection: Connection, stream: StreamId, reader: Reader, holder: X25519PrivateKey | None) -> Reader:
    """Lets a reader in; with somebody's key that opens the past, also to what was sealed since its first day.

    Raises Unusable, and NotForThisKey where that key is none of the merchant's.
    """
    if not 0 < len(reader.name) <= MAX_NAME or not reader.name.isprintable():
        raise Unusable(f"a reader's name has 1 to {MAX_NAME} characters")
    if reader.until is not None and reader.until < reader.since:
        raise Unusable("the last day is before the first")
    active = [each for each in lines.readers(connection, reader.merchant) if each.revoked_at is None]
    if any(each.name == reader.name for each in active):
        raise Unusable(f"merchant {reader.merchant} has a reader {reader.name} already; revoke it first")
    if any(each.public_key == reader.public_key for each in active):
        raise Unusable(f"merchant {reader.merchant} has a reader with this key already; revoke it first")
    if len(active) >= MAX_READERS:
        raise Unusable(f"merchant {reader.merchant} has {MAX_READERS} readers already")
    granted = replace(reader, number=lines.add_reader(connection, reader))
    if holder is not None:
        _hand_over(connection, stream, granted, holder)
    return granted


def revoke(connection: Connection, merchant: int, name: str, now: int) -> Reader:
    """Lets a reader out; `now` in milliseconds. Raises Unusable."""
    for each in lines.readers(connection, merchant):
        if each.name == name and each.revoked_at is None:
            lines.revoke_reader(connection, each.number, now)
            return replace(each, revoked_at=now)
    raise Unusable(f"merchant {merchant} has no reader {name}")


def copies_for(connection: Connection, stream: StreamId, reader: Reader) -> dict[KeyName, bytes]:
    """The copies of content keys that a reader has, of the days of its view."""
    until = FOREVER if reader.until is None else reader.until
    found = lines.copies(connection, reader.merchant, reader.public_key, reader.since, until)
    return {_name(stream, each): each.copy for each in found}


def _hand_over(connection: Connection, stream: StreamId, reader: Reader, holder: X25519PrivateKey) -> None:
    """Copies, for the reader, of the content keys of its days that are there already."""
    own = holder.public_key().public_bytes_raw()
    until = FOREVER if reader.until is None else reader.until
    have = lines.copies(connection, reader.merchant, own, reader.since, until)
    had = {each.key for each in lines.copies(connection, reader.merchant, reader.public_key, 0, FOREVER)}
    rows = []
    for each in have:
        if each.key not in had:
            key = key_from_copy(_name(stream, each), each.copy, holder)
            rows.append((each.key, reader.public_key, key.copy_for(reader.public_key)))
    lines.add_copies(connection, rows)


def _name(stream: StreamId, copy: StoredCopy) -> KeyName:
    return KeyName(stream=stream, merchant=MerchantId(copy.merchant), day=copy.day, number=copy.key)
