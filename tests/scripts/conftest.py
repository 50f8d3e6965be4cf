"""A chain for the scripts, and the `brownie` command as a person types it."""

import contextlib
import dataclasses
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".till" / "tools" / "bin"
TILL = ROOT / ".venv" / "bin" / "till"
DEADLINE = 60.0  # seconds


class Warm:
    """A process that has brownie loaded and forks for each command (tests/scripts/warm.py)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        command = [sys.executable, "-m", "tests.scripts.warm"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()) != "ready\n":
            assert line, "brownie did not load the project"

    def run(self, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """What `brownie ARGUMENTS` prints, and its exit code."""
        out, err = self._folder / "out", self._folder / "err"
        order = {
            "arguments": arguments,
            "environment": environment,
            "folder": str(ROOT),
            "out": str(out),
            "err": str(err),
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate(timeout=DEADLINE)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Brownie with the project loaded."""
    process = Warm(tmp_path_factory.mktemp("warm"))
    yield process
    process.close()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chain:
    """Where the scripts work: what follows --network, and the folder that deployment.json is written to."""

    network: str
    folder: Path
    warm: "Warm | None" = None

    def brownie(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `brownie run ARGUMENTS --network ...` to its end."""
        environment = {**os.environ, "TILLNET_FOLDER": str(self.folder), "COLUMNS": "140"}
        if self.warm is not None:
            return self.warm.run("run", *arguments, "--network", self.network, environment=environment)
        command = [str(BIN / "brownie"), "run", *arguments, "--network", self.network]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=180)


@pytest.fixture(scope="module")
def anvil(cold_anvil: Chain, warm: Warm) -> Chain:
    """An anvil of its own, and commands that start at once."""
    return dataclasses.replace(cold_anvil, warm=warm)


@pytest.fixture(scope="module")
def cold_anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """An anvil of its own, on a port that the system chose."""
    command = [str(BIN / "anvil"), "--port", "0", "--hardfork", "cancun", "--gas-limit", "100000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # anvil writes a line for each request, and would stop at a full pipe; begun once its address was read
    reader = threading.Thread(target=process.communicate, daemon=True)
    try:
        where = listening(process)
        reader.start()
        yield Chain(network=f"http://{where}", folder=tmp_path_factory.mktemp("anvil"))
    finally:
        process.terminate()
        reader.join(DEADLINE) if reader.ident else process.communicate(timeout=DEADLINE)


@pytest.fixture(scope="module")
def validators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A network of one real validator: geth, CometBFT and the application between them."""
    folder = tmp_path_factory.mktemp("net") / "till"
    subprocess.run([TILL, "net", "init", folder, "--validators", "1"], check=True, capture_output=True, cwd=ROOT)
    subprocess.run([TILL, "net", "up", folder], check=True, capture_output=True, cwd=ROOT, timeout=DEADLINE * 2)
    try:
        yield Chain(network=str(folder), folder=folder)
    finally:
        subprocess.run([TILL, "net", "down", folder], check=False, capture_output=True, cwd=ROOT, timeout=DEADLINE)


def listening(process: "subprocess.Popen[str]") -> str:
    """The HOST:PORT that anvil says it listens on. Fails when it does not say so in time."""
    assert process.stdout is not None
    deadline, said = time.monotonic() + DEADLINE, ""
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline and ready.select(deadline - time.monotonic()):
            piece = os.read(process.stdout.fileno(), 65536).decode(errors="replace")
            said += piece
            if found := re.search(r"Listening on (\S+)\s", said):
                return found.group(1)
            if not piece:
                break
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    pytest.fail("anvil did not start")
