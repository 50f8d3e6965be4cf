"""The index's schema: what the migrations build is what the tables say, and the page tells every column."""

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, inspect, select

from node.domain.errors import Unusable
from node.indexer.database import migrate, open_index
from node.indexer.tables import chain, metadata

PAGE = Path(__file__).parents[3] / "docs" / "indexer.md"


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A file, and a database of a real server."""
    if request.param == "sqlite":
        return str(tmp_path / "index.sqlite")
    found: str = request.getfixturevalue("database")
    return found


def test_migrate_builds_what_the_tables_say_when_the_database_is_empty(where: str) -> None:
    engine = open_index(where)
    migrate(engine)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    # what columns are is told by the page, not by the database
    changes = [change for each in found for change in (each if isinstance(each, list) else [each])]
    assert [change for change in changes if "comment" not in change[0]] == []


def test_migrate_leaves_nothing_when_it_goes_down_again(where: str) -> None:
    engine = open_index(where)
    migrate(engine)
    migrate(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}


def test_migrate_empties_an_older_index_when_blocks_said_more_than_it_kept(where: str) -> None:
    engine = open_index(where)
    migrate(engine, "0002")
    with engine.begin() as connection:
        connection.execute(insert(chain.meta).values(name="chain_id", value="7"))
    migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(select(chain.meta)).all() == []


def test_migrate_is_refused_when_the_file_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("not a database, though it is long enough to be one " * 40)
    with pytest.raises(Unusable, match="cannot be used"):
        migrate(open_index(str(tmp_path / "note.txt")))


def test_open_index_is_refused_when_the_url_holds_a_password() -> None:
    with pytest.raises(Unusable, match="password"):
        open_index("postgresql://auditor:secret@localhost/index")


def test_the_page_tells_every_column_when_tables_change() -> None:
    sections = dict(re.findall(r"\*\*(\w+)\*\*: [^\n]+\n\n((?:\|[^\n]*\n)+)", PAGE.read_text()))
    for table in metadata.sorted_tables:
        rows = re.findall(r"^\| \**(\w+)\** \| [^|]+ \| (.+) \|$", sections[table.name], re.M)
        assert dict(rows) == {"column": "is"} | {column.name: column.comment for column in table.columns}
