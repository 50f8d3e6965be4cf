"""The books of real chains, read by the tools that they are for: bean-check and hledger."""

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.devchain import Chain
from benchmarks.world import Terms
from node.audit.run import Audit, Order
from node.books.entry import Commodity, Entry, Unbalanced
from node.books.export import Format, NotTheChains, export_books
from node.chain.rpc import Rpc
from tests.contracts.auditing import ALICE, busy_world, deployment_of, url_of
from tests.contracts.twin import MEMBER, Twin

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
BEAN_CHECK = Path(sys.executable).parent / "bean-check"
HLEDGER = shutil.which("hledger")
wants_hledger = pytest.mark.skipif(HLEDGER is None, reason="hledger is not installed (.ci/debian-packages)")


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return busy_world(chain, terms)


@pytest.fixture
def world(busy: Twin) -> Iterator[Twin]:
    with busy.forgotten():
        yield busy


async def exported(world: Twin, form: Format, output: Path, *, first: int = 0) -> Audit:
    async with Rpc([url_of(world.chain)], timeout=60, attempts=1) as rpc:
        return await export_books(rpc, deployment_of(world.world), Order(first=first), form, output)


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines()))


def checked(*command: str | Path) -> str:
    """What a tool prints; it must be content."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_beancount_books_satisfy_bean_check(world: Twin, tmp_path: Path) -> None:
    file = tmp_path / "books.beancount"
    await exported(world, Format.BEANCOUNT, file)
    assert checked(BEAN_CHECK, file) == ""
    assert not list(tmp_path.glob("*.partial"))
    totals = world.ledger.view("totals")
    text = file.read_text()
    assert f"balance Liabilities:StoredValue  -{totals['storedValue'] / 100:.2f} ~ 0 CASH" in text
    units = world.ledger.view("totalSupply")
    assert f"balance Liabilities:Points:Circulating  -{units // 10**6}.{units % 10**6:06d} ~ 0 POINT" in text


async def test_bean_check_refuses_when_one_unit_was_changed(world: Twin, tmp_path: Path) -> None:
    file = tmp_path / "books.beancount"
    await exported(world, Format.BEANCOUNT, file)
    lines = file.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if " balance Liabilities:Points:Circulating" in line)
    number = lines[at].split()[3]
    lines[at] = lines[at].replace(number, number[:-1] + ("1" if number[-1] != "1" else "2"))
    file.write_text("\n".join(lines))
    done = subprocess.run([BEAN_CHECK, file], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Balance failed for 'Liabilities:Points:Circulating'" in done.stdout + done.stderr


@wants_hledger
async def test_hledger_books_satisfy_hledger(world: Twin, tmp_path: Path) -> None:
    file = tmp_path / "books.journal"
    await exported(world, Format.HLEDGER, file)
    assert HLEDGER is not None
    checked(HLEDGER, "-f", file, "check", "-s")
    total = checked(HLEDGER, "-f", file, "balance", "Liabilities:StoredValue", "--no-total", "-O", "csv")
    assert f"-{world.ledger.view('totals')['storedValue'] / 100:.2f} CASH" in total


async def test_csv_books_roll_forward_to_the_chains_state(world: Twin, tmp_path: Path) -> None:
    audit = await exported(world, Format.CSV, tmp_path / "all")
    rows = {row["account"]: row for row in rows_of(tmp_path / "all" / "rollforward.csv")}
    for row in rows.values():
        opening, issued, redeemed, expired, adjusted, closing = (
            int(row[name].replace(".", ""))
            for name in ("opening", "issued", "redeemed", "expired", "adjusted", "closing")
        )
        assert opening + issued - redeemed - expired + adjusted == closing
        assert min(issued, redeemed, expired) >= 0
    units = int(rows["Liabilities:Points:Circulating"]["closing"].replace(".", ""))
    assert units == world.ledger.view("totalSupply") == audit.supply
    assert int(rows["Liabilities:Points:Circulating"]["expired"].replace(".", "")) > 0
    held = world.world.cash.view("totalSupply")
    assert int(rows["Assets:Vault"]["closing"].replace(".", "")) == held
    journal = rows_of(tmp_path / "all" / "journal.csv")
    assert {row["cause"] for row in journal} >= {"earn", "redeem", "value", "refund", "expire", "PointsBought"}


async def test_books_open_with_what_was_before_when_they_begin_later(world: Twin, tmp_path: Path) -> None:
    whole = await exported(world, Format.CSV, tmp_path / "all")
    middle = whole.last.number - 5
    await exported(world, Format.CSV, tmp_path / "late", first=middle)
    closing = []
    for name in ("all", "late"):
        rows = rows_of(tmp_path / name / "rollforward.csv")
        closing.append({row["account"]: row["closing"] for row in rows if row["closing"].strip("-0.")})
    assert closing[0] == closing[1]
    journal = rows_of(tmp_path / "late" / "journal.csv")
    assert journal[0]["cause"] == "opening"
    assert all(int(row["block"]) >= middle for row in journal)
    await exported(world, Format.BEANCOUNT, tmp_path / "late.beancount", first=middle)
    assert checked(BEAN_CHECK, tmp_path / "late.beancount") == ""


async def test_books_are_refused_when_the_chain_differs(world: Twin, tmp_path: Path) -> None:
    word = world.chain.storage(world.ledger.address, MEMBER | ALICE) + (1 << 200)
    world.chain.request("anvil_setStorageAt", world.ledger.address, f"0x{MEMBER | ALICE:064x}", f"0x{word:064x}")
    world.chain.request("evm_mine")
    with pytest.raises(NotTheChains, match="1 differences"):
        await exported(world, Format.BEANCOUNT, tmp_path / "books.beancount")
    assert list(tmp_path.iterdir()) == []


def test_entry_is_refused_when_it_makes_something_of_nothing() -> None:
    place = ("Assets:Vault", Commodity.MONEY)
    with pytest.raises(Unbalanced, match="block 7"):
        Entry(time=0, block=7, transaction="", cause="earn", amounts={place: 1})
