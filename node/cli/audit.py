"""`till audit`: what an auditor recomputes. Click wiring; the work is in node/audit and node/explorer."""

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.audit_run import run
from node.cli.chain_options import ask_chain, where_the_chain_is
from node.cli.prove import OUTPUT, consensus_of, consensus_options
from node.network.access import write_whole

if TYPE_CHECKING:
    from node.chain.deployment import Deployment
    from node.chain.rpc import Rpc
    from node.explorer.liabilities import Liabilities


@click.group()
def audit() -> None:
    """Recompute what the chain says."""


audit.add_command(run)


@audit.command()
@OUTPUT
@consensus_options
@where_the_chain_is
def liabilities(
    output: Path, archive: Path | None, since: int, network: Path, url: str | None, file: Path | None
) -> None:
    """List what is owed to whom, bound to the ledger's totals; the file says what everybody has.

    Publish the root; give each member its part with till prove liability.
    """
    from node.explorer.liabilities import liabilities_json, list_liabilities
    from node.explorer.tables import money, points
    from node.proofs.sum_tree import levels_of

    async def question(rpc: "Rpc", deployment: "Deployment") -> "Liabilities":
        consensus = consensus_of(network, archive, since)
        return await list_liabilities(rpc, deployment, consensus, randomness=secrets.token_bytes)

    found = asyncio.run(ask_chain(network, url, file, question, {}))
    write_whole(output, liabilities_json(found))
    root = levels_of([each.leaf for each in found.holdings])[-1][0]
    click.echo(f"{len(found.holdings):,} accounts are owed {points(root.points)} points and {money(root.value)}")
    click.echo(f"of stored value, which is all that the ledger has. Members owe {points(sum(found.arrears.values()))}.")
    click.echo(f"root 0x{root.hash.hex()}")
