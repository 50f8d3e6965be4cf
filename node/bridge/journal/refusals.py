"""Which ISO 8583 requests were refused for good, and with what: a copy of one is refused again, whatever is true then.

Part of the journal, for the intake. What was accepted stands among the entries; JSON-RPC's refusals are in claims.py.
They are few, so all of them are in memory too, and a message that was not refused costs one look there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, Table, Text

from node.bridge.journal.store import Journal
from node.bridge.journal.tables import NAME, metadata
from node.domain import errors
from node.domain.errors import Declined
from node.domain.ids import Hash32

KEPT_MS: Final = 7 * 86_400_000
"""How long a refusal is remembered: longer than a terminal sends the same message again."""
MOST: Final = 20_000
"""Refusals that are remembered; the oldest makes room."""
SWEPT: Final = 16
"""Old refusals that go with each new one."""

REFUSALS: Final = Table(
    "refusals",
    metadata,
    Column("key", NAME, primary_key=True),
    # the digest of the message's content, without the card
    Column("said", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("refusals_by_time", "at"),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused message's digest, and the failure's name and detail."""

    said: Hash32
    reason: str
    detail: str

    def failure(self) -> Declined:
        """The failure, as it was raised then."""
        kind = getattr(errors, self.reason, Declined)
        return kind(self.detail) if isinstance(kind, type) and issubclass(kind, Declined) else Declined(self.detail)


class Refusals:
    """The refusals of a journal, by message key; `clock` gives milliseconds of the Unix clock."""

    def __init__(self, journal: Journal, clock: Callable[[], int], known: Iterable[tuple[str, Refusal]]) -> None:
        """`known` are those that the journal has, the oldest first."""
        self._journal, self._clock = journal, clock
        self._known = dict(known)

    @classmethod
    async def open(cls, journal: Journal, clock: Callable[[], int]) -> "Refusals":
        """What a journal remembers."""
        return cls(journal, clock, await journal.run(partial(_read, since=clock() - KEPT_MS)))

    def find(self, key: str) -> Refusal | None:
        """What the message with this key was refused with."""
        return self._known.get(key)

    async def keep(self, key: str, refusal: Refusal) -> None:
        """Remembers a refusal; durable when this returns. Raises JournalUnwritable."""
        full = len(self._known) >= MOST and key not in self._known
        oldest = next(iter(self._known)) if full else ""
        await self._journal.run(partial(_write, key=key, refusal=refusal, now=self._clock(), oldest=oldest))
        self._known.pop(oldest, None)
        self._known[key] = refusal


def _read(connection: Connection, since: int) -> list[tuple[str, Refusal]]:
    rows = connection.exec_driver_sql(
        "SELECT key, said, reason, detail FROM refusals WHERE at >= ? ORDER BY at DESC LIMIT ?", (since, MOST)
    ).all()
    return [(key, Refusal(Hash32(bytes(said)), reason, detail)) for key, said, reason, detail in reversed(rows)]


def _write(connection: Connection, key: str, refusal: Refusal, now: int, oldest: str) -> None:
    run = connection.exec_driver_sql
    run(
        "DELETE FROM refusals WHERE key = ? OR key IN (SELECT key FROM refusals WHERE at < ? ORDER BY at LIMIT ?)",
        (oldest, now - KEPT_MS, SWEPT),
    )
    run(
        "INSERT INTO refusals (key, said, reason, detail, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE"
        " SET said = excluded.said, reason = excluded.reason, detail = excluded.detail, at = excluded.at",
        (key, refusal.said, refusal.reason, refusal.detail, now),
    )
