"""ANSI X9.19 retail MAC (ISO/IEC 9797-1 MAC algorithm 3, padding method 1), with the key's schedules kept.

psec computes the same, and builds two ciphers for each message; tests compare the two.
"""

import hmac
import warnings
from typing import ClassVar, Final

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.utils import CryptographyDeprecationWarning

from node.iso8583.mac import MacAlgorithm

with warnings.catch_warnings():
    # X9.19 is DES by definition; AES-CMAC is for new terminals.
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

BLOCK: Final = 8
KEY_SIZE: Final = 16
_ZERO: Final = bytes(BLOCK)


class RetailMac:
    """MACs under one double-length key (16 bytes); parity bits are ignored. Never printed."""

    __slots__ = ("_chain", "_open_right", "_seal_left")
    algorithm: ClassVar[MacAlgorithm] = MacAlgorithm.X9_19

    def __init__(self, key: bytes) -> None:
        """Raises ValueError when the key has not 16 bytes."""
        if len(key) != KEY_SIZE:
            raise ValueError("a retail MAC key has 16 bytes")
        left, right = key[:BLOCK], key[BLOCK:]
        # TripleDES of one single-length key is DES.
        self._chain = Cipher(TripleDES(left * 3), modes.CBC(_ZERO))
        # ECB has no state from block to block, so these two serve every message.
        self._seal_left = Cipher(TripleDES(left * 3), modes.ECB()).encryptor()
        self._open_right = Cipher(TripleDES(right * 3), modes.ECB()).decryptor()

    def __repr__(self) -> str:
        return "RetailMac(...)"

    def compute(self, data: bytes) -> bytes:
        """The 8 bytes of MAC over the data, padded with zero bytes to full blocks (an empty text to one block)."""
        padding = -len(data) % BLOCK if data else BLOCK
        last = self._chain.encryptor().update(data + bytes(padding))[-BLOCK:]
        return self._seal_left.update(self._open_right.update(last))

    def verify(self, data: bytes, mac: bytes) -> bool:
        """Whether this is the MAC over the data, in constant time."""
        return hmac.compare_digest(self.compute(data), mac)
