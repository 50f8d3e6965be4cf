"""The pages say what can be typed: a plan is one, commands name scripts, functions and arguments, errors are listed."""

import json
import re
import shlex

from scripts.command_line import check_run, functions_of
from scripts.error_list import PAGE as ERRORS
from scripts.error_list import declared, page
from scripts.plan_file import parse_plan
from tests.scripts.conftest import ROOT

DOCS = ROOT / "docs"
PAGE = (DOCS / "scripts.md").read_text()
TESTING = {path.stem for path in (ROOT / "contracts" / "testing").glob("*.sol")}


def test_the_plan_of_the_docs_is_a_plan() -> None:
    found = re.search(r'^ {4}(\{"streams".*?\]\})$', PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    plan = parse_plan(json.loads(found.group(1)))
    # stream 1 stays the one that the page opened before for the bridge
    assert [stream.stream for stream in plan.streams] == [2]
    assert [merchant.name for merchant in plan.merchants] == ["Harbour Shop"]


def test_the_commands_of_the_docs_can_be_run() -> None:
    texts = {path.name: path.read_text() for path in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]}
    commands = {name: re.findall(r"^ {4}brownie (run [a-z].*--network.*)$", text, re.M) for name, text in texts.items()}
    assert len(commands["scripts.md"]) > 7 and sum(map(len, commands.values())) > 100
    for command in (command for found in commands.values() for command in found):
        check_run(shlex.split(command, comments=True))


def test_every_script_stands_in_the_table() -> None:
    rows = " ".join(re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE))
    named = set(re.findall(r"`([a-z_]+)`", rows))
    scripts = {file.stem for file in (ROOT / "scripts").glob("*.py") if functions_of(file)}
    assert scripts - named == set()


def test_every_typed_error_stands_in_the_list() -> None:
    assert ERRORS.read_text() == page(), "run python -m scripts.error_list"
    assert [each for each in declared() if not each.meaning] == []
    listed = set(re.findall(r"^\| (\w+)\(", ERRORS.read_text(), re.MULTILINE))
    for file in (ROOT / "node" / "artifacts" / "contracts").glob("*.json"):
        if file.stem not in TESTING:
            errors = {entry["name"] for entry in json.loads(file.read_text())["abi"] if entry["type"] == "error"}
            assert errors <= listed, (file.stem, errors - listed)
