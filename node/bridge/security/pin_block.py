"""From an encrypted PIN block to the PIN: ISO 9564-1 format 0 (ANSI X9.8) under TDES, format 4 under AES.

Part of the gate. The terminals' keys are lines `terminal key [key before]`, words of node/bridge/keys. What a PIN block
says is in no error and no log.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.utils import CryptographyDeprecationWarning

from node.bridge.keys.key import Algorithm, Key, Purpose, triple
from node.bridge.keys.vault import Held, Vault
from node.bridge.security.watched import WatchedFile
from node.domain.errors import MalformedMessage, Unusable
from node.domain.ids import TerminalId

with warnings.catch_warnings():
    # format 0 is TDES by definition; format 4 is for new terminals
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from psec import pinblock

FORMAT_0_BYTES: Final = 8
FORMAT_4_BYTES: Final = 16
_PAN_DIGITS: Final = 13
_LIVE_KEYS: Final = 2
_UNREADABLE: Final = ""


class PinKey:
    """One key of a terminal; never printed."""

    __slots__ = ("_aes", "_key")

    def __init__(self, key: Key) -> None:
        """Raises ValueError for a TDES key that is a DES key twice."""
        self._aes = key.algorithm is Algorithm.AES
        self._key = key.value
        if key.is_weak:
            raise ValueError("its halves are the same, which is DES, or it is all zeros")

    def __repr__(self) -> str:
        return "PinKey(...)"

    def open(self, block: bytes, pan: str) -> str:
        """The PIN in the block, empty where it holds none under this key and for this number."""
        if len(block) != (FORMAT_4_BYTES if self._aes else FORMAT_0_BYTES):
            return _UNREADABLE
        try:
            if self._aes:
                return str(pinblock.decipher_pinblock_iso_4(self._key, block, pan))
            opener = Cipher(TripleDES(triple(self._key)), modes.ECB()).decryptor()
            return str(pinblock.decode_pinblock_iso_0(opener.update(block), pan.zfill(_PAN_DIGITS)))
        except ValueError:
            # psec says in it what the block holds
            return _UNREADABLE


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loaded:
    """A key that was opened, and what opens PIN blocks."""

    held: Held
    pin_key: PinKey


class PinKeys:
    """The terminals' keys of one file, of mode 0600, read again when it changes."""

    def __init__(self, path: Path, vault: Vault | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds. Raises Unusable."""
        self._vault, self._clock = vault or Vault(), clock
        self._opened: dict[tuple[TerminalId, str], _Loaded] = {}
        self._file = WatchedFile(path, self._take, secret=True, what="PIN key file")
        self.refresh = self._file.refresh

    def open(self, terminal: TerminalId, block: bytes, card: str) -> str:
        """The PIN that a terminal sent for a card; empty where the block holds none. Raises MalformedMessage where the
        terminal has no PIN key, or a block has not the size of one.
        """
        now = self._clock()
        keys = [each.pin_key for each in self._file.content.get(terminal, ()) if each.held.is_live(now)]
        if not keys:
            raise MalformedMessage("this terminal has no PIN key")
        if len(block) not in (FORMAT_0_BYTES, FORMAT_4_BYTES):
            raise MalformedMessage("a PIN block has 8 or 16 bytes")
        pan = "".join([sign for sign in card if sign in "0123456789"])[-19:] or "0"
        return next(filter(None, (key.open(block, pan) for key in keys)), _UNREADABLE)

    def _take(self, lines: list[tuple[str, list[str]]]) -> Mapping[TerminalId, tuple[_Loaded, ...]]:
        """Opens what is new in the file: a token may take its time for each key."""
        opened: dict[tuple[TerminalId, str], _Loaded] = {}
        keys: dict[TerminalId, tuple[_Loaded, ...]] = {}
        for where, (name, *words) in lines:
            terminal = TerminalId(name)
            if terminal in keys:
                raise Unusable(f"{where} repeats a terminal")
            if not 1 <= len(words) <= _LIVE_KEYS:
                raise Unusable(f"{where} is not: terminal key [key before]")
            for word in words:
                opened[terminal, word] = self._opened.get((terminal, word)) or self._open(word, terminal, where)
            keys[terminal] = tuple([opened[terminal, word] for word in words])
        self._opened = opened
        return keys

    def _open(self, word: str, terminal: TerminalId, where: str) -> _Loaded:
        held = self._vault.open(word, Purpose.PIN, terminal, where)
        try:
            return _Loaded(held=held, pin_key=PinKey(held.key))
        except ValueError as error:
            raise Unusable(f"{where} has a key that is of no use: {error}") from None
