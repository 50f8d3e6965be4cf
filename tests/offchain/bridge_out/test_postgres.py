"""How the journal's database is opened: durable, ordered by bytes, one sentence for what is wrong."""

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from benchmarks.database import Cluster
from node.bridge.journal.postgres import SHARED, open_postgres
from node.bridge.journal.schema import SHARED_MIGRATIONS, current_revision, migrate
from node.bridge.journal.shared_tables import metadata
from node.domain.errors import Unusable
from tests.offchain.conftest import DATABASES


def test_open_postgres_says_what_is_wrong(cluster: Cluster, database: str) -> None:
    for url, sentence in (
        ("sqlite:///x", "Journal.url is postgresql://USER@HOST/DATABASE"),
        ("no url", "Journal.url is postgresql://USER@HOST/DATABASE"),
        ("postgresql://till:secret@/x", "holds a password"),
        ("postgresql://till@/x?host=/nowhere", "cannot be used"),
        (database.replace("/test", "/none"), "does not exist"),
    ):
        with pytest.raises(Unusable) as failure:
            open_postgres(url, "stream_1")
        assert sentence.lower() in str(failure.value).lower() and "secret" not in str(failure.value)


def test_open_postgres_refuses_a_server_that_is_not_durable(cluster: Cluster) -> None:
    database = cluster.url(f"test{next(DATABASES)}")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        with pytest.raises(Unusable, match="runs with fsync off"):
            for _ in range(100):  # a reload is heard of a moment later
                open_postgres(database, "stream_1")
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM RESET fsync")
            connection.execute("SELECT pg_reload_conf()")


def test_open_postgres_commits_to_the_disk_and_orders_by_bytes(database: str) -> None:
    engine = open_postgres(database, "stream_1")
    migrate(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        assert connection.exec_driver_sql("SHOW search_path").scalar() == "stream_1"
        collation = connection.exec_driver_sql(
            "SELECT collation_name FROM information_schema.columns"
            " WHERE table_schema = 'stream_1' AND table_name = 'entries' AND column_name = 'reference'"
        ).scalar()
    assert collation == "C"


def test_migrate_matches_the_shared_tables_and_goes_down_again(database: str) -> None:
    engine = open_postgres(database, SHARED)
    migrate(engine, folder=SHARED_MIGRATIONS)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    migrate(engine, "base", folder=SHARED_MIGRATIONS)
    assert current_revision(engine) is None
