"""Writes `access.json` of validators' folders: keys for those who ask the gateway, and its certificate.

Called by `till net key` and `till net cert`; the validator's application reads the file, also while it runs
(node/consensus/access_watch.py). A file that the application could not read is never written.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from node.consensus.access import check_id, digest_of, parse_access, parse_expiry, read_access
from node.consensus.access_files import ACCESS_FILE
from node.consensus.rpc_roles import HIGHEST, Role
from node.domain.errors import Unusable
from node.network.plan import NetworkPlan

KEY_PREFIX: Final = "till_"
KEY_BYTES: Final = 32
MAX_DAYS: Final = 3650


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyOrder:
    """A key to make. `days` is how long it is good (None: until it is removed), `rate` in cost units a second."""

    name: str
    role: Role
    days: int | None = None
    rate: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedKey:
    """A key as `till net key list` shows it."""

    validator: str
    name: str
    role: str
    expires: str | None
    rate: int | None
    expired: bool


def add_key(plan: NetworkPlan, names: tuple[str, ...], order: KeyOrder, *, now: datetime) -> str:
    """Adds one new key at these validators and returns its text, which is kept nowhere. Raises Unusable."""
    try:
        check_id(order.name)
    except ValueError as failure:
        raise Unusable(str(failure)) from None
    if order.rate is not None and not 1 <= order.rate <= HIGHEST.rate:
        raise Unusable(f"a rate is a whole number from 1 to {HIGHEST.rate}")
    if order.days is not None and not 1 <= order.days <= MAX_DAYS:
        raise Unusable(f"a key is good for 1 to {MAX_DAYS} days")
    for name in names:
        if any(key.get("id") == order.name for key in _listed(read_document(plan.home(name)))):
            raise Unusable(f"{name} has a key {order.name} already; remove it first, or take another name")
    text = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    entry = {"id": order.name, "role": order.role.value, "sha256": digest_of(text).hex()}
    if order.days is not None:
        entry["expires"] = (now.astimezone(UTC) + timedelta(days=order.days)).isoformat(timespec="seconds")
    for name in names:
        with changed_document(plan.home(name)) as document:
            limited = {} if order.rate is None else {"rate": order.rate}
            document["keys"] = [*_listed(document), {**entry, **limited}]
    return text


def remove_key(plan: NetworkPlan, names: tuple[str, ...], key: str) -> tuple[str, ...]:
    """Removes a key at these validators; those that had it. Raises Unusable when none had."""
    found = []
    for name in names:
        if any(entry.get("id") == key for entry in _listed(read_document(plan.home(name)))):
            with changed_document(plan.home(name)) as document:
                document["keys"] = [entry for entry in _listed(document) if entry.get("id") != key]
            found.append(name)
    if not found:
        raise Unusable(f"there is no key {key} at {', '.join(names)}")
    return tuple(found)


def list_keys(plan: NetworkPlan, names: tuple[str, ...], *, now: datetime) -> list[ListedKey]:
    """The keys of these validators, never their texts. Raises Unusable when a file cannot be read."""
    return [
        ListedKey(
            validator=name,
            name=entry["id"],
            role=entry["role"],
            expires=entry.get("expires"),
            rate=entry.get("rate"),
            expired=(parse_expiry(entry.get("expires")) or now.timestamp() + 1) <= now.timestamp(),
        )
        for name in names
        for entry in _listed(read_document(plan.home(name)))
    ]


def read_document(home: Path) -> dict[str, Any]:
    """What stands in access.json of a validator's folder, {} without one. Raises Unusable when it is wrong."""
    read_access(home)
    try:
        document: dict[str, Any] = json.loads((home / ACCESS_FILE).read_text())
    except FileNotFoundError:
        return {}
    return document


@contextmanager
def changed_document(home: Path) -> Iterator[dict[str, Any]]:
    """The document, written back at the end, whole or not at all, and only if the application could read it."""
    folder = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        document = read_document(home)
        yield document
        try:
            parse_access(document, home)
        except ValueError as failure:
            raise Unusable(str(failure)) from None
        write_whole(home / ACCESS_FILE, json.dumps(document, indent=2) + "\n")
    finally:
        os.close(folder)


def write_whole(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Writes a file, of mode 0600 unless told, in the place of an older one, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _listed(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document.get("keys", []))
