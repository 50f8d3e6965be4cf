"""What is promised of a network under faults, asked of the chain afterwards, and measured while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from benchmarks.breakage import TWO_DOWN, VALIDATOR, Fault, Repaired
from benchmarks.traffic import Traffic
from node.domain.errors import TillnetError
from node.network.agreement import Forked, compare_chains
from node.network.control import wait_until
from node.network.launch import GETH
from node.network.plan import NetworkPlan
from node.network.processes import memory_bytes, open_files, read_state
from node.network.rpc import NoAnswer, call

MEGABYTE: Final = 1_000_000
BACK_SECONDS: Final = 30.0
GETH_BACK_SECONDS: Final = 60.0
"""Where geth was killed, too: it has lost up to 128 blocks, and has full ones to execute again."""
ALL_BACK_SECONDS: Final = 45.0
"""Where all four were killed: each executes those blocks again, here on the same two cores."""
ALL_BACK_FULL_SECONDS: Final = 90.0
"""The same with full blocks."""
STANDSTILL_SECONDS: Final = 90.0
"""Nobody makes a block while all of them do so; with two of four away for 15 s it is 45."""
MOST_MEMORY_MB: Final = 1_400
"""Of a validator under full blocks: geth's heap (640 MiB at most), its database's caches, 160 MB of the two others."""
MOST_HANDLES: Final = 2_000
CALL_SECONDS: Final = 20.0


class BrokenPromise(TillnetError):
    """A promise does not hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One validator at one moment: resident memory in MB and open file handles, of its three processes together."""

    at_s: float
    validator: str
    memory_mb: int
    handles: int


def sample(plan: NetworkPlan, at_s: float) -> list[Sample]:
    """A look at every validator whose three processes run."""
    state = read_state(plan.run_folder)
    found = []
    for name, processes in (state.validators if state else {}).items():
        memory = [memory_bytes(running) for running in processes.values()]
        if len(memory) == 3 and all(memory):
            handles = sum(open_files(running) for running in processes.values())
            found.append(Sample(at_s=at_s, validator=name, memory_mb=sum(memory) // MEGABYTE, handles=handles))
    return found


def judge(
    plan: NetworkPlan,
    traffic: Traffic,
    repaired: Sequence[Repaired],
    samples: Sequence[Sample],
    *,
    full_blocks: bool = False,
) -> list[str]:
    """The promises that do not hold, in sentences; none is good. All that was sent has to be final before.

    Where all were killed, and with `full_blocks` where a geth was, it may take longer: ALL_BACK_SECONDS,
    ALL_BACK_FULL_SECONDS, GETH_BACK_SECONDS.
    """
    broken = []
    for check in (_one_chain, _nothing_lost):
        try:
            check(plan, traffic)
        except (Forked, BrokenPromise, NoAnswer) as failure:
            broken.append(str(failure))
    slow = [each for each in repaired if max(each.seconds.values()) > _patience(plan, each.fault, full_blocks)]
    broken += [f"{each.fault}: back after {max(each.seconds.values())} s" for each in slow]
    if traffic.waiting:
        broken.append(f"{len(traffic.waiting)} transactions are not final")
    if traffic.longest_standstill > STANDSTILL_SECONDS:
        broken.append(f"no block for {traffic.longest_standstill:.0f} s")
    if (most := max((each.memory_mb for each in samples), default=0)) > MOST_MEMORY_MB:
        broken.append(f"a validator took {most} MB")
    if (most := max((each.handles for each in samples), default=0)) > MOST_HANDLES:
        broken.append(f"a validator had {most} file handles open")
    return broken


def _patience(plan: NetworkPlan, fault: Fault, full_blocks: bool) -> float:
    if len(fault.validators) == len(plan.validators):
        return ALL_BACK_FULL_SECONDS if full_blocks else ALL_BACK_SECONDS
    if not full_blocks:
        return BACK_SECONDS
    return GETH_BACK_SECONDS if fault.process == GETH or fault.kind in (VALIDATOR, TWO_DOWN) else BACK_SECONDS


def _one_chain(plan: NetworkPlan, traffic: Traffic) -> None:
    # the load goes on while it is judged, and sees more blocks
    blocks = dict(traffic.hashes)
    if not blocks:
        raise BrokenPromise("no block was ever seen")
    last = max(blocks)
    for validator in plan.validators:
        # what was seen final on one is final on all, as soon as they have it
        if not wait_until(partial(_has, plan.rpc_url(validator), last), BACK_SECONDS):
            raise BrokenPromise(f"{validator.name} has no block {last} after {BACK_SECONDS:.0f} s")
    common = compare_chains(plan, last=last)
    for height, seen in blocks.items():
        if common[height - 1] != seen:
            raise BrokenPromise(f"block {height} was final as {seen}, and is {common[height - 1]} now")


def _has(url: str, height: int) -> bool:
    try:
        return int(call(url, "eth_blockNumber", []), 16) >= height
    except NoAnswer:
        return False


def _nothing_lost(plan: NetworkPlan, traffic: Traffic) -> None:
    """Every transaction that was seen final is in the block where it was seen, and did what it was sent for."""
    expected: dict[int, list[bytes]] = {}
    for hash_, entry in traffic.entries.items():
        if entry.height:
            expected.setdefault(entry.height, []).append(hash_)
    url = plan.rpc_url(plan.validators[-1])
    for height, hashes in sorted(expected.items()):
        # one block at a time: the receipts of a full one take megabytes, and an answer has 25 of them at most
        receipts = call(url, "eth_getBlockReceipts", [hex(height)], seconds=CALL_SECONDS)
        status = {bytes.fromhex(each["transactionHash"][2:]): each["status"] for each in receipts or []}
        lost = [hash_ for hash_ in hashes if status.get(hash_) != "0x1"]
        if lost:
            raise BrokenPromise(f"{len(lost)} transactions are not in block {height} any more, or failed there")


def resources(samples: Sequence[Sample]) -> dict[str, Any]:
    """Memory and handles a validator: the highest, and the means of the first and the last fifth of the run."""
    if not samples:
        return {}
    ordered = sorted(samples, key=lambda each: each.at_s)
    part = max(len(ordered) // 5, 1)
    figures: dict[str, Any] = {}
    for what in ("memory_mb", "handles"):
        values = [getattr(each, what) for each in ordered]
        figures[f"{what}_highest"] = max(values)
        figures[f"{what}_first_fifth"] = round(sum(values[:part]) / part)
        figures[f"{what}_last_fifth"] = round(sum(values[-part:]) / part)
    return figures
