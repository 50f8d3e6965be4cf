"""The live table of `till net status --watch`: what `till net status` says, and how much each validator takes up.

Asks gateways, CometBFT and the system anew for each picture; what does not answer is a dash, and never holds the others
up for longer than one call's patience. Before it node/network/status.py; after it node/cli/net.py.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]
from rich.table import Table

from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.processes import Running, is_alive, read_state
from node.network.rpc import CALL_SECONDS, OPENER, NoAnswer, call
from node.network.status import NetworkStatus, ValidatorStatus, network_status

LEAST_INTERVAL: Final = 0.5
DISK_SECONDS: Final = 30.0
"""How old a measured size of a folder may be: walking through it reads thousands of directory entries."""
SLOW_BLOCK_SECONDS: Final = 5.0
PROCESSES_EACH: Final = 3
MEGABYTE: Final = 1_000_000
NOTHING: Final = "-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a validator has and takes up: peers, pending transactions, bytes on disk, open files. None: not known."""

    peers: int | None = None
    pool: int | None = None
    disk: int | None = None
    handles: int | None = None


class Live:
    """Takes one picture after another of a network. `clock` is monotonic, in seconds."""

    def __init__(self, plan: NetworkPlan, clock: Callable[[], float] = time.monotonic) -> None:
        self._plan = plan
        self._clock = clock
        self._sizes: dict[str, tuple[float, int | None]] = {}

    def table(self) -> Table:
        """The network now."""
        status = network_status(self._plan)
        state = read_state(self._plan.run_folder)
        processes = state.validators if state is not None else {}
        with ThreadPoolExecutor(max_workers=max(len(self._plan.validators), 1)) as pool:
            usages = list(pool.map(lambda each: self._usage(each, processes.get(each.name, {})), self._plan.validators))
        return draw(status, dict(zip((each.name for each in self._plan.validators), usages, strict=True)))

    def _usage(self, validator: ValidatorPlan, processes: dict[str, Running]) -> Usage:
        return Usage(
            peers=_peers(self._plan, validator),
            pool=_pool(self._plan, validator),
            disk=self._disk(validator),
            handles=_handles(processes),
        )

    def _disk(self, validator: ValidatorPlan) -> int | None:
        measured, size = self._sizes.get(validator.name, (-DISK_SECONDS, None))
        if self._clock() - measured >= DISK_SECONDS:
            size = folder_bytes(self._plan.home(validator.name))
            self._sizes[validator.name] = (self._clock(), size)
        return size


def draw(status: NetworkStatus, usages: dict[str, Usage]) -> Table:
    """One picture: the validators of this folder, then those elsewhere, of which only their block is known."""
    state = f"supervisor {status.supervisor_pid}" if status.running else "not running"
    known = [each.height for each in (*status.validators, *status.others) if each.height is not None]
    highest = max(known, default=None)
    table = Table(title=f"Chain {status.chain_id}: {state}", title_justify="left", expand=False)
    table.add_column("name")
    for column in ("height", "lag", "age s", "peers", "pool", "MB", "disk MB", "files"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("processes")
    for each in status.validators:
        processes = "all run" if len(each.pids) == PROCESSES_EACH else " ".join(each.pids) or "none"
        missing = len(each.pids) < PROCESSES_EACH
        table.add_row(*_cells(each, highest, usages[each.name]), processes, style=_style(each, missing=missing))
    for each in status.others:
        table.add_row(*_cells(each, highest, Usage()), "elsewhere", style=_style(each))
    return table


def _cells(validator: ValidatorStatus, highest: int | None, usage: Usage) -> tuple[str, ...]:
    height, age = validator.height, validator.last_final_age_s
    return (
        validator.name,
        _shown(height),
        _shown(None if height is None or highest is None else highest - height),
        NOTHING if age is None else f"{age:.1f}",
        _shown(usage.peers),
        _shown(usage.pool),
        _shown(validator.memory_mb or None),
        _shown(None if usage.disk is None else usage.disk // MEGABYTE),
        _shown(usage.handles),
    )


def folder_bytes(folder: Path) -> int | None:
    """What a folder's files take up on disk, None when it cannot be read. Files come and go while it is measured."""
    total = 0
    try:
        for path in folder.rglob("*"):
            try:
                total += path.lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    except OSError:
        return None
    return total if folder.is_dir() else None


def _style(validator: ValidatorStatus, *, missing: bool = False) -> str:
    if validator.height is None or missing:
        return "red"
    slow = validator.last_final_age_s is not None and validator.last_final_age_s > SLOW_BLOCK_SECONDS
    return "yellow" if slow else ""


def _peers(plan: NetworkPlan, validator: ValidatorPlan) -> int | None:
    try:
        url = f"http://{plan.host}:{validator.ports.comet_rpc}/net_info"
        with OPENER.open(url, timeout=CALL_SECONDS) as response:
            return int(json.loads(response.read())["result"]["n_peers"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _pool(plan: NetworkPlan, validator: ValidatorPlan) -> int | None:
    try:
        status = call(f"http://{plan.host}:{validator.ports.geth}", "txpool_status", [])
        return int(status["pending"], 16) + int(status["queued"], 16)
    except (NoAnswer, ValueError, KeyError, TypeError):
        return None


def _handles(processes: dict[str, Running]) -> int | None:
    try:
        counts = [psutil.Process(each.pid).num_fds() for each in processes.values() if is_alive(each)]
    except psutil.Error:
        return None
    return sum(counts) if counts else None


def _shown(value: int | None) -> str:
    return NOTHING if value is None else str(value)
