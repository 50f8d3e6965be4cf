"""What undoes an act that a payment carried; pure.

A recharge is undone by its amount (interfaces/IStoredValue.sol), all else by the payment's sequence (docs/batch.md).
"""

from node.domain.act import Act, ActKind, undoing
from node.domain.acts.recharge import Recharge
from node.domain.ids import Sequence


def undo_of(data: bytes, sequence: Sequence) -> Act:
    """The act that undoes the one in the same stream's payment with this sequence."""
    if data[0] == ActKind.RECHARGE:
        return Recharge.read(data).undoing()
    return undoing(data[0], sequence)
