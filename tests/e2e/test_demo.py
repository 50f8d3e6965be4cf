"""The demonstration as a newcomer runs it, and the questions that one asks its chain afterwards."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.demo.stand import PROJECT, TILL

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.alone]

NAMES = {
    "validators",
    "payments_sent",
    "payments_final",
    "declined",
    "duplicates",
    "points_on_chain",
    "points_expected",
    "difference",
    "latency_p50_ms",
    "latency_p99_ms",
    "payments_per_second",
    "gas_per_payment",
}


@dataclass(frozen=True)
class Ran:
    """A demonstration that has ended."""

    code: int
    said: str
    report: dict[str, Any]
    network: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("demo")
    report, stand = folder / "report.json", folder / "stand"
    done = subprocess.run(
        [sys.executable, "-m", "node.demo", "--folder", str(stand), "--report", str(report)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = done.stdout + done.stderr
    assert report.exists(), said
    yield Ran(code=done.returncode, said=said, report=json.loads(report.read_text()), network=stand / "network")


@pytest.fixture(scope="module")
def ask(demo: Ran) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs a `till` command on the demonstration's network, which is started again."""

    def till(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*TILL, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=180)

    up = till("net", "up", str(demo.network))
    assert up.returncode == 0, up.stdout + up.stderr
    yield lambda *arguments: till(*arguments, "--network", str(demo.network))
    assert till("net", "down", str(demo.network)).returncode == 0


def test_demo_ends_well_and_reports_every_figure(demo: Ran) -> None:
    report = demo.report
    assert demo.code == 0, demo.said
    assert report.keys() >= NAMES
    assert report["difference"] == 0
    assert report["points_on_chain"] == report["points_expected"] > 0
    assert report["validators"] == 4
    # 443 baskets, a wrong MAC and an unknown card; two baskets cost nothing
    assert report["payments_sent"] == 445
    assert report["declined"] == 4
    assert report["payments_final"] + report["declined"] + report["cancelled"] == report["payments_sent"]
    assert report["duplicates"] == 15
    assert report["reversed"] > 0
    assert 0 < report["latency_p50_ms"] <= report["latency_p99_ms"]
    assert report["gas_per_payment"] > 5_000


def test_payment_is_told_from_the_chain_alone(demo: Ran, ask: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    name = demo.report["followed"]["payment"].partition(",")[0]
    asked = ask("payment", name, "--json")
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    assert answer["outcome"] == "final"
    assert answer["transaction"] == demo.report["followed"]["transaction"]
    assert {line["rule_version"] for line in answer["lines"]} == {1, 2}
    for line in answer["lines"]:
        assert line["points"] == line["amount"] * line["rate"] * line["tier_bps"] // 10**8
    table = ask("payment", name)
    assert f"Payment {name}" in table.stdout and answer["block_hash"] in table.stdout

    member = json.loads(ask("member", str(answer["member"]), "--json").stdout)
    assert member["points"] >= sum(line["points"] for line in answer["lines"])
    block = json.loads(ask("block", str(answer["block"]), "--json").stdout)
    assert block["hash"] == answer["block_hash"] and block["payments"]["1"] > 0
    merchant = json.loads(ask("merchant", str(answer["merchant"]), "--json").stdout)
    assert merchant["active"] and [rule["base"] for rule in merchant["rules"]] == [True, False]
    assert merchant["rules"][1]["rate"] == 5 * merchant["rules"][0]["rate"]


def test_audit_agrees_with_every_payment_of_the_day(
    demo: Ran, ask: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = ask("audit", "run", "--json")
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr
    audit = json.loads(done.stdout)
    assert audit["agrees"]
    assert audit["points"]["supply"] == demo.report["points_on_chain"]
    assert audit["payments"]["accepted"] == demo.report["payments_final"]
    assert all(each["free"] >= 0 for each in audit["backing"])
    # what was reversed before it went out is a gap on the chain, and stands in the bridge's journal
    config = str(demo.network.parent / "bridge" / "bridge.toml")
    unsent = subprocess.run(
        [*TILL, "bridge", "unsent", "--config", config], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert len(unsent.stdout.split()) == audit["payments"]["sequences_missing"] > 0
    (tmp_path / "unsent").write_text(unsent.stdout)
    explained = json.loads(ask("audit", "run", "--json", "--cancelled", str(tmp_path / "unsent")).stdout)
    assert "gap" not in explained["findings"]["counts"]
    books = tmp_path / "books.beancount"
    assert ask("books", "export", "-o", str(books)).returncode == 0
    checked = subprocess.run([Path(sys.executable).parent / "bean-check", books], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_proof_of_the_followed_payment_is_left_behind(
    demo: Ran, ask: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    name = demo.report["followed"]["payment"].partition(",")[0]
    done = ask("verify", str(demo.network.parents[1] / "payment.proof.json"), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["anchored"] and found["payment"] == name and len(found["lines"]) == 2
    assert f"{found['block']}, {found['block_hash']}" == demo.report["followed"]["block"]
    # all of its line items, and they cost what the lines say
    items = int(demo.report["followed"]["basket"].split()[1])
    assert len(found["items"]) == items
    assert sum(item["amount"] for item in found["items"]) == sum(line["amount"] for line in found["lines"])


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (("payment", "1-999999"), "no such payment"),
        (("payment", "abc"), "looks like 1-42"),
        (("member", "12345"), "is enrolled on this chain"),
        (("merchant", "99"), "numbered 1 to 12"),
        (("block", "99999999"), "no such block"),
    ],
)
def test_question_gets_one_sentence_when_there_is_nothing(
    ask: Callable[..., subprocess.CompletedProcess[str]], question: tuple[str, ...], sentence: str
) -> None:
    asked = ask(*question)
    assert asked.returncode == 1
    assert sentence in asked.stderr and "Traceback" not in asked.stderr
    assert len(asked.stderr.strip().splitlines()) == 1
