"""The master key in a file of mode 0600: a line is a key of 64 hexadecimal digits, the first one wraps.

Whoever can read the file has every key of every terminal; a token (token_master.py) gives its key to nobody.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from node.bridge.keys.key import master_check_value
from node.bridge.keys.key_file import locked, read_secret, replace_file
from node.bridge.keys.master import MasterKeyMissing, WrappedKeyAltered
from node.domain.errors import Unusable

KEY_BYTES: Final = 32
_WHAT: Final = "master key file"


class FileMaster:
    """The keys of one file; an absent file has none."""

    def __init__(self, path: Path, randomness: Callable[[int], bytes]) -> None:
        """Raises Unusable when the file is open to others, or not in its format."""
        self._path, self._randomness = path, randomness
        self._lock = threading.Lock()
        self._keys: dict[str, bytes] = {}
        self._read()

    def __repr__(self) -> str:
        return "FileMaster(...)"

    def check_values(self) -> list[str]:
        with self._lock:
            self._read()
            return list(self._keys)

    def wrap(self, plain: bytes) -> tuple[str, bytes]:
        with self._lock:
            # another process may have drawn a new one
            self._read()
            if not self._keys:
                raise MasterKeyMissing(f"there is no {_WHAT} {self._path}; `till bridge keys master new` makes one")
            check_value, key = next(iter(self._keys.items()))
            return check_value, aes_key_wrap(key, plain)

    def unwrap(self, check_value: str, wrapped: bytes) -> bytes:
        with self._lock:
            if check_value not in self._keys:
                self._read()
            key = self._keys.get(check_value)
        if key is None:
            raise MasterKeyMissing(f"{self._path} has none with check value {check_value}")
        try:
            return aes_key_unwrap(key, wrapped)
        except InvalidUnwrap:
            raise WrappedKeyAltered() from None

    def draw(self) -> str:
        value = self._randomness(KEY_BYTES)
        check_value = master_check_value(value)
        with self._lock, self._writing():
            self._read()
            if check_value in self._keys:
                raise Unusable("the key that was drawn has another one's check value; draw again")
            self._write([value, *self._keys.values()])
        return check_value

    def retire(self, check_value: str) -> None:
        with self._lock, self._writing():
            self._read()
            if check_value not in self._keys:
                raise MasterKeyMissing(f"{self._path} has none with check value {check_value}")
            if check_value == next(iter(self._keys)):
                raise Unusable("this master key wraps; draw a new one first")
            self._write([value for each, value in self._keys.items() if each != check_value])

    def close(self) -> None:
        """There is nothing open."""

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with locked(self._path):
                yield
        except OSError as error:
            raise Unusable(f"the {_WHAT} {self._path} cannot be written: {error.strerror}") from None

    def _write(self, values: list[bytes]) -> None:
        replace_file(self._path, "".join([value.hex() + "\n" for value in values]))
        self._read()

    def _read(self) -> None:
        if not self._path.exists():
            self._keys = {}
            return
        text, _ = read_secret(self._path, _WHAT)
        keys: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            word = line.partition("#")[0].strip()
            if not word:
                continue
            try:
                value = bytes.fromhex(word)
            except ValueError:
                value = b""
            if len(value) != KEY_BYTES or master_check_value(value) in keys:
                raise Unusable(f"line {number} of the {_WHAT} {self._path} is not 64 hexadecimal digits of its own")
            keys[master_check_value(value)] = value
        self._keys = keys
