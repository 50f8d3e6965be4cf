"""How fast pages and the API answer with a million transfers in the index; adds to out/bench/explorer.json.

The rows are made here, in the index's own tables: 1,000,000 payments of one line and one transfer each, 250 a block.
The explorer is a process of its own, `till explorer run`, asked over HTTP by several clients at once; behind it stands
anvil for what no index has. `make bench-explorer` runs it after the indexing.
"""

import http.client
import json
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import Connection, Table, insert

from benchmarks.devchain import ROOT, Chain, anvil
from benchmarks.explorer import machine, write_part
from node.indexer.database import migrate, open_index
from node.indexer.tables import chain as tables
from node.indexer.tables import ledger

BLOCK: Final = 250
MEMBERS: Final = 50_000
MERCHANTS: Final = 100
TOKEN: Final = bytes(19) + b"\x01"
ROWS: Final = 5_000
START: Final = 1_700_000_000
PATIENCE: Final = 60


@click.command()
@click.option("--transfers", default=1_000_000, show_default=True, help="Payments with a transfer each.")
@click.option("--requests", default=100, show_default=True, help="Of each page and question.")
@click.option("--clients", default=4, show_default=True, help="That ask at once.")
def main(transfers: int, requests: int, clients: int) -> None:
    """Fills an index, asks an explorer of it, prints and writes p50 and p99 in milliseconds."""
    with anvil() as chain, tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "index.sqlite"
        fill(str(where), chain, transfers)
        process = _explorer(chain, Path(folder), where)
        try:
            assert process.stdout is not None
            found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
            if found is None:
                raise RuntimeError("the explorer did not start")
            figures = {
                name: _measured(int(found.group(1)), paths, requests, clients)
                for name, paths in questions(transfers).items()
            }
        finally:
            process.terminate()
            process.wait()
        size = where.stat().st_size
    for name, each in figures.items():
        print(f"{name:32} p50 {each['p50_ms']:>8.1f} ms   p99 {each['p99_ms']:>8.1f} ms")
    part = {"machine": machine(), "transfers": transfers, "clients": clients, "bytes": size, "answers": figures}
    write_part("pages", part)


def questions(transfers: int) -> dict[str, Sequence[str]]:
    """Pages and questions, each with many paths, so that none is answered from what was just read."""
    some = [1 + place * 7_919 % transfers for place in range(400)]
    members = [1 + place * 31 % MEMBERS for place in some]
    ledger_ = f"0x{TOKEN.hex()}"
    return {
        "page /": ["/"],
        "page /payment": [f"/payment/1-{each}" for each in some],
        "page /block": [f"/block/{1 + each // BLOCK}" for each in some],
        "page /tx": [f"/tx/0x{digest(1 + each // BLOCK).hex()}" for each in some],
        "page /member": [f"/member/{each}" for each in members],
        "page /merchant": [f"/merchant/{1 + each % MERCHANTS}" for each in some],
        "page /address": [f"/address/0x{account(each).hex()}" for each in members],
        "page /token": [f"/token/{ledger_}"],
        "page /search": [f"/search?q={each}" for each in members],
        "page /payments, deep": [f"/payments?page={1 + each % 400}" for each in some],
        "api txlist": [f"/api?module=account&action=txlist&address=0x{bytes(20).hex()}&page=1&offset=100&sort=desc"],
        "api tokentx": [
            f"/api?module=account&action=tokentx&address=0x{account(each).hex()}&offset=100" for each in members
        ],
        "api tokenbalance": [
            f"/api?module=account&action=tokenbalance&contractaddress={ledger_}&address=0x{account(each).hex()}"
            for each in members
        ],
        "api getlogs": [
            f"/api?module=logs&action=getLogs&address={ledger_}&fromBlock={each // BLOCK}&offset=100" for each in some
        ],
        "api getlogs, all of an address": [
            f"/api?module=logs&action=getLogs&address={ledger_}&page={1 + each % 10}&sort=desc" for each in some
        ],
        "api getblocknobytime": [
            f"/api?module=block&action=getblocknobytime&timestamp={START + each // BLOCK}" for each in some
        ],
        "v1 payments of a member": [f"/v1/payments?member={each}" for each in members],
        "v1 payments of a merchant": [f"/v1/payments?merchant={1 + each % MERCHANTS}&order=desc" for each in some],
        "v1 10,000 rows of CSV": [f"/v1/payments?format=csv&merchant={1 + each % MERCHANTS}" for each in some[:10]],
    }


