"""The terminals' MAC keys: a file of mode 0600, two live keys a terminal, read again when it changes.

Part of verify. A line is `terminal key [key before]`, keys as 32 hexadecimal digits; `#` begins a comment.
"""

import os
import stat
from pathlib import Path
from typing import Final

import structlog

from node.domain.errors import Unusable
from node.domain.ids import TerminalId
from node.iso8583.retail_mac import RetailMac

_LIVE_KEYS: Final = 2
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LOG = structlog.get_logger(__name__)


class MacKeys:
    """The keys of one file. Without a file no terminal has a key."""

    def __init__(self, path: Path | None) -> None:
        """Raises Unusable when the file is missing, readable by others, or not in its format."""
        self._path = path
        self._stamp: tuple[int, int, int] = (0, 0, 0)
        self._keys: dict[TerminalId, tuple[RetailMac, ...]] = {}
        if path is not None:
            self._read(path)

    def of(self, terminal: TerminalId) -> tuple[RetailMac, ...]:
        """The terminal's live keys, the newest first; empty if it has none."""
        return self._keys.get(terminal, ())

    def __len__(self) -> int:
        return len(self._keys)

    def refresh(self) -> None:
        """Reads the file again if it changed; a file that has become unusable is logged, and the keys stay."""
        if self._path is None:
            return
        try:
            if _stamp(os.stat(self._path)) != self._stamp:
                self._read(self._path)
                _LOG.info("mac_keys.read", terminals=len(self._keys))
        except (Unusable, OSError) as failure:
            _LOG.warning("mac_keys.unusable", reason=str(failure))

    def _read(self, path: Path) -> None:
        try:
            with path.open(encoding="ascii") as file:
                status = os.fstat(file.fileno())
                if status.st_mode & _OTHERS:
                    raise Unusable(f"the key file {path} is open to others; chmod 600 {path}")
                lines = file.read().splitlines()
        except FileNotFoundError:
            raise Unusable(f"there is no key file {path}") from None
        except (OSError, UnicodeDecodeError):
            raise Unusable(f"the key file {path} cannot be read") from None
        keys: dict[TerminalId, tuple[RetailMac, ...]] = {}
        for number, line in enumerate(lines, start=1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            terminal = TerminalId(words[0])
            if terminal in keys:
                raise Unusable(f"line {number} of the key file {path} repeats a terminal")
            keys[terminal] = _keys(words[1:], f"line {number} of the key file {path}")
        self._keys, self._stamp = keys, _stamp(status)


def _keys(words: list[str], where: str) -> tuple[RetailMac, ...]:
    if not 1 <= len(words) <= _LIVE_KEYS:
        raise Unusable(f"{where} is not: terminal key [key before]")
    try:
        return tuple(RetailMac(bytes.fromhex(word)) for word in words)
    except ValueError:
        # never the key itself
        raise Unusable(f"{where} has a key that is not 32 hexadecimal digits") from None


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino
