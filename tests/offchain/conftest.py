"""Where journals are in tests: a file, and databases of a PostgreSQL server that the tests start."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.database import Cluster, NoPostgres, postgres
from node.config import JournalSettings

DATABASES = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of the tests' own."""
    try:
        with postgres() as running:
            yield running
    except NoPostgres as missing:
        pytest.skip(str(missing))


@pytest.fixture
def database(cluster: Cluster) -> str:
    """The URL of an empty database."""
    return cluster.url(f"test{next(DATABASES)}")


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> JournalSettings:
    """Where a journal is: a file, and a database."""
    if request.param == "sqlite":
        return JournalSettings(path=tmp_path / "journal.sqlite")
    return JournalSettings(url=request.getfixturevalue("database"))
