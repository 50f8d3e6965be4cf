"""`till net` for whoever keeps a network alive: fork, backup, restore, doctor, units. Click wiring only.

node/cli/net.py adds these commands to its group.
"""

import time
from pathlib import Path
from typing import Final

import click

from node.network.fork import FORKS, schedule_fork
from node.network.plan import read_plan

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.command()
@FOLDER
@click.argument("name", metavar="FORK", type=click.Choice(FORKS))
@click.option("--at", "at", type=click.IntRange(1), help="The block timestamp, in seconds since 1970.")
@click.option("--in", "after", type=click.IntRange(1), help="So many seconds from now.")
def fork(folder: Path, name: str, at: int | None, after: int | None) -> None:
    """Schedule an EVM fork on the network in DIR: each validator is stopped, told, and started again in turn."""
    if (at is None) == (after is None):
        raise click.UsageError("say when, with either --at or --in")
    when = at if at is not None else int(time.time()) + (after or 0)
    plan = schedule_fork(read_plan(folder), at=when, tell=lambda step: click.echo(f"  {step}"))
    click.echo(f"All {len(plan.validators)} validators go over to {name} at timestamp {when}.")
    click.echo(f"Validators in other folders need the same: till net fork DIR {name} --at {when}")


COMMANDS: Final = (fork,)
