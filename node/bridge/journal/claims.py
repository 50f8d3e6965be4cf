"""Which signed requests came before: nonces and idempotency keys, with what a refused one was answered.

Part of the journal, for the JSON-RPC intake. What was accepted stands among the entries as well; what was refused
stands only here, so a copy of it, sent when the card or the balance is there after all, is still refused. A row is kept
until its message would be too old anyway; there are never more than a stated number.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, LargeBinary, Table, Text

from node.bridge.journal.store import Journal
from node.bridge.journal.tables import metadata
from node.domain.errors import DuplicateOtherBody, IdempotencyConflict, Overloaded, TillnetError

GROUP: Final = 128
"""Claims of one SQL statement; a power of two, as few sizes keep few statements prepared."""
SWEEP: Final = 4
"""Rows that are too old and go with each claim: more than a claim makes, so they never pile up."""
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


Taken = str | TillnetError | None
"""The refusal that stands, why the claim is not good, or None."""


class Claims:
    """The claims in a journal, at most `limit`; `clock` gives milliseconds of the Unix clock.

    Claims that come while others are written are written together.
    """

    def __init__(self, journal: Journal, *, limit: int, clock: Callable[[], int]) -> None:
        self._journal = journal
        self._limit = limit
        self._clock = clock
        self._waiting: list[tuple[Claim, asyncio.Future[Taken]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def take(self, claim: Claim) -> str | None:
        """What this very request was refused with before; None when it may go on. Durable when this returns.

        Raises DuplicateOtherBody, IdempotencyConflict, Overloaded, JournalUnwritable.
        """
        future: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._waiting.append((claim, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        found = await future
        if isinstance(found, TillnetError):
            raise found
        return found

    async def refuse(self, claim: Claim, refusal: str) -> None:
        """The request was refused for good with this answer. Raises JournalUnwritable."""
        values = (refusal, claim.nonce, claim.key, claim.said)

        def write(connection: Connection) -> None:
            connection.exec_driver_sql("UPDATE claims SET refusal = ? WHERE name IN (?, ?) AND said = ?", values)

        await self._journal.run(write)

    async def _write(self) -> None:
        group: list[tuple[Claim, asyncio.Future[Taken]]] = []
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
                for (_, future), result in zip(group, await self._taken([claim for claim, _ in group]), strict=True):
                    if not future.done():
                        future.set_result(result)
        except Exception as failure:
            # whoever waits is told; the next claim begins anew
            for _, future in (*group, *self._waiting):
                if not future.done():
                    future.set_exception(failure)
            self._waiting = []
        finally:
            self._writing = None

    async def _taken(self, claims: list[Claim]) -> list[Taken]:
        try:
            return await self._journal.run(partial(_take, claims=claims, now=self._clock(), limit=self._limit))
        except TillnetError as failure:
            return [failure] * len(claims)


def _take(connection: Connection, *, claims: Sequence[Claim], now: int, limit: int) -> list[Taken]:
    """What becomes of each claim, in order; those of one group know of each other."""
    names = list({name for claim in claims for name in (claim.nonce, claim.key) if name})
    known = _find(connection, names)
    connection.exec_driver_sql(
        "DELETE FROM claims WHERE id IN (SELECT id FROM claims WHERE until < ? ORDER BY until LIMIT ?)",
        (now, SWEEP * len(claims)),
    )
    span = "SELECT coalesce(max(id) - min(id) + 1, 0) FROM claims"
    room = limit - int(connection.exec_driver_sql(span).scalar_one())
    new: list[tuple[str, bytes, int]] = []
    results: list[Taken] = []
    for claim in claims:
        found = _look(claim, known)
        wanted = [name for name in (claim.nonce, claim.key) if name and name not in known]
        if found is None and len(new) + len(wanted) > room and wanted:
            found = Overloaded("too many requests are remembered")
        if not isinstance(found, TillnetError):
            new += [(name, claim.said, claim.until) for name in wanted]
            known |= dict.fromkeys(wanted, (claim.said, None))
        results.append(found)
    if new:
        connection.exec_driver_sql("INSERT INTO claims (name, said, until) VALUES (?, ?, ?)", new)
    return results


def _look(claim: Claim, known: dict[str, tuple[bytes, str | None]]) -> Taken:
    nonce, key = known.get(claim.nonce), known.get(claim.key)
    if key is not None and key[0] != claim.said:
        return IdempotencyConflict()
    if nonce is not None and (nonce[0] != claim.said or claim.once):
        return DuplicateOtherBody("its STAN and time were used before")
    return next((row[1] for row in (nonce, key) if row is not None and row[1] is not None), None)


def _find(connection: Connection, names: list[str]) -> dict[str, tuple[bytes, str | None]]:
    size = 1 << (len(names) - 1).bit_length()
    padded = (*names, *[""] * (size - len(names)))
    rows = connection.exec_driver_sql(
        f"SELECT name, said, refusal FROM claims WHERE name IN ({', '.join('?' * size)})", padded
    )
    return {name: (bytes(said), refusal) for name, said, refusal in rows}
