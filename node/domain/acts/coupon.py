"""Act 1: a coupon is written off, with the sale that it takes something off, or alone (ICoupons); pure."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.domain.act import Act, ActKind
from node.domain.acts.fields import pack, unpack
from node.domain.ids import Hash32, MinorUnits

_HEAD: Final = 29
_HASH: Final = 32
BASIS_POINTS: Final = 10_000


class Face(IntEnum):
    """What a coupon is worth."""

    PERCENTAGE = 0
    SUM = 1
    GIFT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteOff:
    """`coupon 8 | discount 6 | sale 8 | amount 6 | [length 1 | product | proof 32 * n]`.

    With lines `sale` and `amount` are 0; without, they are the till's reference of the sale and what is paid for it.
    """

    coupon: int
    discount: MinorUnits
    sale: int = 0
    amount: MinorUnits = MinorUnits(0)
    product: str = ""
    proof: tuple[Hash32, ...] = ()

    def act(self) -> Act:
        """Its bytes. Raises ValueError when something does not fit."""
        tail = b""
        if self.product:
            code = self.product.encode("ascii")
            if len(code) > 255 or any(len(node) != _HASH for node in self.proof):
                raise ValueError("a product code has 255 characters at most, a proof's nodes 32 bytes")
            tail = bytes([len(code)]) + code + b"".join(self.proof)
        numbers = ((self.coupon, 8), (self.discount, 6), (self.sale, 8), (self.amount, 6))
        return pack(ActKind.COUPON, *numbers, tail=tail)

    @classmethod
    def read(cls, data: bytes) -> "WriteOff":
        """What these bytes say. Raises ValueError when they are no write-off."""
        coupon, discount, sale, amount = unpack(data, ActKind.COUPON, 8, 6, 8, 6, tail=True)
        product, proof = "", b""
        if len(data) > _HEAD:
            end = _HEAD + 1 + data[_HEAD]
            product, proof = data[_HEAD + 1 : end].decode("ascii"), data[end:]
            if not product or len(data) < end or len(proof) % _HASH:
                raise ValueError("these bytes are no act of kind COUPON")
        return cls(
            coupon=coupon,
            discount=MinorUnits(discount),
            sale=sale,
            amount=MinorUnits(amount),
            product=product,
            proof=tuple(Hash32(proof[at : at + _HASH]) for at in range(0, len(proof), _HASH)),
        )


def campaign_of(coupon: int) -> int:
    """The campaign in a coupon's id (`campaign 32 | lot 16 | serial 16`)."""
    return coupon >> 32


def discount_due_down(face: Face, value: int, basket: int) -> MinorUnits:
    """What a coupon takes off a basket; a percentage (basis points) is rounded down."""
    if face is Face.PERCENTAGE:
        return MinorUnits(basket * value // BASIS_POINTS)
    return MinorUnits(min(basket, value) if face is Face.SUM else 0)
