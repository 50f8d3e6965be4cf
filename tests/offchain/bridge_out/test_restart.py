"""A short form of `make bench-restart`: a bridge takes up what was left, and each payment has its one effect."""

import pytest

from benchmarks.restart import measure


@pytest.mark.anvil
@pytest.mark.slow
def test_a_bridge_is_back_at_work_when_payments_were_left_unfinished() -> None:
    figures = measure("sqlite", 2_000)
    assert figures.unfinished >= 2_000
    assert figures.sent > 0
    assert figures.points == figures.points_expected
    assert figures.back_at_work
