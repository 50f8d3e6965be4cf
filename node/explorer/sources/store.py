"""Where verified sources and the requests for them are kept: a SQLite file or PostgreSQL database of their own.

Not the index's database: that can be made anew from the chain, and this cannot. Every call is one SQL transaction, made
in a thread. Before it node/explorer/sources/verify.py; after it the APIs and pages.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from node.domain.errors import Unusable
from node.domain.ids import Address

Answer = TypeVar("Answer")
KEPT_JOBS: Final = 10_000
"""Requests that are remembered; the oldest go first."""
_TABLES: Final = MetaData()
_VERIFIED: Final = Table(
    "verified_sources",
    _TABLES,
    Column("address", LargeBinary(20), primary_key=True),
    Column("code_hash", LargeBinary(32), nullable=False),
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("compiler", String(64), nullable=False),
    Column("source", Text, nullable=False),
    Column("abi", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Column("runtime_match", String(16), nullable=False),
    Column("creation_match", String(16), nullable=True),
    Column("arguments", LargeBinary, nullable=True),
    Column("creation", LargeBinary(32), nullable=True),
    Column("verified_at", Integer, nullable=False),
)
_JOBS: Final = Table(
    "verifications",
    _TABLES,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), unique=True, nullable=False),
    Column("address", LargeBinary(20), nullable=False),
    Column("state", String(16), nullable=False),
    Column("code", String(64), nullable=False, default=""),
    Column("message", Text, nullable=False, default=""),
    Column("runtime_match", String(16), nullable=True),
    Column("creation_match", String(16), nullable=True),
    Column("asked_at", Integer, nullable=False),
    Column("done_at", Integer, nullable=True),
)


class State(StrEnum):
    """How far a request is."""

    PENDING = "pending"
    VERIFIED = "verified"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedSource:
    """A contract's verified source. `source` is standard JSON; matches are Match's words; times in Unix seconds."""

    address: Address
    code_hash: bytes
    path: str
    name: str
    compiler: str
    source: Mapping[str, Any]
    abi: list[dict[str, Any]]
    metadata: str
    outputs: Mapping[str, Any]
    runtime_match: str
    creation_match: str | None
    arguments: bytes | None
    creation: bytes | None
    verified_at: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A request to verify: `code` and `message` say why it failed."""

    id: str
    address: Address
    state: State
    code: str
    message: str
    runtime_match: str | None
    creation_match: str | None
    asked_at: int
    done_at: int | None


class Sources:
    """The kept sources and requests."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.revision = 0
        """How often a source was kept since the start: who remembers what it read here asks again after a change."""

    async def verified(self, address: Address) -> VerifiedSource | None:
        """The verified source of a contract."""

        def read(connection: Connection) -> VerifiedSource | None:
            row = connection.execute(select(_VERIFIED).where(_VERIFIED.c.address == address)).mappings().first()
            return None if row is None else _source(dict(row))

        return await self._run(read)

    async def names(self) -> dict[Address, str]:
        """The names of the newest 10,000 verified contracts, by address."""

        def read(connection: Connection) -> dict[Address, str]:
            query = select(_VERIFIED.c.address, _VERIFIED.c.name).order_by(_VERIFIED.c.verified_at.desc())
            return {Address(bytes(row[0])): str(row[1]) for row in connection.execute(query.limit(KEPT_JOBS))}

        return await self._run(read)

    async def keep(self, verified: VerifiedSource) -> None:
        """Keeps a source, in place of what was kept for its address."""
        texts = ("source", "abi", "outputs")
        values = {column.name: getattr(verified, column.name) for column in _VERIFIED.columns}
        values |= {name: json.dumps(values[name]) for name in texts}

        def write(connection: Connection) -> None:
            connection.execute(delete(_VERIFIED).where(_VERIFIED.c.address == verified.address))
            connection.execute(insert(_VERIFIED).values(**values))

        await self._run(write)
        self.revision += 1

    async def begin(self, id_: str, address: Address, now: int) -> None:
        """Remembers that a request waits."""

        def write(connection: Connection) -> None:
            connection.execute(insert(_JOBS).values(id=id_, address=address, state=State.PENDING, asked_at=now))
            newest = connection.execute(select(func.max(_JOBS.c.number))).scalar_one()
            connection.execute(delete(_JOBS).where(_JOBS.c.number <= newest - KEPT_JOBS))

        await self._run(write)

    async def end(self, id_: str, state: State, now: int, **said: str | None) -> None:
        """Remembers how a request ended."""

        def write(connection: Connection) -> None:
            connection.execute(update(_JOBS).where(_JOBS.c.id == id_).values(state=state, done_at=now, **said))

        await self._run(write)

    async def job(self, id_: str) -> Job | None:
        """A request by its id."""

        def read(connection: Connection) -> Job | None:
            row = connection.execute(select(_JOBS).where(_JOBS.c.id == id_)).mappings().first()
            if row is None:
                return None
            kept = {name: row[name] for name in row if name != "number"}
            return Job(**{**kept, "address": Address(bytes(row["address"])), "state": State(row["state"])})

        return await self._run(read)

    async def give_up(self, now: int) -> None:
        """Ends the requests that an explorer was at when it was stopped."""
        said = {"code": "internal_error", "message": "The explorer was stopped meanwhile; send the sources again."}

        def write(connection: Connection) -> None:
            waiting = update(_JOBS).where(_JOBS.c.state == State.PENDING)
            connection.execute(waiting.values(state=State.FAILED, done_at=now, **said))

        await self._run(write)

    async def _run(self, work: Callable[[Connection], Answer]) -> Answer:
        def inside() -> Answer:
            with self._engine.begin() as connection:
                return work(connection)

        return await asyncio.to_thread(inside)


def open_sources(where: str) -> Sources:
    """The sources at `where`: postgresql://USER@HOST/DATABASE, or a file; made if they are missing. Raises Unusable."""
    try:
        url = make_url(where) if where.startswith(("postgresql:", "postgres:")) else None
        if url is not None and (url.password is not None or "password" in url.query):
            raise Unusable("the URL of the sources holds a password; keep it in a file: ...?passfile=FILE")
        if url is None:
            engine = create_engine(f"sqlite:///{where}", poolclass=NullPool)
            event.listen(engine, "connect", _prepare)
        else:
            engine = create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
        _TABLES.create_all(engine)
    except SQLAlchemyError as failure:
        raise Unusable(f"the sources cannot be kept there: {str(failure).splitlines()[0]}") from None
    return Sources(engine)


def _prepare(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA busy_timeout=5000")


def _source(row: Mapping[str, Any]) -> VerifiedSource:
    values = {**row} | {name: json.loads(row[name]) for name in ("source", "abi", "outputs")}
    for name in ("address", "code_hash", "arguments", "creation"):
        values[name] = None if row[name] is None else bytes(row[name])
    return VerifiedSource(**values)
