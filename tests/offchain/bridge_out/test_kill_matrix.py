"""A shorter form of `make kill-matrix`: each fail point once, in one of the modes; and how soon a bridge takes over."""

from collections import Counter
from collections.abc import Sequence

import pytest

from benchmarks.database import NoPostgres
from node.bridge.failpoint import POINTS
from proving.kill_ledger import Effects, faults
from proving.kill_matrix import ASLEEP, Outcome, run_mode
from proving.kill_tills import Act, Sent

MODES = ("sqlite", "postgresql", "takeover")
TAKEOVER_SECONDS = 15.0


def outcome_of(mode: str, points: Sequence[str], **more: int) -> Outcome:
    try:
        return run_mode(mode, points, 1, **more)
    except NoPostgres as missing:
        pytest.skip(str(missing))


@pytest.mark.anvil
@pytest.mark.slow
@pytest.mark.parametrize("mode", [MODES[0], *(pytest.param(mode, marks=pytest.mark.long) for mode in MODES[1:])])
def test_every_message_has_one_effect_when_the_bridge_is_killed(mode: str) -> None:
    points = POINTS[MODES.index(mode) :: len(MODES)]
    outcome = outcome_of(mode, points)
    assert outcome.faults == []
    assert outcome.kills == Counter(points)
    assert set(outcome.messages.values()) and min(outcome.messages.values()) > 0


@pytest.mark.anvil
@pytest.mark.slow
def test_another_bridge_takes_over_in_15_seconds_when_the_owner_dies() -> None:
    outcome = outcome_of("takeover", ["after-send"], lease_ms=10_000)
    assert outcome.faults == []
    assert [seconds < TAKEOVER_SECONDS for seconds in outcome.takeovers] == [True]


@pytest.mark.anvil
@pytest.mark.slow
def test_a_bridge_that_slept_ends_by_itself_when_another_took_over() -> None:
    outcome = outcome_of(ASLEEP, ())
    assert outcome.faults == []
    assert outcome.kills[ASLEEP] == 1


def sent(act: Act, *codes: str, reversed: bool = False) -> Sent:
    return Sent(act=act, request=None, member=7, amount=5, codes=list(codes), reversed=reversed)  # type: ignore[arg-type]


ONCE, TWICE = Counter({5: 1}), Counter({5: 2})


@pytest.mark.parametrize(
    ("message", "effects", "sound"),
    [
        (sent(Act.EARN, "00"), Effects(given=ONCE), True),
        (sent(Act.EARN, "00"), Effects(), False),
        (sent(Act.EARN, "00"), Effects(given=TWICE), False),
        (sent(Act.EARN, "00"), Effects(given=ONCE, undone=ONCE), False),
        (sent(Act.EARN, "94"), Effects(given=ONCE), False),
        (sent(Act.EARN, "00", "94"), Effects(), False),
        (sent(Act.EARN, "00", reversed=True), Effects(given=ONCE, undone=ONCE), True),
        (sent(Act.EARN, "00", reversed=True), Effects(given=ONCE), False),
        (sent(Act.DEBIT, "00"), Effects(given=ONCE, debited=ONCE), True),
        (sent(Act.DEBIT, "00"), Effects(given=ONCE), False),
        (sent(Act.DEBIT, "91"), Effects(), True),
        (sent(Act.DEBIT, "91"), Effects(given=ONCE, debited=ONCE), False),
        (sent(Act.DEBIT, "91", "00"), Effects(given=ONCE, debited=ONCE), False),
        (sent(Act.RECHARGE, "00"), Effects(charged={5: [1]}), True),
        (sent(Act.RECHARGE, "00"), Effects(charged={5: [1, 2]}), False),
        (sent(Act.RECHARGE, "91"), Effects(charged={5: [1]}, uncharged=Counter({1: 1})), True),
        (sent(Act.RECHARGE, "91"), Effects(charged={5: [1]}), False),
        (sent(Act.REFUND, "91", "00"), Effects(refunded=ONCE), True),
        (sent(Act.REFUND, "00", "91"), Effects(), False),
        (sent(Act.REFUND, "00"), Effects(refunded=TWICE), False),
        (sent(Act.REFUND, "91"), Effects(refunded=ONCE), False),
        (sent(Act.OVERDRAFT, "51"), Effects(debited=ONCE), False),
        (sent(Act.EXCESS, "61"), Effects(), True),
        (sent(Act.REVERSAL, "96"), Effects(), False),
    ],
)
def test_faults_are_noticed(message: Sent, effects: Effects, sound: bool) -> None:
    assert (faults(effects, [message]) == []) is sound
