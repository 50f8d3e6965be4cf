"""Faults on purpose, for tests and soak runs: processes of a running network are killed or stopped, clocks set wrong.

The supervisor is expected to mend everything that is broken here but its own death and its own sleep.
"""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.consensus.failpoints import CLOCK
from node.domain.errors import Unusable
from node.network.control import wait_until
from node.network.launch import APP
from node.network.plan import NetworkPlan
from node.network.processes import STATE_FILE, Running, RunState, is_alive, read_state, send
from node.network.settings import FAIL_POINTS

DEAD_SECONDS: Final = 10.0


def kill_process(plan: NetworkPlan, validator: str, kind: str) -> Running:
    """Kills one process of a validator, and returns which; raises Unusable when it does not run."""
    running = processes_of(plan, validator).get(kind)
    if running is None or not is_alive(running):
        raise Unusable(f"{kind} of {validator} does not run")
    send(running, signal.SIGKILL)
    return running


def kill_validator(plan: NetworkPlan, validator: str) -> None:
    """Kills all three processes of a validator."""
    # all at once: the supervisor would begin to mend after the first
    for running in processes_of(plan, validator).values():
        send(running, signal.SIGKILL)


def kill_everything(plan: NetworkPlan, *, supervisor: bool = False) -> None:
    """Kills every process of every validator; with `supervisor` that one first, as when a machine loses power."""
    state = _state(plan)
    for running in [*([state.supervisor] if supervisor else []), *state.all()]:
        send(running, signal.SIGKILL)
    if supervisor:
        _wait_until_dead(state.supervisor)


def kill_supervisor(plan: NetworkPlan) -> None:
    """Kills the supervisor alone: its validators run on with nobody to look after them."""
    supervisor = _state(plan).supervisor
    send(supervisor, signal.SIGKILL)
    _wait_until_dead(supervisor)


@contextmanager
def down(plan: NetworkPlan, *validators: str) -> Iterator[None]:
    """These validators are dead (SIGKILL) until the end, when the supervisor, asleep until then, finds them."""
    supervisor = _state(plan).supervisor
    send(supervisor, signal.SIGSTOP)
    try:
        for validator in validators:
            kill_validator(plan, validator)
        yield
    finally:
        send(supervisor, signal.SIGCONT)


@contextmanager
def hanging(plan: NetworkPlan, *validators: str) -> Iterator[None]:
    """These validators are stopped (SIGSTOP), as on a machine that hangs: their connections stay, nobody answers."""
    stopped = [running for validator in validators for running in processes_of(plan, validator).values()]
    try:
        for running in stopped:
            send(running, signal.SIGSTOP)
        yield
    finally:
        for running in stopped:
            send(running, signal.SIGCONT)


def arm_fail_point(plan: NetworkPlan, validator: str, point: str, *, victim: str = APP) -> Path:
    """Lets a process of a validator be killed when its application reaches a point next.

    Returns the point's file (node/consensus/failpoints.py), which is gone when it was reached.
    """
    if not plan.fail_points:
        raise Unusable("this network was made without fail points")
    path = plan.home(validator) / FAIL_POINTS / point
    state = str(plan.run_folder / STATE_FILE)
    text = "" if victim == APP else json.dumps({"state": state, "validator": validator, "process": victim})
    # whole or not at all: the application may look at this moment
    fresh = path.with_name(f".{point}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)
    return path


def set_clock(plan: NetworkPlan, validator: str, seconds: int) -> None:
    """Makes a validator's clock fast by so many seconds (negative: slow, 0: right), at once.

    Its CometBFT follows only if it is the one that node/network/toolchain/faults.py builds.
    """
    if not plan.fail_points:
        raise Unusable("this network was made without fail points")
    (plan.home(validator) / FAIL_POINTS / CLOCK).write_text(str(seconds))


def disarm(points: Sequence[Path]) -> None:
    """Takes back the fail points that were not reached."""
    for path in points:
        path.unlink(missing_ok=True)


def processes_of(plan: NetworkPlan, validator: str) -> dict[str, Running]:
    """What runs of a validator, by kind; raises Unusable when nothing is known of it."""
    state = _state(plan)
    if validator not in state.validators:
        raise Unusable(f"{validator} does not run")
    return state.validators[validator]


def _wait_until_dead(running: Running) -> None:
    # a SIGKILL is carried out a moment later; `till net up` before that would find a supervisor, and start none
    if not wait_until(lambda: not is_alive(running), DEAD_SECONDS):
        raise Unusable(f"process {running.pid} lives on after SIGKILL")


def _state(plan: NetworkPlan) -> RunState:
    state = read_state(plan.run_folder)
    if state is None:
        raise Unusable("the network does not run")
    return state
