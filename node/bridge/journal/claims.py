"""Which signed requests came before: nonces and idempotency keys, with what a refused one was answered.

Part of the journal, for the JSON-RPC intake. What was accepted stands among the entries as well; what was refused
stands only here, so a copy of it, sent when the card or the balance is there after all, is still refused. A row is kept
until its message would be too old anyway; there are never more than a stated number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, LargeBinary, Table, Text, text

from node.bridge.journal.store import Journal
from node.bridge.journal.tables import metadata
from node.domain.errors import DuplicateOtherBody, IdempotencyConflict, Overloaded

SWEEP: Final = 8
"""Rows that are too old and go with each new claim: more than a claim makes, so they never pile up."""
CLAIMS: Final = Table(
    "claims",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("said", LargeBinary, nullable=False),
    Column("refusal", Text),
    Column("until", BigInteger, nullable=False),
    Index("claims_by_until", "until"),
)
_FIND: Final = text("SELECT name, said, refusal FROM claims WHERE name IN (:nonce, :key)")
_SPAN: Final = text("SELECT coalesce(max(id) - min(id) + 1, 0) FROM claims")
_KEEP: Final = text("INSERT INTO claims (name, said, until) VALUES (:name, :said, :until)")
_SWEEP: Final = text(
    "DELETE FROM claims WHERE id IN (SELECT id FROM claims WHERE until < :now ORDER BY until LIMIT :rows)"
)
_REFUSE: Final = text("UPDATE claims SET refusal = :refusal WHERE name IN (:nonce, :key) AND said = :said")


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A request's nonce (terminal, class, STAN, time) and idempotency key (of that terminal, or empty), the digest that
    its terminal signed, and until when it is remembered (milliseconds). `once`: no second time, not even the same.
    """

    nonce: str
    key: str
    said: bytes
    until: int
    once: bool = False


class Claims:
    """The claims in a journal, at most `limit`; `clock` gives milliseconds of the Unix clock."""

    def __init__(self, journal: Journal, *, limit: int, clock: Callable[[], int]) -> None:
        self._journal = journal
        self._limit = limit
        self._clock = clock

    async def take(self, claim: Claim) -> str | None:
        """What this very request was refused with before; None when it may go on. Durable when this returns.

        Raises DuplicateOtherBody, IdempotencyConflict, Overloaded, JournalUnwritable.
        """
        now = self._clock()
        found = await self._journal.run(lambda connection: _take(connection, claim, now, self._limit))
        if isinstance(found, Exception):
            raise found
        return found

    async def refuse(self, claim: Claim, refusal: str) -> None:
        """The request was refused for good with this answer. Raises JournalUnwritable."""
        named = {"nonce": claim.nonce, "key": claim.key, "said": claim.said, "refusal": refusal}

        def write(connection: Connection) -> None:
            connection.execute(_REFUSE, named)

        await self._journal.run(write)


def _take(
    connection: Connection, claim: Claim, now: int, limit: int
) -> str | DuplicateOtherBody | IdempotencyConflict | Overloaded | None:
    rows = {row.name: row for row in connection.execute(_FIND, {"nonce": claim.nonce, "key": claim.key})}
    nonce, key = rows.get(claim.nonce), rows.get(claim.key)
    if key is not None and key.said != claim.said:
        return IdempotencyConflict()
    if nonce is not None and (nonce.said != claim.said or claim.once):
        return DuplicateOtherBody("its STAN and time were used before")
    wanted = [name for name in (claim.nonce, claim.key) if name and name not in rows]
    if wanted:
        connection.execute(_SWEEP, {"now": now, "rows": SWEEP})
        if int(connection.execute(_SPAN).scalar_one()) + len(wanted) > limit:
            return Overloaded("too many requests are remembered")
        connection.execute(_KEEP, [{"name": name, "said": claim.said, "until": claim.until} for name in wanted])
    return next((row.refusal for row in (nonce, key) if row is not None and row.refusal is not None), None)
