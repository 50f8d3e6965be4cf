"""An act's bytes."""

import pytest

from node.domain.act import MAX_ACT_BYTES, Act, ActKind, undoing
from node.domain.ids import Sequence


@pytest.mark.parametrize("data", [b"", b"\x01" * (MAX_ACT_BYTES + 1), b"\x00", b"\x00\x01", b"\x80\x01"])
def test_act_is_refused_when_it_has_no_kind_or_too_many_bytes(data: bytes) -> None:
    with pytest.raises(ValueError, match="act"):
        Act(data=data)


def test_undoing_names_kind_and_sequence() -> None:
    assert Act(data=b"\x02\xff").kind == ActKind.RECHARGE
    assert not Act(data=b"\x02\xff").undoes
    undo = undoing(ActKind.RECHARGE, Sequence(2**40 + 1))
    assert undo.data.hex() == "820000010000000001" and undo.undoes
