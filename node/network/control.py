"""Starting and stopping a network from a shell: the supervisor is a process of its own that outlives the command.

Called by node/cli/net.py; before it node/network/init.py, after it node/network/supervise.py.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from node.domain.errors import Retryable, Unusable
from node.network.launch import PROJECT
from node.network.links import is_syncing, missing_peers
from node.network.plan import NetworkPlan
from node.network.prepare import prepare
from node.network.processes import is_alive, read_state, send, stop_all
from node.network.rpc import NoAnswer
from node.network.status import NetworkStatus, network_status

POLL_SECONDS: Final = 0.2
STOP_SECONDS: Final = 90.0
LEFTOVER_SECONDS: Final = 10.0


class NotFinal(Retryable):
    """The network was started, but does not make final blocks yet."""


def start(plan: NetworkPlan) -> bool:
    """Starts the supervisor; False when it runs already. Raises PortInUse, or Unusable without the engines or keys.

    Processes of a supervisor that was killed are ended first. Settings are written anew from the plan.
    """
    if not plan.validators:
        raise Unusable(f"nothing runs from {plan.folder}; each host's own folder is started on that host")
    with one_at_a_time(plan):
        state = read_state(plan.run_folder)
        if state is not None and is_alive(state.supervisor):
            return False
        if state is not None:
            stop_all(state.all(), patience=LEFTOVER_SECONDS)
        prepare(plan)
        with plan.supervisor_log.open("ab") as file:
            supervisor = subprocess.Popen(
                [sys.executable, "-m", "node.network.supervise", str(plan.folder)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=PROJECT,
                env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        wait_until(
            lambda: (
                supervisor.poll() is not None
                or ((state := read_state(plan.run_folder)) is not None and state.supervisor.pid == supervisor.pid)
            ),
            LEFTOVER_SECONDS,
        )
        if supervisor.poll() is not None:
            raise Unusable(f"the supervisor ended at once; see {plan.supervisor_log}")
        supervisor.returncode = 0  # it outlives this process; no warning that nobody waited for it
    return True


def wait_until_final(
    plan: NetworkPlan, *, blocks: int, seconds: float, tell: Callable[[NetworkStatus], None] = lambda _: None
) -> NetworkStatus:
    """Waits until every validator of this folder has `blocks` more blocks than the lowest had at first.

    One that joins others is waited for until it has all of their blocks, too. `seconds` may pass without progress.
    Raises NotFinal.
    """
    target: int | None = None
    status = network_status(plan)
    highest = status.lowest()
    deadline = time.monotonic() + seconds
    while True:
        status = network_status(plan)
        tell(status)
        lowest = status.lowest()
        if target is None and lowest >= 0:
            target = lowest + blocks
        if target is not None and lowest >= target and not _any_syncs(plan):
            return status
        if lowest > highest:
            highest, deadline = lowest, time.monotonic() + seconds
        if time.monotonic() > deadline:
            raise NotFinal(_why_not(plan, status, target or 1, seconds))
        time.sleep(POLL_SECONDS)


def _any_syncs(plan: NetworkPlan) -> bool:
    # all in one folder start together: nobody is ahead
    return bool(plan.others) and any(is_syncing(plan, validator) for validator in plan.validators)


def _why_not(plan: NetworkPlan, status: NetworkStatus, target: int, seconds: float) -> str:
    waiting = [validator.name for validator in status.validators if (validator.height or 0) < target]
    reason = f"after {seconds:.0f} s {', '.join(waiting) or 'its blocks'} still wait"
    for validator in plan.validators:
        try:
            missing = missing_peers(plan, validator)
        except NoAnswer:
            continue
        if missing:
            reason += f"; {validator.name} is not connected to {', '.join(peer.name for peer in missing)}"
    return f"{reason}; look at: till net logs {plan.folder}"


def stop(plan: NetworkPlan) -> bool:
    """Stops supervisor and validators, gracefully where they let it; False when nothing ran."""
    with one_at_a_time(plan):
        state = read_state(plan.run_folder)
        if state is None:
            return False
        ran = is_alive(state.supervisor) or any(is_alive(running) for running in state.all())
        supervisor = state.supervisor
        send(supervisor, signal.SIGTERM)
        if not wait_until(lambda: not is_alive(supervisor), STOP_SECONDS):
            send(supervisor, signal.SIGKILL)
        # what it started after this state was read stands in the newer one
        state = read_state(plan.run_folder) or state
        stop_all(state.all(), patience=LEFTOVER_SECONDS)
        return ran


@contextmanager
def one_at_a_time(plan: NetworkPlan) -> Iterator[None]:
    """Keeps other commands that start or stop something of this network out; raises Unusable when one works now."""
    plan.run_folder.mkdir(parents=True, exist_ok=True)
    with (plan.run_folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable(f"another till net command works on {plan.folder} now") from None
        yield


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition becomes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
