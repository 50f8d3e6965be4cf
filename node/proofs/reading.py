"""Reads a proof's JSON, and takes each value in one form only: no other text says the same.

Exact names, no name twice, no fractions; hex in one case; numbers without leading zeros; base64 as it is written out
again. White space and the order of names say nothing. Before it comes a file, after it node/proofs/verify.py.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from node.proofs.refusal import ProofRefused, Step

MAX_BYTES: Final = 8 * 2**20
MAX_TEXT: Final = 200
_LOWER: Final = re.compile(r"0x(?:[0-9a-f]{2})*")
_UPPER: Final = re.compile(r"(?:[0-9A-F]{2})*")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def read_document(data: bytes) -> Any:
    """The JSON in a file. Raises ProofRefused for what is none, or is ambiguous, or has more than 8 MiB."""
    if len(data) > MAX_BYTES:
        raise ProofRefused(Step.DOCUMENT, f"it has {len(data)} bytes, at most {MAX_BYTES} are read")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as failure:
        raise ProofRefused(Step.DOCUMENT, f"it is no JSON of a proof ({failure})") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:MAX_TEXT]} is no whole number")


class Fields:
    """An object with exactly these names. `where` says in refusals which one it is."""

    def __init__(self, value: Any, where: str, names: Iterable[str]) -> None:
        self._where = where
        wanted = set(names)
        if not isinstance(value, dict):
            self._refuse("is no object")
        if value.keys() != wanted:
            missing, strange = sorted(wanted - value.keys()), sorted(value.keys() - wanted)
            self._refuse(f"lacks {missing[0]}" if missing else f"has a strange field {strange[0][:MAX_TEXT]!r}")
        self._value: dict[str, Any] = value

    def _refuse(self, what: str) -> NoReturn:
        raise ProofRefused(Step.DOCUMENT, f"{self._where} {what}")

    def __getitem__(self, name: str) -> Any:
        """A value as it stands there."""
        return self._value[name]

    def text(self, name: str) -> str:
        """A text of at most 200 ASCII characters."""
        found = self._value[name]
        if not isinstance(found, str) or len(found) > MAX_TEXT or not found.isascii():
            self._refuse(f"has no fitting text as {name}")
        return found

    def whole(self, name: str, bits: int) -> int:
        """A JSON number, not negative, of at most so many bits."""
        found = self._value[name]
        if type(found) is not int or not 0 <= found < 2**bits:
            self._refuse(f"has no whole number of {bits} bits as {name}")
        return int(found)

    def decimal(self, name: str) -> int:
        """A number written as text, as CometBFT does with 64 bits: 0 to 2^63 - 1."""
        found = self._value[name]
        if not isinstance(found, str) or not _DECIMAL.fullmatch(found) or int(found) >= 2**63:
            self._refuse(f"has no decimal number in a text as {name}")
        return int(found)

    def data(self, name: str, size: int | None = None) -> bytes:
        """Bytes as 0x and lower-case hex."""
        return self._hex(name, self._value[name], _LOWER, 2, size)

    def name(self, name: str, size: int, *, empty: bool = False) -> bytes:
        """Bytes as upper-case hex, as CometBFT names hashes and validators; `empty` says that there may be none."""
        found = self._value[name]
        return b"" if empty and found == "" else self._hex(name, found, _UPPER, 0, size)

    def base64(self, name: str, size: int) -> bytes:
        """Bytes as base64 with its padding."""
        found = self._value[name]
        try:
            read = base64.b64decode(found, validate=True) if isinstance(found, str) else b""
        except (binascii.Error, ValueError):
            read = b""
        if len(read) != size or base64.b64encode(read).decode() != found:
            self._refuse(f"has no {size} bytes in base64 as {name}")
        return read

    def many(self, name: str, most: int) -> list[Any]:
        """A list of at most so many values."""
        found = self._value[name]
        if not isinstance(found, list) or len(found) > most:
            self._refuse(f"has no list of at most {most} as {name}")
        return found

    def all_data(self, name: str, most: int, size: int | None = None) -> tuple[bytes, ...]:
        """A list of bytes, each as 0x and lower-case hex."""
        return tuple([self._hex(name, each, _LOWER, 2, size) for each in self.many(name, most)])

    def _hex(self, name: str, found: Any, form: re.Pattern[str], prefix: int, size: int | None) -> bytes:
        if not isinstance(found, str) or not form.fullmatch(found):
            self._refuse(f"has no hex as {name}")
        read = bytes.fromhex(found[prefix:])
        if size is not None and len(read) != size:
            self._refuse(f"has {len(read)} bytes as {name}, not {size}")
        return read
