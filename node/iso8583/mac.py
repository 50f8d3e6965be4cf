"""What the MAC of a message is made with: a key that knows its algorithm.

retail_mac.py and aes_cmac.py have the two; wire.py puts their MACs into messages.
"""

from enum import Enum
from typing import ClassVar, Protocol


class MacAlgorithm(Enum):
    """How a MAC is computed; a key is for one of them."""

    X9_19 = "x9.19"
    AES_CMAC = "aes-cmac"


class MacKey(Protocol):
    """A key for MACs of 8 bytes. Never printed."""

    algorithm: ClassVar[MacAlgorithm]

    def compute(self, data: bytes) -> bytes:
        """The 8 bytes of MAC over the data."""
        ...

    def verify(self, data: bytes, mac: bytes) -> bool:
        """Whether this is the MAC over the data, in constant time."""
        ...
