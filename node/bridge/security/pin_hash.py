"""How a PIN is kept: scrypt (RFC 7914) with a salt of its own, over an HMAC under the cards' key.

Ten thousand PINs are tried in minutes, however slow the hash; without the cards' key, which is not in the journal, none
can be tried at all.
"""

import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Final

from node.bridge.journal.pins import StoredPin
from node.domain.errors import BrokenInvariant

PIN_DIGITS: Final = range(4, 13)
"""ISO 9564-1."""
COST: Final = "scrypt-14-8-1"
"""log2 of N, r and p: 16 MiB, 40 to 80 ms."""
_SALT: Final = 16
_MEMORY: Final = 64 * 2**20
_PEPPER: Final = b"Tillnet PIN 1"


def is_pin(text: str) -> bool:
    """Whether it is 4 to 12 digits."""
    return text.isascii() and text.isdecimal() and len(text) in PIN_DIGITS


def pepper_of(card_key: bytes) -> bytes:
    """What PINs are mixed with, from the cards' key."""
    return hmac.digest(card_key, _PEPPER, "sha256")


def keep(pepper: bytes, token: bytes, pin: str, randomness: Callable[[int], bytes] = os.urandom) -> StoredPin:
    """What to keep of a card's PIN. Raises ValueError for what is no PIN. Slow."""
    if not is_pin(pin):
        raise ValueError("a PIN has 4 to 12 digits")
    salt = randomness(_SALT)
    return StoredPin(salt=salt, hash=_hash(pepper, token, pin, salt, COST), cost=COST)


def is_right(pepper: bytes, token: bytes, pin: str, stored: StoredPin) -> bool:
    """Whether it is this card's PIN; what is no PIN takes as long. Slow."""
    return hmac.compare_digest(_hash(pepper, token, pin, stored.salt, stored.cost), stored.hash)


def _hash(pepper: bytes, token: bytes, pin: str, salt: bytes, cost: str) -> bytes:
    name, *numbers = cost.split("-")
    if name != "scrypt" or len(numbers) != 3:
        raise BrokenInvariant(f"a PIN is kept in a way that this version does not know: {cost}")
    log_n, r, p = map(int, numbers)
    mixed = hmac.digest(pepper, token + pin.encode(), "sha256")
    return hashlib.scrypt(mixed, salt=salt, n=1 << log_n, r=r, p=p, maxmem=_MEMORY, dklen=32)
