"""Over which lines a refund of a part of a payment spreads: coins first, then stored value, then external money; pure.

So what a member paid in points and value comes back as points and value before any cash leaves the drawer. Inside a
tender the lines come in their order. Used by the bridge when a refund goes out (docs/iso8583.md, "Refunds").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.ids import MinorUnits
from node.domain.payment import Tender

_ORDER: Final = (Tender.COIN, Tender.STORED_VALUE, Tender.EXTERNAL)


@dataclass(frozen=True, kw_only=True, slots=True)
class LineLeft:
    """A line of a payment: its tender, and what was not refunded of it yet, minor units."""

    tender: Tender
    left: MinorUnits


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundParts:
    """What of a refund goes back in coins and as stored value; the rest is external, for the clerk to give back."""

    amount: MinorUnits
    coin: MinorUnits = MinorUnits(0)
    stored_value: MinorUnits = MinorUnits(0)

    @property
    def external(self) -> MinorUnits:
        """What the clerk gives back, in cash or to another acquirer's card."""
        return MinorUnits(self.amount - self.coin - self.stored_value)

    def pack(self) -> bytes:
        """18 bytes: amount, coin, stored value."""
        return b"".join([part.to_bytes(6, "big") for part in (self.amount, self.coin, self.stored_value)])

    @classmethod
    def unpack(cls, packed: bytes) -> "RefundParts":
        """What `pack` made. Raises ValueError for other bytes."""
        if len(packed) != 18:
            raise ValueError(f"{len(packed)} bytes are no parts of a refund")
        amount, coin, value = (MinorUnits(int.from_bytes(packed[at : at + 6], "big")) for at in (0, 6, 12))
        return cls(amount=amount, coin=coin, stored_value=value)


def split_refund(amount: MinorUnits, lines: Sequence[LineLeft]) -> tuple[MinorUnits, ...] | None:
    """How much of each line goes back, in the lines' order; None when less than `amount` is left of all of them."""
    parts = [0] * len(lines)
    left = int(amount)
    for tender in _ORDER:
        for index, line in enumerate(lines):
            if line.tender is tender:
                parts[index] = min(left, line.left)
                left -= parts[index]
    return None if left else tuple(MinorUnits(part) for part in parts)


def parts_of(lines: Sequence[LineLeft], split: Sequence[MinorUnits]) -> RefundParts:
    """The sums of a split by tender."""
    by_tender = dict.fromkeys(Tender, 0)
    for line, part in zip(lines, split, strict=True):
        by_tender[line.tender] += part
    return RefundParts(
        amount=MinorUnits(sum(split)),
        coin=MinorUnits(by_tender[Tender.COIN]),
        stored_value=MinorUnits(by_tender[Tender.STORED_VALUE]),
    )
