"""A member's QR code: whose it is, until when it is good, and a nonce, signed by the operator's member app.

    TQ1 | base64url of: key number 1, member 8, expiry 4 (Unix seconds), nonce 8, Ed25519 signature 64

All big-endian, without padding: 117 characters. The signature (RFC 8032) covers "Tillnet QR 1\\0" and what stands
before it. The bridge holds public keys only: who steals them makes no code. Made by `till bridge qr`, read by the gate.
"""

import base64
import binascii
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.bridge.security.watched import WatchedFile
from node.domain.errors import Unusable
from node.domain.ids import MemberId

PREFIX: Final = "TQ1"
_CONTEXT: Final = b"Tillnet QR 1\x00"
_HEAD: Final = struct.Struct(">BQI8s")
_SIGNATURE: Final = 64
_NONCE: Final = 8
_KEY: Final = 32
LENGTH: Final = len(PREFIX) + -(-(_HEAD.size + _SIGNATURE) * 4 // 3)
"""Characters of a code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """A code that was signed by a known key; `id` is its key's number and its nonce, `expiry` Unix seconds."""

    member: MemberId
    expiry: int
    id: bytes


def make(key: Ed25519PrivateKey, number: int, member: MemberId, expiry: int, nonce: bytes | None = None) -> str:
    """A code. `number` is the key's, 0 to 255. Raises struct.error for what does not fit."""
    head = _HEAD.pack(number, member, expiry, os.urandom(_NONCE) if nonce is None else nonce)
    return PREFIX + base64.urlsafe_b64encode(head + key.sign(_CONTEXT + head)).decode().rstrip("=")


def is_code(text: str) -> bool:
    """Whether it looks like a code: a loyalty id is never as long."""
    return len(text) == LENGTH and text.startswith(PREFIX)


class Codes:
    """Reads codes by the public keys of a file, lines `number key`, read again when it changes."""

    def __init__(self, path: Path) -> None:
        """Raises Unusable."""
        self._file = WatchedFile(path, _keys, secret=False, what="file of QR keys")
        self.refresh = self._file.refresh

    def read(self, text: str) -> Code | None:
        """The code if a known key signed it. Good or expired is for the gate to say."""
        try:
            raw = base64.b64decode(text.removeprefix(PREFIX) + "=" * (-(LENGTH - len(PREFIX)) % 4), b"-_", True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != _HEAD.size + _SIGNATURE or _text(raw) != text:
            return None
        number, member, expiry, nonce = _HEAD.unpack_from(raw)
        key = self._file.content.get(number)
        if key is None or not member:
            return None
        try:
            key.verify(raw[_HEAD.size :], _CONTEXT + raw[: _HEAD.size])
        except InvalidSignature:
            return None
        return Code(member=MemberId(member), expiry=expiry, id=bytes([number]) + nonce)


def new_key(path: Path, randomness: Callable[[int], bytes] = os.urandom) -> str:
    """Makes a signing key in a file of mode 0600; its public key as hexadecimal digits. Raises Unusable."""
    seed = randomness(_KEY)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Unusable(f"the key file {path} cannot be made: {error.strerror}") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(seed.hex() + "\n")
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """The signing key in a file of mode 0600. Raises Unusable."""

    def parse(lines: list[tuple[str, list[str]]]) -> Ed25519PrivateKey:
        try:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex("".join(lines[0][1]) if len(lines) == 1 else ""))
        except ValueError:
            raise Unusable(f"the signing key {path} is not one line of 64 hexadecimal digits") from None

    return WatchedFile(path, parse, secret=True, what="signing key").content


def _keys(lines: list[tuple[str, list[str]]]) -> Mapping[int, Ed25519PublicKey]:
    keys: dict[int, Ed25519PublicKey] = {}
    for where, words in lines:
        try:
            number, text = words
            if not (number.isdecimal() and int(number) < 256) or int(number) in keys:
                raise ValueError
            keys[int(number)] = Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
        except ValueError:
            raise Unusable(f"{where} is not: a number below 256 of its own, 64 hexadecimal digits") from None
    return keys


def _text(raw: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")
