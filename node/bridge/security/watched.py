"""A file of lines that an operator edits while the bridge runs: read at the start, and again when it changes."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

from node.domain.errors import Unusable

_LOG = structlog.get_logger(__name__)
_OTHERS_READ: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
MAX_BYTES: Final = 16 * 2**20
Content = TypeVar("Content")
Stamp = tuple[int, int, int]


class WatchedFile(Generic[Content]):
    """`content` is what `parse` makes of the lines, each as where it stands and its words; `#` begins a comment.

    `parse` raises Unusable, and never quotes a line: it may hold a key.
    """

    def __init__(
        self, path: Path, parse: Callable[[list[tuple[str, list[str]]]], Content], *, secret: bool, what: str
    ) -> None:
        """Raises Unusable when the file is missing, not in its format, or open to others (`secret`: to read it)."""
        self._path, self._parse, self._what = path, parse, what
        self._forbidden = _OTHERS_READ if secret else _OTHERS_WRITE
        self._stamp: Stamp = (0, 0, 0)
        self.content: Content = self._read()

    def refresh(self) -> None:
        """Reads the file again if it changed; one that has become unusable is logged, and the content stays."""
        try:
            if stamp_of(os.stat(self._path)) != self._stamp:
                self.content = self._read()
                _LOG.info("file.read", file=self._what)
        except (Unusable, OSError) as failure:
            _LOG.warning("file.unusable", file=self._what, reason=str(failure))

    def _read(self) -> Content:
        path = self._path
        try:
            with path.open(encoding="ascii") as file:
                status = os.fstat(file.fileno())
                if status.st_mode & self._forbidden:
                    raise Unusable(f"the {self._what} {path} is open to others; chmod {self._mode} {path}")
                if status.st_size > MAX_BYTES:
                    raise Unusable(f"the {self._what} {path} is larger than {MAX_BYTES >> 20} MiB")
                lines = file.read().splitlines()
        except FileNotFoundError:
            raise Unusable(f"there is no {self._what} {path}") from None
        except (OSError, UnicodeDecodeError):
            raise Unusable(f"the {self._what} {path} cannot be read") from None
        words = [
            (f"line {number} of the {self._what} {path}", line.partition("#")[0].split())
            for number, line in enumerate(lines, start=1)
        ]
        content = self._parse([(where, said) for where, said in words if said])
        self._stamp = stamp_of(status)
        return content

    @property
    def _mode(self) -> str:
        return "600" if self._forbidden == _OTHERS_READ else "644"


def stamp_of(status: os.stat_result) -> Stamp:
    """What changes when a file does."""
    return status.st_mtime_ns, status.st_size, status.st_ino
