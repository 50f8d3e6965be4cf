"""`till index`: keeps a chain as rows of a database, and tells how far it is. Click wiring only (docs/indexer.md)."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.chain_options import where_the_chain_is
from node.domain.errors import ChainUnreachable, Unusable

if TYPE_CHECKING:
    from node.indexer.run import IndexOrder

INDEX = "index.sqlite"
DATABASE = click.option(
    "--database",
    help=f"A SQLite file, or postgresql://USER@HOST/DATABASE; else {INDEX} in the network's folder.",
)


def _order_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of what is indexed into what; the command gets them as an IndexOrder."""

    @where_the_chain_is
    @DATABASE
    @click.option(
        "--finality",
        type=click.Choice(["instant", "finalized"]),
        default="instant",
        show_default=True,
        help="instant: a block is final when it appears, as on a network of ours; else the one tagged finalized.",
    )
    @click.option(
        "--archive",
        type=click.Path(path_type=Path),
        help="What till net archive keeps, for the validators' record; else the network's validators.",
    )
    @click.option("--no-calls", is_flag=True, help="Do not ask for internal calls.")
    @click.option(
        "--workers", type=click.IntRange(0, 32), default=1, show_default=True, help="Processes that check blocks."
    )
    @click.option("--metrics-port", type=click.IntRange(0, 65_535), default=0, help="Serve /metrics here, on loopback.")
    @click.option("--believe-senders", is_flag=True, help="For a development chain on which anybody sends for anybody.")
    @wraps(command)
    def wired(
        network: Path,
        url: str | None,
        file: Path | None,
        database: str | None,
        finality: str,
        archive: Path | None,
        no_calls: bool,
        workers: int,
        metrics_port: int,
        believe_senders: bool,
        **more: Any,
    ) -> None:
        from node.indexer.first import first_validators
        from node.indexer.follow import Following
        from node.indexer.run import IndexOrder

        urls, access, contracts = _chain(network, url, file)
        order = IndexOrder(
            urls=tuple(urls),
            access=access,
            contracts=contracts,
            database=database or str(network / INDEX),
            validators=() if url else first_validators(network / "genesis.json"),
            heights=_heights(network, archive, url),
            following=Following(finality=finality),
            trace=not no_calls,
            workers=workers,
            metrics_port=metrics_port,
            believe_senders=believe_senders,
        )
        command(order, **more)

    return wired


@click.group()
def index() -> None:
    """Keep every block as rows of a database, for explorers and reports."""


@index.command()
@_order_options
@click.option("--once", is_flag=True, help="End at the block that is the newest now.")
def run(order: "IndexOrder", once: bool) -> None:
    """Follow the chain until told to stop (SIGTERM, Ctrl-C), from wherever the index is."""
    from node.indexer.run import run as follow

    progress = asyncio.run(follow(order, until=-1 if once else None))
    click.echo(f"indexed up to block {progress.height}: {progress.blocks} blocks, {progress.events} events")


@index.command()
@_order_options
@click.option("--yes", is_flag=True, help="Do not ask first.")
def rebuild(order: "IndexOrder", yes: bool) -> None:
    """Empty the index, and build it again from block 0 to the newest."""
    from node.indexer.run import empty
    from node.indexer.run import run as follow

    if not yes:
        click.confirm("Every row of the index is read from the chain again. Go on?", abort=True)
    empty(order.database)
    progress = asyncio.run(follow(order, until=-1))
    click.echo(f"built up to block {progress.height}: {progress.blocks} blocks, {progress.events} events")


@index.command()
@_order_options
@click.option("--again", is_flag=True, required=True, help="Ask again for those that are missing.")
def calls(order: "IndexOrder", again: bool) -> None:
    """Ask for the internal calls of blocks that were indexed without."""
    from node.indexer.run import calls_again

    had, missing = asyncio.run(calls_again(order))
    click.echo(f"{had} blocks have their calls now, {missing} have them still to come")


@index.command()
@where_the_chain_is
@DATABASE
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(network: Path, url: str | None, file: Path | None, database: str | None, as_json: bool) -> None:
    """Show how far the index is, how far behind the chain, and how large."""
    from node.indexer.status import status_of

    found = status_of(database or str(network / INDEX))
    head = _head(network, url)
    age = max(int(time.time()) - found.time, 0) if found.time else None
    behind = None if head is None else max(head - found.height, 0)
    if as_json:
        click.echo(json.dumps(asdict(found) | {"head": head, "behind": behind, "age": age}))
        return
    click.echo(f"{found.place}, chain {found.chain_id}")
    click.echo(f"  block {found.height}" + ("" if age is None else f", {age} s old"))
    click.echo("  the chain does not answer" if head is None else f"  {behind} behind the chain's {head}")
    if found.record:
        click.echo(f"  who proposed and signed is known up to block {found.record}")
    click.echo(f"  {found.transactions} transactions, {found.events} events, {found.size / 2**20:.1f} MiB")
    if found.untraced:
        click.echo(f"  {found.untraced} blocks without internal calls: till index calls --again")


def _chain(network: Path, url: str | None, file: Path | None) -> tuple[list[str], Any, dict[bytes, str]]:
    from node.chain.deployment import DEPLOYMENT
    from node.indexer.known import contracts_in

    urls, access = _gateways(network, url)
    path = file or network / DEPLOYMENT
    if not path.is_file():
        raise Unusable(f"there is no deployment {path}; first brownie run deploy --network {network}")
    return urls, access, contracts_in(path)


def _heights(network: Path, archive: Path | None, url: str | None) -> Any:
    """Where what validators signed comes from; None where nobody has it."""
    from node.network.heights import ArchivedHeights, ValidatorHeights
    from node.network.plan import read_plan

    if url and archive:
        raise Unusable("--archive goes with --network: who validated at first is in that folder's genesis.json")
    if archive is not None:
        return ArchivedHeights(archive)
    if url:
        return None
    plan = read_plan(network)
    return ValidatorHeights(plan) if plan.validators else None


def _gateways(network: Path, url: str | None) -> tuple[list[str], Any]:
    from node.config import rpc_access
    from node.network.clients import gateways_of
    from node.network.plan import read_plan

    access = rpc_access()
    urls, access = ([url], access) if url else gateways_of(read_plan(network), access)
    return list(urls), access


def _head(network: Path, url: str | None) -> int | None:
    """The chain's newest block; None where it does not answer, or nobody says where it is."""
    from node.chain.rpc import Rpc

    async def ask() -> int | None:
        try:
            urls, access = _gateways(network, url)
            async with Rpc(urls, attempts=1, access=access) as rpc:
                return int(await rpc.call("eth_blockNumber"), 16)
        except (ChainUnreachable, Unusable):
            return None

    return asyncio.run(ask())
