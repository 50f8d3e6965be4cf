"""The index when things go wrong: killed at any write; a node that lies, lags or begins anew; and built again.

The chain is a real one (anvil), its batches real ones; between it and the index stands a proxy that alters answers.
"""

import asyncio
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from benchmarks.database import Cluster, NoPostgres, postgres
from benchmarks.devchain import Chain
from benchmarks.world import Terms
from node.chain.checked import LyingNode
from node.chain.rpc import Rpc
from node.indexer.database import open_index
from node.indexer.errors import OtherChain, Reorganised
from node.indexer.fetch import Fetcher
from node.indexer.follow import Following, Indexer
from node.indexer.known import ask_known
from node.indexer.run import empty
from node.indexer.store import Store
from node.indexer.tables import chain as chain_tables
from node.indexer.tables import metadata
from tests.contracts.indexing import contracts_of, indexed, rows_of, url_of
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
FORKED = multiprocessing.get_context("fork")
DEADLINE = 300
GETH_MOST = 25_000_000
Alter = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    """Members with points of both ages, debts, tiers, skips."""
    return furnished(chain, terms)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    try:
        with postgres() as running:
            yield running
    except NoPostgres as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A file, and a database of a real server."""
    if request.param == "sqlite":
        return str(tmp_path / "index.sqlite")
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.url(f"index{os.getpid()}{tmp_path.name[-12:].replace('-', '_').lower()}")


class Proxy:
    """Stands before a node and alters what it says: `alter` is given each single answer with its call's method.

    Beyond `most` bytes it refuses the rest of a batch, as geth does.
    """

    def __init__(
        self, target: str, alter: Callable[[str, dict[str, Any]], dict[str, Any]], most: int = GETH_MOST
    ) -> None:
        host, port = target.removeprefix("http://").split(":")
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                connection = HTTPConnection(host, int(port), timeout=60)
                connection.request("POST", "/", body, {"Content-Type": "application/json"})
                answer = json.loads(connection.getresponse().read())
                connection.close()
                calls = json.loads(body)
                if isinstance(calls, list):
                    methods = {call["id"]: call["method"] for call in calls}
                    answer = proxy.bounded([proxy.alter(methods[each["id"]], each) for each in answer])
                else:
                    answer = proxy.alter(calls["method"], answer)
                said = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        self.alter, self.most, self.refused = alter, most, 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bounded(self, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        size = 0
        for place, each in enumerate(answers):
            size += len(json.dumps(each))
            if size > self.most:
                self.refused += 1
                error = {"code": -32003, "message": "response too large"}
                rest = [{"jsonrpc": "2.0", "id": other["id"], "error": error} for other in answers[place:]]
                return answers[:place] + rest
        return answers

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def proxied(busy: Twin) -> Iterator[Callable[..., Proxy]]:
    """Makes proxies before the chain, and ends them."""
    made: list[Proxy] = []

    def make(alter: Callable[[str, dict[str, Any]], dict[str, Any]], most: int = GETH_MOST) -> Proxy:
        made.append(Proxy(url_of(busy.world.chain), alter, most))
        return made[-1]

    yield make
    for each in made:
        each.close()


def everything(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables."""
    return {table.name: rows_of(engine, table) for table in metadata.sorted_tables}


def test_run_writes_the_same_rows_when_it_is_killed_at_any_write(busy: Twin, where: str, tmp_path: Path) -> None:
    whole = everything(indexed(busy.world.chain, busy.world, tmp_path / "whole.sqlite"))
    kills = 0
    for statement in (1, 2, 9, 31, 20, 40, 15, 70):
        child = FORKED.Process(target=_index_and_die, args=(busy, where, statement))
        child.start()
        child.join(DEADLINE)
        if child.exitcode == 0:
            break  # there were not so many left
        assert child.exitcode == -signal.SIGKILL
        kills += 1
    assert kills >= 4
    assert everything(indexed(busy.world.chain, busy.world, where)) == whole


