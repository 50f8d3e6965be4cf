"""Faults on purpose, for tests and soak runs: kills processes of a running network (SIGKILL), sets clocks wrong.

The supervisor is expected to mend everything that is broken here but its own death.
"""

import signal

from node.consensus.failpoints import CLOCK
from node.domain.errors import Unusable
from node.network.plan import NetworkPlan
from node.network.processes import Running, is_alive, read_state, send
from node.network.settings import FAIL_POINTS


def kill_process(plan: NetworkPlan, validator: str, kind: str) -> Running:
    """Kills one process of a validator, and returns which; raises Unusable when it does not run."""
    running = _processes(plan, validator).get(kind)
    if running is None or not is_alive(running):
        raise Unusable(f"{kind} of {validator} does not run")
    send(running, signal.SIGKILL)
    return running


def kill_validator(plan: NetworkPlan, validator: str) -> None:
    """Kills all three processes of a validator."""
    # all at once: the supervisor would begin to mend after the first
    for running in _processes(plan, validator).values():
        send(running, signal.SIGKILL)


def kill_everything(plan: NetworkPlan, *, supervisor: bool = False) -> None:
    """Kills every process of every validator; with `supervisor` that one first, as when a machine loses power."""
    state = read_state(plan.run_folder)
    if state is None:
        raise Unusable("the network does not run")
    for running in [*([state.supervisor] if supervisor else []), *state.all()]:
        send(running, signal.SIGKILL)


def arm_fail_point(plan: NetworkPlan, validator: str, point: str) -> None:
    """Lets a validator's application be killed when it reaches a point next (node/consensus/failpoints.py)."""
    if not plan.fail_points:
        raise Unusable("this network was made without fail points")
    (plan.home(validator) / FAIL_POINTS / point).touch()


def set_clock(plan: NetworkPlan, validator: str, seconds: int) -> None:
    """Makes a validator's clock fast by so many seconds (negative: slow, 0: right), at once.

    Its CometBFT follows only if it is the one that node/network/toolchain/faults.py builds.
    """
    if not plan.fail_points:
        raise Unusable("this network was made without fail points")
    (plan.home(validator) / FAIL_POINTS / CLOCK).write_text(str(seconds))


def _processes(plan: NetworkPlan, validator: str) -> dict[str, Running]:
    state = read_state(plan.run_folder)
    if state is None or validator not in state.validators:
        raise Unusable(f"{validator} does not run")
    return state.validators[validator]
