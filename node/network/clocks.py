"""Whose clock is wrong, by what validators sign: every vote carries its validator's time of day.

For whoever diagnoses a network (`till net doctor`, the tests). CometBFT v0.40.0: consensus/state.go `voteTime`,
state/validation.go; a block's time is the median of the votes before it, so one wrong clock moves nothing.
"""

import statistics
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from node.network.plan import NetworkPlan, ValidatorPlan, as_peer
from node.network.rpc import NoAnswer, call

EARLIEST_AFTER_BLOCK: Final = timedelta(milliseconds=1)
"""No vote is earlier than this after its block, however slow the clock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VoteClock:
    """A validator's clock at its last vote. `seconds_ahead` of the median vote; None when it did not vote.

    With `is_slow` its vote bears the earliest time permitted: the clock is slow, by more than `seconds_ahead` tells.
    One that is slow by more than a minute takes every proposal for one from the future, and does not vote.
    """

    name: str
    seconds_ahead: float | None
    is_slow: bool


def vote_clocks(plan: NetworkPlan, validator: ValidatorPlan, *, back: int = 1) -> tuple[VoteClock, ...]:
    """The clock of every validator of the plan, by votes that one of this folder knows: those of `back` blocks ago.

    The newest commit (0) is the first three votes of four; the one before it is what the next block carries: all.
    Raises NoAnswer.
    """
    url = f"http://{plan.host}:{validator.ports.comet_rpc}"
    try:
        height = int(call(url, "status", [])["sync_info"]["latest_block_height"])
        answer = call(url, "commit", [str(height - back)])
        signed = answer["signed_header"]
        block_time = _time(signed["header"]["time"])
        votes = {
            vote["validator_address"]: _time(vote["timestamp"])
            for vote in signed["commit"]["signatures"]
            if vote["validator_address"]
        }
        middle = statistics.median(time.timestamp() for time in votes.values())
    except (KeyError, TypeError, ValueError) as failure:
        raise NoAnswer(f"{validator.name} does not show its newest commit: {failure}") from None
    everyone = (*(as_peer(each) for each in plan.validators), *plan.others)
    return tuple(_clock(peer.name, votes.get(peer.address), block_time, middle) for peer in everyone)


def _clock(name: str, vote: datetime | None, block_time: datetime, middle: float) -> VoteClock:
    if vote is None:
        return VoteClock(name=name, seconds_ahead=None, is_slow=False)
    return VoteClock(
        name=name,
        seconds_ahead=round(vote.timestamp() - middle, 3),
        is_slow=vote - block_time <= EARLIEST_AFTER_BLOCK,
    )


def _time(text: str) -> datetime:
    # nanoseconds: more digits than Python reads
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(whole).replace(tzinfo=UTC, microsecond=int(fraction[:6].ljust(6, "0")))
