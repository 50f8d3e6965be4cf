"""Named points at which the bridge can be made to die, for crash tests; inert unless one is armed.

Armed through node/config (environment variable TILL_FAIL_POINT): a point's name, or `name:n` for its n-th passing.
"""

import os
import signal
from typing import Final, NoReturn

from node.domain.errors import Unusable

POINTS: Final = (
    # start: the stream is this process's; what the last one left is read
    "after-own",
    "before-take-up",
    "after-take-up",
    # a message
    "before-admit",
    "after-admit",
    "before-answer",
    # every SQL transaction of the journal, whatever it writes
    "before-commit",
    "after-commit",
    # a batch
    "before-record",
    "after-record",
    "before-send",
    "after-send",
    "after-mark-sent",
    "before-bump",
    "after-bump",
    "before-settle",
    "after-settle",
    # reversals and refunds
    "before-cancel",
    "after-cancel",
    "before-finish",
    "after-finish",
    "before-split",
    "after-split",
    "before-decline",
    "after-decline",
    # a payment that was not final in time
    "before-undo",
    "after-undo",
)


class FailPoint:
    """Dies when the armed point is passed for the n-th time."""

    def __init__(self, armed: str = "") -> None:
        name, _, count = armed.partition(":")
        if (name and name not in POINTS) or (count and not count.isdecimal()):
            raise Unusable(f"there is no fail point {armed}; there are {', '.join(POINTS)}")
        self._name = name
        self._left = int(count or 1)

    def passed(self, name: str) -> None:
        """Says that this point was reached."""
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                die(name)


def die(name: str) -> NoReturn:
    """Ends this process at once, as a power cut would: nothing is flushed, nothing is closed."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit(f"fail point {name}")
