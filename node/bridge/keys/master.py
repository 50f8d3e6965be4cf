"""Who holds the master key: a file (file_master.py) or a token that never gives it away (token_master.py).

vault.py wraps the terminals' keys with it. Several master keys may be there at once while keys are wrapped anew.
"""

from typing import Protocol

from node.domain.errors import Unusable


class MasterKeyMissing(Unusable):
    """There is no such master key."""


class WrappedKeyAltered(Unusable):
    """A wrapped key was altered, or is not this terminal's."""


class TokenUnusable(Unusable):
    """The token cannot be used."""


class MasterKeys(Protocol):
    """The master keys, each known by its check value (6 hexadecimal digits). AES Key Wrap (RFC 3394) under 256 bits.

    Blocks; for threads of its own beside an event loop, and safe to call from several.
    """

    def check_values(self) -> list[str]:
        """Those that are there, the one that wraps first. Raises TokenUnusable."""
        ...

    def wrap(self, plain: bytes) -> tuple[str, bytes]:
        """The bytes (32, 40 or 48) wrapped under the newest key, and its check value. Raises MasterKeyMissing,
        TokenUnusable.
        """
        ...

    def unwrap(self, check_value: str, wrapped: bytes) -> bytes:
        """What was wrapped. Raises MasterKeyMissing, WrappedKeyAltered, TokenUnusable."""
        ...

    def draw(self) -> str:
        """Makes a new key, which wraps from now on; its check value. Raises Unusable."""
        ...

    def retire(self, check_value: str) -> None:
        """Destroys a key. Raises MasterKeyMissing, and Unusable for the one that wraps."""
        ...

    def close(self) -> None:
        """Lets go of what is open."""
        ...
