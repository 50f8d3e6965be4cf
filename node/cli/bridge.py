"""`till bridge`: runs a bridge, shows how it is, and looks after its journal and its cards."""

from pathlib import Path

import click

from node.cli.bridge_options import CONFIG
from node.cli.bridge_status import status
from node.cli.bridge_webhooks import webhooks
from node.config import load_bridge


@click.group()
def bridge() -> None:
    """Take payments in and put each on the chain once."""


@bridge.command()
@CONFIG
def run(config: Path) -> None:
    """Run the bridge until it is told to stop (SIGTERM, Ctrl-C)."""
    import uvloop

    from node.bridge import logs, start

    settings = load_bridge(config)
    logs.configure(settings.log_level)
    uvloop.run(start.run(settings))


bridge.add_command(status)
bridge.add_command(webhooks)


@bridge.command()
@CONFIG
@click.option("--to", "revision", default="head", show_default=True, help='A schema revision, "head" or "base".')
def migrate(config: Path, revision: str) -> None:
    """Bring the journal's schema up to date (the bridge does so by itself), or back. `base` drops everything."""
    from node.bridge.journal.schema import current_revision, open_engine
    from node.bridge.journal.schema import migrate as bring

    settings = load_bridge(config)
    engine = open_engine(settings.journal.path)
    bring(engine, revision)
    click.echo(f"{settings.journal.path} is at schema {current_revision(engine) or 'none'}")


@bridge.group()
def cards() -> None:
    """Say which member has which card."""


@cards.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@CONFIG
def import_(file: Path, config: Path) -> None:
    """Load a CSV FILE with the columns card and member. Card numbers are kept as keyed hashes only."""
    from node.bridge.cards import import_cards, load_key
    from node.bridge.journal.schema import migrate as bring
    from node.bridge.journal.schema import open_engine
    from node.domain.errors import Unusable

    settings = load_bridge(config)
    if settings.journal.card_key_file is None:
        raise Unusable("the setting journal.card_key_file is missing")
    engine = open_engine(settings.journal.path)
    bring(engine)
    count = import_cards(engine, load_key(settings.journal.card_key_file, make=True), file)
    click.echo(f"{count:,} {'card' if count == 1 else 'cards'} imported")
