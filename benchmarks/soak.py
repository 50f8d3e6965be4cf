"""`make soak`: a network under load and under random faults, and whether it keeps its promises.

Payments at half of the chain's ceiling, in batches packed here (the bridge is not what is tested), and a random fault
every minute; or, with `--rounds`, at an eighth, so many kills, each as soon as the last one is mended. Prints heights,
memory, file handles and the verdict, writes out/bench/soak.json, and ends with 1 when a promise is broken: no fork,
nothing final lost, every validator that was hit follows again in time (benchmarks/audit.py). `--seed` repeats a run's
faults.
"""

import asyncio
import itertools
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import click
from rich.console import Console

from benchmarks.audit import Sample, judge, resources, sample
from benchmarks.breakage import ALL_FAULTS, KILLS, NeverBack, Repaired, break_and_wait, draw_faults
from benchmarks.sources import Transfers, deploy_for_payments
from benchmarks.traffic import ChainChanged, Source, Traffic
from node.chain.signer import Signer
from node.demo.report import percentile
from node.demo.stand import PROJECT, Stand
from node.domain.errors import TillnetError
from node.explorer.tables import wide_console
from node.network.control import start, wait_until_final
from node.network.init import NetworkOrder, init_network
from node.network.keys import read_account
from node.network.plan import NetworkPlan

RESULT: Final = PROJECT / "out" / "bench" / "soak.json"
CEILING: Final = PROJECT / "out" / "bench" / "payments.json"
FOLDER: Final = PROJECT / ".till" / "soak"
VALIDATORS: Final = 4
ACCOUNTS: Final = 4
USUAL_CEILING: Final = 5_915
"""Payments a second over four validators on two cores, where `make bench` has not measured this machine's."""
SOAK_SHARE: Final = 1 / 2
ROUNDS_SHARE: Final = 1 / 8
"""Of the ceiling. At a half, a killed geth has more to execute again than 30 s hold (docs/network.md)."""
BATCH: Final = 250
TRANSFERS_A_SECOND: Final = 30
IN_FLIGHT: Final = 200
PATIENCE: Final = 120.0
"""Seconds after which a fault is given up as never mended; above 30 it is a broken promise already."""
SAMPLE_SECONDS: Final = 5.0
TELL_SECONDS: Final = 30.0
LAST_SECONDS: Final = 120.0
LONGEST_PAUSE: Final = 3.0
LEAST_REACHED: Final = 1 / 2
"""Of what was asked for, and faults leave less than all of it: below that it was no load to speak of."""
START_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """How long: `seconds` with a fault every `pause` seconds, or `rounds` of kills, one after the other."""

    seconds: float
    pause: float
    rounds: int
    seed: int
    rate: float


@dataclass(kw_only=True, slots=True)
class Run:
    """What a run leaves: faults with their repair times, samples, and whatever ended it early."""

    order: Order
    repaired: list[Repaired] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def soak(plan: NetworkPlan, source: Source, order: Order, tell: Callable[[str], None]) -> tuple[Run, Traffic]:
    """Breaks the network for as long as ordered, lets it mend, and judges it."""
    run = Run(order=order)
    async with Traffic(plan, source, rate=order.rate, in_flight=IN_FLIGHT) as traffic:
        began = time.monotonic()
        watching = asyncio.create_task(_watch(plan, run, traffic, began, tell))
        try:
            await _break_things(plan, run, traffic, began, tell)
            await traffic.finish(seconds=LAST_SECONDS)
        except (NeverBack, ChainChanged) as failure:
            run.broken.append(str(failure))
        finally:
            watching.cancel()
        run.seconds = time.monotonic() - began
        verdict = partial(judge, plan, traffic, run.repaired, run.samples, full_blocks=not order.rounds)
        run.broken += await asyncio.to_thread(verdict)
        run.broken += _too_little(order, traffic, run.seconds)
    return run, traffic


