"""`make bench-net`: how fast a block is final, how much goes into the chain, and what a validator takes.

All in one run on this machine, with the load's own work on the same cores. For 1, 4 and 7 validators the ceiling: of
ERC-20 transfers, one a transaction, and of transactions that fill storage. With four also the time from a transaction
to its block at several rates, memory and disk, and how fast one whose data is gone catches up. Writes
out/bench/network.json.
"""

import asyncio
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.erc20 import CREATE, FILL_STORAGE, Account, Token
from benchmarks.meter import Meter
from node.demo.report import percentile
from node.demo.stand import PROJECT
from node.domain.errors import TillnetError, Unusable
from node.explorer.tables import wide_console
from node.network.control import start, stop, wait_until_final
from node.network.hold import held
from node.network.init import NetworkOrder, init_geth, init_network
from node.network.keys import read_account
from node.network.plan import PLAN_FILE, NetworkPlan, read_plan
from node.network.rpc import NoAnswer, call
from node.network.status import network_status

RESULT: Final = PROJECT / "out" / "bench" / "network.json"
FOLDER: Final = PROJECT / ".till" / "bench-net"
SIZES: Final = (1, 4, 7)
MEASURED: Final = 4
ACCOUNTS: Final = 8
RATES: Final = (1, 50, 150)
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "20"))
LEAST_SENT: Final = 100
"""Transfers at each rate, so that a 99th percentile is one."""
IN_FLIGHT: Final = 1_000
AT_ONCE: Final = 20
HEAVY: Final = 48
PATIENCE: Final = 120.0
START_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.05
MEGA: Final = 1_000_000
PUBLISHED: Final = (
    "Besu QBFT, four validators: 520 to 645 ERC-20 transfers a second, each its own transaction (published)"
)

Tell = Callable[[str], None]


def main() -> int:
    """Runs the benchmark; 0 when everything that was sent became final."""
    console = wide_console()

    def tell(line: str) -> None:
        console.print(f"  {line}", style="dim", markup=False, highlight=False)

    figures: dict[str, Any] = {"machine": machine(), "ceilings": []}
    try:
        for size in SIZES:
            plan = fresh_network(size, tell)
            asyncio.run(_measure(plan, figures, tell))
            if size == MEASURED:
                figures |= resources(plan)
                tell("v4 loses its data and catches up")
                figures |= catch_up(plan, "v4")
            stop(plan)
    except TillnetError as failure:
        console.print(f"The benchmark stopped: {failure}", style="bold red", markup=False)
        return 1
    finally:
        for size in SIZES:
            stop_old(FOLDER / str(size), remove=False)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    print_figures(figures, console)
    return 0


def machine() -> dict[str, Any]:
    """Where it was measured; `load` is the number of busy processes of the minute before."""
    return {"cores": os.cpu_count(), "system": platform.platform(), "load": round(os.getloadavg()[0], 1)}


def fresh_network(size: int, tell: Tell) -> NetworkPlan:
    """A new network with final blocks."""
    folder = FOLDER / str(size)
    stop_old(folder)
    tell(f"{size} validator{'s' if size > 1 else ''}")
    plan = init_network(NetworkOrder(folder=folder, validators=size, accounts=ACCOUNTS), now=datetime.now(UTC))
    start(plan)
    wait_until_final(plan, blocks=1, seconds=START_SECONDS)
    return plan


def stop_old(folder: Path, *, remove: bool = True) -> None:
    """Stops the network of a folder, if there is one, and removes what it left."""
    if (folder / PLAN_FILE).exists():
        stop(read_plan(folder))
    if remove and folder.exists():
        shutil.rmtree(folder)


