"""Named points at which the bridge can be made to die, for crash tests; inert unless one is armed.

Armed through node/config (environment variable TILL_FAIL_POINT): a point's name, or `name:n` for its n-th passing.
"""

import os
import signal
from typing import Final, NoReturn

from node.domain.errors import Unusable

POINTS: Final = (
    "before-admit",
    "after-admit",
    "before-record",
    "after-record",
    "after-send",
    "after-mark-sent",
    "before-settle",
    "after-settle",
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
