"""Stops one validator of a network for a while: for a backup, a restore, a new key, a fork; the others go on.

Between a command and the supervisor stands a file, run/holds/NAME, that says which process holds the validator. The
supervisor ends the validator, answers with NAME.stopped, and starts it again when the file, or its holder, is gone.
Nobody holds while `till net up` or `down` works, nor the other way round. Before it node/network/{fork,backup,restore,
rotate}.py; after it node/network/supervise.py.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from node.domain.errors import Retryable, Unusable
from node.network.control import one_at_a_time, wait_until
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.processes import Running, is_alive, note, read_state
from node.network.rpc import NoAnswer, call

STOP_SECONDS: Final = 60.0
"""geth writes its state down when it is stopped; it gets 30 s for that."""


class NotHeld(Retryable):
    """The supervisor did not stop this validator in time."""


@contextmanager
def held(plan: NetworkPlan, name: str) -> Iterator[None]:
    """Keeps one validator stopped inside the block. Raises NotHeld, or Unusable when something else works on it."""
    plan.validator(name)
    with one_at_a_time(plan):
        state = read_state(plan.run_folder)
        if state is None or not is_alive(state.supervisor):
            # it is down, and cannot be started in here; but what a killed supervisor left would still write
            if state is not None and any(is_alive(running) for running in state.validators.get(name, {}).values()):
                raise Unusable(f"{name} runs without its supervisor; till net up, then try again")
            yield
            return
        file = hold_file(plan.run_folder, name)
        file.parent.mkdir(exist_ok=True)
        stopped_file(file).unlink(missing_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(note(os.getpid()))))
        fresh.replace(file)
        try:
            if not wait_until(stopped_file(file).exists, STOP_SECONDS):
                raise NotHeld(f"{name} still runs after {STOP_SECONDS:.0f} s; look at {plan.supervisor_log}")
            yield
        finally:
            file.unlink(missing_ok=True)


def is_held(run_folder: Path, name: str) -> bool:
    """Whether a living process holds this validator; the file of a dead one is removed."""
    file = hold_file(run_folder, name)
    try:
        holder = Running(**json.loads(file.read_text()))
    except FileNotFoundError:
        return False
    except (ValueError, TypeError):
        file.unlink(missing_ok=True)
        return False
    if is_alive(holder):
        return True
    file.unlink(missing_ok=True)
    return False


def wait_until_it_follows(plan: NetworkPlan, validator: ValidatorPlan, *, height: int, seconds: float) -> bool:
    """Whether a validator has the block of this height in time."""

    def reached() -> bool:
        try:
            return (
                int(call(plan.rpc_url(validator), "eth_blockNumber", [], home=plan.home(validator.name)), 16) >= height
            )
        except (NoAnswer, ValueError, TypeError):
            return False

    return wait_until(reached, seconds)


def hold_file(run_folder: Path, name: str) -> Path:
    """Where the holder stands."""
    return run_folder / "holds" / name


def stopped_file(hold: Path) -> Path:
    """Where the supervisor answers."""
    return hold.with_suffix(".stopped")
