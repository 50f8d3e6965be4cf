"""What a test does to a validator from inside: has a process killed at a named point, sets the application's clock.

Inert unless the network was made with fail points.

They stand at each step between CometBFT, application and geth. Armed by node/network/faults.py.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

PREPARE, PROCESS, FINALIZE = "prepare", "process", "finalize"
"""The calls in which a payload is given to geth."""

BEFORE_INFO: Final = "before_info"
"""CometBFT has started and asks for geth's head, which is read and not yet answered."""
BEFORE_INIT_CHAIN: Final = "before_init_chain"
"""The genesis block is compared, the first validators are not yet answered. Once in the life of a chain."""
AFTER_FINALIZE: Final = "after_finalize"
"""FinalizeBlock's answer is handed to the socket; whether CometBFT has written it down is left to chance."""
BEFORE_COMMIT: Final = "before_commit"
"""FinalizeBlock is answered, Commit is asked for and forkchoiceUpdated not sent."""
AFTER_FORKCHOICE: Final = "after_forkchoice"
"""The block is geth's head, which is not looked at yet."""
BEFORE_COMMIT_ANSWER: Final = "before_commit_answer"
"""The block is geth's head and found to be it; Commit is not answered."""


def before_payload(call: str) -> str:
    """The point before geth gets a payload (newPayload) in PREPARE, PROCESS or FINALIZE."""
    return f"{call}_before_payload"


def after_payload(call: str) -> str:
    """The point after geth has executed a payload, before the call is answered."""
    return f"{call}_after_payload"


AT_START: Final = (BEFORE_INIT_CHAIN, BEFORE_INFO)
EACH_BLOCK: Final = (
    *(point for call in (PREPARE, PROCESS, FINALIZE) for point in (before_payload(call), after_payload(call))),
    AFTER_FINALIZE,
    BEFORE_COMMIT,
    AFTER_FORKCHOICE,
    BEFORE_COMMIT_ANSWER,
)

CLOCK: Final = "clock"
"""The file that holds the seconds by which the clock is fast (negative: slow)."""


class FailPoints:
    """Kills a process (SIGKILL) at the point whose name stands as a file in `folder`, once. None: never.

    An empty file is for this process. Else it is JSON: "state" is the path of the network's run/state.json, where the
    pid of "process" of "validator" stands; a process that is started anew meanwhile is found by its new one.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def exist(self) -> bool:
        """Whether the network was made with fail points, so for tests only."""
        return self._folder is not None

    def reach(self, point: str) -> None:
        """Marks the place of a fail point in the code."""
        if self._folder is None:
            return
        try:
            text = (self._folder / point).read_text()
        except FileNotFoundError:
            return
        victim = _victim(text) if text else os.getpid()
        (self._folder / point).unlink()
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


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


def _victim(text: str) -> int:
    named = json.loads(text)
    state = json.loads(Path(named["state"]).read_text())
    return int(state["validators"][named["validator"]][named["process"]]["pid"])
