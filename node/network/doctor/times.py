"""What `till net doctor` asks about time: the age of the newest block, and whose clock is wrong.

A clock is seen in three ways: by the newest block, whose time is the median of the votes; by what the gateways say that
it is; and by the votes, which bear the time of whoever signs them.
"""

import http.client
import urllib.error
from collections.abc import Iterator
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from node.network.clocks import VoteClock, vote_clocks
from node.network.doctor.comet import newest_height
from node.network.doctor.finding import Finding, Patient, ok, warning, wrong
from node.network.plan import ValidatorPlan, peer_url
from node.network.rpc import CALL_SECONDS, NoAnswer, call, opener_for

VOTES: Final = 3
"""Commits that are looked at: a vote of a block that came late may bear another time than its validator's."""
SET_IT: Final = "set the one that is wrong (compare with a third); keep it right with chrony"


def check_block_age(patient: Patient) -> Iterator[Finding]:
    """There was a block a moment ago, by this machine's clock: neither does the chain stand nor the clock go wrong."""
    ages = [patient.clock() - time for validator in patient.plan.validators if (time := _newest(patient, validator))]
    if not patient.runs or not ages:
        yield ok("block age", "no block to look at")
        return
    age, limits = min(ages), patient.limits
    if age < -limits.skew_wrong:
        text = f"the newest block is {-age:.0f} s ahead of this clock"
        yield wrong("block age", text, "this clock is slow, and a validator 60 s slow stops: set the clock")
    elif age > limits.block_age:
        text = f"the newest block is {age:.0f} s old"
        yield wrong("block age", text, "more than two thirds have to run, or this clock is fast: see the other lines")
    else:
        yield ok("block age", f"{age:.0f} s")


def check_clocks(patient: Patient) -> Iterator[Finding]:
    """The gateways, of this folder and elsewhere, have this machine's time."""
    plan = patient.plan
    gateways: list[tuple[str, str | None, Path | None]] = [
        (each.name, plan.rpc_url(each), plan.home(each.name)) for each in plan.validators
    ]
    gateways += [(peer.name, peer_url(peer), None) for peer in plan.others]
    for name, url, home in gateways:
        theirs = date_of(url, home) if url is not None else None
        if theirs is None:
            continue  # whether it answers is another check's matter
        # the header has whole seconds
        skew = theirs + 0.5 - patient.clock()
        text = f"{name} is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine"
        if abs(skew) > patient.limits.skew_wrong:
            yield wrong("clocks", text, SET_IT)
        elif abs(skew) > patient.limits.skew_warning:
            yield warning("clocks", text, "keep both right with chrony or systemd-timesyncd")
        else:
            yield ok("clocks", f"{name} has this machine's time")


def check_vote_clocks(patient: Patient) -> Iterator[Finding]:
    """The newest votes of all validators bear the same time, give or take what a vote takes."""
    for validator in patient.plan.validators:
        try:
            if newest_height(patient, validator) <= VOTES:
                continue
            rounds = [vote_clocks(patient.plan, validator, back=back) for back in range(1, VOTES + 1)]
        except NoAnswer:
            continue
        for each in zip(*rounds, strict=True):
            yield from _judge([clock for clock in each if clock.seconds_ahead is not None], patient)
        return
    yield ok("vote clocks", "no votes to look at")


def _judge(votes: list[VoteClock], patient: Patient) -> Iterator[Finding]:
    if len(votes) < VOTES - 1:
        return  # it is no validator, or does not vote, which is another check's matter
    name, ahead = votes[0].name, min((clock.seconds_ahead or 0.0 for clock in votes), key=abs)
    text = f"the votes of {name} are {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the others'"
    if all(clock.is_slow for clock in votes):
        text = f"the votes of {name} bear the earliest time that counts: its clock is slow by a second or more"
        yield wrong("vote clocks", text, "set its clock: 60 s slow, and it stops; keep it right with chrony")
    elif abs(ahead) > patient.limits.skew_wrong:
        yield wrong("vote clocks", text, SET_IT)
    elif abs(ahead) > patient.limits.skew_warning:
        yield warning("vote clocks", text, "keep all clocks right with chrony or systemd-timesyncd")
    else:
        yield ok("vote clocks", f"{name} votes with the others' time")


def date_of(url: str, home: Path | None = None) -> float | None:
    """The time of an HTTP server by its Date header (RFC 9110, 6.6.1), in seconds since 1970; None without one.

    `home` is the folder of a gateway's validator, where its certificate lies.
    """
    try:
        with opener_for(url, home).open(url, timeout=CALL_SECONDS) as response:
            headers: Message = response.headers
    except urllib.error.HTTPError as refusal:
        # it does not matter what it says to a request without a body
        headers = refusal.headers
        refusal.close()
    except (OSError, http.client.HTTPException):
        return None
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (TypeError, ValueError):
        return None


def _newest(patient: Patient, validator: ValidatorPlan) -> int:
    """The newest block's time in seconds since 1970; 0 without one, or at block 0."""
    try:
        block = call(
            patient.plan.rpc_url(validator),
            "eth_getBlockByNumber",
            ["latest", False],
            home=patient.plan.home(validator.name),
        )
        return int(block["timestamp"], 16)
    except (NoAnswer, ValueError, TypeError, KeyError):
        return 0


CHECKS: Final = (check_block_age, check_clocks, check_vote_clocks)
