"""`till net`: make, start, stop and watch a network of validators. Click wiring only; the work is in node/network."""

import json
from collections import deque
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from node.cli import net_operate
from node.cli.net_access import cert, key
from node.cli.net_peers import peers
from node.domain.errors import Unusable
from node.network.control import start, stop, wait_until_final
from node.network.hosts import FIRST_PORT, parse_host, parse_hosts
from node.network.init import DEFAULT_CHAIN_ID, NetworkOrder, init_network
from node.network.join import JoinOrder, join_network
from node.network.launch import START_ORDER
from node.network.live import LEAST_INTERVAL
from node.network.plan import LOOPBACK, read_plan
from node.network.status import NetworkStatus, network_status

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
FIRST = click.option(
    "--first-port",
    default=FIRST_PORT,
    show_default=True,
    help="On a machine of its own a validator's gateway is here, p2p on the next, and six loopback ports follow.",
)
PRIVATE = click.option("--private-gateways", is_flag=True, help="Gateways answer on their own machines only.")


@click.group()
def net() -> None:
    """Make, start, stop and watch a network of validators."""


net.add_command(key)
net.add_command(cert)
net.add_command(peers)
for each_command in net_operate.COMMANDS:
    net.add_command(each_command)


@net.command()
@FOLDER
@click.option(
    "--validators", default=4, show_default=True, help="How many, on this machine; four survive the loss of one."
)
@click.option("--hosts", help="One validator on each of these machines instead: a,b,c or a=10.0.0.1,b=10.0.0.2.")
@FIRST
@PRIVATE
@click.option(
    "--accounts", default=0, show_default=True, help="Funded accounts beside the operator's and the bridge's."
)
@click.option("--chain-id", default=DEFAULT_CHAIN_ID, show_default=True, type=click.IntRange(1, 2**53))
@click.option("--open", "open_to_all", is_flag=True, help="Everybody may send transactions and create contracts.")
@click.option("--fail-points", is_flag=True, hidden=True)
def init(
    folder: Path,
    validators: int,
    hosts: str | None,
    first_port: int,
    private_gateways: bool,
    accounts: int,
    chain_id: int,
    open_to_all: bool,
    fail_points: bool,
) -> None:
    """Make a network in the empty folder DIR: keys, genesis, settings."""
    order = NetworkOrder(
        folder=folder,
        validators=validators,
        hosts=parse_hosts(hosts) if hosts is not None else (),
        first_port=first_port,
        private_gateways=private_gateways,
        accounts=accounts,
        chain_id=chain_id,
        open_to_all=open_to_all,
        fail_points=fail_points,
    )
    plan = init_network(order, now=datetime.now(UTC), tell=lambda step: click.echo(f"  {step}"))
    click.echo(f"A network of {order.count} validators is in {order.folder.resolve()}; chain id {plan.chain_id}.")
    click.echo(f"The operator's key is in {plan.folder / 'keys' / 'operator.json'}.")
    if not order.hosts:
        click.echo(f"Start it with: till net up {folder}")
        return
    for host, peer in zip(order.hosts, plan.others, strict=True):
        click.echo(
            f"Copy {folder / host.name} to {peer.host} and start {peer.name} there with: till net up {host.name}"
        )


@net.command()
@FOLDER
@click.option("--with", "ticket", required=True, type=click.Path(path_type=Path), help="A join.json of the network.")
@click.option("--name", required=True, help="What the newcomer is called.")
@click.option(
    "--host", default=LOOPBACK, show_default=True, help="This machine, as the others find it: name or address."
)
@click.option("--keep-all", is_flag=True, help="Keep every block, so that others can sync from this node.")
@click.option(
    "--prague",
    "prague_time",
    type=click.IntRange(1),
    help="The timestamp of the network's Prague fork, if the join.json is older than that decision.",
)
@FIRST
@PRIVATE
def join(
    folder: Path,
    ticket: Path,
    name: str,
    host: str,
    keep_all: bool,
    prague_time: int | None,
    first_port: int,
    private_gateways: bool,
) -> None:
    """Make a newcomer to a network in the empty folder DIR; it follows the chain, and validates once it is voted in."""
    order = JoinOrder(
        folder=folder,
        ticket=ticket,
        name=name,
        host=parse_host(name, host),
        first_port=first_port,
        private_gateway=private_gateways,
        keep_all=keep_all,
        prague_time=prague_time,
    )
    plan = join_network(order, tell=lambda step: click.echo(f"  {step}"))
    (validator,) = plan.validators
    click.echo(f"{name} is in {plan.folder}. A validator of the network, in its own folder, lets it in:")
    click.echo(f"  as an observer   till validator propose observer DIR {validator.node_id} {name}")
    click.echo(f"  as a validator   till validator propose add DIR {name}.json")
    click.echo(f"where {name}.json is what this prints: till validator card {folder}")
    click.echo(f"Once the others have voted for it: till net up {folder}")


