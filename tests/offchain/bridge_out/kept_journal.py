"""Where a bridge's journal is, as a scan for secrets sees it: its rows as text, and every file in which they lie."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import psycopg
from sqlalchemy import Engine

from benchmarks.database import Cluster
from node.bridge.journal.postgres import open_postgres, schema_of
from node.bridge.journal.schema import open_engine
from node.domain.ids import StreamId
from tests.offchain.bridge_out.needles import found_in, found_in_files
from tests.offchain.bridge_out.stand import STREAM


class KeptJournal(Protocol):
    """A journal of the stand's stream."""

    settings: Mapping[str, object]
    """What bridge.toml says of it, beside the rest."""

    def engine(self) -> Engine:
        """Its database."""
        ...

    def files(self) -> list[Path]:
        """The files that it lies in now, those of its write-ahead log among them."""
        ...

    def dump(self) -> bytes:
        """All its tables as SQL."""
        ...


def scan(journal: KeptJournal, wanted: Mapping[str, bytes]) -> list[str]:
    """What of `wanted` lies in it."""
    found = [f"{each} in the journal's dump" for each in found_in(journal.dump(), wanted)]
    return found + found_in_files(journal.files(), wanted)


class FileJournal:
    """SQLite in a shop's folder."""

    def __init__(self, folder: Path) -> None:
        self.settings: Mapping[str, object] = {}
        self._path = folder / "journal.sqlite"

    def engine(self) -> Engine:
        """Its database."""
        return open_engine(self._path)

    def files(self) -> list[Path]:
        """The file and its write-ahead log."""
        return [path for path in self._path.parent.glob(self._path.name + "*") if path.is_file()]

    def dump(self) -> bytes:
        """All its tables as SQL."""
        connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        try:
            return "\n".join(connection.iterdump()).encode()
        finally:
            connection.close()


class DatabaseJournal:
    """A database of a PostgreSQL server that writes every statement with its values into its log."""

    def __init__(self, cluster: Cluster, url: str) -> None:
        self.settings: Mapping[str, object] = {"url": url, "lease_ms": 2_000}
        self._cluster, self._url = cluster, url
        with psycopg.connect(url, autocommit=True) as connection:
            name, self._number = connection.execute(
                "SELECT datname, oid FROM pg_database WHERE datname = current_database()"
            ).fetchone() or ("", 0)
            connection.execute(f"ALTER DATABASE \"{name}\" SET log_statement = 'all'")  # type: ignore[call-overload]

    def engine(self) -> Engine:
        """Its database."""
        return open_postgres(self._url, schema_of(StreamId(STREAM)))

    def files(self) -> list[Path]:
        """Its tables and indexes, the server's write-ahead log and its log of statements."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        data, log = self._cluster.folder / "data", self._cluster.folder / "server.log"
        folders = (data / "base" / str(self._number), data / "pg_wal")
        return [log, *(path for folder in folders for path in folder.rglob("*") if path.is_file())]

    def dump(self) -> bytes:
        """All its tables as SQL."""
        return self._cluster.dump(self._url)
