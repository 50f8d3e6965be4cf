"""The index as the explorer reads it: one question an SQL transaction, made in a thread, a bounded number at a time.

Before it the questions of this folder; after it the tables of node/indexer. Nothing here writes.
"""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sqlalchemy import Connection, Engine, Executable, func, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from node.domain.errors import TillnetError
from node.indexer.tables.chain import blocks, meta

THREADS: Final = 4
WAITING: Final = 64
"""Questions that wait for a thread; the next one is refused."""
MAX_ROWS: Final = 10_001
"""A page of 10,000, and one row that tells whether there is another page."""
UNDEFINED_TABLE: Final = "42P01"
UNDEFINED_COLUMN: Final = "42703"
SECONDS: Final = 10.0
CHECK_STEPS: Final = 100_000
"""Steps of SQLite between two looks at the clock."""
Row = Mapping[str, Any]


class IndexBusy(TillnetError):
    """The index has too many questions to answer; try again."""


class TooLong(TillnetError):
    """This question takes too long; ask for fewer blocks, or by what the index is sorted by."""


class IndexEmpty(TillnetError):
    """The index has no block yet; till index run fills it."""


class IndexOld(TillnetError):
    """An older version wrote the index; start till index run of this one, which brings it up."""


class Index:
    """The index of one chain. Close it at the end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="index")
        self._asked = 0

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()
        self._engine.dispose()

    async def rows(self, question: Executable) -> list[Row]:
        """All rows of an answer, at most MAX_ROWS of them. Raises IndexBusy."""
        if self._asked >= THREADS + WAITING:
            raise IndexBusy
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, question)
        finally:
            self._asked -= 1

    async def row(self, question: Executable) -> Row | None:
        """The first row of an answer. Raises IndexBusy."""
        found = await self.rows(question)
        return found[0] if found else None

    async def number(self, question: Executable) -> int:
        """The one number of an answer, 0 where there is none. Raises IndexBusy."""
        found = await self.row(question)
        return 0 if found is None else int(next(iter(found.values())) or 0)

    async def head(self) -> int:
        """The highest block. Raises IndexBusy, IndexEmpty."""
        found = await self.row(select(func.max(blocks.c.number).label("number")))
        if found is None or found["number"] is None:
            raise IndexEmpty
        return int(found["number"])

    async def meta(self) -> dict[str, str]:
        """What this index is of. Raises IndexBusy."""
        return {row["name"]: row["value"] for row in await self.rows(select(meta))}

    def _read(self, question: Executable) -> list[Row]:
        try:
            with self._engine.connect() as connection:
                _bound(connection)
                return [dict(row) for row in connection.execute(question).mappings().fetchmany(MAX_ROWS)]
        except (OperationalError, ProgrammingError) as failure:
            said = str(failure.orig)
            if "no such table" in said or getattr(failure.orig, "sqlstate", "") == UNDEFINED_TABLE:
                # till index run has not made its tables yet
                raise IndexEmpty from None
            if "no such column" in said or getattr(failure.orig, "sqlstate", "") == UNDEFINED_COLUMN:
                raise IndexOld from None
            if "locked" in said:
                raise IndexBusy from None
            if "interrupted" in said or "statement timeout" in said:
                raise TooLong from None
            raise


def _bound(connection: Connection) -> None:
    """Ends the question after a while, whatever it is."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(SECONDS * 1000)}")
        return
    until = time.monotonic() + SECONDS
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: time.monotonic() > until, CHECK_STEPS)