def _index_and_die(twin: Twin, where: str, statement: int) -> None:
    """Kills this very process in the middle of an SQL transaction, at its so many-th statement that writes rows."""
    count = 0
    write = Store._upsert

    def counted(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if count == statement:
            os.kill(os.getpid(), signal.SIGKILL)
        write(*arguments)

    Store._upsert = counted  # type: ignore[method-assign]
    indexed(twin.world.chain, twin.world, where)


def test_index_has_the_same_rows_when_it_is_built_again(busy: Twin, where: str) -> None:
    first = everything(indexed(busy.world.chain, busy.world, where))
    empty(where)
    assert rows_of(open_index(where), chain_tables.blocks) == []
    assert everything(indexed(busy.world.chain, busy.world, where)) == first


def _first_log(answer: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    for receipt in answer.get("result") or []:
        for log in receipt["logs"]:
            change(log)
            return answer
    return answer


def _other_amount(log: dict[str, Any]) -> None:
    log["data"] = log["data"][:-1] + ("0" if log["data"][-1:] != "0" else "1")


def _other_holder(log: dict[str, Any]) -> None:
    log["topics"][-1] = "0x" + "00" * 31 + "07"


@pytest.mark.parametrize("change", [_other_amount, _other_holder, lambda log: log.update(address="0x" + "11" * 20)])
def test_run_stops_when_the_node_alters_a_log(
    busy: Twin, proxied: Callable[..., Proxy], tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    proxy = proxied(lambda method, said: _first_log(said, change) if method == "eth_getBlockReceipts" else said)
    with pytest.raises(LyingNode, match="do not hash to its receipts root"):
        indexed(busy.world.chain, busy.world, tmp_path / "index.sqlite", url=proxy.url)
    assert all(row["logs"] == 0 for row in rows_of(open_index(str(tmp_path / "index.sqlite")), chain_tables.blocks))


def test_run_stops_when_the_node_leaves_a_log_out(busy: Twin, proxied: Callable[..., Proxy], tmp_path: Path) -> None:
    def without(method: str, said: dict[str, Any]) -> dict[str, Any]:
        if method == "eth_getBlockReceipts":
            for receipt in said["result"] or []:
                receipt["logs"] = receipt["logs"][1:]
        return said

    with pytest.raises(LyingNode, match="receipts root"):
        indexed(busy.world.chain, busy.world, tmp_path / "index.sqlite", url=proxied(without).url)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("timestamp", "0x1", "header"),
        ("stateRoot", "0x" + "22" * 32, "header"),
        ("miner", "0x" + "33" * 20, "header"),
        ("transactions", [], "transactions and"),
        ("extraData", "nonsense", "cannot be read|header"),
    ],
)
def test_run_stops_when_the_node_alters_a_block(
    busy: Twin, proxied: Callable[..., Proxy], tmp_path: Path, field: str, value: Any, said: str
) -> None:
    def altered(method: str, answer: dict[str, Any]) -> dict[str, Any]:
        block = answer.get("result")
        if method == "eth_getBlockByNumber" and block and int(block["number"], 16) == 30:
            block[field] = value
        return answer

    with pytest.raises(LyingNode, match=said):
        indexed(busy.world.chain, busy.world, tmp_path / "index.sqlite", url=proxied(altered).url)


def test_run_stops_when_a_transaction_is_another(busy: Twin, proxied: Callable[..., Proxy], tmp_path: Path) -> None:
    def altered(method: str, answer: dict[str, Any]) -> dict[str, Any]:
        block = answer.get("result")
        if (
            method == "eth_getBlockByNumber"
            and block
            and block["transactions"]
            and isinstance(block["transactions"][0], dict)
        ):
            block["transactions"][0]["value"] = "0x1"
        return answer

    with pytest.raises(LyingNode, match="transactions root"):
        indexed(busy.world.chain, busy.world, tmp_path / "index.sqlite", url=proxied(altered).url)


def test_run_stops_when_a_final_block_is_another_one_now(busy: Twin, tmp_path: Path) -> None:
    where = tmp_path / "index.sqlite"
    with busy.forgotten():
        busy.world.chain.request("anvil_mine", "0x2", "0x9")
        before = everything(indexed(busy.world.chain, busy.world, where))
    busy.world.chain.request("anvil_mine", "0x3", "0x5")
    with pytest.raises(Reorganised, match="nothing was changed"):
        indexed(busy.world.chain, busy.world, where)
    assert everything(open_index(str(where))) == before


def test_run_is_refused_when_the_index_is_of_other_contracts(busy: Twin, tmp_path: Path) -> None:
    where = tmp_path / "index.sqlite"
    indexed(busy.world.chain, busy.world, where)
    contracts = contracts_of(busy.world) | {b"\x11" * 20: "Coupons"}

    async def follow() -> None:
        async with Rpc([url_of(busy.world.chain)]) as rpc:
            known = await ask_known(rpc, contracts)
            fetcher = Fetcher(rpc, believe_senders=True)
            await Indexer(fetcher, Store(open_index(str(where))), known, Following()).run(until=-1)

    with pytest.raises(OtherChain, match="till index rebuild"):
        asyncio.run(follow())


def test_run_waits_when_the_node_lags_behind_what_is_indexed(
    busy: Twin, proxied: Callable[..., Proxy], tmp_path: Path
) -> None:
    where = tmp_path / "index.sqlite"
    whole = everything(indexed(busy.world.chain, busy.world, where))
    asked: list[str] = []

    def lagging(method: str, answer: dict[str, Any]) -> dict[str, Any]:
        block = answer.get("result")
        if method == "eth_getBlockByNumber" and block and int(block["number"], 16) > 20 and len(asked) < 3:
            asked.append(block["number"])
            return answer | {"result": None}
        return answer

    assert everything(indexed(busy.world.chain, busy.world, where, url=proxied(lagging).url)) == whole
    assert len(asked) == 3


@pytest.mark.parametrize("most", [20_000, 100])
def test_run_asks_for_less_when_the_node_gives_no_more_at_a_time(
    busy: Twin, proxied: Callable[..., Proxy], tmp_path: Path, most: int
) -> None:
    """20,000 bytes are some blocks, 100 not even one with its receipts."""
    whole = everything(indexed(busy.world.chain, busy.world, tmp_path / "whole.sqlite"))
    proxy = proxied(lambda method, answer: answer, most)
    assert everything(indexed(busy.world.chain, busy.world, tmp_path / "index.sqlite", url=proxy.url)) == whole
    assert proxy.refused > 5
