"""Mistyped command lines: one sentence each, before anything is connected."""

import subprocess
from pathlib import Path

import pytest

from scripts.command_line import check_run, functions_of
from tests.scripts.conftest import BIN, ROOT


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


def test_an_unknown_network_is_told_in_a_sentence(tmp_path: Path) -> None:
    command = [BIN / "brownie", "run", "deploy", "--network", "garbage"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("garbage is no network: name a folder")


def test_a_help_page_whose_reader_ends_early_is_no_failure() -> None:
    command = f"set -o pipefail; {BIN / 'brownie'} run deploy --help | true"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
