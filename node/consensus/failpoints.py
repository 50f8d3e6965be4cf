"""Named points where a test can have the validator application killed. Inert unless the network was made with them."""

import os
import signal
from pathlib import Path
from typing import Final

BEFORE_COMMIT: Final = "before_commit"
"""FinalizeBlock is answered, Commit is asked for and not begun."""


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
