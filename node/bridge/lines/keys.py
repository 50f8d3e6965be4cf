"""Files of readers' keys (X25519): the secret half in a file of mode 0600, the public one beside it, to hand out.

FILE holds one line, `secret` and 64 hexadecimal digits; FILE.pub one line, `public` and 64 hexadecimal digits.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.bridge.lines.sealing import KEY_BYTES
from node.bridge.security.people_master import write_once
from node.domain.errors import Unusable

log = structlog.get_logger("bridge")
SECRET: Final = "secret"
PUBLIC: Final = "public"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MOST: Final = 1_024


def make_key(path: Path, randomness: Callable[[int], bytes] = os.urandom) -> bytes:
    """Makes a key in a file that is not there yet, and FILE.pub; its public half. Raises Unusable."""
    holder = X25519PrivateKey.from_private_bytes(randomness(KEY_BYTES))
    public = holder.public_key().public_bytes_raw()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{SECRET} {holder.private_bytes_raw().hex()}\n")
        public_file(path).write_text(f"{PUBLIC} {public.hex()}\n")
    except OSError as error:
        raise Unusable(f"the key file {path} cannot be made: {error.strerror}") from None
    return public


def custodian(path: Path) -> bytes:
    """The operator's public key, from a file of either half, made there if it is missing. Raises Unusable."""
    if not path.exists():
        holder = X25519PrivateKey.generate()
        write_once(path, f"{SECRET} {holder.private_bytes_raw().hex()}\n")
        public_file(path).write_text(f"{PUBLIC} {load_public(path).hex()}\n")
        log.info("key of line items made; keep a copy of it elsewhere", file=str(path))
    return load_public(path)


def public_file(path: Path) -> Path:
    """Where the public half of the key in a file is."""
    return path.with_name(path.name + ".pub")


def load_holder(path: Path) -> X25519PrivateKey:
    """The key in a file of mode 0600. Raises Unusable."""
    kind, key = _read(path)
    if kind != SECRET:
        raise Unusable(f"{path} holds a public key; what was sealed for it opens with the secret one")
    return X25519PrivateKey.from_private_bytes(key)


def load_public(path: Path) -> bytes:
    """The public half, from a file of either half. Raises Unusable."""
    kind, key = _read(path)
    if kind == PUBLIC:
        return key
    return X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()


def _read(path: Path) -> tuple[str, bytes]:
    try:
        with path.open(encoding="ascii") as file:
            words = file.read(_MOST).split()
            mode = os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        raise Unusable(f"there is no key file {path}; till lines key makes one") from None
    except (OSError, UnicodeDecodeError):
        raise Unusable(f"the key file {path} cannot be read") from None
    if len(words) != 2 or words[0] not in (SECRET, PUBLIC):
        raise Unusable(f"{path} is no key file: one line, secret or public, and 64 hexadecimal digits")
    if words[0] == SECRET and mode & _OTHERS:
        raise Unusable(f"the key file {path} is open to others; chmod 600 {path}")
    try:
        key = bytes.fromhex(words[1])
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        # never the key itself
        raise Unusable(f"the key in {path} is not 64 hexadecimal digits")
    return words[0], key
