"""How the databases find what lists ask for: along an index, in its order, and never through a whole table."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import ClauseElement, Engine, Executable, Select, insert, text
from sqlalchemy.ext.compiler import compiles

from node.explorer.queries import chain, domain
from node.explorer.queries.chain import Page
from node.indexer.database import migrate, open_index
from node.indexer.tables import chain as tables
from node.indexer.tables import ledger
from tests.offchain.explorer.rows import filled

BLOCKS, LOGS, EMITTERS = 300, 60, 400
START = 1_700_000_000
PAGE = Page(count=25, first=BLOCKS // 2)


def emitter(number: int) -> bytes:
    return number.to_bytes(20, "big")


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Blocks full of logs, calls and payments of many, in a file and in a database of a real server."""
    on_file = request.param == "sqlite"
    folder = tmp_path_factory.mktemp("plans")
    engine = open_index(str(folder / "index.sqlite") if on_file else request.getfixturevalue("cluster").url("plans"))
    migrate(engine)
    heights = range(1, BLOCKS + 1)
    with engine.begin() as connection:
        for table, row in ((tables.blocks, _block), (tables.transactions, _sent), (tables.receipts, _receipt)):
            connection.execute(insert(table), [row(height) for height in heights])
        for table, one in ((tables.logs, _log), (tables.calls, _call), (ledger.payments, _payment)):
            connection.execute(insert(table), [one(height, place) for height in heights for place in range(LOGS)])
        connection.execute(text("ANALYZE"))
    yield engine
    engine.dispose()


def _block(height: int) -> dict[str, Any]:
    return filled(tables.blocks, number=height, hash=word(height), time=START + height)


def _sent(height: int) -> dict[str, Any]:
    return filled(
        tables.transactions, block=height, position=0, hash=word(height), sender=emitter(height % 9), nonce=height
    )


def _receipt(height: int) -> dict[str, Any]:
    return filled(tables.receipts, block=height, position=0)


def _log(height: int, place: int) -> dict[str, Any]:
    number = (height * LOGS + place) % EMITTERS
    topics = {"topic0": word(number % 301), "topic1": word(number % 7)}
    return filled(tables.logs, block=height, position=place, address=emitter(number), **topics)


def _call(height: int, place: int) -> dict[str, Any]:
    sides = {"sender": emitter((height + place) % EMITTERS), "receiver": emitter(place)}
    return filled(tables.calls, block=height, transaction=0, position=place, **sides)


def _payment(height: int, place: int) -> dict[str, Any]:
    number = height * LOGS + place
    return filled(
        ledger.payments, stream=1, sequence=number, block=height, member=number % 500, merchant=number % 450,
        terminal=number % 4, time=START + height,
    )  # fmt: skip


QUESTIONS: dict[str, tuple[Callable[[], Select[Any]], str]] = {
    "logs of an emitter": (lambda: chain.logs_where(PAGE, [tables.logs.c.address == emitter(7)]), "logs_by_emitter"),
    "logs of an emitter and topic": (
        lambda: chain.logs_where(PAGE, [tables.logs.c.address == emitter(7), tables.logs.c.topic0 == word(1)]),
        "logs_by_address",
    ),
    "logs of an event": (lambda: chain.logs_where(PAGE, [tables.logs.c.topic0 == word(1)]), "logs_by_topic"),
    "the block at a time": (lambda: chain.block_near(START + 9, before=True), "blocks_by_time"),
    "the block after a time": (lambda: chain.block_near(START + 200, before=False), "blocks_by_time"),
    "internal calls of an address": (lambda: chain.internal_calls(PAGE, address=emitter(3)), "calls_by_receiver"),
    "payments of a member": (lambda: domain.newest_payments(PAGE, member=3), "payments_by_member"),
    "payments of a merchant": (lambda: domain.newest_payments(PAGE, merchant=3), "payments_by_merchant"),
    "payments of a till": (lambda: domain.payments_at(3, 1, PAGE), "payments_by_terminal"),
}


class Explained(Executable, ClauseElement):
    """A question of which the database says how it would answer it."""

    inherit_cache = False

    def __init__(self, question: Select[Any]) -> None:
        self.question = question


@compiles(Explained)
def _explained(asked: Explained, compiler: Any, **options: Any) -> str:
    words = "EXPLAIN QUERY PLAN" if compiler.dialect.name == "sqlite" else "EXPLAIN"
    return f"{words} {compiler.process(asked.question, **options)}"


def plan_of(engine: Engine, question: Select[Any]) -> str:
    """What the database says that it will do."""
    with engine.connect() as connection:
        return "\n".join(str(row[-1]) for row in connection.execute(Explained(question)))


@pytest.mark.parametrize("name", QUESTIONS)
def test_question_goes_along_an_index_when_the_table_is_large(index: Engine, name: str) -> None:
    make, path = QUESTIONS[name]
    plan = plan_of(index, make())
    assert path in plan, plan
    # nothing is read through, and no more is sorted than what the page's block has
    assert re.search("(Seq Scan on|SCAN) (logs|calls|payments)", plan) is None, plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan or "internal calls" in name, plan