async def _measure(plan: NetworkPlan, figures: dict[str, Any], tell: Tell) -> None:
    keys = [read_account(plan.folder / "keys" / "accounts" / f"{n}.json") for n in range(1, ACCOUNTS + 1)]
    accounts = [Account(key.private_key, chain_id=plan.chain_id) for key in keys]
    token = Token(accounts)
    async with Meter(plan) as meter:
        meter.send(token.deploy())
        await meter.settle(seconds=PATIENCE)
        if await meter.call("eth_getCode", "0x" + token.address.hex(), "latest") == "0x":
            raise Unusable("the token was not deployed")
        if len(plan.validators) == MEASURED:
            figures["latency"] = [await latency(meter, token, rate, tell) for rate in RATES]
        transfers, mgas = await transfer_ceiling(meter, token, tell)
        if len(plan.validators) == MEASURED:
            figures["latency"].append(await latency(meter, token, round(transfers / 2), tell))
        ceiling = {
            "validators": len(plan.validators),
            "transfers_per_second": round(transfers),
            "transfer_mgas_per_second": round(mgas, 1),
            "storage_mgas_per_second": round(await storage_ceiling(meter, plan, accounts, tell), 1),
        }
        figures["ceilings"].append(ceiling)


async def latency(meter: Meter, token: Token, rate: int, tell: Tell) -> dict[str, Any]:
    """Milliseconds from sending to the block, at so many transfers a second, each sent on its own."""
    seconds = max(SECONDS, LEAST_SENT / rate)
    tell(f"{rate} transfers a second, {seconds:.0f} s")
    known = set(meter.timed)
    started, sent = time.monotonic(), 0
    while (passed := time.monotonic() - started) < seconds:
        while sent < passed * rate:
            meter.send([token.transfer()])
            sent += 1
        meter.check()
        # half a gap: the load is not in step with the blocks
        await asyncio.sleep(min(0.5 / rate, 0.1))
    await meter.settle(seconds=PATIENCE)
    took = time.monotonic() - started
    await _check_receipts(meter)
    waits = [(timed.seen_at - timed.sent_at) * 1000 for name, timed in meter.timed.items() if name not in known]
    return {
        "rate": rate,
        "sent": sent,
        "reached": round(sent / took),
        "p50_ms": round(percentile(waits, 50)),
        "p99_ms": round(percentile(waits, 99)),
    }


async def transfer_ceiling(meter: Meter, token: Token, tell: Tell) -> tuple[float, float]:
    """Transfers a second and their Mgas a second, with `IN_FLIGHT` on their way for `SECONDS`."""
    tell(f"as many transfers as go through, {SECONDS:.0f} s")
    known, first_block = len(meter.timed), len(meter.seen)
    started = time.monotonic()
    while time.monotonic() - started < SECONDS:
        while meter.waiting + AT_ONCE <= IN_FLIGHT:
            meter.send([token.transfer() for _ in range(AT_ONCE)])
        meter.check()
        await asyncio.sleep(0.005)
    await meter.settle(seconds=PATIENCE)
    took = max(seen_at for _, seen_at in meter.seen) - started
    await _check_receipts(meter)
    gas = await _gas_since(meter, first_block)
    return (len(meter.timed) - known) / took, gas / took / MEGA


async def storage_ceiling(meter: Meter, plan: NetworkPlan, accounts: list[Account], tell: Tell) -> float:
    """Mgas a second of transactions of the largest size that write new storage, all sent at once."""
    tell(f"{HEAVY} transactions of the largest size that fill storage")
    first_block, started = len(meter.seen), time.monotonic()
    for number in range(HEAVY):
        account = accounts[number % len(accounts)]
        meter.send([account.sign(CREATE, FILL_STORAGE, plan.rules.transaction_gas_cap)])
    await meter.settle(seconds=PATIENCE)
    took = max(seen_at for _, seen_at in meter.seen) - started
    return await _gas_since(meter, first_block) / took / MEGA


async def _check_receipts(meter: Meter) -> None:
    """A transfer that was reverted is none: looks at the newest block with any. Raises Unusable."""
    newest = next(block for block, _ in reversed(meter.seen) if block.transactions)
    receipts = await meter.call("eth_getBlockReceipts", hex(newest.number))
    reverted = sum(int(receipt["status"], 16) != 1 for receipt in receipts)
    if reverted:
        raise Unusable(f"{reverted} of {len(receipts)} transactions of block {newest.number} were reverted")


