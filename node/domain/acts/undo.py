"""What undoes an act that a payment carried; pure.

The target looks up what it undoes by the payment's stream and sequence (docs/batch.md).
"""

from node.domain.act import Act, undoing
from node.domain.ids import Sequence


def undo_of(data: bytes, sequence: Sequence) -> Act:
    """The act that undoes the one in the same stream's payment with this sequence."""
    return undoing(data[0], sequence)
