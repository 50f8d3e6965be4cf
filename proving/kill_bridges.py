"""The real bridge processes of the kill matrix: started with a fail point armed, awaited until they listen or are dead.

One at a time with a journal in a file or a database; or one that works and one that waits for its stream.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from node.config import FAIL_POINT_VARIABLE

SECONDS: Final = 60.0
"""Within which a process listens, or dies at its fail point."""
WAITS: Final = b"waiting for the stream"
OWNS: Final = b"stream owned"
LOST: Final = b"till: Another bridge has taken the stream over: stream 1 is owned by "


class Process:
    """One bridge process with a state folder and a log of its own."""

    def __init__(self, folder: Path, config: Path, name: str, fail_point: str) -> None:
        self._state, self._log = folder / name, folder / f"{name}.log"
        self._state.mkdir(exist_ok=True)
        own = folder / f"{name}.toml"
        own.write_text(f'state = "{name}"\n{config.read_text()}')
        self._began = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "node.cli.main", "bridge", "run", "--config", str(own)],
                env=os.environ | {FAIL_POINT_VARIABLE: fail_point},
                stderr=log,
                stdout=log,
            )

    @property
    def port(self) -> int:
        """Where it listens, 0 while it does not."""
        with suppress(OSError, ValueError, KeyError):
            ready = json.loads((self._state / "bridge.json").read_text())
            if ready["pid"] == self._process.pid and self.alive:
                return int(ready["iso8583"]["port"])
        return 0

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def said(self) -> bytes:
        """Its log."""
        with self._log.open("rb") as log:
            log.seek(self._began)
            return log.read()

    def until(self, happened: Callable[[], bool], what: str) -> None:
        """Waits until something is so, or the process is dead. Raises RuntimeError."""
        deadline = time.monotonic() + SECONDS
        while self.alive and not happened():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the bridge never {what}: {self.said[-1_000:].decode()}")
            time.sleep(0.01)

    def listens(self) -> None:
        """Waits until it listens, or is dead."""
        self.until(lambda: bool(self.port), "listened")

    def until_it_waits(self) -> None:
        """Waits until it said that it waits for its stream, or that it has it already, or is dead."""
        self.until(lambda: WAITS in self.said or OWNS in self.said, "waited")

    @property
    def waited(self) -> bool:
        """Whether it had to wait for its stream."""
        return WAITS in self.said

    def dies(self) -> float:
        """Waits until its fail point has killed it; when that was. Raises RuntimeError when it ends in another way."""
        self.until(lambda: False, "came to its fail point")
        if self._process.wait() != -signal.SIGKILL:
            raise RuntimeError(f"the bridge ended by itself: {self.said[-1_000:].decode()}")
        return time.monotonic()

    def sleep(self) -> None:
        """Stops it in its tracks, as a suspended machine would."""
        self._process.send_signal(signal.SIGSTOP)

    def wakes_up_and_ends(self) -> None:
        """Lets it go on; it has to see that its stream is another's, and to end with a sentence and status 1."""
        self._process.send_signal(signal.SIGCONT)
        status = self._process.wait(SECONDS)
        if status != 1 or LOST not in self.said.splitlines()[-1]:
            raise RuntimeError(f"the bridge that slept ended with {status}: {self.said[-1_000:].decode()}")

    def stop(self) -> None:
        """Ends it in order, and fails when it does not end well."""
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(SECONDS) != 0:
            raise RuntimeError(f"the bridge did not stop well: {self.said[-1_000:].decode()}")

    def kill(self) -> None:
        """Ends it at once, if it runs."""
        if self.alive:
            self._process.kill()  # one that is stopped, too
        self._process.wait()
