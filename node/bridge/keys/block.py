"""Keys on their way: TR-31 key blocks (ANSI X9.143) under a terminal's key-encrypting key.

Version B under a TDES key, D under an AES key. What a block says of its key (use, cipher) is part of what it protects.
"""

import warnings
from collections.abc import Mapping
from typing import Final

from cryptography.utils import CryptographyDeprecationWarning

from node.bridge.keys.key import Algorithm, Key, Purpose

with warnings.catch_warnings():
    # version B is triple DES by definition
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from psec import tr31

MAX_CHARACTERS: Final = 1_024
_VERSIONS: Final = {Algorithm.TDES: "B", Algorithm.AES: "D"}
_LETTERS: Final = {Algorithm.TDES: "T", Algorithm.AES: "A"}
_OUT: Final[Mapping[tuple[Purpose, Algorithm], tuple[str, str]]] = {
    # key usage and mode of use: M3 is ISO/IEC 9797-1 MAC algorithm 3 (X9.19), M6 algorithm 5 (CMAC); C is to generate
    # and to verify. A terminal encrypts PINs and no more.
    (Purpose.MAC, Algorithm.TDES): ("M3", "C"),
    (Purpose.MAC, Algorithm.AES): ("M6", "C"),
    (Purpose.PIN, Algorithm.TDES): ("P0", "E"),
    (Purpose.PIN, Algorithm.AES): ("P0", "E"),
}
_IN: Final[Mapping[str, tuple[Purpose, Algorithm | None]]] = {
    "M3": (Purpose.MAC, Algorithm.TDES),
    "M6": (Purpose.MAC, Algorithm.AES),
    "P0": (Purpose.PIN, None),
    "K0": (Purpose.KEK, None),
    "K1": (Purpose.KEK, None),
}


def write_block(over: Key, key: Key) -> str:
    """The key under the key-encrypting key `over`. Raises ValueError for an AES key under a TDES one, and for a kind
    that is not sent out.
    """
    if (key.purpose, key.algorithm) not in _OUT:
        raise ValueError("a key-encrypting key is not sent out")
    if key.algorithm is Algorithm.AES and over.algorithm is Algorithm.TDES:
        raise ValueError("an AES key needs an AES key-encrypting key: TDES is weaker")
    usage, mode = _OUT[key.purpose, key.algorithm]
    header = tr31.Header(_VERSIONS[over.algorithm], usage, _LETTERS[key.algorithm], mode, "00", "N")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return str(tr31.wrap(over.value, header, key.value))


def read_block(over: Key, block: str) -> Key:
    """The key in a block. Raises ValueError, which quotes nothing of it, when it is not whole or of no use here."""
    if len(block) > MAX_CHARACTERS or block[:1] != _VERSIONS[over.algorithm]:
        raise ValueError(f"it is no key block of version {_VERSIONS[over.algorithm]}, as the key-encrypting key is")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            header, value = tr31.unwrap(over.value, block)
        except (tr31.KeyBlockError, tr31.HeaderError, ValueError):
            raise ValueError("the key block is not whole, or under another key-encrypting key") from None
    purpose, wanted = _IN.get(header.key_usage, (None, None))
    algorithm = next((each for each, letter in _LETTERS.items() if letter == header.algorithm), None)
    if purpose is None or algorithm is None or (wanted is not None and wanted is not algorithm):
        raise ValueError(f"a key of usage {header.key_usage} and algorithm {header.algorithm} is of no use here")
    return Key(purpose=purpose, algorithm=algorithm, value=bytes(value))
