"""AES-CMAC (NIST SP 800-38B, RFC 4493; ISO/IEC 9797-1:2011 MAC algorithm 5), with the key's schedule kept.

Shortened to the 8 bytes that DE64 has room for.
"""

import hmac
from typing import ClassVar, Final

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from node.iso8583.mac import MacAlgorithm
from node.iso8583.retail_mac import BLOCK

KEY_SIZES: Final = (16, 24, 32)


class AesCmac:
    """MACs under one AES key of 16, 24 or 32 bytes. Never printed."""

    __slots__ = ("_fresh",)
    algorithm: ClassVar[MacAlgorithm] = MacAlgorithm.AES_CMAC

    def __init__(self, key: bytes) -> None:
        """Raises ValueError when the key has another size."""
        if len(key) not in KEY_SIZES:
            raise ValueError("an AES-CMAC key has 16, 24 or 32 bytes")
        self._fresh = CMAC(AES(key))

    def __repr__(self) -> str:
        return "AesCmac(...)"

    def tag(self, data: bytes) -> bytes:
        """The whole tag, 16 bytes."""
        state = self._fresh.copy()
        state.update(data)
        return state.finalize()

    def compute(self, data: bytes) -> bytes:
        """The first 8 bytes of the tag (SP 800-38B, 6.2: the most significant bits)."""
        return self.tag(data)[:BLOCK]

    def verify(self, data: bytes, mac: bytes) -> bool:
        """Whether this is the MAC over the data, in constant time."""
        return hmac.compare_digest(self.compute(data), mac)
