"""What `till net doctor` asks of a running chain: heights, peers, signatures. What time it is elsewhere: times.py."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from node.network.doctor.comet import commits, follows_only, members
from node.network.doctor.finding import Finding, Patient, ok, warning, wrong
from node.network.links import heights_of_peers, silences
from node.network.plan import PeerPlan, ValidatorPlan, peer_url
from node.network.rpc import NoAnswer, call

MOST_AT_ONCE: Final = 16
CONNECT_SECONDS: Final = 2.0
ON_ITS_HOST: Final = "see there: till net doctor on its host"


def check_heights(patient: Patient) -> Iterator[Finding]:
    """Every validator answers, and none is far behind, by what is known of those elsewhere too."""
    plan = patient.plan
    if plan.validators and not patient.runs:
        yield ok("heights", "the network does not run")
        return
    heard = _heard(patient)
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        here = dict(zip(plan.validators, pool.map(lambda each: _height(patient, each), plan.validators), strict=True))
        asked = pool.map(lambda peer: _height_at(peer_url(peer), None), plan.others)
        elsewhere = {
            peer: max(height, heard.get(peer.node_id, -1)) for peer, height in zip(plan.others, asked, strict=True)
        }
    highest = max((*here.values(), *elsewhere.values()), default=-1)
    for validator, height in here.items():
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
    if not here and highest < 0:
        yield wrong("heights", "nobody of the network answers here", "see whether their gateways can be reached")
    for peer, height in elsewhere.items():
        if height >= 0 and highest - height <= patient.limits.lag_wrong:
            yield ok("heights", f"{peer.name} at {peer.host} has block {height}")
        elif height >= 0:
            yield warning("heights", f"{peer.name} at {peer.host} is {highest - height} blocks behind", ON_ITS_HOST)
        elif peer.gateway is not None:
            yield warning("heights", f"{peer.name} at {peer.host} does not answer here", ON_ITS_HOST)


def check_peers(patient: Patient) -> Iterator[Finding]:
    """Every validator is connected to every other, wherever it runs, and hears of it."""
    for validator in patient.plan.validators:
        if "cometbft" in patient.processes(validator):
            peers = patient.plan.peers_of(validator)
            yield _peers(patient, validator, peers, silences(patient.plan, validator))


def _peers(patient: Patient, validator: ValidatorPlan, peers: tuple[PeerPlan, ...], heard: dict[str, float]) -> Finding:
    gone = [peer.name for peer in peers if peer.node_id not in heard]
    silent = [peer for peer in peers if heard.get(peer.node_id, 0.0) > patient.limits.silence]
    quiet = min((heard[peer.node_id] for peer in silent), default=0.0)
    name, remedy = validator.name, "see whether those run, and whether the p2p ports can be reached"
    if not gone and not silent:
        return ok("peers", f"{name} has all {len(peers)}")
    if len(gone) == len(peers):
        text = f"{name} is connected to nobody"
    elif len(gone) + len(silent) == len(peers) and (reached := _reached(silent)):
        text = f"{name} has heard of nobody for {quiet:.0f} s, though {', '.join(reached)} can be reached"
        return warning("peers", text, "nobody has anything to say when the chain stands: see the other lines")
    elif len(gone) + len(silent) == len(peers):
        text = f"{name} is cut off: it has heard of nobody for {quiet:.0f} s"
    else:
        parts = [f"is not connected to {', '.join(gone)}"] * bool(gone)
        names = ", ".join(peer.name for peer in silent)
        parts += [f"has heard nothing of {names} for {quiet:.0f} s"] * bool(silent)
        return warning("peers", f"{name} {' and '.join(parts)}", remedy)
    remedy = "see whether its p2p port can be reached, whether the others have moved (till net peer), and whether "
    return wrong("peers", text, remedy + "it is still registered")


def _reached(peers: list[PeerPlan]) -> list[str]:
    """The names of those whose p2p port takes a connection."""

    def reached(peer: PeerPlan) -> bool:
        try:
            socket.create_connection((peer.host, peer.p2p), CONNECT_SECONDS).close()
        except OSError:
            return False
        return True

    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        return [peer.name for peer, there in zip(peers, pool.map(reached, peers), strict=True) if there]


def check_signatures(patient: Patient) -> Iterator[Finding]:
    """Every validator signs the newest blocks."""
    signed = commits(patient)
    if not signed:
        yield ok("signatures", "no commit to look at")
        return
    for validator in patient.plan.validators:
        count = sum(1 for by in signed.values() if validator.address in by)
        text = f"{validator.name} signed {count} of the newest {len(signed)} blocks"
        if not count and follows_only(patient, validator):
            yield ok("signatures", f"{validator.name} is an observer, and signs none")
        elif not count:
            remedy = "see whether it runs, is registered, has its key, and its clock is right"
            yield wrong("signatures", text, remedy)
        elif count * 2 < len(signed):
            yield warning("signatures", text, "it is slow, or was away; look again in a minute")
        else:
            yield ok("signatures", text)
    voting = members(patient)
    for peer in patient.plan.others:
        if peer.address in voting and not any(peer.address in by for by in signed.values()):
            text = f"{peer.name} at {peer.host} signed none of the newest {len(signed)} blocks"
            yield warning("signatures", text, ON_ITS_HOST)


def _heard(patient: Patient) -> dict[str, int]:
    """By node id, the heights of those elsewhere, as the validators of this folder hear from them."""
    found: dict[str, int] = {}
    for validator in patient.plan.validators:
        try:
            for node_id, height in heights_of_peers(patient.plan, validator).items():
                found[node_id] = max(height, found.get(node_id, -1))
        except NoAnswer:
            continue  # its own line says that it does not answer
    return found


def _height(patient: Patient, validator: ValidatorPlan) -> int:
    return _height_at(patient.plan.rpc_url(validator), patient.plan.home(validator.name))


def _height_at(url: str | None, home: Path | None) -> int:
    """-1 without an answer."""
    try:
        return int(call(url, "eth_blockNumber", [], home=home), 16) if url is not None else -1
    except (NoAnswer, ValueError, TypeError):
        return -1


CHECKS: Final = (check_heights, check_peers, check_signatures)
