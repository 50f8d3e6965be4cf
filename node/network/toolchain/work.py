"""Running a step's commands: output into the step's log, progress from its lines, failure as one sentence."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from node.network.toolchain.failures import SetupError, explain
from node.network.toolchain.layout import Layout
from node.network.toolchain.progress import Progress

LIMIT: Final = 1800  # seconds that one command may take


class Work:
    """What a step gets: the folders, its log, its progress bar."""

    def __init__(self, *, layout: Layout, name: str, progress: Progress) -> None:
        self.layout = layout
        self.progress = progress
        self.log = layout.log / f"{name}.txt"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")

    def run(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        counts: Callable[[str], bool] | None = None,
    ) -> str:
        """Runs a command to its end and returns what it printed (stdout and stderr together).

        `env` is added to this process's environment; a line for which `counts` is true advances the bar.
        Raises SetupError with the sentence that the log's end suggests.
        """
        arguments = [str(part) for part in command]
        try:
            process = subprocess.Popen(
                arguments,
                cwd=cwd or self.layout.root,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except FileNotFoundError:
            raise SetupError(f"{self.progress.title}: the command {arguments[0]} is not installed.") from None
        said = self._follow(process, arguments, counts)
        if process.returncode != 0:
            raise explain(self.progress.title, self.log)
        return said

    def _follow(
        self, process: "subprocess.Popen[str]", arguments: list[str], counts: Callable[[str], bool] | None
    ) -> str:
        """Copies the process's lines into the log until it ends, or ends it at the limit and on Ctrl-C."""
        assert process.stdout is not None
        watchdog = threading.Timer(LIMIT, _end, (process,))
        watchdog.start()
        said: list[str] = []
        try:
            with process.stdout, self.log.open("a") as log:
                log.write(f"$ {' '.join(arguments)}\n")
                for line in process.stdout:
                    log.write(line)
                    log.flush()
                    said.append(line)
                    if counts is not None and counts(line):
                        self.progress.advance()
            process.wait()
        except BaseException:
            _end(process)
            raise
        finally:
            watchdog.cancel()
        return "".join(said)


def _end(process: "subprocess.Popen[str]") -> None:
    """Ends the command with everything that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
