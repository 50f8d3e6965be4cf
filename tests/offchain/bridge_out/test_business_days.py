"""`till bridge days` and `till bridge totals`: what the back office is shown of terminals' business days."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from node.bridge.desk import JournalDesk
from node.bridge.journal.store import Journal
from node.config import JournalSettings
from node.domain.acts.recharge import Recharge
from node.domain.ids import MinorUnits, TerminalId
from node.domain.totals import Totals
from tests.offchain.bridge_out.makers import TERMINAL, act, authorize, debit, payment, refund, reversal
from tests.offchain.bridge_out.test_desk import admit, advised, approve

OTHER = TerminalId("TILL0002")
DAY = 20_000
Bridge = Callable[..., str]


@pytest.fixture
async def journal(kept: JournalSettings) -> AsyncIterator[Journal]:
    opened = await Journal.open(kept)
    yield opened
    await opened.close()


@pytest.fixture
def bridge(tmp_path: Path, kept: JournalSettings) -> Bridge:
    """Runs `till bridge`, and gives what it prints."""
    config = tmp_path / "bridge.toml"
    lines = ["[chain]", 'rpc = ["http://127.0.0.1:1"]', 'deployment = "d"', "[stream]", "id = 1", 'key_file = "k"']
    config.write_text("\n".join([*lines, "[journal]", f'url = "{kept.url}"' if kept.url else ""]))

    def run(command: str, *words: str, code: int = 0) -> str:
        said = [sys.executable, "-m", "node.cli.main", "bridge", command, "--config", str(config), *words]
        done = subprocess.run(said, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


async def trade(journal: Journal) -> JournalDesk:
    """A day of two terminals, closed by one of them, and what came after."""
    counter = JournalDesk(journal, lambda: 1_790_000_000_000, set())
    gone = debit(2, amount=500)
    charge = act(4, Recharge(amount=MinorUnits(900)).act())
    charge = replace(charge, key=replace(charge.key, amount=MinorUnits(900)))
    for message in (payment(1, amount=1_000), gone):
        await admit(journal, message)
    await journal.run(approve)
    for message in (reversal(3, gone), charge, authorize(5, amount=400)):
        await admit(journal, message)
    await admit(journal, payment(6, terminal=OTHER, amount=70))
    await journal.run(approve)
    await counter.cut_over(TERMINAL, DAY)
    await admit(journal, refund(7, 1, 200))
    await admit(journal, advised(8, amount=35))
    await journal.run(approve)
    return counter


CLOSED = Totals(
    debits=2, debit_amount=1_500, debit_reversals=1, debit_reversal_amount=500, credits=1, credit_amount=900
)
HEAD = "terminal     debits      amount reversed      amount  credits      amount reversed      amount          net"


async def test_totals_shows_every_terminals_open_day_and_all_together(journal: Journal, bridge: Bridge) -> None:
    await trade(journal)
    assert bridge("totals").splitlines() == [
        HEAD + "  open",
        "TILL0001          1        0.35        0        0.00        1        2.00        0        0.00         1.65",
        "TILL0002          1        0.70        0        0.00        0        0.00        0        0.00        -0.70",
        "all               2        1.05        0        0.00        1        2.00        0        0.00         0.95",
    ]
    assert [line.split()[0] for line in bridge("totals", "--terminal", OTHER).splitlines()] == [
        "terminal",
        OTHER,
        "all",
    ]
    assert bridge("totals", "--terminal", "NOBODY") == "none\n"


async def test_totals_of_a_closed_day_says_whether_the_terminal_said_the_same(journal: Journal, bridge: Bridge) -> None:
    counter = await trade(journal)
    day = ("--day", "2024-10-04")
    table = bridge("totals", *day).splitlines()
    assert table[0] == HEAD + "  2024-10-04"
    assert table[1].endswith("-1.00  no totals told") and len(table) == 3
    await counter.reconciled(TERMINAL, DAY, CLOSED, True)
    assert bridge("totals", *day).splitlines()[1].endswith("  in balance")
    await counter.reconciled(TERMINAL, DAY, Totals(debits=1), False)
    assert bridge("totals", *day).splitlines()[1].endswith("  OUT OF BALANCE")
    assert bridge("totals", "--day", "2024-10-05") == "none\n"
    assert "does not match" in bridge("totals", "--day", "4.10.2024", code=2)


async def test_totals_as_json_has_both_sides_of_each_terminal(journal: Journal, bridge: Bridge) -> None:
    counter = await trade(journal)
    claimed = replace(CLOSED, credits=2)
    await counter.reconciled(TERMINAL, DAY, claimed, False)
    ours = asdict(CLOSED) | {"net": CLOSED.net}
    assert json.loads(bridge("totals", "--day", "2024-10-04", "--json")) == {
        "day": "2024-10-04",
        "currency": "840",
        "terminals": [
            {
                "terminal": TERMINAL,
                "totals": ours,
                "claimed": asdict(claimed) | {"net": claimed.net},
                "balanced": False,
            }
        ],
        "all": ours,
    }
    opened = json.loads(bridge("totals", "--json"))
    assert (opened["day"], [each["terminal"] for each in opened["terminals"]]) == (None, [TERMINAL, OTHER])
    assert (await counter.totals(TERMINAL, None) or Totals()).net == opened["terminals"][0]["totals"]["net"]


async def test_the_command_lists_closed_days(journal: Journal, bridge: Bridge) -> None:
    counter = JournalDesk(journal, lambda: 1_790_000_000_000, set())
    await admit(journal, payment(1, amount=1_234))
    await counter.cut_over(TERMINAL, 20_000)
    await admit(journal, refund(2, 1, 200))
    await journal.run(approve)
    await counter.cut_over(TERMINAL, 20_001)
    await counter.cut_over(OTHER, 20_001)
    await counter.reconciled(TERMINAL, 20_000, Totals(debits=1, debit_amount=1_234), True)
    await counter.reconciled(TERMINAL, 20_001, Totals(), False)

    def said(*words: str) -> list[str]:
        return bridge("days", *words).splitlines()

    assert said("--terminal", TERMINAL) == [
        "2024-10-05  TILL0001      0 debits           0.00     1 credits           2.00  OUT OF BALANCE",
        "2024-10-04  TILL0001      1 debits          12.34     0 credits           0.00  in balance",
    ]
    assert [line.split()[1] for line in said("--open")] == [TERMINAL, OTHER]
    assert [json.loads(line)["balanced"] for line in said("--json", "--terminal", OTHER)] == [None]
    assert said("--terminal", "NOBODY") == ["none"]
