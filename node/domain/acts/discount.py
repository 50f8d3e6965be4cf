"""Act 8: coins pay less than the price of what they pay for (interfaces/ICoinDiscount.sol); pure."""

from dataclasses import dataclass
from typing import Final

from node.domain.act import Act, ActKind
from node.domain.acts.fields import pack, unpack
from node.domain.ids import MinorUnits

BASIS_POINTS: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Discount:
    """`discount 6`; the payment's coin lines are what the member pays."""

    amount: MinorUnits

    def act(self) -> Act:
        """Its bytes. Raises ValueError when the number does not fit."""
        return pack(ActKind.DISCOUNT, (self.amount, 6))

    @classmethod
    def read(cls, data: bytes) -> "Discount":
        """What these bytes say. Raises ValueError when they are no discount."""
        return cls(amount=MinorUnits(unpack(data, ActKind.DISCOUNT, 6)[0]))


def discount_down(price: int, bps: int) -> MinorUnits:
    """The discount on a part of a price that is paid in coins, rounded down."""
    return MinorUnits(price * bps // BASIS_POINTS)
