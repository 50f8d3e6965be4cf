"""Processes by pid and birth time, so that nothing is ever done to a stranger that got an old pid.

Used by the supervisor, `down`, `status` and the tests' faults.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]

STATE_FILE: Final = "state.json"
POLL_SECONDS: Final = 0.05
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A process that was started: its pid, and its birth, which no other process with that pid ever has."""

    pid: int
    born: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunState:
    """What runs of a network: its supervisor, and by validator and kind its processes."""

    supervisor: Running
    validators: dict[str, dict[str, Running]]

    def all(self) -> list[Running]:
        """Every process but the supervisor."""
        return [running for kinds in self.validators.values() for running in kinds.values()]


def note(pid: int) -> Running:
    """The process with this pid; raises ProcessLookupError when it is gone."""
    try:
        return Running(pid=pid, born=_birth(pid))
    except (OSError, psutil.Error):
        raise ProcessLookupError(pid) from None


def is_alive(running: Running) -> bool:
    """Whether it is still that process, and not a zombie."""
    try:
        same = _birth(running.pid) == running.born
        return bool(same and psutil.Process(running.pid).status() != psutil.STATUS_ZOMBIE)
    except (OSError, psutil.Error):
        return False


def send(running: Running, number: signal.Signals) -> None:
    """Sends a signal, if it is still that process."""
    if is_alive(running):
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, number)


def stop_all(processes: Iterable[Running], *, patience: float) -> None:
    """SIGTERM to each, and SIGKILL to those that live on after `patience` seconds."""
    left = list(processes)
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, patience)):
        for running in left:
            send(running, number)
        deadline = time.monotonic() + seconds
        while (left := [running for running in left if is_alive(running)]) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)


def memory_bytes(running: Running) -> int:
    """Resident memory; 0 when it is gone."""
    try:
        return int(psutil.Process(running.pid).memory_info().rss) if is_alive(running) else 0
    except psutil.Error:
        return 0


def open_files(running: Running) -> int:
    """How many file handles (sockets too) it has open; 0 when it is gone."""
    try:
        return int(psutil.Process(running.pid).num_fds()) if is_alive(running) else 0
    except psutil.Error:
        return 0


def write_state(folder: Path, state: RunState) -> None:
    """Writes run/state.json, whole or not at all."""
    text = {
        "supervisor": _to_json(state.supervisor),
        "validators": {
            name: {kind: _to_json(running) for kind, running in kinds.items()}
            for name, kinds in state.validators.items()
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{STATE_FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(text, indent=2) + "\n")
    fresh.replace(folder / STATE_FILE)


def read_state(folder: Path) -> RunState | None:
    """What run/state.json says, None without one (or with one that is no such file)."""
    try:
        text: dict[str, Any] = json.loads((folder / STATE_FILE).read_text())
        return RunState(
            supervisor=Running(**text["supervisor"]),
            validators={
                name: {kind: Running(**running) for kind, running in kinds.items()}
                for name, kinds in text["validators"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _to_json(running: Running) -> dict[str, int | str]:
    return {"pid": running.pid, "born": running.born}


def _birth(pid: int) -> str:
    """Clock ticks from the boot to the process's start (proc(5), stat, field 22), and which boot that was.

    Not a time of day: that one is computed from the clock, and moves when the clock is set.
    """
    if not BOOT_ID.exists():
        return str(psutil.Process(pid).create_time())
    # the name, in brackets, may itself have spaces and brackets
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return f"{_boot()} {fields[19]}"


def _boot() -> str:
    return BOOT_ID.read_text().strip()
