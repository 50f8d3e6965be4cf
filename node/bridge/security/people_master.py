"""The people's master key: wraps the key in the journal that personal data hang on: the journal alone opens nothing.

`PeopleMaster` is all that is asked of one; a file is one. Used by node/bridge/people.py. It is not the master key that
terminals' keys are wrapped under (node/bridge/keys/master.py).
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.domain.errors import Unusable

KEY_BYTES: Final = 32
_NONCE: Final = 12
_MOST: Final = 1_024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class PeopleMaster(Protocol):
    """Wraps keys; nobody sees it. What is wrapped opens only together with what it is `about`."""

    def wrap(self, key: bytes, about: bytes) -> bytes:
        """The key, wrapped. Raises Unusable."""
        ...

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        """What `wrap` wrapped. Raises Unusable when it was not this key that did, or it was altered."""
        ...


class FilePeopleMaster:
    """The people's master key in a file of mode 0600: a line of 64 hexadecimal digits, AES-256-GCM.

    While it is changed (`renew`) the key before stands in a second line. The file is read each time: that is seldom.
    """

    def __init__(self, path: Path, randomness: Callable[[int], bytes] = os.urandom) -> None:
        self._path, self._randomness = path, randomness

    @classmethod
    def at(cls, path: Path) -> "FilePeopleMaster":
        """The key in a file, made there if it is missing. Raises Unusable."""
        if not path.exists():
            write_once(path, os.urandom(KEY_BYTES).hex() + "\n")
        made = cls(path)
        made._keys()
        return made

    def wrap(self, key: bytes, about: bytes) -> bytes:
        """The key, wrapped. Raises Unusable."""
        return _One(self._keys()[0], self._randomness).wrap(key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        """What `wrap` wrapped. Raises Unusable when it was not this key that did, or it was altered."""
        for key in self._keys():
            with contextlib.suppress(Unusable):
                return _One(key, self._randomness).unwrap(wrapped, about)
        raise Unusable(f"the people's master key in {self._path} is not the journal's")

    def renew(self) -> None:
        """A new key in front of the one that there is; `forget` ends the change. Raises Unusable.

        A change that was begun and not ended goes on: nothing may be under the newer of its keys yet, but all under it.
        """
        keys = self._keys()
        if len(keys) == 1:
            self._write([self._randomness(KEY_BYTES), *keys])

    def newest(self) -> "PeopleMaster":
        """The newest key alone. Raises Unusable."""
        return _One(self._keys()[0], self._randomness)

    def forget(self) -> None:
        """The newest key alone stays; the others are overwritten. Raises Unusable."""
        self._write(self._keys()[:1])

    def _keys(self) -> list[bytes]:
        try:
            with self._path.open(encoding="ascii") as file:
                if os.fstat(file.fileno()).st_mode & _OTHERS:
                    raise Unusable(f"the people's master key {self._path} is open to others; chmod 600 {self._path}")
                keys = [bytes.fromhex(line) for line in file.read(_MOST).split()]
        except FileNotFoundError:
            raise Unusable(
                f"there is no people's master key {self._path}; without it personal data cannot be opened"
            ) from None
        except (OSError, ValueError):
            # never the key itself
            raise Unusable(f"the people's master key {self._path} cannot be read") from None
        if not 1 <= len(keys) <= 2 or any(len(key) != KEY_BYTES for key in keys):
            raise Unusable(f"the people's master key {self._path} is not a line of 64 hexadecimal digits")
        return keys

    def _write(self, keys: list[bytes]) -> None:
        """The file anew, so that a crash leaves the one or the other; what it held before is overwritten."""
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write("".join(key.hex() + "\n" for key in keys))
                file.flush()
                os.fsync(file.fileno())
            old = os.open(self._path, os.O_WRONLY) if self._path.exists() else None
            fresh.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
            if old is not None:
                os.pwrite(old, bytes(os.fstat(old).st_size), 0)
                os.fsync(old)
                os.close(old)
        except OSError as error:
            raise Unusable(f"the people's master key {self._path} cannot be written: {error.strerror}") from None


def write_once(path: Path, text: str) -> None:
    """Makes a file of mode 0600, whole or not at all; one that somebody else makes meanwhile stays. Raises Unusable."""
    try:
        descriptor, fresh = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        os.unlink(fresh)
    except OSError as error:
        raise Unusable(f"the key file {path} cannot be made: {error.strerror}") from None


class _One:
    """A single key."""

    def __init__(self, key: bytes, randomness: Callable[[int], bytes]) -> None:
        self._cipher, self._randomness = AESGCM(key), randomness

    def wrap(self, key: bytes, about: bytes) -> bytes:
        nonce = self._randomness(_NONCE)
        return nonce + self._cipher.encrypt(nonce, key, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        try:
            return self._cipher.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], about)
        except (InvalidTag, ValueError):
            raise Unusable("the people's master key is another one") from None
