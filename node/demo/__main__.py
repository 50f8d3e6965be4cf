"""`make demo`: real days of shop payments become final rewards, and every point is recomputed.

DEMO_DAYS=7 make demo      a week instead of a day
DEMO_RATE=100 make demo    that many payments a second (default 50)
"""

import asyncio
import os
import secrets
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from node.chain.deployment import load_deployment
from node.chain.ledger import Ledger
from node.chain.rpc import Rpc
from node.demo.check import compare_points, dead_baskets, make_report
from node.demo.expected import expected_points
from node.demo.plan import Plan, real_plan
from node.demo.realdata import DEFAULT_DAY, Basket, all_households, all_stores, baskets, promoted_products
from node.demo.replay import replay
from node.demo.report import Report, print_report, write_report
from node.demo.stand import PROJECT, BridgePorts, Stand
from node.demo.witness import Witness
from node.domain.errors import TillnetError, Unusable
from node.network.plan import NetworkPlan

VALIDATORS: Final = 4
FOLDER: Final = PROJECT / ".till" / "demo"
REPORT: Final = PROJECT / "out" / "demo" / "report.json"
FINAL_SECONDS: Final = 120.0
MAX_DAYS: Final = 365
MAX_RATE: Final = 2_000


def main() -> int:
    """Runs the demonstration; 0 when the chain agrees with the recomputation to the last unit."""
    console = Console(highlight=False)
    stand = Stand(FOLDER, tell=lambda step: console.print(f"  {step}", style="dim"))
    try:
        days, rate = _number("DEMO_DAYS", 1, MAX_DAYS), _number("DEMO_RATE", 50, MAX_RATE)
        report = _run(stand, console, days, rate)
    except TillnetError as failure:
        console.print(f"The demonstration stopped: {failure}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130
    finally:
        stand.stop()
    write_report(report, REPORT)
    print_report(report, console)
    console.print(f"\nThe report is in {_short(REPORT)}. Everything is stopped; the network is in {_short(FOLDER)}.")
    console.print(f"Start it again:  .venv/bin/till net up {_short(stand.network_folder)}")
    console.print(f"Start its bridge: .venv/bin/till bridge run --config {_short(stand.bridge_config)}")
    if report.difference:
        console.print("The chain and the recomputation differ.", style="bold red")
        return 1
    return 0


def _run(stand: Stand, console: Console, days: int, rate: int) -> Report:
    with console.status("reading the real data"):
        sold = baskets(DEFAULT_DAY, days)
        plan = real_plan(
            stores=all_stores(),
            households=all_households(),
            product_set=promoted_products(),
            random=secrets.token_bytes,
        )
    console.print(f"[bold]1[/] A network of {VALIDATORS} validators")
    stand.clear()
    network = stand.start_network(VALIDATORS)
    console.print("[bold]2[/] Contracts")
    with console.status("deploying"):
        stand.deploy()
    tills = sum(len(shop.tills) for shop in plan.shops)
    console.print(f"[bold]3[/] {len(plan.shops)} merchants, {tills} tills, {len(plan.members):,} members")
    with console.status("onboarding"):
        stand.onboard(plan)
    console.print("[bold]4[/] The bridge")
    with console.status("starting"):
        ports = stand.start_bridge(network, plan)
    console.print(f"[bold]5[/] {len(sold):,} baskets from {DEFAULT_DAY:%A, %d %B %Y} on, {rate} a second")
    return asyncio.run(_replay_and_check(stand, network, plan, ports, sold, rate, days))


async def _replay_and_check(
    stand: Stand, network: NetworkPlan, plan: Plan, ports: BridgePorts, sold: list[Basket], rate: int, days: int
) -> Report:
    address = load_deployment(stand.network_folder / "deployment.json").ledger
    url = network.rpc_url(network.validators[0])
    async with Rpc([url]) as rpc, Witness(rpc, address, url.replace("http", "ws", 1)) as witness:
        with _progress() as progress:
            bar = progress.add_task("payments", total=len(sold))
            outcomes = await replay(
                sold,
                plan,
                ports,
                chain_id=network.chain_id,
                ledger=address,
                rate=rate,
                progress=lambda: progress.advance(bar),
            )
        awaited = {
            name
            for outcome in outcomes
            if not outcome.cancelled
            for name in (outcome.payment_id, outcome.reversal)
            if name
        }
        missing = await witness.wait_for(awaited, seconds=FINAL_SECONDS)
        if missing:
            raise Unusable(f"{len(missing)} payments are not final after {FINAL_SECONDS:.0f} s, one is {min(missing)}")
        diary = witness.diary
        expected = expected_points(DEFAULT_DAY, days, without=dead_baskets(outcomes, diary))
        points = await compare_points(Ledger(rpc, address), plan, expected)
    return make_report(len(network.validators), outcomes, diary, points)


def _progress() -> Progress:
    return Progress(TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def _number(name: str, default: int, most: int) -> int:
    text = os.environ.get(name, "") or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise Unusable(f"{name} is a whole number from 1 to {most}, not {text!r}")
    return int(text)


def _short(path: Path) -> str:
    return str(path.relative_to(PROJECT))


if __name__ == "__main__":
    sys.exit(main())
