"""`till anchor`: this chain's blocks on another chain. Click wiring; the work is in node/audit/anchors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.chain.deployment import load_deployment
from node.chain.rpc import Rpc
from node.chain.signer import load_signer
from node.config import load_anchor, rpc_access
from node.domain.errors import Unusable

if TYPE_CHECKING:
    from node.anchor_settings import AnchorSettings
    from node.audit.anchors.post import Anchoring

CONFIG = click.option("--config", required=True, type=click.Path(path_type=Path), help="The settings (docs/audit.md).")


@click.group()
def anchor() -> None:
    """Write this chain's blocks down on another chain, at intervals. Off unless the settings enable it."""


@anchor.command()
@CONFIG
@click.option("--once", is_flag=True, help="Send what is due, and end.")
def run(config: Path, once: bool) -> None:
    """Anchor for ever, or once."""
    settings = load_anchor(config)
    if not settings.enabled:
        raise Unusable(f"anchoring is off; {config} says enabled = true where it is wanted")

    async def work() -> None:
        async with _anchoring(settings) as anchoring:
            if not once:
                await anchoring.run()
            elif await anchoring.once() is None:
                click.echo("Nothing is due yet.")

    asyncio.run(work())


@anchor.command()
@CONFIG
def status(config: Path) -> None:
    """Say what was anchored last, and how far the chain is ahead of it."""
    from node.audit.anchors.record import read_records

    settings = load_anchor(config)
    records = read_records(settings.state)

    async def newest() -> int:
        async with Rpc(settings.chain.rpc, attempts=2, access=rpc_access()) as chain:
            return int(await chain.call("eth_blockNumber"), 16)

    head = asyncio.run(newest())
    click.echo(f"Anchoring is {'on' if settings.enabled else 'off'}, every {settings.every_blocks:,} blocks.")
    if not records:
        click.echo(f"Nothing was anchored yet; the newest block is {head:,}.")
        return
    last = records[-1]
    click.echo(f"{len(records):,} anchors, the last of block {last.anchor.height:,}, 0x{last.anchor.block_hash.hex()},")
    click.echo(f"by 0x{last.transaction.hex()} on chain {settings.target.chain_id}.")
    click.echo(f"The newest block is {head:,}, {head - last.anchor.height:,} beyond it.")


@asynccontextmanager
async def _anchoring(settings: "AnchorSettings") -> AsyncIterator["Anchoring"]:
    from node.audit.anchors.post import Anchoring

    async with (
        Rpc(settings.chain.rpc, attempts=2, access=rpc_access()) as chain,
        Rpc(settings.target.rpc, attempts=2) as target,
    ):
        yield Anchoring(
            settings=settings,
            deployment=load_deployment(settings.chain.deployment),
            chain=chain,
            target=target,
            signer=load_signer(settings.target.key_file),
            tell=click.echo,
        )
