"""A shorter form of `make kill-matrix`: each fail point once, in one of the modes; and how soon a bridge takes over."""

from collections import Counter
from collections.abc import Sequence

import pytest

from benchmarks.database import NoPostgres
from node.bridge.failpoint import POINTS
from proving.kill_matrix import ASLEEP, Outcome, run_mode

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
MODES = ("sqlite", "postgresql", "takeover")
TAKEOVER_SECONDS = 15.0


def outcome_of(mode: str, points: Sequence[str], **more: int) -> Outcome:
    try:
        return run_mode(mode, points, 1, **more)
    except NoPostgres as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("mode", MODES)
def test_every_message_has_one_effect_when_the_bridge_is_killed(mode: str) -> None:
    points = POINTS[MODES.index(mode) :: len(MODES)]
    outcome = outcome_of(mode, points)
    assert outcome.faults == []
    assert outcome.kills == Counter(points)
    assert set(outcome.messages.values()) and min(outcome.messages.values()) > 0


def test_another_bridge_takes_over_in_15_seconds_when_the_owner_dies() -> None:
    outcome = outcome_of("takeover", ["after-send"], lease_ms=10_000)
    assert outcome.faults == []
    assert [seconds < TAKEOVER_SECONDS for seconds in outcome.takeovers] == [True]


def test_a_bridge_that_slept_ends_by_itself_when_another_took_over() -> None:
    outcome = outcome_of(ASLEEP, ())
    assert outcome.faults == []
    assert outcome.kills[ASLEEP] == 1
