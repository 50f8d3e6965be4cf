"""A terminal's key: what it is for, of which cipher, and the check value by which people compare it.

Everything else of this package is about keeping one, or handing one over.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.utils import CryptographyDeprecationWarning

from node.iso8583.aes_cmac import AesCmac
from node.iso8583.mac import MacAlgorithm, MacKey
from node.iso8583.retail_mac import RetailMac

with warnings.catch_warnings():
    # TDES is what most terminals in the field have; AES is for new ones
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from psec import des

CHECK_BYTES: Final = 3
_DES_BYTES: Final = 8
_DRAWN_BYTES: Final = 16


class Purpose(Enum):
    """What a key is for. It is good for nothing else."""

    MAC = "mac"
    PIN = "pin"
    KEK = "kek"
    """Encrypts other keys on their way to the terminal."""


class Algorithm(Enum):
    """The cipher that a key is of. A TDES key for MACs is X9.19's, an AES one AES-CMAC's."""

    TDES = "tdes"
    AES = "aes"

    @classmethod
    def of_mac(cls, algorithm: MacAlgorithm) -> "Algorithm":
        """That of the keys for a MAC algorithm."""
        return cls.TDES if algorithm is MacAlgorithm.X9_19 else cls.AES


_TDES_BYTES: Final = (16, 24)
_AES_BYTES: Final = (16, 24, 32)
SIZES: Final[Mapping[tuple[Purpose, Algorithm], tuple[int, ...]]] = {
    # X9.19 has double-length keys only
    (Purpose.MAC, Algorithm.TDES): (16,),
    (Purpose.MAC, Algorithm.AES): _AES_BYTES,
    (Purpose.PIN, Algorithm.TDES): _TDES_BYTES,
    (Purpose.PIN, Algorithm.AES): _AES_BYTES,
    (Purpose.KEK, Algorithm.TDES): _TDES_BYTES,
    (Purpose.KEK, Algorithm.AES): _AES_BYTES,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key in clear; its value is never printed. Raises ValueError when it has not a size of its kind."""

    purpose: Purpose
    algorithm: Algorithm
    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        sizes = SIZES[self.purpose, self.algorithm]
        if len(self.value) not in sizes:
            digits = " or ".join([str(2 * size) for size in sizes])
            raise ValueError(f"a {self.algorithm.value} key for {self.purpose.value} has {digits} hexadecimal digits")

    @property
    def check_value(self) -> str:
        """Six hexadecimal digits. TDES: of a block of zeros under the key (ANSI X9.24-1). AES: of the CMAC of a block
        of zeros (X9.24-1:2017), since the block itself is a secret of CMAC's.
        """
        if self.algorithm is Algorithm.AES:
            return AesCmac(self.value).tag(bytes(16))[:CHECK_BYTES].hex().upper()
        sealer = Cipher(TripleDES(triple(self.value)), modes.ECB()).encryptor()
        return sealer.update(bytes(_DES_BYTES))[:CHECK_BYTES].hex().upper()

    @property
    def is_weak(self) -> bool:
        """Whether a TDES key is no better than DES (two neighbours among its parts are the same), or AES all zeros."""
        if self.algorithm is Algorithm.AES:
            return not any(self.value)
        parts = [_without_parity(self.value[at : at + _DES_BYTES]) for at in range(0, len(self.value), _DES_BYTES)]
        return any(one == next_ for one, next_ in pairwise(parts))

    def for_mac(self) -> MacKey:
        """The key as MACs are made with it."""
        return AesCmac(self.value) if self.algorithm is Algorithm.AES else RetailMac(self.value)


def draw_key(purpose: Purpose, algorithm: Algorithm, randomness: Callable[[int], bytes]) -> Key:
    """A new key of 16 bytes: AES, or double-length DES with odd parity."""
    value = randomness(_DRAWN_BYTES)
    if algorithm is Algorithm.TDES:
        value = bytes(des.adjust_key_parity(value))
    return Key(purpose=purpose, algorithm=algorithm, value=value)


def triple(value: bytes) -> bytes:
    """A TDES key with all three parts: of two, the first is the third as well."""
    return (value + value[:_DES_BYTES])[: 3 * _DES_BYTES]


def master_check_value(value: bytes) -> str:
    """Of an AES key that wraps others: the first bytes of zeros under it, as PKCS#11 says of CKA_CHECK_VALUE."""
    return Cipher(AES(value), modes.ECB()).encryptor().update(bytes(16))[:CHECK_BYTES].hex().upper()


def _without_parity(part: bytes) -> bytes:
    return bytes(byte & 0xFE for byte in part)
