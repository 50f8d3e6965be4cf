"""`till bridge`: runs a bridge, shows how it is, and looks after its journal and its cards."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from node.cli.bridge_options import CONFIG
from node.cli.bridge_security import pin, qr, unlock
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
    from node.bridge.security.dumps import forbid_dumps

    forbid_dumps()
    settings = load_bridge(config)
    logs.configure(settings.log_level)
    uvloop.run(start.run(settings))


@bridge.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(config: Path, as_json: bool) -> None:
    """Show what the journal holds, by status, and how fast payments become final."""
    from node.bridge.status import read_status

    found = read_status(load_bridge(config))
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    rows: list[tuple[str, object]] = [
        ("running", "yes" if found.running else "no"),
        ("stream", found.stream),
        *((name, f"{count:,}") for name, count in found.entries.items()),
        ("reversals of nothing", found.tombstones),
        ("transactions on their way", found.open_batches),
        ("last block", "-" if found.last_block is None else f"{found.last_block:,}"),
        ("final after, p50", _milliseconds(found.latency_p50_ms)),
        ("final after, p99", _milliseconds(found.latency_p99_ms)),
        *((f"{name} listens on", _place(place)) for name, place in found.listening.items()),
    ]
    for name, value in rows:
        click.echo(f"{name:28}{value}")


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
    """Load a CSV FILE with the columns card (or phone number) and member, and perhaps pin.

    Numbers are kept as keyed hashes only, PINs as slow ones.
    """
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


cards.add_command(pin)
cards.add_command(unlock)
bridge.add_command(qr)


def _milliseconds(value: int | None) -> str:
    return "-" if value is None else f"{value:,} ms"


def _place(place: object) -> str:
    return f"{place['host']}:{place['port']}" if isinstance(place, dict) else str(place)
