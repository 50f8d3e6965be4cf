"""Act 9: a sale that took place offline and overdrew is booked (interfaces/IAdvices.sol); pure."""

from dataclasses import dataclass

from node.domain.act import Act, ActKind
from node.domain.acts.fields import pack, unpack
from node.domain.ids import MinorUnits, Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class BookAdvice:
    """`original 8 | value 6 | coins 6`: the sequence that the ledger skipped, and what each tender was to pay."""

    original: Sequence
    value: MinorUnits
    coins: MinorUnits

    def act(self) -> Act:
        """Its bytes. Raises ValueError when a number does not fit."""
        return pack(ActKind.ADVICE, (self.original, 8), (self.value, 6), (self.coins, 6))

    @classmethod
    def read(cls, data: bytes) -> "BookAdvice":
        """What these bytes say. Raises ValueError when they are no such act."""
        original, value, coins = unpack(data, ActKind.ADVICE, 8, 6, 6)
        return cls(original=Sequence(original), value=MinorUnits(value), coins=MinorUnits(coins))
