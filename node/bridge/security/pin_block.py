"""From an encrypted PIN block to the PIN: ISO 9564-1 format 0 (ANSI X9.8) under TDES, format 4 under AES.

Part of the gate. The terminals' keys are lines `terminal key [key before]`: 32 or 48 hexadecimal digits of a TDES key,
or `aes:` and 32, 48 or 64 of an AES key. What a PIN block says is in no error and no log.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.utils import CryptographyDeprecationWarning

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
_TDES_SIZES: Final = (16, 24)
_AES_SIZES: Final = (16, 24, 32)
_AES: Final = "aes:"
_LIVE_KEYS: Final = 2
_UNREADABLE: Final = ""


class PinKey:
    """One key of a terminal; never printed."""

    __slots__ = ("_aes", "_key")

    def __init__(self, text: str) -> None:
        """Raises ValueError for what is no key, and for a TDES key that is a DES key twice."""
        self._aes = text.startswith(_AES)
        self._key = bytes.fromhex(text.removeprefix(_AES))
        if len(self._key) not in (_AES_SIZES if self._aes else _TDES_SIZES):
            raise ValueError("a PIN key has 16 or 24 bytes, an AES key 16, 24 or 32")
        if not self._aes and len({_without_parity(self._key[at : at + 8]) for at in range(0, len(self._key), 8)}) < 2:
            raise ValueError("both halves are the same: that is DES")

    def __repr__(self) -> str:
        return "PinKey(...)"

    def open(self, block: bytes, pan: str) -> str:
        """The PIN in the block, empty where it holds none under this key and for this number."""
        if len(block) != (FORMAT_4_BYTES if self._aes else FORMAT_0_BYTES):
            return _UNREADABLE
        try:
            if self._aes:
                return str(pinblock.decipher_pinblock_iso_4(self._key, block, pan))
            opener = Cipher(TripleDES(self._key), modes.ECB()).decryptor()
            return str(pinblock.decode_pinblock_iso_0(opener.update(block), pan.zfill(_PAN_DIGITS)))
        except ValueError:
            # psec says in it what the block holds
            return _UNREADABLE


class PinKeys:
    """The terminals' keys of one file, of mode 0600, read again when it changes."""

    def __init__(self, path: Path) -> None:
        """Raises Unusable."""
        self._file = WatchedFile(path, _keys, secret=True, what="PIN key file")
        self.refresh = self._file.refresh

    def open(self, terminal: TerminalId, block: bytes, card: str) -> str:
        """The PIN that a terminal sent for a card; empty where the block holds none. Raises MalformedMessage where the
        terminal has no PIN key, or a block has not the size of one.
        """
        keys = self._file.content.get(terminal, ())
        if not keys:
            raise MalformedMessage("this terminal has no PIN key")
        if len(block) not in (FORMAT_0_BYTES, FORMAT_4_BYTES):
            raise MalformedMessage("a PIN block has 8 or 16 bytes")
        pan = "".join([sign for sign in card if sign in "0123456789"])[-19:] or "0"
        return next(filter(None, (key.open(block, pan) for key in keys)), _UNREADABLE)


def _keys(lines: list[tuple[str, list[str]]]) -> Mapping[TerminalId, tuple[PinKey, ...]]:
    keys: dict[TerminalId, tuple[PinKey, ...]] = {}
    for where, (name, *words) in lines:
        if name in keys:
            raise Unusable(f"{where} repeats a terminal")
        if not 1 <= len(words) <= _LIVE_KEYS:
            raise Unusable(f"{where} is not: terminal key [key before]")
        try:
            keys[TerminalId(name)] = tuple(PinKey(word) for word in words)
        except ValueError:
            raise Unusable(
                f"{where} has a key that is neither a TDES key (32 or 48 hexadecimal digits, its halves not the same)"
                " nor aes: and an AES key (32, 48 or 64)"
            ) from None
    return keys


def _without_parity(key: bytes) -> bytes:
    return bytes(byte & 0xFE for byte in key)
