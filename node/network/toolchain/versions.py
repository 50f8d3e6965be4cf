"""Reading the versions that tools print, and finding a tool that is new enough."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

Version = tuple[int, ...]

NODE_WANTED: Final[Version] = (20,)
GO_WANTED: Final[Version] = (1, 26)

_NUMBERS: Final = re.compile(r"(?<![\d.])v?(?:go)?(\d+(?:\.\d+)+)")


def parse(text: str) -> Version | None:
    """The first version in what a tool printed: `v20.20.2`, `go version go1.26.8 linux/amd64`; None without one."""
    found = _NUMBERS.search(text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else None


def find_on_path(command: str, arguments: list[str], wanted: Version) -> Path | None:
    """The command on PATH if its version is `wanted` or newer, else None. A tool that hangs or fails is not taken."""
    where = shutil.which(command)
    if where is None:
        return None
    try:
        said = subprocess.run([where, *arguments], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = parse(said)
    return Path(where) if version is not None and version >= wanted else None
