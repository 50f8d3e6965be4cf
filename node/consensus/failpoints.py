"""What a test does to a validator's application from inside: kills it at a named point, sets its clock.

Inert unless the network was made with fail points.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

BEFORE_COMMIT: Final = "before_commit"
"""FinalizeBlock is answered, Commit is asked for and not begun."""

CLOCK: Final = "clock"
"""The file that holds the seconds by which the clock is fast (negative: slow)."""


class FailPoints:
    """Kills this process (SIGKILL) at the point whose name stands as a file in `folder`, once. None: never."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def reach(self, point: str) -> None:
        """Marks the place of a fail point in the code."""
        if self._folder is None:
            return
        try:
            (self._folder / point).unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def clock_of(folder: Path | None) -> Callable[[], float]:
    """The time of day in seconds since 1970; with a folder, as wrong as its file `clock` says at each reading."""
    if folder is None:
        return time.time
    file = folder / CLOCK

    def skewed() -> float:
        try:
            return time.time() + int(file.read_text())
        except (FileNotFoundError, ValueError):
            # ValueError: it is being written
            return time.time()

    return skewed
