"""`till net key` and `till net cert`: who may ask the gateways. Click wiring only; the work is in node/network."""

from datetime import UTC, datetime
from pathlib import Path

import click

from node.network.plan import NetworkPlan, read_plan

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
VALIDATOR = click.option("--validator", "only", multiple=True, help="Only at this one; may be repeated.")


@click.group()
def key() -> None:
    """Give keys to those who ask the gateways, and take them back."""


@key.command()
@FOLDER
@click.option("--role", required=True, help="public, auditor, bridge or operator.")
@click.option("--name", required=True, help="Whose it is; it stands in logs.")
@click.option("--days", type=int, help="How long it is good; until it is removed, if left out.")
@click.option("--rate", type=int, help="Cost units a second; its role's, if left out.")
@VALIDATOR
def add(folder: Path, role: str, name: str, days: int | None, rate: int | None, only: tuple[str, ...]) -> None:
    """Make a key for the gateways of the network in DIR, and print it: it is shown this once."""
    from node.consensus.access import parse_role
    from node.network.access import KeyOrder, add_key

    try:
        order = KeyOrder(name=name, role=parse_role(role), days=days, rate=rate)
    except ValueError as failure:
        raise click.BadParameter(str(failure), param_hint="--role") from None
    plan = read_plan(folder)
    click.echo(add_key(plan, _chosen(plan, only), order, now=datetime.now(UTC)))


@key.command("list")
@FOLDER
@VALIDATOR
def list_(folder: Path, only: tuple[str, ...]) -> None:
    """Show the keys of the network in DIR; what they are is not known any more."""
    from node.network.access import list_keys

    plan = read_plan(folder)
    click.echo(f"{'validator':12}{'name':24}{'role':10}{'rate':>8}  expires")
    for each in list_keys(plan, _chosen(plan, only), now=datetime.now(UTC)):
        ends = f"{each.expires or 'never'}{' (expired)' if each.expired else ''}"
        click.echo(f"{each.validator:12}{each.name:24}{each.role:10}{each.rate or '-':>8}  {ends}")


@key.command()
@FOLDER
@click.option("--name", required=True, help="Whose it is.")
@VALIDATOR
def remove(folder: Path, name: str, only: tuple[str, ...]) -> None:
    """Take a key back; running gateways refuse it within two seconds."""
    from node.network.access import remove_key

    plan = read_plan(folder)
    click.echo(f"Removed at {', '.join(remove_key(plan, _chosen(plan, only), name))}.")


@click.command()
@FOLDER
@click.option("--host", "hosts", multiple=True, help="A name or address that clients use; may be repeated.")
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3650))
@VALIDATOR
def cert(folder: Path, hosts: tuple[str, ...], days: int, only: tuple[str, ...]) -> None:
    """Make a self-signed certificate for each gateway of the network in DIR, which speaks TLS from then on.

    Other hosts learn that it does by a new card: till validator card, till net peer add.
    """
    from node.network.certificate import make_certificate
    from node.network.known_peers import tell_newcomers_of_own

    plan = read_plan(folder)
    for name in _chosen(plan, only):
        names = list(dict.fromkeys((plan.host, plan.validator(name).host, *hosts, "localhost")))
        click.echo(make_certificate(plan.home(name), names, days=days, now=datetime.now(UTC)))
    tell_newcomers_of_own(folder)


def _chosen(plan: NetworkPlan, only: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(plan.validator(name).name for name in only) or tuple(each.name for each in plan.validators)
