"""A chain for the scripts, and the `brownie` command as a person types it."""

import contextlib
import dataclasses
import os
import re
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".till" / "tools" / "bin"
TILL = ROOT / ".venv" / "bin" / "till"
DEADLINE = 60.0  # seconds


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chain:
    """Where the scripts work: what follows --network, and the folder that deployment.json is written to."""

    network: str
    folder: Path

    def brownie(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `brownie run ARGUMENTS --network ...` to its end."""
        command = [str(BIN / "brownie"), "run", *arguments, "--network", self.network]
        environment = {**os.environ, "TILLNET_FOLDER": str(self.folder), "COLUMNS": "140"}
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=180)


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
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