def fill(where: str, chain: Chain, transfers: int) -> None:
    """Writes the rows."""
    engine = open_index(where)
    migrate(engine)
    with engine.begin() as connection:
        for name, value in (("chain_id", str(int(chain.request("eth_chainId"), 16))), ("epoch_length", "0"),
                            ("contracts", "")):  # fmt: skip
            connection.execute(insert(tables.meta).values(name=name, value=value))
        token = {"address": TOKEN, "standard": 20, "name": "Coin", "symbol": "C", "decimals": 6, "block": 1,
                 "transfers": transfers, "minted": str(transfers * 1000)}  # fmt: skip
        _write(connection, tables.tokens, iter([token]))
        shops = range(1, MERCHANTS + 1)
        _write(connection, ledger.merchants, (_filled(ledger.merchants, merchant=each, name=f"Shop {each}")
                                              for each in shops))  # fmt: skip
        _write(connection, ledger.members, (_filled(ledger.members, member=each) for each in range(1, MEMBERS + 1)))
        _write(connection, tables.token_balances, ({"token": TOKEN, "holder": account(each), "balance": "20000"}
                                                   for each in range(1, MEMBERS + 1)))  # fmt: skip
        heights = range(1, transfers // BLOCK + 1)
        for table, row in ((tables.blocks, _block), (tables.transactions, _transaction), (tables.receipts, _receipt)):
            _write(connection, table, (row(height) for height in heights))
        numbers = range(1, transfers + 1)
        for table, row in ((tables.logs, _log), (tables.token_transfers, _transfer), (ledger.payments, _payment),
                           (ledger.payment_lines, _line)):  # fmt: skip
            _write(connection, table, (row(number) for number in numbers))
    engine.dispose()


def account(member: int) -> bytes:
    """A member's account."""
    return b"Tillmember\0\0" + member.to_bytes(8, "big")


def digest(height: int) -> bytes:
    """The hash of a block's transaction."""
    return b"\x01" + bytes(23) + height.to_bytes(8, "big")


def _write(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == ROWS:
            connection.execute(insert(table), chunk)
            chunk = []
    if chunk:
        connection.execute(insert(table), chunk)


def _filled(table: Table, **values: Any) -> dict[str, Any]:
    return {**_empty(table), **values}


@cache
def _empty(table: Table) -> dict[str, Any]:
    kinds: dict[Any, Any] = {int: 0, str: "", bytes: b"", bool: False}
    return {column.name: None if column.nullable else kinds.get(column.type.python_type, 0) for column in table.columns}


def _block(height: int) -> dict[str, Any]:
    return _filled(tables.blocks, number=height, hash=b"\x02" + digest(height)[1:], time=START + height, transactions=1,
                   proposer=bytes(20), parent=bytes(32), gas_used=2_300_000)  # fmt: skip


def _transaction(height: int) -> dict[str, Any]:
    return _filled(tables.transactions, block=height, position=0, hash=digest(height), sender=bytes(20), receiver=TOKEN,
                   nonce=height, value="0", gas=3_000_000, gas_price="10", kind=2, input=bytes(4))  # fmt: skip


def _receipt(height: int) -> dict[str, Any]:
    return _filled(tables.receipts, block=height, position=0, succeeded=True, gas_used=2_300_000, logs=BLOCK)


def _place(number: int) -> dict[str, int]:
    return {"block": 1 + (number - 1) // BLOCK, "log": (number - 1) % BLOCK}


def _log(number: int) -> dict[str, Any]:
    place = _place(number)
    return _filled(tables.logs, block=place["block"], position=place["log"], transaction=0, address=TOKEN,
                   topic0=bytes(32), data=bytes(32))  # fmt: skip


def _transfer(number: int) -> dict[str, Any]:
    holder = account(1 + number % MEMBERS)
    return {**_place(number), "token": TOKEN, "sender": bytes(20), "receiver": holder, "amount": "1000"}


def _payment(number: int) -> dict[str, Any]:
    return _filled(ledger.payments, **_place(number), stream=1, sequence=number, merchant=1 + number % MERCHANTS,
                   terminal=1, member=1 + number % MEMBERS, time=START, lines=1, amount=1_999, points=1000)  # fmt: skip


def _line(number: int) -> dict[str, Any]:
    return _filled(
        ledger.payment_lines, stream=1, sequence=number, line=0, leaf=number.to_bytes(32, "big"), amount=1_999
    )


def _explorer(chain: Chain, folder: Path, where: Path) -> "subprocess.Popen[str]":
    contracts = {name: {"address": "0x" + TOKEN.hex()} for name in ("RewardToken", "Registry", "RewardRules")}
    deployment = folder / "deployment.json"
    known = {"chain_id": int(chain.request("eth_chainId"), 16), "block": 0, "contracts": contracts}
    deployment.write_text(json.dumps(known))
    url = f"http://127.0.0.1:{chain._connection.port}"
    command = [str(ROOT / ".venv" / "bin" / "till"), "explorer", "run", "--rpc", url, "--deployment", str(deployment),
               "--database", str(where), "--sources", str(folder / "sources.sqlite"), "--port", "0"]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _measured(port: int, paths: Sequence[str], requests: int, clients: int) -> dict[str, float]:
    times: list[float] = []
    failures: list[str] = []

    def ask(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for place in range(first, requests, clients):
            path = paths[place % len(paths)]
            begun = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            times.append(1_000 * (time.perf_counter() - begun))
            if answer.status not in (200, 303):
                failures.append(f"{path}: {answer.status} {body[-200:]!r}")
        connection.close()

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])
    ordered = sorted(times)
    return {"p50_ms": round(ordered[len(ordered) // 2], 1), "p99_ms": round(ordered[int(len(ordered) * 0.99)], 1)}


if __name__ == "__main__":
    main()
