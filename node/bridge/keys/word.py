"""A key as a word of a file: `[aes:]HEX[@UNTIL]` in clear, `[aes:]CHECK/HEX[@UNTIL]` wrapped.

CHECK is the check value of the master key that wraps it, UNTIL when it ends (UTC, 2026-11-25T00:00:00Z). What the file
says beside a wrapped key is wrapped with it, so that none of it can be changed.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from node.bridge.keys.key import Algorithm, Purpose
from node.domain.ids import TerminalId

BOUND_BYTES: Final = 16
_WORD: Final = re.compile(r"(aes:)?(?:([0-9A-F]{6})/)?((?:[0-9A-Fa-f]{2}){1,128})(?:@([0-9TZ:-]{20}))?", re.ASCII)
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_CONTEXT: Final = b"tillnet terminal key 1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """`master` is empty for a key in clear. `until` is in Unix seconds, None for a key without an end."""

    algorithm: Algorithm
    body: bytes = field(repr=False)
    master: str = ""
    until: int | None = None

    @classmethod
    def read(cls, text: str) -> "Word":
        """Raises ValueError, which never quotes the word."""
        match = _WORD.fullmatch(text)
        if match is None:
            raise ValueError("no key")
        aes, master, body, until = match.groups()
        return cls(
            algorithm=Algorithm.AES if aes else Algorithm.TDES,
            body=bytes.fromhex(body),
            master=master or "",
            until=None if until is None else int(datetime.strptime(until, _TIME).replace(tzinfo=UTC).timestamp()),
        )

    def written(self) -> str:
        """The word; a key in clear if it is one."""
        head = "aes:" if self.algorithm is Algorithm.AES else ""
        return head + (f"{self.master}/" if self.master else "") + self.body.hex() + ending(self.until)

    def is_live(self, now: float) -> bool:
        """Whether it has not ended."""
        return self.until is None or now < self.until


def ending(until: int | None) -> str:
    """How a word says when its key ends."""
    return "" if until is None else "@" + datetime.fromtimestamp(until, UTC).strftime(_TIME)


def bound(purpose: Purpose, algorithm: Algorithm, terminal: TerminalId, until: int | None) -> bytes:
    """What is wrapped before a key's own bytes: a key of another terminal, use or time shows."""
    parts = (purpose.value, algorithm.value, terminal, ending(until))
    return hashlib.sha256(b"\0".join([_CONTEXT, *[part.encode() for part in parts]])).digest()[:BOUND_BYTES]
