"""The root of `till`: lazy groups, and one sentence for each failure."""

import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest

from node.chain.rpc import ChainSilent
from node.cli import main as till
from node.domain.errors import ChainUnreachable, UnknownMember, Unusable
from node.explorer.accounts import NotEnrolled


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        till.main(list(arguments))
    return int(ended.value.code or 0)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Puts a command named `block` in place whose body a test gives by `fails_with`."""
    return monkeypatch


def fails_with(command: pytest.MonkeyPatch, failure: BaseException | None) -> None:
    @click.command()
    def block() -> None:
        if failure is not None:
            raise failure

    command.setattr(sys.modules[__name__], "block", block, raising=False)
    command.setitem(till.COMMANDS, "block", (__name__, "block", ""))


def test_main_lists_every_group_when_asked_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in till.COMMANDS)


def test_main_imports_no_group_when_asked_for_help() -> None:
    program = "import sys; from node.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    program += (
        "print([m for m in sys.modules if m.startswith(('web3', 'node.cli.net', 'node.bridge'))], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (UnknownMember("7"), "till: No member has this card or loyalty id: 7"),
        (Unusable("there is no network in net"), "till: There is no network in net.\n"),
        (Unusable("geth is not built; run make setup."), "till: Geth is not built; run make setup.\n"),
        (Unusable("stream.id is 1"), "till: stream.id is 1.\n"),
        (Unusable("/net/x is no key file"), "till: /net/x is no key file.\n"),
        (Unusable(), "till: The program cannot"),
        (ChainUnreachable("no answer"), "in time: no answer; is the network up (till net up DIR)?\n"),
        (ChainSilent("refused"), "till: The chain does not answer: refused; is the network up (till net up DIR)?\n"),
        (NotEnrolled("777"), "till: No member with this number is enrolled on this chain: 777"),
        (OSError(98, "Address already in use"), "till: Address already in use."),
        (FileNotFoundError(2, "No such file or directory", "net.json"), "till: net.json: No such file or directory."),
        (ModuleNotFoundError("no", name="web3"), "till: the part web3 is not installed; run make setup."),
        (click.UsageError("no such option"), "Error: no such option"),
    ],
)
def test_main_tells_a_failure_in_one_sentence(
    failure: Exception, sentence: str, command: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails_with(command, failure)
    assert run("block") in (1, 2)
    shown = capsys.readouterr()
    assert sentence in shown.err
    assert "Traceback" not in shown.err + shown.out


def test_main_keeps_the_traceback_when_something_unexpected_happens(
    command: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command.setattr(till, "CRASH_LOG", tmp_path / "log" / "till-crash.txt")
    fails_with(command, ZeroDivisionError("division by zero"))
    assert run("block") == 1
    assert "something unexpected happened (ZeroDivisionError: division by zero)" in capsys.readouterr().err
    assert "Traceback" in till.CRASH_LOG.read_text()


def test_main_keeps_the_traceback_in_the_temporary_folder_when_the_project_cannot_be_written(
    command: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    command.setattr(till, "CRASH_LOG", tmp_path / "file" / "till-crash.txt")
    command.setattr(tempfile, "tempdir", str(tmp_path))
    fails_with(command, ZeroDivisionError("division by zero"))
    assert run("block") == 1
    (kept,) = tmp_path.glob("till-crash-*.txt")
    assert "Traceback" in kept.read_text() and str(kept) in capsys.readouterr().err


def test_main_is_quiet_when_interrupted(command: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fails_with(command, KeyboardInterrupt())
    assert run("block") == 130
    assert capsys.readouterr().err.strip() == ""


def test_main_is_quiet_when_the_reader_has_gone() -> None:
    # the reader is gone before the first byte: click itself would end with 1
    program = "import time, sys; time.sleep(1); from node.cli.main import main; main(['--help'])"
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"{sys.executable}" -c "{program}" | true'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stderr, ended.returncode) == ("", 0)


def test_main_refuses_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("nonsense") == 2
    assert "No such command 'nonsense'" in capsys.readouterr().err


@pytest.mark.parametrize("question", [("member", "7"), ("merchant", "1"), ("payment", "1-42"), ("block",)])
def test_question_without_a_network_says_how_to_name_one(
    question: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TILL_NETWORK", raising=False)
    assert run(*question) == 1
    said = capsys.readouterr().err
    assert said == "till: Say which network: --network DIR (or TILL_NETWORK), or make demo, which leaves one behind.\n"


@pytest.mark.parametrize("group", ["net", "bridge", "lines", "index", "explorer", "books", "prove", "audit"])
def test_group_starts_without_what_only_its_work_needs(group: str) -> None:
    code = (
        f"import sys, {till.COMMANDS[group][0]}; "
        "print(*{'aiohttp', 'eth_abi', 'eth_utils', 'sqlalchemy', 'web3'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=till.PROJECT)
    assert done.stdout.split() == []
