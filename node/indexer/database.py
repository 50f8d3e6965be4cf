"""Opens the index's database, a SQLite file or a schema of a PostgreSQL server, and brings its tables up.

The index follows from the chain, so a commit need not be on the disk when it returns: what a power cut takes is read
again from the chain. It is whole or not there: rows and height are one SQL transaction.
"""

import importlib.resources
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from node.domain.errors import Unusable

POSTGRESQL: Final = "postgresql"
SCHEMA: Final = "till_index"
"""The schema of the index on PostgreSQL."""
BUSY_MS: Final = 30_000
"""So long a writer waits for another one of the same file."""
CONNECT_SECONDS: Final = 5
LOCK: Final = 0x7469_6C6D
"""The advisory lock under which the schema is made and migrated."""


def open_index(where: str) -> Engine:
    """An engine on the index at `where`: postgresql://USER@HOST/DATABASE, or a file, which is made if it is missing.

    Raises Unusable when it cannot be had.
    """
    if where.startswith(("postgresql:", "postgres:")):
        return _postgres(where)
    path = Path(where)
    if not path.parent.is_dir():
        raise Unusable(f"there is no folder {path.parent} for the index")
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # transactions are begun by ourselves, not guessed by the driver
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def migrate(engine: Engine, revision: str = "head") -> None:
    """Brings the schema to a revision ("head", "base" or a number).

    Raises Unusable when the file is no index, cannot be written, or was written by a newer version.
    """
    config = Config()
    config.set_main_option("script_location", str(importlib.resources.files("node.indexer") / "migrations"))
    try:
        with engine.begin() as connection:
            if connection.dialect.name == POSTGRESQL:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            config.attributes["connection"] = connection
            current = MigrationContext.configure(connection).get_current_revision()
            known = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
            if current is not None and current not in known:
                raise Unusable(f"the index was written by a newer version of Tillnet (schema {current})")
            (command.downgrade if revision == "base" else command.upgrade)(config, revision)
    except DatabaseError as error:
        raise Unusable(f"the index {place_of(engine)} cannot be used: {reason_of(error)}") from None


def place_of(engine: Engine) -> str:
    """What people call the index: its file, or its database and where that is; never a password."""
    url = engine.url
    if url.get_backend_name() != POSTGRESQL:
        return str(url.database)
    return f"{url.database or 'of the user'} on {url.host or url.query.get('host') or 'this machine'}"


def reason_of(error: SQLAlchemyError) -> str:
    """The first line of what the database says."""
    said = str(error.orig) if isinstance(error, DBAPIError) and error.orig is not None else type(error).__name__
    return said.strip().splitlines()[0] if said.strip() else type(error).__name__


def _postgres(where: str) -> Engine:
    try:
        address: URL | None = make_url(where)
    except ArgumentError:
        address = None
    if address is None or address.drivername not in ("postgresql", "postgres"):
        raise Unusable("the index is at postgresql://USER@HOST/DATABASE, or in a file")
    if address.password is not None or "password" in address.query:
        raise Unusable("the index's URL holds a password; keep it in a file: ...?passfile=FILE")
    arguments: dict[str, Any] = {
        "options": f"-c search_path={SCHEMA} -c synchronous_commit=off",
        "application_name": "till index",
        "connect_timeout": CONNECT_SECONDS,
    }
    address = address.set(drivername=f"{POSTGRESQL}+psycopg")
    engine = create_engine(address, poolclass=NullPool, connect_args=arguments)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    except SQLAlchemyError as error:
        raise Unusable(f"the index {place_of(engine)} cannot be used: {reason_of(error)}") from None
    # SQLAlchemy remembers the default schema of its first connection, and that had none
    engine.dispose()
    return create_engine(address, poolclass=NullPool, connect_args=arguments)
