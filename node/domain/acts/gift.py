"""Act 6: a member takes a gift for coins, or is handed one that it reserved (interfaces/IGifts.sol); pure."""

from dataclasses import dataclass

from node.domain.act import Act, ActKind
from node.domain.acts.fields import pack, unpack

_TAKE, _HAND_OVER = 0, 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TakeGift:
    """`mode 0 | gift 8`; a gift's number is `merchant 32 | number 32`."""

    gift: int

    def act(self) -> Act:
        """Its bytes. Raises ValueError when a number does not fit."""
        return pack(ActKind.GIFT, (_TAKE, 1), (self.gift, 8))


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOverGift:
    """`mode 1 | reservation 16`."""

    reservation: int

    def act(self) -> Act:
        """Its bytes. Raises ValueError when a number does not fit."""
        return pack(ActKind.GIFT, (_HAND_OVER, 1), (self.reservation, 16))


def read(data: bytes) -> TakeGift | HandOverGift:
    """What these bytes say. Raises ValueError when they are neither."""
    if data[1:2] == bytes([_TAKE]):
        return TakeGift(gift=unpack(data, ActKind.GIFT, 1, 8)[1])
    if data[1:2] == bytes([_HAND_OVER]):
        return HandOverGift(reservation=unpack(data, ActKind.GIFT, 1, 16)[1])
    raise ValueError("these bytes are no act of kind GIFT")
