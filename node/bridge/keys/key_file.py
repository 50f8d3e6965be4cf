"""Files of keys, of mode 0600: a line is a terminal and its keys, `#` begins a comment.

Written by the bridge (a key change by message) and by operators' commands, one at a time, each time as a whole.
"""

import fcntl
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable
from node.domain.ids import TerminalId

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
MAX_BYTES: Final = 16 * 2**20
_LOCK_SECONDS: Final = 10.0
_BREATH: Final = 0.02
Stamp = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyFile:
    """A file of keys: its text, and of each terminal the line's number and the words behind its name."""

    text: str = field(repr=False)
    lines: Mapping[TerminalId, tuple[int, list[str]]] = field(repr=False)
    stamp: Stamp


def read_secret(path: Path, what: str) -> tuple[str, Stamp]:
    """The text of a file of mode 0600. Raises Unusable when it is missing, too large, or others can read it."""
    try:
        with path.open(encoding="ascii") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & _OTHERS:
                raise Unusable(f"the {what} {path} is open to others; chmod 600 {path}")
            if status.st_size > MAX_BYTES:
                raise Unusable(f"the {what} {path} is larger than {MAX_BYTES >> 20} MiB")
            return file.read(), stamp_of(status)
    except FileNotFoundError:
        raise Unusable(f"there is no {what} {path}") from None
    except (OSError, UnicodeDecodeError):
        raise Unusable(f"the {what} {path} cannot be read") from None


def read_key_file(path: Path) -> KeyFile:
    """A file of keys. Raises Unusable when it is missing, readable by others, or names a terminal twice."""
    text, stamp = read_secret(path, "key file")
    lines: dict[TerminalId, tuple[int, list[str]]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = _words(line)
        if not words:
            continue
        terminal = TerminalId(words[0])
        if terminal in lines:
            raise Unusable(f"line {number} of the key file {path} repeats a terminal")
        lines[terminal] = (number, words[1:])
    return KeyFile(text=text, lines=lines, stamp=stamp)


def with_line(text: str, terminal: TerminalId, keys: Sequence[str]) -> str:
    """The file's text with these keys in the terminal's line, a new one if need be; without keys no line."""
    lines, found = [], False
    for line in text.splitlines():
        if _words(line)[:1] == [terminal]:
            found = True
            if not keys:
                continue
            _, mark, comment = line.partition("#")
            line = " ".join([terminal, *keys]) + (f"  {mark}{comment}" if mark else "")
        lines.append(line)
    if keys and not found:
        lines.append(" ".join([terminal, *keys]))
    return "".join([line + "\n" for line in lines])


def replace_file(path: Path, text: str) -> None:
    """Writes the file anew: a crash leaves the one or the other; it is on the disk when it returns. Raises OSError."""
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


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only this thread of this program writes the file meanwhile; a program that dies lets go.

    Raises Unusable when another one has it for ten seconds, and OSError.
    """
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unusable(f"another program is writing {path}") from None
                time.sleep(_BREATH)
        yield
    finally:
        os.close(descriptor)


def stamp_of(status: os.stat_result) -> Stamp:
    """What changes when a file does."""
    return status.st_mtime_ns, status.st_size, status.st_ino


def _words(line: str) -> list[str]:
    return line.partition("#")[0].split()
