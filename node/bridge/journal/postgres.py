"""The journal on PostgreSQL: one database for the bridges of an operator (docs/bridges.md).

It holds a schema for each stream (`stream_1`: the same tables as in a SQLite journal), and one for what the bridges
share (`bridges`: who owns which stream). A commit is on the server's disk when it returns: synchronous_commit is on,
whatever the server's default, and a server that runs without fsync is refused.
"""

from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from node.bridge.journal.sql import POSTGRESQL, with_psycopg_marks
from node.domain.errors import Unusable
from node.domain.ids import StreamId

SHARED: Final = "bridges"
"""The schema of what the bridges share."""
LOCK: Final = 0x7469_6C6C
"""The advisory lock under which schemas are made and migrated: two bridges may start at once."""
CONNECT_SECONDS: Final = 5
STATEMENT_MS: Final = 30_000
"""No statement of the journal takes longer, and none waits longer for a lock."""
IDLE_MS: Final = 3_000
"""A process that is stopped within an SQL transaction holds its locks so long, and not longer: the server ends it."""
SILENT_MS: Final = 10_000
"""So long sent bytes may stay without an acknowledgement before the connection counts as lost."""


def schema_of(stream: StreamId) -> str:
    """The schema of a stream's journal."""
    return f"stream_{stream}"


def open_postgres(url: str, schema: str) -> Engine:
    """An engine on a schema of the database, which is made if it is missing.

    Raises Unusable when the URL is none, holds a password, or the server cannot be reached or is not durable.
    """
    address = _address(url)
    engine = _engine(address, schema)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(?)", (LOCK,))
            for name in (SHARED, schema):
                connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
            _check_durable(connection)
        # SQLAlchemy remembers the default schema of its first connection, and that had none
        return _engine(address, schema)
    except SQLAlchemyError as error:
        raise Unusable(f"the journal's database {place_of(engine)} cannot be used: {reason_of(error)}") from None
    finally:
        engine.dispose()


def place_of(engine: Engine) -> str:
    """What people call the journal: its file, or its database and where that is; never a password."""
    url = engine.url
    if url.get_backend_name() != POSTGRESQL:
        return str(url.database)
    host = url.host or url.query.get("host") or "this machine"
    return f"{url.database or 'of the user'} on {host}"


def reason_of(error: SQLAlchemyError) -> str:
    """The first line of what the database says."""
    said = str(error.orig) if isinstance(error, DBAPIError) and error.orig is not None else type(error).__name__
    return said.strip().splitlines()[0] if said.strip() else type(error).__name__


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError:
        address = None
    if address is None or address.drivername not in ("postgresql", "postgres"):
        raise Unusable("journal.url is postgresql://USER@HOST/DATABASE")
    if address.password is not None or "password" in address.query:
        raise Unusable("journal.url holds a password; keep it in a file: postgresql://USER@HOST/DATABASE?passfile=FILE")
    return address.set(drivername=f"{POSTGRESQL}+psycopg")


def _engine(address: URL, schema: str) -> Engine:
    settings = {
        "search_path": schema,
        "synchronous_commit": "on",
        "statement_timeout": STATEMENT_MS,
        "idle_in_transaction_session_timeout": IDLE_MS,
    }
    arguments: dict[str, Any] = {
        "options": " ".join([f"-c {name}={value}" for name, value in settings.items()]),
        "application_name": f"till bridge, {schema}",
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": SILENT_MS,
    }
    engine = create_engine(address, poolclass=NullPool, connect_args=arguments)

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def translate(
        _connection: Connection, _cursor: Any, statement: str, values: Any, context: Any, _many: bool
    ) -> tuple[str, Any]:
        # what SQLAlchemy or alembic compiled has psycopg's marks already
        own = context is None or context.compiled is None
        return (with_psycopg_marks(statement) if own and "?" in statement else statement), values

    return engine


def _check_durable(connection: Connection) -> None:
    for name in ("fsync", "full_page_writes"):
        if connection.exec_driver_sql(f"SHOW {name}").scalar_one() != "on":
            raise Unusable(f"the journal's database runs with {name} off; a power cut would lose payments")
