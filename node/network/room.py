"""Whether there is room on the disk for a validator to run.

Asked by node/network/keeper.py before it starts one, and while it runs. Engines that meet a full disk in the middle
of a write end somewhere in it; so a validator is ended in good order while there is still room for that.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

RESERVE_BYTES: Final = 100_000_000
"""Below this a validator is stopped: what it writes in a minute of full blocks fits in beside what stopping writes."""
RESUME_BYTES: Final = 150_000_000
"""Above this it is started again; higher, or it would come and go at the limit."""


def has_room(folder: Path, *, running: bool) -> bool:
    """Whether a validator whose files are in `folder` may go on (`running`), or be started.

    A folder that was wiped is looked for where it would be made again.
    """
    for each in (folder, *folder.resolve().parents):
        with suppress(FileNotFoundError):
            return shutil.disk_usage(each).free >= (RESERVE_BYTES if running else RESUME_BYTES)
    raise FileNotFoundError(folder)
