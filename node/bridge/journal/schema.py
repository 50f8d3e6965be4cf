"""Opens the journal's database, and brings its schema up (or down) with alembic.

SQLite in WAL mode with synchronous=FULL: a commit is on the disk when it returns. PostgreSQL: postgres.py.
"""

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from node.bridge.journal.postgres import LOCK, open_postgres, place_of, reason_of, schema_of
from node.bridge.journal.sql import has_table, is_postgresql
from node.config import JournalSettings
from node.domain.errors import Unusable
from node.domain.ids import StreamId

if TYPE_CHECKING:
    from alembic.config import Config

WRITES: Final = "till_writes"
"""The execution option of a connection whose transactions read and then write."""
CHECKPOINT_PAGES: Final = 4_000
"""Pages of WAL between two checkpoints (16 MB)."""
VERSIONS: Final = "alembic_version"
MIGRATIONS: Final = "migrations"
SHARED_MIGRATIONS: Final = "shared_migrations"
"""The folders of a journal's steps, and of those of what bridges share in one database."""


def engine_of(settings: JournalSettings, stream: StreamId) -> Engine:
    """An engine on the journal of a stream, where the settings say. Raises Unusable when it cannot be had."""
    if settings.url:
        return open_postgres(settings.url, schema_of(stream))
    return open_engine(settings.path, busy_timeout_ms=settings.busy_timeout_ms)


def open_engine(path: Path, *, busy_timeout_ms: int = 5_000) -> Engine:
    """An engine on the journal's file, which is made if it is missing.

    Raises Unusable when the folder is missing or the file is not a database.
    """
    if not path.parent.is_dir():
        raise Unusable(f"there is no folder {path.parent} for the journal")
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": busy_timeout_ms / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # Transactions are begun by ourselves, not guessed by the driver.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        cursor.execute("PRAGMA foreign_keys=ON")
        # what is erased is overwritten, not only forgotten
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A transaction that has read cannot begin to write when another program has written meanwhile, however long it
        # waits; one that may write takes its turn before it reads.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")

    return engine


def migrate(engine: Engine, revision: str = "head", *, folder: str = MIGRATIONS) -> None:
    """Brings the schema to a revision ("head", "base" or a number), up or down.

    Raises Unusable when the file is not a journal or cannot be written.
    """
    # here, so that commands that only read a journal start without it
    from alembic import command
    from alembic.script import ScriptDirectory

    try:
        with engine.begin() as connection:
            if is_postgresql(connection):
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(?)", (LOCK,))
            config = _config(folder)
            config.attributes["connection"] = connection
            current = _revision(connection)
            known = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
            if current is not None and current not in known:
                raise Unusable(f"the journal was written by a newer version of Tillnet (schema {current})")
            if revision not in ("head", "base", *known):
                raise Unusable(f"there is no schema revision {revision}; there are base, {', '.join(known)} and head")
            down = revision == "base" or (current is not None and revision != "head" and revision < current)
            (command.downgrade if down else command.upgrade)(config, revision)
    except DatabaseError as error:
        raise Unusable(f"the journal {place_of(engine)} cannot be migrated: {reason_of(error)}") from None


def current_revision(engine: Engine) -> str | None:
    """The schema's revision, None for an empty file."""
    with engine.connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    """What alembic wrote into its table."""
    if not has_table(connection, VERSIONS):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSIONS}").scalar_one_or_none()
    return None if found is None else str(found)


def _config(folder: str) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files("node.bridge.journal") / folder))
    return config
