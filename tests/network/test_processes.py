"""Whether a process that was noted down is still that process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from node.network import processes
from node.network.processes import RunState, is_alive, note, read_state, write_state


@pytest.fixture
def sleeper() -> Iterator[int]:
    """The pid of a process that does nothing until it is ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.kill()
    process.communicate()


def test_is_alive_is_true_when_the_clock_was_set_since(sleeper: int, monkeypatch: pytest.MonkeyPatch) -> None:
    running = note(sleeper)
    # what the system computes from the clock: when it was booted
    booted = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.BOOT_TIME", booted + 3600)
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + 3600)
    assert is_alive(running)


def test_is_alive_is_false_when_the_pid_belongs_to_another(sleeper: int) -> None:
    assert not is_alive(replace(note(os.getpid()), pid=sleeper))


def test_is_alive_is_false_when_the_machine_was_started_anew(sleeper: int, monkeypatch: pytest.MonkeyPatch) -> None:
    running = note(sleeper)
    monkeypatch.setattr(processes, "_boot", lambda: "another start")
    assert not is_alive(running)


def test_is_alive_is_false_when_nobody_has_waited_for_the_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    running = note(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(running)
    process.communicate()
    with pytest.raises(ProcessLookupError):
        note(process.pid)


def test_read_state_gives_back_what_was_written(tmp_path: Path, sleeper: int) -> None:
    state = RunState(supervisor=note(os.getpid()), validators={"v1": {"geth": note(sleeper)}})
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    (tmp_path / "state.json").write_text('{"supervisor": {"pid": 1}}')
    assert read_state(tmp_path) is None
