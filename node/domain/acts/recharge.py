"""Act 2: money that a member pays at a counter becomes stored value (interfaces/IStoredValue.sol); pure."""

from dataclasses import dataclass

from node.domain.act import Act, ActKind
from node.domain.acts.fields import pack, unpack
from node.domain.ids import MinorUnits

_RECHARGE = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Recharge:
    """`op 1 | amount 6 | atLeast 6`: refused when less than `at_least` would be promised as a rebate."""

    amount: MinorUnits
    at_least: MinorUnits = MinorUnits(0)

    def act(self) -> Act:
        """Its bytes. Raises ValueError when a number does not fit."""
        return pack(ActKind.RECHARGE, (_RECHARGE, 1), (self.amount, 6), (self.at_least, 6))

    @classmethod
    def read(cls, data: bytes) -> "Recharge":
        """What these bytes say. Raises ValueError when they are no recharge."""
        op, amount, at_least = unpack(data, ActKind.RECHARGE, 1, 6, 6)
        if op != _RECHARGE:
            raise ValueError(f"operation {op} is no recharge")
        return cls(amount=MinorUnits(amount), at_least=MinorUnits(at_least))
