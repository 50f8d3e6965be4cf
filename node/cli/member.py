"""`till member ID | erase | rekey`: what the chain says of a member, and what becomes of the person behind it."""

from pathlib import Path

import click

from node.cli.ask import member as show
from node.cli.bridge_options import CONFIG
from node.config import load_bridge

MEMBER = click.IntRange(1, 2**64 - 1)


class ShowsByDefault(click.Group):
    """A group whose command `show` may be left out: what is no command is a member's number."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ShowsByDefault)
def member() -> None:
    """Show a member (`till member 7`), or erase the person behind it."""


member.add_command(show, "show")


@member.command()
@click.argument("number", type=MEMBER, metavar="ID")
@CONFIG
@click.confirmation_option(prompt="The member's cards, phone number and PINs cannot be had back. Erase them?")
def erase(number: int, config: Path) -> None:
    """Destroy the data key of the member ID, with cards, phone number and PINs. The chain stays as it is."""
    from node.bridge.erasing import erase_member

    cards = erase_member(load_bridge(config), number)
    click.echo(f"member {number} is erased here, with {cards} {'card' if cards == 1 else 'cards'}")


@member.command()
@CONFIG
@click.option(
    "--forget", is_flag=True, help="Destroy the people's master key before; older copies of the journal open no more."
)
def rekey(config: Path, forget: bool) -> None:
    """Change the people's master key: first without --forget for every journal that uses it, then once with it."""
    from node.bridge.erasing import change_people_master, forget_people_master

    if forget:
        forget_people_master(load_bridge(config))
        click.echo("the people's master key before is destroyed")
        return
    count = change_people_master(load_bridge(config))
    keys = "key" if count == 1 else "keys"
    click.echo(f"{count:,} {keys} under the new people's master key; give its file to the other bridges")
