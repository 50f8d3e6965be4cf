"""The demonstration's steps in their order, from the real data to the report.

Called by node/demo/__main__.py and by the end-to-end test.
"""

import asyncio
import datetime as dt
import secrets
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
from node.demo.proof import write_proof
from node.demo.realdata import Basket, all_households, all_stores, baskets, promoted_products
from node.demo.replay import replay
from node.demo.report import Report, followed_payment
from node.demo.stand import BridgePorts, Stand
from node.demo.witness import Witness
from node.domain.errors import Unusable
from node.network.plan import NetworkPlan

VALIDATORS: Final = 4
FINAL_SECONDS: Final = 120.0


def run_demo(stand: Stand, console: Console, *, first: dt.date, days: int, rate: int, proof: Path) -> Report:
    """Runs everything on a fresh network in the stand's folder, which the caller stops. Raises errors of the tree.

    The proof of the payment that the report follows is written to `proof`.
    """
    with console.status("reading the real data"):
        sold = baskets(first, days)
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
    console.print(f"[bold]5[/] {len(sold):,} baskets from {first:%A, %d %B %Y} on, {rate:,} a second at most")
    return asyncio.run(_replay_and_check(stand, network, plan, ports, sold, rate, first, days, proof))


async def _replay_and_check(
    stand: Stand,
    network: NetworkPlan,
    plan: Plan,
    ports: BridgePorts,
    sold: list[Basket],
    rate: int,
    first: dt.date,
    days: int,
    proof: Path,
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
        expected = expected_points(first, days, without=dead_baskets(outcomes, diary))
        points = await compare_points(Ledger(rpc, address), plan, expected)
        report = make_report(len(network.validators), plan, outcomes, diary, points)
        await write_proof(rpc, stand, network, followed_payment(report), proof)
    return report


def _progress() -> Progress:
    return Progress(TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
