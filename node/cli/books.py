"""`till books`: double-entry books of a network. Click wiring; the work is in node/books."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.chain_options import ask_chain, where_the_chain_is

if TYPE_CHECKING:
    from node.audit.run import Audit
    from node.chain.deployment import Deployment
    from node.chain.rpc import Rpc


@click.group()
def books() -> None:
    """Write the books of everything that the contracts hold and owe."""


@books.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["beancount", "hledger", "csv"]),
    default="beancount",
    show_default=True,
    help="A journal, or a folder of tables for a spreadsheet.",
)
@click.option(
    "--from", "first", type=click.IntRange(0, 2**63 - 1), default=0, help="The first block; what was before opens."
)
@click.option("--to", "last", type=click.IntRange(0, 2**63 - 1), help="The last block; the newest without it.")
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path), help="The file, for csv the folder.")
@where_the_chain_is
def export(
    form: str, first: int, last: int | None, output: Path, network: Path, url: str | None, file: Path | None
) -> None:
    """Replay the chain and write its books, which are refused if the chain's state is not what they come to."""
    from node.audit.run import Order
    from node.books.export import Format, export_books

    async def question(rpc: "Rpc", deployment: "Deployment", order: Order) -> "Audit":
        return await export_books(rpc, deployment, order, Format(form), output)

    asked: dict[str, Any] = {"order": Order(first=first, last=last)}
    audit = asyncio.run(ask_chain(network, url, file, question, asked))
    click.echo(f"The books of blocks {audit.first:,} to {audit.last.number:,} are in {output}; they are the chain's.")
