"""docs/scripts.md says what can be typed: its plan is one, and its commands name scripts, functions and arguments."""

import json
import re
import shlex

from scripts.command_line import check_run
from scripts.plan_file import parse_plan
from tests.scripts.conftest import ROOT

PAGE = (ROOT / "docs" / "scripts.md").read_text()


def test_the_plan_of_the_docs_is_a_plan() -> None:
    found = re.search(r'^ {4}(\{"streams".*?\]\})$', PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    plan = parse_plan(json.loads(found.group(1)))
    # stream 1 stays the one that the page opened before for the bridge
    assert [stream.stream for stream in plan.streams] == [2]
    assert [merchant.name for merchant in plan.merchants] == ["Harbour Shop"]


def test_the_commands_of_the_docs_can_be_run() -> None:
    commands = re.findall(r"^ {4}brownie (run [a-z].*--network.*)$", PAGE, re.MULTILINE)
    assert len(commands) > 7
    for command in commands:
        check_run(shlex.split(command))
