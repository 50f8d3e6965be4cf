"""No picture of the bridge's memory, which holds keys and for a moment PINs, is written when it crashes, or taken by
other programs of the same user.

Called by `till bridge run` before anything is read. Where there is no prctl (it is Linux's), the limit alone holds.
"""

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def forbid_dumps() -> None:
    """From now on, for the life of this process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
