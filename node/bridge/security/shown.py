"""What a message showed of its member: a card, a loyalty id, a phone number or a QR code, and perhaps a PIN block."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from node.domain.ids import TerminalId
from node.domain.payment import Entry
from node.iso8583.basket import PIN_BLOCK


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """`card` as it came; `pin_block` is encrypted, empty without one. Neither is ever printed."""

    terminal: TerminalId
    card: str = field(repr=False)
    pin_block: bytes = field(default=b"", repr=False)


class Admits(Protocol):
    """Says whether a verified message may be journaled (gate.py)."""

    async def admit(self, entry: Entry, shown: Shown) -> None:
        """Returns if it may. Raises errors of the tree."""
        ...

    def look(self, shown: Shown) -> None:
        """Returns if what was shown is good for an inquiry, which uses nothing up. Raises CodeExpired."""
        ...


def pin_block_in(fields: Mapping[int, str]) -> bytes:
    """DE52; its format was checked when it was read."""
    return bytes.fromhex(fields.get(PIN_BLOCK, ""))
