"""`till validator`: who validates, and what validators decide. Wiring only; the work is in node/network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from node.chain.signer import Signer
from node.domain.ids import Address
from node.explorer.tables import wide_console
from node.network.genesis import VOTING_POWER
from node.network.governance import Council, OpenProposal, Registries, validator_signers, with_registries
from node.network.governance_acts import (
    NOBODY,
    Act,
    Kind,
    card_of,
    read_address,
    read_bytes,
    read_card,
    read_name,
)
from node.network.keys import checksum_address
from node.network.plan import NetworkPlan, ValidatorPlan, read_plan
from node.network.voter import take_account

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
CARD = click.argument("card", metavar="CARD", type=click.Path(path_type=Path))
AS = click.option("--as", "names", multiple=True, metavar="NAME", help="The validator of DIR that does it; may repeat.")
DRASTIC = click.option("--drastic", is_flag=True, help="It may move more than a third of the power.")


@click.group()
def validator() -> None:
    """See who validates, and decide about it with the others."""


@validator.group()
def propose() -> None:
    """Propose a change; more than two thirds of the power have to vote for it."""


@validator.command("list")
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_all(folder: Path, as_json: bool) -> None:
    """Show validators, observers and open proposals of the network in DIR."""
    council: Council = with_registries(read_plan(folder), lambda registries: registries.council())
    if as_json:
        click.echo(json.dumps(_as_json(council), indent=2))
    else:
        _print(council)


@validator.command()
@FOLDER
@click.option("--as", "name", metavar="NAME", help="Which one, where DIR has several.")
def card(folder: Path, name: str | None) -> None:
    """Print what others need to know of a validator of DIR before they vote for it; nothing in it is secret."""
    plan = read_plan(folder)
    chosen = _one(plan, name)
    click.echo(card_of(chosen, plan.scheme(chosen.name)).to_json())


@validator.command("take-account")
@FOLDER
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--as", "name", metavar="NAME", help="Which one, where DIR has several.")
def take_account_command(folder: Path, file: Path, name: str | None) -> None:
    """Have a validator of DIR vote with the account in FILE, the account.json of the machine that it came from.

    It is stopped for some seconds. The account that it had stays beside it.
    """
    plan = read_plan(folder)
    chosen = _one(plan, name).name
    taken = take_account(plan, chosen, file)
    click.echo(f"{chosen} votes and reports with {taken.validator(chosen).account}.")


@propose.command("add")
@FOLDER
@CARD
@click.option("--power", default=VOTING_POWER, show_default=True, type=click.IntRange(1, 1_000_000))
@DRASTIC
@AS
def add(folder: Path, card: Path, power: int, drastic: bool, names: tuple[str, ...]) -> None:
    """Propose the validator of a CARD (till validator card), and give its account coin, so that it can vote."""
    read = read_card(card)
    act = Act(kind=Kind.ADD, account=read.account, power=power, key=read.key, node_id=read.node_id, name=read.name)
    _propose(folder, names, lambda _: act, drastic, coin_for=read.account)


@propose.command("remove")
@FOLDER
@click.argument("who")
@DRASTIC
@AS
def remove(folder: Path, who: str, drastic: bool, names: tuple[str, ...]) -> None:
    """Propose that WHO (name, account or node id) validates no more."""
    _propose(folder, names, lambda council: Act(kind=Kind.REMOVE, account=council.find(who).account), drastic)


@propose.command("power")
@FOLDER
@click.argument("who")
@click.argument("power", type=click.IntRange(1, 1_000_000))
@DRASTIC
@AS
def change_power(folder: Path, who: str, power: int, drastic: bool, names: tuple[str, ...]) -> None:
    """Propose another voting power for WHO."""
    _propose(
        folder, names, lambda council: Act(kind=Kind.POWER, account=council.find(who).account, power=power), drastic
    )


@propose.command("rotate")
@FOLDER
@click.argument("who")
@CARD
@DRASTIC
@AS
def rotate(folder: Path, who: str, card: Path, drastic: bool, names: tuple[str, ...]) -> None:
    """Propose that WHO signs with the key, and from the node, of a CARD; its account stays."""
    read = read_card(card)
    _propose(
        folder,
        names,
        lambda council: Act(kind=Kind.ROTATE, account=council.find(who).account, key=read.key, node_id=read.node_id),
        drastic,
    )


@propose.command("observer")
@FOLDER
@click.argument("node_id")
@click.argument("name")
@AS
def observer(folder: Path, node_id: str, name: str, names: tuple[str, ...]) -> None:
    """Propose that the node NODE_ID may connect and follow, under a NAME, without a vote."""
    act = Act(kind=Kind.ADD_OBSERVER, node_id=read_bytes(node_id, 20, "a node id"), name=read_name(name))
    _propose(folder, names, lambda _: act, False)


@propose.command("drop-observer")
@FOLDER
@click.argument("node_id")
@AS
def drop_observer(folder: Path, node_id: str, names: tuple[str, ...]) -> None:
    """Propose that the observer NODE_ID may connect no more."""
    act = Act(kind=Kind.REMOVE_OBSERVER, node_id=read_bytes(node_id, 20, "a node id"))
    _propose(folder, names, lambda _: act, False)


@propose.command("admin")
@FOLDER
@click.argument("account")
@AS
def admin(folder: Path, account: str, names: tuple[str, ...]) -> None:
    """Propose who says which accounts may send: an ACCOUNT, or nobody."""
    act = Act(kind=Kind.ADMIN, account=NOBODY if account == "nobody" else read_address(account))
    _propose(folder, names, lambda _: act, False)


@validator.command()
@FOLDER
@click.argument("number", type=click.IntRange(1))
@click.option("--against", is_flag=True, help="Vote against it.")
@AS
def vote(folder: Path, number: int, against: bool, names: tuple[str, ...]) -> None:
    """Vote for (or against) the proposal NUMBER, once."""
    plan = read_plan(folder)
    signers = validator_signers(plan, names)
    with_registries(plan, lambda registries: _vote_all(registries, signers, number, not against))


@validator.command()
@FOLDER
@AS
@click.confirmation_option(prompt="Its vote is gone, and coming back takes a vote of the others. Leave?")
def leave(folder: Path, names: tuple[str, ...]) -> None:
    """Stop validating, without asking anybody."""
    plan = read_plan(folder)
    signers = validator_signers(plan, names)

    async def work(registries: Registries) -> None:
        for name, signer in signers:
            await registries.leave(signer)
            click.echo(f"{name} is no validator any more.")

    with_registries(plan, work)


def _one(plan: NetworkPlan, name: str | None) -> ValidatorPlan:
    (chosen,) = plan.chosen(() if name is None else (name,))
    return chosen


def _propose(
    folder: Path,
    names: tuple[str, ...],
    make: Callable[[Council], Act],
    drastic: bool,
    coin_for: Address | None = None,
) -> None:
    """The first of the named proposes, and so votes; the others vote for it."""
    plan: NetworkPlan = read_plan(folder)
    (first, signer), *others = validator_signers(plan, names)

    async def work(registries: Registries) -> None:
        act = make(await registries.council())
        number = await registries.propose(signer, act, drastic=drastic)
        click.echo(f"Proposal {number}, with the vote of {first}: {act.sentence()}.")
        if coin_for is not None and await registries.start_coin(signer, coin_for):
            click.echo(f"{checksum_address(coin_for)} got coin for its first votes.")
        await _vote_all(registries, others, number, True)
        if not others:
            await _tell(registries, number)

    with_registries(plan, work)


async def _vote_all(registries: Registries, signers: list[tuple[str, Signer]], number: int, approves: bool) -> None:
    for name, signer in signers:
        await registries.vote(signer, number, approves=approves)
        click.echo(f"{name} voted {'for' if approves else 'against'} proposal {number}.")
    if signers:
        await _tell(registries, number)


async def _tell(registries: Registries, number: int) -> None:
    council = await registries.council()
    for each in council.proposals:
        if each.number == number:
            click.echo(f"Power for it {each.approving}, against it {each.refusing}, of {council.total}; it is open.")
            return
    click.echo(f"Proposal {number} is decided.")


def _print(council: Council) -> None:
    console = wide_console()
    table = Table(title=f"Validators at block {council.height}", title_justify="left", box=None)
    for name, justify in (("name", "left"), ("account", "left"), ("power", "right"), ("node id", "left")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for each in council.validators:
        table.add_row(each.name, checksum_address(each.account), str(each.power), each.node_id.hex())
    console.print(table)
    for node in council.observers:
        console.print(f"observer {node.name}  {node.node_id.hex()}", highlight=False)
    admin = checksum_address(council.admin) if any(council.admin) else "nobody"
    console.print(f"Permissions to send are given by {admin}.", highlight=False)
    for proposal in council.proposals:
        console.print(_lines(council, proposal), highlight=False, markup=False)


def _lines(council: Council, each: OpenProposal) -> str:
    drastic = ", DRASTIC: it moves more than a third of the power" if each.proposal.drastic else ""
    voters = {entry.account: entry.name for entry in council.validators}
    votes = ", ".join(f"{voters[account]} {'for' if yes else 'against'}" for account, yes in each.votes.items())
    return (
        f"Proposal {each.number}: {each.proposal.act.sentence()}{drastic}\n"
        f"  {votes}; power for it {each.approving}, against it {each.refusing}, of {council.total}; "
        f"open until block {each.proposal.expires}"
    )


def _as_json(council: Council) -> dict[str, Any]:
    return {
        "height": council.height,
        "admin": checksum_address(council.admin),
        "validators": [
            {
                "name": each.name,
                "account": checksum_address(each.account),
                "power": each.power,
                "public_key": each.key.hex(),
                "node_id": each.node_id.hex(),
            }
            for each in council.validators
        ],
        "observers": [{"name": each.name, "node_id": each.node_id.hex()} for each in council.observers],
        "proposals": [
            {
                "number": each.number,
                "act": each.proposal.act.sentence(),
                "drastic": each.proposal.drastic,
                "expires": each.proposal.expires,
                "for": each.approving,
                "against": each.refusing,
                "votes": {checksum_address(account): approves for account, approves in each.votes.items()},
            }
            for each in council.proposals
        ],
    }
