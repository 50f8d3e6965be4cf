"""The terminals' MAC keys: a file of mode 0600, two live keys a terminal, read again when it changes.

Part of verify. A line is `terminal key [key before]`, words of node/bridge/keys; a key change by message rewrites the
terminal's line, and the key before is taken until the time that stands behind it.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from node.bridge.keys.key import Key, Purpose
from node.bridge.keys.key_file import KeyFile, Stamp, locked, read_key_file, replace_file, stamp_of, with_line
from node.bridge.keys.vault import Held, Vault
from node.domain.errors import KeysUnwritable, Unusable, WrongMac
from node.domain.ids import TerminalId
from node.iso8583.mac import MacAlgorithm, MacKey

_LIVE_KEYS: Final = 2
_PROBE: Final = b"which key is it"
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loaded:
    """A key that was opened, and what MACs are made with."""

    held: Held
    mac: MacKey


class MacKeys:
    """The keys of one file. Without a file no terminal has a key."""

    def __init__(
        self,
        path: Path | None,
        vault: Vault | None = None,
        *,
        overlap_seconds: int = 259_200,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """A key that is replaced is taken for `overlap_seconds`; `clock` gives Unix seconds.

        Raises Unusable when the file is missing, readable by others, not in its format, or has a key that cannot be
        unwrapped.
        """
        self._path = path
        self._vault = vault or Vault()
        self._overlap, self._clock = overlap_seconds, clock
        self._stamp: Stamp = (0, 0, 0)
        self._keys: dict[TerminalId, tuple[_Loaded, ...]] = {}
        self._opened: dict[tuple[TerminalId, str], _Loaded] = {}
        self._noted: set[tuple[str, TerminalId]] = set()
        self._lock = threading.Lock()
        if path is not None:
            self._take(read_key_file(path), path)

    def of(self, terminal: TerminalId) -> tuple[MacKey, ...]:
        """The terminal's live keys, the newest first; empty if it has none."""
        now = self._clock()
        return tuple([each.mac for each in self._keys.get(terminal, ()) if each.held.is_live(now)])

    def find(self, terminal: TerminalId, data: bytes, mac: bytes, *, only: MacAlgorithm | None = None) -> MacKey | None:
        """The live key, of the algorithm `only` if one is named, under which this is the MAC over the data.

        A terminal that still uses an older key is logged, once for each, and so is one whose key has ended.
        """
        now = self._clock()
        for place, each in enumerate(self._keys.get(terminal, ())):
            if only not in (None, each.mac.algorithm) or not each.mac.verify(data, mac):
                continue
            if not place and each.held.until is None:
                return each.mac
            live = each.held.is_live(now)
            self._note("mac_keys.older" if live else "mac_keys.ended", terminal, each.held)
            return each.mac if live else None
        return None

    def __len__(self) -> int:
        return len(self._keys)

    def refresh(self) -> None:
        """Reads the file again if it changed; a file that has become unusable is logged, and the keys stay. Blocks."""
        if self._path is None:
            return
        try:
            with self._lock:
                if stamp_of(os.stat(self._path)) == self._stamp:
                    return
                self._take(read_key_file(self._path), self._path)
            _LOG.info("mac_keys.read", terminals=len(self._keys))
        except (Unusable, OSError) as failure:
            _LOG.warning("mac_keys.unusable", reason=str(failure))

    def change(self, terminal: TerminalId, used: MacKey, fresh: Key) -> Key:
        """The terminal's new key, once the file has it; the key that it `used` is taken for a while beside it.

        A terminal that uses the key before has not had the newest one: it gets that, and nothing changes. So a repeated
        message gets the same key, and no answer that is lost locks a terminal out. Blocks; for a thread of its own.
        Raises WrongMac when the key used is none of the file's any more, KeysUnwritable.
        """
        if self._path is None:
            raise KeysUnwritable("there is no key file")
        try:
            with self._lock, locked(self._path):
                # another program may have written it
                self._take(read_key_file(self._path), self._path)
                live = self._keys.get(terminal, ())
                place = _place_of(used, live, self._clock())
                newest = live[0].held.key
                if place:
                    return newest
                until = int(self._clock()) + self._overlap
                words = [self._vault.seal(fresh, terminal), self._vault.seal(newest, terminal, until)]
                replace_file(self._path, with_line(read_key_file(self._path).text, terminal, words))
                self._take(read_key_file(self._path), self._path)
        except (Unusable, OSError) as failure:
            raise KeysUnwritable(str(failure) if isinstance(failure, Unusable) else failure.strerror or "") from None
        _LOG.info("mac_keys.changed", terminal=terminal, check_value=fresh.check_value, until=until)
        return fresh

    def _note(self, event: str, terminal: TerminalId, held: Held) -> None:
        if (event, terminal) not in self._noted:
            self._noted.add((event, terminal))
            _LOG.warning(event, terminal=terminal, check_value=held.key.check_value, until=held.until)

    def _take(self, file: KeyFile, path: Path) -> None:
        """Opens what is new in the file: a token may take its time for each key."""
        before = self._keys
        opened: dict[tuple[TerminalId, str], _Loaded] = {}
        keys: dict[TerminalId, tuple[_Loaded, ...]] = {}
        for terminal, (number, words) in file.lines.items():
            where = f"line {number} of the key file {path}"
            if not 1 <= len(words) <= _LIVE_KEYS:
                raise Unusable(f"{where} is not: terminal key [key before]")
            for word in words:
                opened[terminal, word] = self._opened.get((terminal, word)) or self._open(word, terminal, where)
            keys[terminal] = tuple([opened[terminal, word] for word in words])
        self._keys, self._opened, self._stamp = keys, opened, file.stamp
        self._noted = {each for each in self._noted if keys.get(each[1]) == before.get(each[1])}

    def _open(self, word: str, terminal: TerminalId, where: str) -> _Loaded:
        held = self._vault.open(word, Purpose.MAC, terminal, where)
        return _Loaded(held=held, mac=held.key.for_mac())


def _place_of(used: MacKey, keys: tuple[_Loaded, ...], now: float) -> int:
    """Which of the keys was used. Raises WrongMac when none that is live was."""
    known = used.compute(_PROBE)
    for place, each in enumerate(keys):
        if each.held.is_live(now) and each.mac.algorithm is used.algorithm and each.mac.compute(_PROBE) == known:
            return place
    raise WrongMac()