async def _gas_since(meter: Meter, place: int) -> int:
    gas = 0
    for block, _ in meter.seen[place:]:
        header = await meter.call("eth_getHeaderByNumber", hex(block.number))
        gas += int(header["gasUsed"], 16)
    return gas


def resources(plan: NetworkPlan) -> dict[str, Any]:
    """Memory and disk a validator, in MB, after the load."""
    status = network_status(plan)
    memory = [validator.memory_mb for validator in status.validators]
    disks = [_size(plan.home(validator.name)) // MEGA for validator in plan.validators]
    return {"memory_mb": [min(memory), max(memory)], "disk_mb": [min(disks), max(disks)], "blocks": status.lowest()}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def catch_up(plan: NetworkPlan, name: str) -> dict[str, Any]:
    """A validator whose blocks and state are gone, from block 0 to where the others are, who go on meanwhile."""
    home = plan.home(name)
    with held(plan, name):
        signed = home / "cometbft" / "data" / "priv_validator_state.json"
        kept = signed.read_bytes()
        shutil.rmtree(home / "geth")
        shutil.rmtree(home / "cometbft" / "data")
        signed.parent.mkdir()
        signed.write_bytes(kept)
        signed.chmod(0o600)
        init_geth(home / "geth", plan.folder / "genesis.json")
        began = time.monotonic()
    heights: list[tuple[float, int]] = []
    while not (heights and heights[-1][1] >= _top(plan, name) > 0):
        if time.monotonic() - began > PATIENCE:
            raise Unusable(f"{name} has not caught up after {PATIENCE:.0f} s")
        height = _height(plan, name)
        if height > 0 and (not heights or height != heights[-1][1]):
            heights.append((time.monotonic(), height))
        time.sleep(POLL_SECONDS)
    (first_at, first), (last_at, last) = heights[0], heights[-1]
    # the last few come at the pace of the chain itself
    fast = [(at, height) for at, height in heights if height <= last - 5] or heights
    per_second = (fast[-1][1] - first) / max(fast[-1][0] - first_at, POLL_SECONDS)
    return {
        "caught_up_blocks": last,
        "caught_up_s": round(last_at - began, 1),
        "catch_up_blocks_per_second": round(per_second),
    }


def _top(plan: NetworkPlan, but: str) -> int:
    return max(_height(plan, validator.name) for validator in plan.validators if validator.name != but)


def _height(plan: NetworkPlan, name: str) -> int:
    try:
        return int(call(plan.rpc_url(plan.validator(name)), "eth_blockNumber", []), 16)
    except (NoAnswer, ValueError, TypeError):
        return -1


def print_figures(figures: dict[str, Any], console: Console) -> None:
    """The figures as people read them, in rows that docs/network.md and the README quote."""
    console.print("From transaction to finality, four validators", style="bold")
    times = Table(box=None)
    for name in ("transfers a second", "reached", "p50", "p99"):
        times.add_column(name, justify="right", no_wrap=True)
    for row in figures["latency"]:
        times.add_row(f"{row['rate']}", f"{row['reached']}", f"{row['p50_ms']:,} ms", f"{row['p99_ms']:,} ms")
    console.print(times)
    console.print("The most that goes through", style="bold")
    most = Table(box=None)
    for name in ("validators", "ERC-20 transfers a second", "Mgas/s of these", "Mgas/s of storage"):
        most.add_column(name, justify="right", no_wrap=True)
    for row in figures["ceilings"]:
        most.add_row(*(f"{row[key]:,}" for key in row))
    console.print(most)
    low, high = figures["memory_mb"]
    console.print(
        f"A validator: {low} to {high} MB of memory, {figures['disk_mb'][1]} MB on disk at block {figures['blocks']}"
    )
    console.print(f"Catching up: {figures['catch_up_blocks_per_second']} blocks a second")
    console.print(PUBLISHED)
    console.print(f"Load of the machine before: {figures['machine']['load']}. Written to {RESULT.relative_to(PROJECT)}")


if __name__ == "__main__":
    sys.exit(main())
