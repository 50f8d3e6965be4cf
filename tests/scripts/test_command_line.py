"""Mistyped command lines: one sentence each, before anything is connected."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.brownie_shim import help_page
from scripts.command_line import check_run, functions_of
from tests.scripts.conftest import BIN, ROOT

FUNCTIONS = {file.stem: functions_of(file) for file in sorted((ROOT / "scripts").glob("*.py")) if functions_of(file)}
WORKS = 0  # the exit code that assert_told is given for a script that works


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("run depoly", "There is no script depoly; there are "),
        ("run set_rule offr 1", "set_rule has no offr; it has main and offer"),
        ("run deploy values.toml", "deploy has no values.toml; it has main"),
        ("run set_rule main 1", "set_rule main takes MERCHANT COEFFICIENT, not 1 argument "),
        ("run set_rule --network net main 1 2 3", "set_rule main takes MERCHANT COEFFICIENT, not 3 arguments "),
        ("run show_member", "show_member main takes MEMBER, not 0 arguments "),
        ("run deploy main a b --network=net", "deploy main takes [VALUES], not 2 arguments "),
        ("run fund_points main 1 -5", "-5 is no argument: no number here is negative."),
        ("run deploy --dryrun", "--dryrun is no option; is it --dry-run?"),
        ("run deploy --netwrk=net", "--netwrk is no option; is it --network?"),
        ("run deploy -n net", "-n is no option; there are --network, "),
        ("run deploy --network", "--network takes a folder, a URL or a name."),
    ],
)
def test_check_run_tells_what_is_mistyped(typed: str, sentence: str) -> None:
    with pytest.raises(SystemExit) as ended:
        check_run(typed.split())
    assert str(ended.value.code).startswith(sentence)


@pytest.mark.parametrize(
    "typed",
    [
        "run deploy",
        "run scripts/deploy.py main values.toml -t --network net",
        "run deploy -It --gas --network=net --silent",
        "run deploy --network --odd-name",
        "run set_rule offer 1 5x products.txt",
        "run ../elsewhere/script f 1 2",
        "run",
        "compile --all",
    ],
)
def test_check_run_lets_through_what_can_be_run(typed: str) -> None:
    check_run(typed.split())


def test_functions_of_finds_only_what_can_be_run() -> None:
    assert functions_of(ROOT / "scripts" / "show_member.py") == {"main": (["member"], [])}
    assert functions_of(ROOT / "scripts" / "names.py") == functions_of(ROOT / "none.py") == {}


@pytest.mark.parametrize("script", FUNCTIONS)
def test_help_page_tells_how_every_function_is_run(script: str) -> None:
    page = help_page(["run", script, "--help"])
    assert page is not None
    assert f"brownie run {script}" in page
    for name in FUNCTIONS[script]:
        assert f"run {script} {name}" in page or name == "main", name


def test_every_function_is_run_to_its_end_in_a_test() -> None:
    run = {pair for file in (ROOT / "tests").rglob("*.py") for pair in runs_of(ast.parse(file.read_text()))}
    there = {(script, name) for script, names in FUNCTIONS.items() for name in names}
    assert len(there) > 200
    assert there - run == set()


def runs_of(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The scripts' functions that `shown`, or `assert_told` with the exit code 0, runs; `told` runs what must fail."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        typed = [each.value if isinstance(each, ast.Constant) else None for each in call.args]
        if call.func.id == "assert_told" and typed[1:2] == [WORKS]:
            yield from run_of(typed[3:])
        elif call.func.id == "shown":
            yield from run_of(typed[1:])


def run_of(typed: list[object]) -> Iterator[tuple[str, str]]:
    """The function that `brownie run TYPED` would run."""
    if typed and isinstance(typed[0], str):
        name = typed[1] if len(typed) > 1 else "main"
        yield typed[0], str(name)


def test_an_unknown_network_is_told_in_a_sentence(tmp_path: Path) -> None:
    command = [BIN / "brownie", "run", "deploy", "--network", "garbage"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("garbage is no network: name a folder")


def test_a_help_page_whose_reader_ends_early_is_no_failure() -> None:
    command = f"set -o pipefail; {BIN / 'brownie'} run deploy --help | true"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
