"""The pages of audits: what `till audit run` found on a chain, what is in the folder beside it, and what is in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.devchain import anvil
from node.audit.findings import DIFFERENCES
from node.audit.report import audit_json
from node.explorer.audits import DIFFERENT, Audits
from node.explorer.pages.html import el
from tests.contracts.auditing import audit_of, busy_world
from tests.contracts.suite.machine import TERMS
from tests.offchain.explorer.hostile import SCRIPT, TEXTS
from tests.offchain.explorer.stand import Explorer

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


@pytest.fixture(scope="module")
def document() -> Iterator[dict[str, Any]]:
    """An audit of a chain on which anything happened."""
    with anvil() as chain:
        yield json.loads(json.dumps(audit_json(audit_of(busy_world(chain, TERMS).world))))


@pytest.fixture
def folder(explorer: Explorer) -> Iterator[Path]:
    """Where the explorer looks for audits."""
    made = Path(explorer.index).parent / "audits"
    made.mkdir()
    yield made
    for file in made.iterdir():
        file.unlink()
    made.rmdir()


def page(explorer: Explorer, path: str, status: int = 200) -> str:
    got, body = explorer.ask(path)
    assert got == status, body[-1_000:]
    text = body.decode()
    assert SCRIPT not in text
    return text


def test_page_shows_the_audit_when_one_was_made(explorer: Explorer, folder: Path, document: dict[str, Any]) -> None:
    assert "There is no audit" in page(explorer, "/audits")
    (folder / "monday.json").write_text(json.dumps(document))
    listed = page(explorer, "/audits")
    assert "agrees to the last unit" in listed and "/audit/monday" in listed and "DIFFERS" not in listed
    one = page(explorer, "/audit/monday")
    assert "RewardToken" in one and "reserve for points at par" in one
    assert f"{document['blocks']['last']:,}" in one and f"{document['payments']['looked_at']:,}" in one


def test_page_shows_the_newest_differences_first_when_an_audit_differs(
    explorer: Explorer, folder: Path, document: dict[str, Any]
) -> None:
    (folder / "monday.json").write_text(json.dumps(document))
    found = {"kind": "state", "text": f"is {SCRIPT}", "subject": SCRIPT, "block": 7, "transaction": ""}
    worse = {**document, "agrees": False, "findings": {**document["findings"], "counts": {"state": 3, "manual": 9}}}
    worse["findings"]["list"] = [{**found, "kind": "manual", "text": "by hand"}, found]
    worse["backing"] = [{"part": SCRIPT, "what": "cash", "holds": 100, "owes": 250, "free": -150}]
    (folder / "tuesday.json").write_text(json.dumps(worse))
    listed = page(explorer, "/audits")
    assert "DIFFERS" in listed and listed.index("/audit/tuesday") < listed.index("/audit/monday")
    one = page(explorer, "/audit/tuesday")
    assert "-1.50" in one and one.index(str(el("td", f"is {SCRIPT}"))[4:-5]) < one.index("by hand")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "tillnet-audit-1"}', "[" * 100_000, "\x00\xff"])
def test_page_names_a_file_that_is_no_audit_when_it_lies_there(explorer: Explorer, folder: Path, text: str) -> None:
    (folder / "odd.json").write_text(text)
    (folder / "note.txt").write_text("not looked at")
    listed = page(explorer, "/audits")
    assert "this file is no audit" in listed and "note" not in listed.partition("<table")[2].partition("</table")[0]
    page(explorer, "/audit/odd", 404)


@pytest.mark.parametrize("text", TEXTS)
def test_audit_is_not_found_when_a_stranger_names_it(explorer: Explorer, folder: Path, text: str) -> None:
    from urllib.parse import quote

    (folder.parent / "outside.json").write_text("{}")
    for name in (text, "../outside", "..%2Foutside"):
        assert explorer.ask(f"/audit/{quote(name, safe='')}")[0] in (400, 404)


async def test_audits_are_the_newest_ones_when_there_are_many(tmp_path: Path) -> None:
    for number in range(70):
        (tmp_path / f"{number}.json").write_text("{}")
    assert len(await Audits(tmp_path).newest()) == 50
    assert await Audits(None).newest() == await Audits(tmp_path / "none").newest() == []


def test_differences_are_those_of_the_audit() -> None:
    assert set(DIFFERENT) == {str(kind) for kind in DIFFERENCES}
