"""The terminals' MAC keys: a file of mode 0600, two live keys a terminal, read again when it changes.

Part of verify. A line is `terminal key [key before]`, keys as 32 hexadecimal digits; `#` begins a comment. A key change
by message rewrites the terminal's line.
"""

import os
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from node.domain.errors import KeysUnwritable, Unusable, WrongMac
from node.domain.ids import TerminalId
from node.iso8583.retail_mac import RetailMac

_LIVE_KEYS: Final = 2
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_PROBE: Final = b"which key is it"
_LOG = structlog.get_logger(__name__)
_Stamp = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyFile:
    """A file of keys: its text, and of each terminal the line's number and the words behind its name."""

    text: str = field(repr=False)
    lines: Mapping[TerminalId, tuple[int, list[str]]] = field(repr=False)
    stamp: _Stamp


class MacKeys:
    """The keys of one file. Without a file no terminal has a key."""

    def __init__(self, path: Path | None) -> None:
        """Raises Unusable when the file is missing, readable by others, or not in its format."""
        self._path = path
        self._stamp: _Stamp = (0, 0, 0)
        self._keys: dict[TerminalId, tuple[RetailMac, ...]] = {}
        self._lock = threading.Lock()
        if path is not None:
            self._take(read_key_file(path), path)

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
            with self._lock:
                if _stamp(os.stat(self._path)) == self._stamp:
                    return
                self._take(read_key_file(self._path), self._path)
            _LOG.info("mac_keys.read", terminals=len(self._keys))
        except (Unusable, OSError) as failure:
            _LOG.warning("mac_keys.unusable", reason=str(failure))

    def change(self, terminal: TerminalId, used: RetailMac, fresh: bytes) -> bytes:
        """The terminal's new key, once the file has it; the key that it `used` stays live beside it.

        A terminal that uses the key before has not had the newest one: it gets that, and nothing changes. So a repeated
        message gets the same key, and no answer that is lost locks a terminal out. Blocks; for a thread of its own.
        Raises WrongMac when the key used is none of the file's any more, KeysUnwritable.
        """
        if self._path is None:
            raise KeysUnwritable("there is no key file")
        with self._lock:
            try:
                file = read_key_file(self._path)
                number, words = file.lines.get(terminal, (0, []))
                live = [key.compute(_PROBE) for key in _keys(words, number, self._path)] if words else []
                if used.compute(_PROBE) not in live:
                    raise WrongMac()
                if live.index(used.compute(_PROBE)):
                    return bytes.fromhex(words[0])
                _replace(self._path, _with_line(file.text, terminal, [fresh.hex(), words[0]]))
                self._take(read_key_file(self._path), self._path)
            except (Unusable, OSError) as failure:
                raise KeysUnwritable(
                    str(failure) if isinstance(failure, Unusable) else failure.strerror or ""
                ) from None
        _LOG.info("mac_keys.changed", terminal=terminal)
        return fresh

    def _take(self, file: KeyFile, path: Path) -> None:
        keys = {terminal: _keys(words, number, path) for terminal, (number, words) in file.lines.items()}
        self._keys, self._stamp = keys, file.stamp


def read_key_file(path: Path) -> KeyFile:
    """A file of keys. Raises Unusable when it is missing, readable by others, or names a terminal twice."""
    try:
        with path.open(encoding="ascii") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & _OTHERS:
                raise Unusable(f"the key file {path} is open to others; chmod 600 {path}")
            text = file.read()
    except FileNotFoundError:
        raise Unusable(f"there is no key file {path}") from None
    except (OSError, UnicodeDecodeError):
        raise Unusable(f"the key file {path} cannot be read") from None
    lines: dict[TerminalId, tuple[int, list[str]]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = _words(line)
        if not words:
            continue
        terminal = TerminalId(words[0])
        if terminal in lines:
            raise Unusable(f"line {number} of the key file {path} repeats a terminal")
        lines[terminal] = (number, words[1:])
    return KeyFile(text=text, lines=lines, stamp=_stamp(status))


def _words(line: str) -> list[str]:
    return line.partition("#")[0].split()


def _with_line(text: str, terminal: TerminalId, keys: list[str]) -> str:
    """The file's text with other keys in the terminal's line; comments stay."""
    lines = []
    for line in text.splitlines():
        if _words(line)[:1] == [terminal]:
            _, mark, comment = line.partition("#")
            line = " ".join([terminal, *keys]) + (f"  {mark}{comment}" if mark else "")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _replace(path: Path, text: str) -> None:
    """Writes the file anew, so that a crash leaves the one or the other; on the disk when it returns."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keys(words: list[str], number: int, path: Path) -> tuple[RetailMac, ...]:
    where = f"line {number} of the key file {path}"
    if not 1 <= len(words) <= _LIVE_KEYS:
        raise Unusable(f"{where} is not: terminal key [key before]")
    try:
        return tuple(RetailMac(bytes.fromhex(word)) for word in words)
    except ValueError:
        # never the key itself
        raise Unusable(f"{where} has a key that is not 32 hexadecimal digits") from None


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino
