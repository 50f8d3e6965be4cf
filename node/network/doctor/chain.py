"""What `till net doctor` asks of a running chain: heights, peers, signatures, and what time it is elsewhere."""

import http.client
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Final

from node.network.doctor.comet import ask_comet, commits
from node.network.doctor.finding import Finding, Patient, ok, warning, wrong
from node.network.plan import ValidatorPlan
from node.network.rpc import CALL_SECONDS, OPENER, NoAnswer, call


def check_heights(patient: Patient) -> Iterator[Finding]:
    """Every validator answers, and none is far behind."""
    if not patient.runs:
        yield ok("heights", "the network does not run")
        return
    plan = patient.plan
    with ThreadPoolExecutor(max_workers=max(len(plan.validators), 1)) as pool:
        heights = dict(
            zip(plan.validators, pool.map(lambda each: _height(patient, each), plan.validators), strict=True)
        )
    highest = max(heights.values(), default=0)
    for validator, height in heights.items():
        lag = highest - height
        logs = f"till net logs {plan.folder} --validator {validator.name}"
        if height < 0:
            yield wrong("heights", f"{validator.name} does not answer", f"{logs} says why")
        elif lag > patient.limits.lag_wrong:
            yield wrong("heights", f"{validator.name} is {lag} blocks behind", f"if it does not catch up: {logs}")
        elif lag > patient.limits.lag_warning:
            yield warning("heights", f"{validator.name} is {lag} blocks behind", "look again in a minute")
        else:
            yield ok("heights", f"{validator.name} has block {height}")


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
    """The other validators' gateways have this machine's time."""
    for validator in patient.plan.validators:
        theirs = date_of(patient.plan.rpc_url(validator))
        if theirs is None:
            continue
        # the header has whole seconds
        skew = theirs + 0.5 - patient.clock()
        text = f"{validator.name} is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine"
        if abs(skew) > patient.limits.skew_wrong:
            yield wrong("clocks", text, "set the one that is wrong (compare with a third); keep it right with chrony")
        elif abs(skew) > patient.limits.skew_warning:
            yield warning("clocks", text, "keep both right with chrony or systemd-timesyncd")
        else:
            yield ok("clocks", f"{validator.name} has this machine's time")


def check_peers(patient: Patient) -> Iterator[Finding]:
    """Every validator is connected to every other."""
    plan = patient.plan
    for validator in plan.validators:
        if "cometbft" not in patient.processes(validator):
            continue
        connected = {peer["node_info"]["id"] for peer in ask_comet(patient, validator, "net_info")["peers"]}
        missing = [other.name for other in plan.validators if other != validator and other.node_id not in connected]
        if not missing:
            yield ok("peers", f"{validator.name} has all {len(plan.validators) - 1}")
        elif len(missing) < len(plan.validators) - 1:
            text = f"{validator.name} is not connected to {', '.join(missing)}"
            yield warning("peers", text, "see whether those run, and whether the p2p ports can be reached")
        else:
            text = f"{validator.name} is connected to nobody"
            yield wrong("peers", text, "see whether its p2p port can be reached, and whether it is still registered")


def check_signatures(patient: Patient) -> Iterator[Finding]:
    """Every validator signs the newest blocks."""
    signed = commits(patient)
    if not signed:
        yield ok("signatures", "no commit to look at")
        return
    for validator in patient.plan.validators:
        count = sum(1 for by in signed.values() if validator.address in by)
        text = f"{validator.name} signed {count} of the newest {len(signed)} blocks"
        if not count:
            remedy = "see whether it runs, is registered, has its key, and its clock is right"
            yield wrong("signatures", text, remedy)
        elif count * 2 < len(signed):
            yield warning("signatures", text, "it is slow, or was away; look again in a minute")
        else:
            yield ok("signatures", text)


def date_of(url: str) -> float | None:
    """The time of an HTTP server by its Date header (RFC 9110, 6.6.1), in seconds since 1970; None without one."""
    try:
        with OPENER.open(url, timeout=CALL_SECONDS) as response:
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


def _height(patient: Patient, validator: ValidatorPlan) -> int:
    try:
        return int(call(patient.plan.rpc_url(validator), "eth_blockNumber", []), 16)
    except (NoAnswer, ValueError, TypeError):
        return -1


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


CHECKS: Final = (check_heights, check_block_age, check_clocks, check_peers, check_signatures)
