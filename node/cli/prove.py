"""`till prove`: makes proofs that need nobody's word afterwards, and the anchor that they are checked against."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.chain_options import ask_chain, where_the_chain_is
from node.domain.errors import Unusable
from node.network.access import write_whole

if TYPE_CHECKING:
    from node.chain.deployment import Deployment
    from node.chain.rpc import Rpc
    from node.domain.line_items import LineItems
    from node.explorer.prove import Consensus
    from node.network.headers import Headers

READABLE = 0o644
FILE = click.Path(path_type=Path)
OUTPUT = click.option("--output", "-o", required=True, type=FILE, help="The file to write.")


def consensus_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of where signed headers come from: `archive`, `since`."""
    command = click.option(
        "--since",
        type=click.IntRange(1, 2**63 - 1),
        default=1,
        show_default=True,
        help="The height that whoever verifies has an anchor of; 1 is genesis.",
    )(command)
    return click.option("--archive", type=FILE, help="What till net archive keeps; else the network's validators.")(
        command
    )


@click.group()
def prove() -> None:
    """Write a proof, of a payment or a member's balance, that till verify checks without any network."""


@prove.command()
@click.argument("name", metavar="ID")
@click.option("--items", "receipt", type=FILE, help="Its line items: a receipt, as till lines show --json prints it.")
@OUTPUT
@consensus_options
@where_the_chain_is
def payment(
    name: str,
    receipt: Path | None,
    output: Path,
    archive: Path | None,
    since: int,
    network: Path,
    url: str | None,
    file: Path | None,
) -> None:
    """Prove the payment ID (such as 1-42), with its line items if they are given."""
    from node.domain.ids import PaymentId, parse_payment_id
    from node.explorer.prove import prove_payment

    try:
        parse_payment_id(name)
    except ValueError as failure:
        raise Unusable(str(failure)) from None
    items = None if receipt is None else _items(receipt, name)

    async def question(rpc: "Rpc", deployment: "Deployment") -> str:
        consensus = consensus_of(network, archive, since)
        return await prove_payment(rpc, deployment, PaymentId(name), consensus, items=items)

    write_whole(output, _asked(network, url, file, question), mode=READABLE)
    click.echo(f"The proof of payment {name} is in {output}; check it with: till verify {output}")


@prove.command()
@click.argument("member", type=click.IntRange(1, 2**64 - 1), metavar="MEMBER")
@click.option("--block", type=click.IntRange(0, 2**63 - 2), help="After which block; the newest but one without it.")
@OUTPUT
@consensus_options
@where_the_chain_is
def balance(
    member: int,
    block: int | None,
    output: Path,
    archive: Path | None,
    since: int,
    network: Path,
    url: str | None,
    file: Path | None,
) -> None:
    """Prove what the member MEMBER has, also that it has nothing."""
    from node.domain.ids import MemberId
    from node.explorer.prove import prove_balance

    async def question(rpc: "Rpc", deployment: "Deployment") -> str:
        consensus = consensus_of(network, archive, since)
        return await prove_balance(rpc, deployment, MemberId(member), consensus, block=block)

    write_whole(output, _asked(network, url, file, question), mode=READABLE)
    click.echo(f"The proof of member {member} is in {output}; check it with: till verify {output}")


@prove.command()
@click.argument("member", type=click.IntRange(1, 2**64 - 1), metavar="MEMBER")
@click.option("--from", "listing", required=True, type=FILE, help="What till audit liabilities wrote.")
@OUTPUT
def liability(member: int, listing: Path, output: Path) -> None:
    """Prove that the member MEMBER is counted among all that is owed. Asks nobody but the file."""
    from node.explorer.liabilities import member_address, prove_liability, read_liabilities

    write_whole(output, prove_liability(read_liabilities(listing.read_text()), member_address(member)), mode=READABLE)
    click.echo(f"The proof of member {member} is in {output}; check it with: till verify {output}")


@prove.command()
@click.option("--height", type=click.IntRange(1, 2**63 - 1), default=1, show_default=True, help="1 is genesis.")
@click.option("--archive", type=FILE, help="What till net archive keeps; else the network's validators.")
@OUTPUT
@where_the_chain_is
def anchor(height: int, archive: Path | None, output: Path, network: Path, url: str | None, file: Path | None) -> None:
    """Write what whoever verifies has to trust: the chain, its validators at a height, its ledger. Publish it."""
    from node.explorer.prove import make_anchor
    from node.proofs.anchor import write_anchor

    async def question(rpc: "Rpc", deployment: "Deployment") -> str:
        return write_anchor(await make_anchor(rpc, deployment, _headers(network, archive), height))

    write_whole(output, _asked(network, url, file, question), mode=READABLE)
    click.echo(f"The anchor at height {height} is in {output}; verify with: till verify PROOF --anchor {output}")


def _asked(
    network: Path, url: str | None, file: Path | None, question: "Callable[[Rpc, Deployment], Awaitable[str]]"
) -> str:
    nothing: dict[str, Any] = {}
    return asyncio.run(ask_chain(network, url, file, question, nothing))


def consensus_of(network: Path, archive: Path | None, since: int) -> "Consensus":
    """Where signed headers come from, by the options."""
    from node.explorer.prove import Consensus

    return Consensus(headers=_headers(network, archive), since=since)


def _headers(network: Path, archive: Path | None) -> "Headers":
    from node.network.headers import ArchivedHeaders, ValidatorHeaders
    from node.network.plan import read_plan

    return ValidatorHeaders(read_plan(network)) if archive is None else ArchivedHeaders(archive)


def _items(receipt: Path, name: str) -> "LineItems":
    from node.domain.receipt import parse_receipt

    try:
        payment, items = parse_receipt(receipt.read_text())
    except (ValueError, KeyError, TypeError) as failure:
        raise Unusable(f"{receipt} is no receipt: {failure}") from None
    if payment != name:
        raise Unusable(f"{receipt} is the receipt of {payment}, not of {name}")
    return items