def _too_little(order: Order, traffic: Traffic, seconds: float) -> list[str]:
    asked, reached = order.rate * traffic.weight, traffic.final * traffic.weight / max(seconds, 1)
    return [f"{reached:,.0f} a second of {asked:,.0f} asked for"] if reached < LEAST_REACHED * asked else []


async def _break_things(
    plan: NetworkPlan, run: Run, traffic: Traffic, began: float, tell: Callable[[str], None]
) -> None:
    order, dice = run.order, random.Random(run.order.seed)
    faults = draw_faults(plan, KILLS if order.rounds else ALL_FAULTS, dice)
    due = itertools.count(1)
    for number in itertools.count(1):
        if order.rounds:
            if number > order.rounds:
                return
            await asyncio.sleep(dice.uniform(0, LONGEST_PAUSE))
        else:
            # at any moment of its minute
            moment = began + (next(due) - dice.random()) * order.pause
            if moment - began > order.seconds:
                await asyncio.sleep(max(began + order.seconds - time.monotonic(), 0))
                return
            await asyncio.sleep(max(moment - time.monotonic(), 0))
        fault = next(faults)
        done = await break_and_wait(plan, fault, traffic, patience=PATIENCE)
        run.repaired.append(done)
        tell(f"{time.monotonic() - began:6.0f} s  {number:3}  {fault}; back after {max(done.seconds.values())} s")


async def _watch(plan: NetworkPlan, run: Run, traffic: Traffic, began: float, tell: Callable[[str], None]) -> None:
    told = time.monotonic()
    while True:
        traffic.check()
        looked = await asyncio.to_thread(sample, plan, round(time.monotonic() - began, 1))
        run.samples += looked
        if looked and time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            heights = " ".join("-" if height < 0 else str(height) for height in traffic.heights.values())
            memory = " ".join(str(each.memory_mb) for each in looked)
            handles = " ".join(str(each.handles) for each in looked)
            final = traffic.final * traffic.weight
            tell(f"{told - began:6.0f} s  heights {heights}, {final:,} final, MB {memory}, handles {handles}")
        await asyncio.sleep(SAMPLE_SECONDS)


def figures_of(run: Run, traffic: Traffic, plan: NetworkPlan) -> dict[str, Any]:
    """Everything that out/bench/soak.json says."""
    waits = [second for each in run.repaired for second in each.seconds.values()]
    latencies = [entry.final_at - entry.sent_at for entry in traffic.entries.values() if entry.height]
    return {
        "verdict": "kept" if not run.broken else "broken",
        "broken": run.broken,
        "seed": run.order.seed,
        "seconds": round(run.seconds),
        "validators": len(plan.validators),
        "blocks": traffic.top,
        "transactions": len(traffic.entries),
        "payments_a_transaction": traffic.weight,
        "final_a_second": round(traffic.final * traffic.weight / max(run.seconds, 1)),
        "to_finality_s": _spread(latencies),
        "longest_standstill_s": round(traffic.longest_standstill, 1),
        "faults": len(run.repaired),
        "back_s": _spread(waits),
        "back_by_fault_s": {
            kind: _spread([s for each in run.repaired if each.fault.kind == kind for s in each.seconds.values()])
            for kind in sorted({each.fault.kind for each in run.repaired})
        },
        **resources(run.samples),
        "events": [{"fault": str(each.fault), "back_s": each.seconds} for each in run.repaired],
    }


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    chosen = {"p50": 50, "p90": 90, "p99": 99, "highest": 100}
    return {"count": len(values), **{name: round(percentile(values, share), 1) for name, share in chosen.items()}}


def print_figures(figures: dict[str, Any], console: Console) -> None:
    """The figures as people read them."""
    console.print()
    for name, value in figures.items():
        if name not in ("events", "broken", "verdict"):
            console.print(f"  {name.replace('_', ' ')}: {value}", markup=False, highlight=False)
    for sentence in figures["broken"]:
        console.print(f"  broken: {sentence}", style="bold red", markup=False)
    kept = figures["verdict"] == "kept"
    console.print(
        "Every promise was kept: one chain, nothing final lost, everybody back in time."
        if kept
        else "A promise was broken.",
        style="bold green" if kept else "bold red",
    )


