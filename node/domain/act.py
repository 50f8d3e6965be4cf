"""An act: what a payment asks of a contract beside the ledger (docs/batch.md, "Acts"); pure.

A write-off of a coupon, a recharge, a gift: the ledger calls the contract that its kind belongs to, in the same batch
as all else, before the payment's own lines. Built by verify; the bytes after the kind are the target's.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from node.domain.ids import Sequence

MAX_ACT_BYTES: Final = 1024
UNDO: Final = 0x80
"""Set in the kind of an act that undoes the act of an earlier sequence."""


class ActKind(IntEnum):
    """What an act does; which contract does it is set in the ledger."""

    COUPON = 1
    RECHARGE = 2
    AUTHORIZE = 3
    CAPTURE = 4
    VOID = 5
    GIFT = 6
    CERTIFICATE = 7
    DISCOUNT = 8
    ADVICE = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """The bytes of an act, 1 to 1,024 of them; the first is its kind, the rest belongs to the contract of that kind.

    Raises ValueError when they are no act.
    """

    data: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.data) <= MAX_ACT_BYTES:
            raise ValueError(f"an act has 1 to {MAX_ACT_BYTES} bytes, not {len(self.data)}")
        if not self.data[0] & ~UNDO:
            raise ValueError("an act's kind is not 0")

    @property
    def kind(self) -> int:
        """The first byte."""
        return self.data[0]

    @property
    def undoes(self) -> bool:
        """Whether it undoes an earlier act."""
        return bool(self.kind & UNDO)


def undoing(kind: int, sequence: Sequence) -> Act:
    """The act that undoes the act of this kind in the same stream's payment with this sequence."""
    return Act(data=bytes([kind | UNDO]) + sequence.to_bytes(8, "big"))
