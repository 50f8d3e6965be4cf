"""What a network looks like from outside: heights, hashes, processes, memory.

Used by `till net status`, `till net up` and the tests.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.network.plan import NetworkPlan, ValidatorPlan, peer_url
from node.network.processes import Running, RunState, is_alive, memory_bytes, read_state
from node.network.rpc import NoAnswer, call

MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidatorStatus:
    """One validator now. `height`, `hash` and `last_final_age_s` are None when there is no answer; memory in MB."""

    name: str
    height: int | None
    hash: str | None
    rpc: str
    pids: dict[str, int]
    memory_mb: int
    last_final_age_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkStatus:
    """A network now: the validators of this folder, and those elsewhere as far as their gateways answer."""

    chain_id: int
    running: bool
    supervisor_pid: int | None
    validators: tuple[ValidatorStatus, ...]
    others: tuple[ValidatorStatus, ...] = ()

    def lowest(self) -> int:
        """The lowest height of this folder's validators, -1 when one does not answer."""
        return min(-1 if validator.height is None else validator.height for validator in self.validators)


def network_status(plan: NetworkPlan, *, clock: Callable[[], float] = time.time) -> NetworkStatus:
    """Asks every validator's gateway for its newest final block."""
    state = read_state(plan.run_folder)
    running = state is not None and is_alive(state.supervisor)
    with ThreadPoolExecutor(max_workers=len(plan.validators) + len(plan.others)) as pool:
        others = pool.map(lambda peer: _seen(peer.name, peer_url(peer), None, {}, clock), plan.others)
        validators = tuple(pool.map(lambda validator: _validator(plan, validator, state, clock), plan.validators))
    return NetworkStatus(
        chain_id=plan.chain_id,
        running=running,
        supervisor_pid=state.supervisor.pid if state is not None and running else None,
        validators=validators,
        others=tuple(others),
    )


def _validator(
    plan: NetworkPlan, validator: ValidatorPlan, state: RunState | None, clock: Callable[[], float]
) -> ValidatorStatus:
    processes = state.validators.get(validator.name, {}) if state is not None else {}
    alive = {kind: running for kind, running in processes.items() if is_alive(running)}
    return _seen(validator.name, plan.rpc_url(validator), plan.home(validator.name), alive, clock)


def _seen(
    name: str, url: str | None, home: Path | None, alive: dict[str, Running], clock: Callable[[], float]
) -> ValidatorStatus:
    block = _final_block(url, home) if url is not None else None
    return ValidatorStatus(
        name=name,
        height=int(block["number"], 16) if block else None,
        hash=block["hash"] if block else None,
        rpc=url or "",
        pids={kind: running.pid for kind, running in alive.items()},
        memory_mb=sum(memory_bytes(running) for running in alive.values()) // MEGABYTE,
        last_final_age_s=_age(block, clock()),
    )


def _age(block: dict[str, Any] | None, now: float) -> float | None:
    # block 0 has no time
    return round(now - int(block["timestamp"], 16), 1) if block and int(block["number"], 16) else None


def _final_block(url: str, home: Path | None) -> dict[str, Any] | None:
    # every block is final when it appears; `finalized` itself is unknown to geth after a start until the next block
    try:
        block = call(url, "eth_getBlockByNumber", ["latest", False], home=home)
    except NoAnswer:
        return None
    return block if isinstance(block, dict) else None