def ceiling(tell: Callable[[str], None]) -> float:
    """Payments a second: as `make bench` measured it here, or as it was where this was written, which is said."""
    try:
        return float(json.loads(CEILING.read_text())["ceiling_per_second"])
    except (OSError, ValueError, KeyError):
        tell(f"no ceiling of this machine in {CEILING.relative_to(PROJECT)} (make bench): another's, {USUAL_CEILING:,}")
        return USUAL_CEILING


def prepare(stand: Stand, order: Order, load: str, tell: Callable[[str], None]) -> tuple[NetworkPlan, Source, Order]:
    """A new network with fail points, what is sent to it, and the rate of that."""
    stand.clear()
    network = NetworkOrder(folder=stand.network_folder, validators=VALIDATORS, accounts=ACCOUNTS, fail_points=True)
    plan = init_network(network, now=datetime.now(UTC), tell=tell)
    start(plan)
    wait_until_final(plan, blocks=1, seconds=START_SECONDS)
    if load == "payments":
        tell("deploying and onboarding")
        source: Source = deploy_for_payments(stand, plan, size=BATCH, dice=random.Random(order.seed))
        rate = order.rate or ceiling(tell) * (ROUNDS_SHARE if order.rounds else SOAK_SHARE)
        return plan, source, Order(**{**_fields(order), "rate": rate / BATCH})
    keys = [read_account(plan.folder / "keys" / "accounts" / f"{n}.json") for n in range(1, ACCOUNTS + 1)]
    source = Transfers(plan.chain_id, [Signer(key.private_key) for key in keys], [0] * len(keys))
    return plan, source, Order(**{**_fields(order), "rate": order.rate or TRANSFERS_A_SECOND})


def _fields(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in Order.__slots__}


@click.command()
@click.option("--minutes", default=30.0, show_default=True, help="How long, with a fault every --every seconds.")
@click.option("--every", default=60.0, show_default=True, help="Seconds between two faults.")
@click.option("--rounds", default=0, help="So many kills instead, each as soon as the last one is mended.")
@click.option("--seed", default=0, help="Repeats the faults of the run that printed it.")
@click.option("--load", type=click.Choice(["payments", "transfers"]), default="payments", show_default=True)
@click.option(
    "--rate",
    default=0.0,
    help="Payments or transfers a second; 0: half of the ceiling (with --rounds an eighth), or 30.",
)
def main(minutes: float, every: float, rounds: int, seed: int, load: str, rate: float) -> None:
    """A network under load and random faults; ends with 1 when it breaks a promise."""
    console = wide_console()

    def tell(line: str) -> None:
        console.print(f"  {line}", style="dim", markup=False, highlight=False)

    stand = Stand(FOLDER, tell=tell)
    seed = seed or random.SystemRandom().randrange(1, 10**6)
    order = Order(seconds=minutes * 60, pause=every, rounds=rounds, seed=seed, rate=rate)
    try:
        plan, source, order = prepare(stand, order, load, tell)
        tell(f"seed {seed}; {order.rate * source.weight:,.0f} {load} a second")
        run, traffic = asyncio.run(soak(plan, source, order, tell))
        figures = {"load": load, "asked_a_second": round(order.rate * source.weight), **figures_of(run, traffic, plan)}
    except TillnetError as failure:
        console.print(f"The soak run stopped: {failure}", style="bold red", markup=False)
        sys.exit(1)
    finally:
        stand.stop()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    print_figures(figures, console)
    console.print(f"Written to {RESULT.relative_to(PROJECT)}")
    sys.exit(0 if figures["verdict"] == "kept" else 1)


if __name__ == "__main__":
    main()
