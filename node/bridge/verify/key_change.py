"""New MAC keys for terminals: drawn here, and sent under each terminal's own key-encrypting key as a TR-31 key block.

Part of verify, beside mac_keys.py. The file has a line `terminal key` for each, 32 or 48 hexadecimal digits.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.utils import CryptographyDeprecationWarning

from node.bridge.verify.mac_keys import read_key_file
from node.domain.errors import InvalidTransaction, Unusable
from node.domain.ids import TerminalId
from node.iso8583.retail_mac import KEY_SIZE

with warnings.catch_warnings():
    # TR-31 version B is triple DES by definition, as the keys that it carries
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from psec import des, tr31

_SIZES: Final = (16, 24)
_USAGE: Final = "M3"
"""A key of ISO/IEC 9797-1 MAC algorithm 3, that is X9.19."""
_CHECK_VALUE: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class WrappedKey:
    """A key as it goes to the terminal: its key block, and the first three bytes of zeros under it, as hexadecimal."""

    block: str
    check_value: str


@dataclass(frozen=True, slots=True)
class KeyEncryptingKeys:
    """The terminals' key-encrypting keys; never printed."""

    keys: dict[TerminalId, bytes] = field(repr=False)

    @classmethod
    def of(cls, path: Path) -> "KeyEncryptingKeys":
        """Those of a file of mode 0600. Raises Unusable."""
        keys: dict[TerminalId, bytes] = {}
        for terminal, (number, words) in read_key_file(path).lines.items():
            try:
                keys[terminal] = bytes.fromhex("".join(words)) if len(words) == 1 else b""
            except ValueError:
                keys[terminal] = b""
            if len(keys[terminal]) not in _SIZES:
                raise Unusable(
                    f"line {number} of the key file {path} is not: terminal, key of 32 or 48 hexadecimal digits"
                )
        return cls(keys)

    def wrap(self, terminal: TerminalId, key: bytes) -> WrappedKey:
        """The key for this terminal. Raises InvalidTransaction when it has no key-encrypting key."""
        over = self.keys.get(terminal)
        if over is None:
            raise InvalidTransaction("this terminal's keys are not changed by messages")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            block = tr31.wrap(over, tr31.Header("B", _USAGE, "T", "C", "00", "N"), key)
            return WrappedKey(block=block, check_value=des.generate_kcv(key, _CHECK_VALUE).hex().upper())


def draw_key(randomness: Callable[[int], bytes]) -> bytes:
    """A new double-length DES key with odd parity."""
    return bytes(des.adjust_key_parity(randomness(KEY_SIZE)))
