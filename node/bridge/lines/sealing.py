"""How line items are sealed, and how the keys that open them are handed to their readers; pure but for randomness.

A content key (AES-256) seals the baskets of one merchant on one day with AES-256-GCM; its copies are sealed to the
readers' X25519 keys with HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM, base mode). Both bind what they are about.

    basket as stored:  0x02 | number of the content key 8 | nonce 12 | ciphertext and tag
    copy of a key:     encapsulated key 32 | ciphertext and tag
"""

import struct
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from node.bridge.lines.errors import LinesAltered, NotForThisKey
from node.domain.ids import Hash32, MerchantId, Sequence, StreamId

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
VERSION: Final = b"\x02"
PADDED_TO: Final = 64
"""Baskets are filled up with zeros to a multiple of so many bytes: their length tells little."""
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_HEAD: Final = struct.Struct(">Q")
_BASKET: Final = struct.Struct(">IQIQ32s")
_COPY: Final = struct.Struct(">IIiQ")
_BASKET_CONTEXT: Final = b"Tillnet line items 1\x00"
_COPY_CONTEXT: Final = b"Tillnet content key 1\x00"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyName:
    """What a content key is for; `day` counts UTC days since 1970, `number` is its own among all of a journal."""

    stream: StreamId
    merchant: MerchantId
    day: int
    number: int

    def context(self) -> bytes:
        """What its copies are bound to."""
        return _COPY_CONTEXT + _COPY.pack(self.stream, self.merchant, self.day, self.number)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentKey:
    """A content key with its secret, 32 bytes, never printed."""

    name: KeyName
    secret: bytes = field(repr=False)
    cipher: AESGCM = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cipher", AESGCM(self.secret))

    def seal(self, packed: bytes, sequence: Sequence, root: Hash32, nonce: bytes) -> bytes:
        """A payment's basket as it is stored. The nonce has 12 bytes, random for each payment."""
        filled = packed + bytes(-len(packed) % PADDED_TO)
        bound = _bound(self.name, sequence, root)
        return VERSION + _HEAD.pack(self.name.number) + nonce + self.cipher.encrypt(nonce, filled, bound)

    def open(self, sealed: bytes, sequence: Sequence, root: Hash32) -> bytes:
        """The basket that was sealed. Raises LinesAltered for one that another key sealed, or for other bytes."""
        start = len(VERSION) + _HEAD.size
        nonce, text = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
        if key_number(sealed) != self.name.number or len(nonce) != NONCE_BYTES:
            raise LinesAltered()
        try:
            return self.cipher.decrypt(nonce, text, _bound(self.name, sequence, root)).rstrip(b"\0")
        except InvalidTag:
            raise LinesAltered() from None

    def copy_for(self, reader: bytes) -> bytes:
        """A copy of the key for the holder of an X25519 key, its public half. Raises ValueError for no key."""
        public = X25519PublicKey.from_public_bytes(reader)
        return _SUITE.encrypt(self.secret, public, info=self.name.context())


def key_number(sealed: bytes) -> int:
    """The number of the content key that opens a stored basket. Raises LinesAltered where it is none."""
    if sealed[: len(VERSION)] != VERSION or len(sealed) < len(VERSION) + _HEAD.size:
        raise LinesAltered("they are in no form that is known")
    return int(_HEAD.unpack_from(sealed, len(VERSION))[0])


def key_from_copy(name: KeyName, copy: bytes, holder: X25519PrivateKey) -> ContentKey:
    """The content key in a copy that was made for the holder. Raises NotForThisKey."""
    try:
        secret = _SUITE.decrypt(copy, holder, info=name.context())
    except (InvalidTag, ValueError):
        raise NotForThisKey(f"the copy of content key {name.number} is for another one, or was altered") from None
    if len(secret) != KEY_BYTES:
        raise NotForThisKey(f"what is in the copy of content key {name.number} is no key")
    return ContentKey(name=name, secret=secret)


def seal_for(reader: bytes, message: bytes, about: bytes) -> bytes:
    """A message for the holder of an X25519 key; it opens only together with what it is about."""
    return _SUITE.encrypt(message, X25519PublicKey.from_public_bytes(reader), info=about)


def open_for(holder: X25519PrivateKey, sealed: bytes, about: bytes) -> bytes:
    """What `seal_for` sealed. Raises NotForThisKey."""
    try:
        return _SUITE.decrypt(sealed, holder, info=about)
    except (InvalidTag, ValueError):
        raise NotForThisKey("it is for another key, or was altered") from None


def _bound(name: KeyName, sequence: Sequence, root: Hash32) -> bytes:
    return _BASKET_CONTEXT + _BASKET.pack(name.stream, sequence, name.merchant, name.number, root)
