"""`till net peer`: whom a folder's validators dial. Click wiring only; the work is in node/network/known_peers.py."""

from pathlib import Path

import click

from node.network.known_peers import move_own, move_peer, peer_of_card, put_peer, remove_peer
from node.network.plan import SCHEMES, NetworkPlan, peer_url, read_plan

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
PORT = click.IntRange(1, 65_535)


@click.group("peer")
def peers() -> None:
    """See and change whom the validators of a folder dial; running ones do so within seconds."""


@peers.command()
@FOLDER
@click.argument("card", metavar="CARD", type=click.Path(path_type=Path))
@click.option("--host", help="Where it is found from here, if not where its card says.")
def add(folder: Path, card: Path, host: str | None) -> None:
    """Have the node of a CARD (till validator card) dialed, in the place of a peer of its name."""
    made = peer_of_card(card, host)
    _tell(put_peer(folder, made), made.name)


@peers.command()
@FOLDER
@click.argument("name")
@click.option("--host", help="Its name or address now.")
@click.option("--p2p", type=PORT, help="Its port for other validators, if that changed.")
@click.option("--gateway", type=PORT, help="Its port for clients, if that changed.")
@click.option("--scheme", type=click.Choice(SCHEMES), help="What its gateway speaks, if that changed.")
def move(folder: Path, name: str, host: str | None, p2p: int | None, gateway: int | None, scheme: str | None) -> None:
    """Have NAME dialed at another address; if it runs from DIR, have it listen there from its next start on."""
    if all(given is None for given in (host, p2p, gateway, scheme)):
        raise click.UsageError("say what has changed: --host, --p2p, --gateway, --scheme")
    if any(own.name == name for own in read_plan(folder).validators):
        if host is None or any(given is not None for given in (p2p, gateway, scheme)):
            raise click.UsageError(f"{name} runs from {folder}: its ports stand in network.json, TLS in access.json")
        move_own(folder, name, host)
        click.echo(f"{name} is at {host} from its next start on (till net down, up); tell the other hosts.")
        return
    _tell(move_peer(folder, name, host, p2p, gateway, scheme), name)


@peers.command()
@FOLDER
@click.argument("name")
def remove(folder: Path, name: str) -> None:
    """Have the peer NAME dialed no more. What connects by itself is judged by the registry alone."""
    remove_peer(folder, name)
    click.echo(f"{name} is dialed no more, and no newcomer is told of it.")


@peers.command("list")
@FOLDER
def list_(folder: Path) -> None:
    """Show the peers of DIR that run elsewhere."""
    click.echo(f"{'name':16}{'dialed at':32}{'gateway':32}node id")
    for each in read_plan(folder).others:
        click.echo(f"{each.name:16}{f'{each.host}:{each.p2p}':32}{peer_url(each) or 'private':32}{each.node_id}")


def _tell(plan: NetworkPlan, name: str) -> None:
    (found,) = (each for each in plan.others if each.name == name)
    click.echo(f"{name} is dialed at {found.host}:{found.p2p}; {plan.folder}/join.json tells newcomers so.")