@net.command()
@FOLDER
@click.option("--wait", default=120.0, show_default=True, help="Seconds without progress until it gives up waiting.")
def up(folder: Path, wait: float) -> None:
    """Start the network in DIR, and wait for its first final block."""
    plan = read_plan(folder)
    if start(plan):
        what = f"{len(plan.validators)} validators" if len(plan.validators) != 1 else plan.validators[0].name
        click.echo(f"Starting {what}; waiting for a final block.")
    else:
        click.echo("It is up already.")
    status = wait_until_final(plan, blocks=1, seconds=wait)
    _print_status(status)


@net.command()
@FOLDER
def down(folder: Path) -> None:
    """Stop the network in DIR."""
    click.echo("Stopped." if stop(read_plan(folder)) else "It was not running.")


@net.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--watch", is_flag=True, help="A live table, until Ctrl-C.")
@click.option("--interval", default=1.0, show_default=True, type=click.FloatRange(LEAST_INTERVAL), help="Its seconds.")
@click.option("--count", type=click.IntRange(1), help="End after so many pictures.")
def status(folder: Path, as_json: bool, watch: bool, interval: float, count: int | None) -> None:
    """Show the validators of the network in DIR."""
    if watch:
        net_operate.watch(read_plan(folder), interval, count)
        return
    found = network_status(read_plan(folder))
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        _print_status(found)


@net.command()
@FOLDER
@click.option("--validator", "name", help="Only this one's.")
@click.option("--process", "kind", type=click.Choice([*START_ORDER, "supervisor"]), help="Only this kind's.")
@click.option("-n", "lines", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Lines of each log.")
def logs(folder: Path, name: str | None, kind: str | None, lines: int) -> None:
    """Show the ends of the logs of the network in DIR."""
    plan = read_plan(folder)
    chosen = [plan.validator(name)] if name else list(plan.validators)
    files = [
        (f"{validator.name} {each}", plan.log(validator.name, each))
        for validator in chosen
        for each in START_ORDER
        if kind in (None, each)
    ]
    if kind in (None, "supervisor") and not name:
        files.append(("supervisor", plan.supervisor_log))
    if not files:
        raise Unusable("the supervisor is one for all validators; leave --validator out")
    for title, path in files:
        click.echo(f"== {title}: {path}")
        if path.exists():
            with path.open(errors="replace") as file:
                text = "".join(deque(file, lines))
            click.echo(text, nl=bool(text) and not text.endswith("\n"))


def _print_status(found: NetworkStatus) -> None:
    state = f"running, supervisor {found.supervisor_pid}" if found.running else "not running"
    state = state if found.validators else "nothing of it runs from this folder"
    click.echo(f"Chain {found.chain_id}: {state}.")
    click.echo(f"{'name':6}{'height':>9}  {'hash':12}{'age s':>7}{'MB':>6}  {'rpc':28}pids")
    for validator in (*found.validators, *found.others):
        height = "-" if validator.height is None else str(validator.height)
        age = "-" if validator.last_final_age_s is None else f"{validator.last_final_age_s:.1f}"
        pids = " ".join(f"{kind}={pid}" for kind, pid in validator.pids.items())
        pids = pids or ("elsewhere" if validator in found.others else "none")
        line = f"{validator.name:6}{height:>9}  {(validator.hash or '-')[:10]:12}{age:>7}{validator.memory_mb:>6}"
        click.echo(f"{line}  {validator.rpc:28}{pids}")
