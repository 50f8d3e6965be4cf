"""A new master key for all keys of a bridge, by a process that kills itself before its n-th write to the disk.

python -m tests.offchain.keys.dying bridge.toml N
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.bridge.keys.custody import Custody
from node.bridge.keys.vault import Vault, open_master
from node.config import load_bridge


def main(config: Path, last: int) -> None:
    left = last

    def before(work: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*arguments)

        return dying

    settings = load_bridge(config, {})
    custody = Custody(settings, Vault(open_master(settings.keys)))
    (old,) = custody.master.check_values()
    # what replace_file does: the new file to the disk, in the old one's place, the folder to the disk
    os.fsync = before(os.fsync)
    Path.replace = before(Path.replace)  # type: ignore[method-assign]
    custody.master.draw()
    custody.rewrap()
    custody.retire(old)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
