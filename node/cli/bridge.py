"""`till bridge`: runs a bridge, shows how it is, and looks after its journal and its cards."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.bridge_keys import keys
from node.cli.bridge_options import CONFIG
from node.cli.bridge_security import pin, qr, unlock
from node.cli.bridge_status import status
from node.cli.bridge_totals import totals
from node.cli.bridge_unsent import unsent
from node.cli.bridge_webhooks import webhooks
from node.config import load_bridge
from node.domain.currency import written

if TYPE_CHECKING:
    from node.bridge.journal.exceptions import Noted
    from node.config import BridgeSettings


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


bridge.add_command(status)
bridge.add_command(totals)
bridge.add_command(webhooks)
bridge.add_command(unsent)
bridge.add_command(qr)
bridge.add_command(keys)


@bridge.command()
@CONFIG
@click.option("--to", "revision", default="head", show_default=True, help='A schema revision, "head" or "base".')
def migrate(config: Path, revision: str) -> None:
    """Bring the journal's schema up to date (the bridge does so by itself), or back. `base` drops everything."""
    from node.bridge.journal.postgres import place_of
    from node.bridge.journal.schema import current_revision, engine_of
    from node.bridge.journal.schema import migrate as bring
    from node.domain.ids import StreamId

    settings = load_bridge(config)
    engine = engine_of(settings.journal, StreamId(settings.stream.id))
    bring(engine, revision)
    click.echo(f"{place_of(engine)} is at schema {current_revision(engine) or 'none'}")


@bridge.group(invoke_without_command=True)
@CONFIG
@click.option("--all", "closed", is_flag=True, help="The closed ones too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each.")
@click.pass_context
def exceptions(context: click.Context, config: Path, closed: bool, as_json: bool) -> None:
    """List what was accepted and the chain then declined: people settle it (docs/bridge.md)."""
    from node.bridge.answers import TEXTS
    from node.bridge.exceptions import list_exceptions

    context.obj = config
    if context.invoked_subcommand is not None:
        return
    settings = load_bridge(config)
    found = list_exceptions(settings, closed=closed)
    for each in found:
        name = f"{settings.stream.id}-{each.sequence}"
        said = {"payment_id": name} | asdict(each) | {"what": each.what.value, "text": TEXTS.get(each.reason, "")}
        if as_json:
            click.echo(json.dumps(said))
            continue
        about = f" of {settings.stream.id}-{each.original}" if each.original is not None else ""
        amount = "-" if each.amount is None else written(each.amount, settings.chain.currency)
        click.echo(
            f"{name:12}{_time(each.noted_at):18}{each.terminal:9}{each.stan:7}{each.merchant:>10} {amount:>14}"
            f"  {each.what.value}{about}: {each.reason} {TEXTS.get(each.reason, '')}"
            + _shares(each, settings)
            + ("" if each.closed_at is None else f" (closed: {each.note})")
        )
    if not found and not as_json:
        click.echo("none")


@exceptions.command("close")
@click.argument("name", metavar="ID")
@click.option("--note", required=True, help="What was done about it.")
@click.pass_obj
def close_(config: Path, name: str, note: str) -> None:
    """Say that the exception ID (1-42) is settled."""
    from node.bridge.exceptions import close_exception

    close_exception(load_bridge(config), name, note)
    click.echo(f"{name} is closed")


@bridge.command()
@CONFIG
@click.option("--terminal", default="", help="Only this terminal's.")
@click.option("--open", "unbalanced", is_flag=True, help="Only those whose totals are not known to be right.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each.")
def days(config: Path, terminal: str, unbalanced: bool, as_json: bool) -> None:
    """List business days that terminals closed, newest first, and whether their totals were right."""
    from node.bridge.business_days import list_days

    settings = load_bridge(config)
    found = list_days(settings, terminal=terminal, unbalanced=unbalanced)
    for each in found:
        sums = each.totals
        if as_json:
            said = asdict(sums) | {"terminal": each.terminal, "date": str(each.date), "balanced": each.balanced}
            click.echo(json.dumps(said | {"closed_at": each.closed_at.isoformat()}))
            continue
        state = {True: "in balance", False: "OUT OF BALANCE", None: "no totals told"}[each.balanced]
        debits = written(sums.debit_amount - sums.debit_reversal_amount, settings.chain.currency)
        credits_ = written(sums.credit_amount - sums.credit_reversal_amount, settings.chain.currency)
        click.echo(
            f"{each.date}  {each.terminal:9}{sums.debits - sums.debit_reversals:>6} debits {debits:>14}"
            f"{sums.credits - sums.credit_reversals:>6} credits {credits_:>14}  {state}"
        )
    if not found and not as_json:
        click.echo("none")


@bridge.group()
def cards() -> None:
    """Say which member has which card."""


@cards.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@CONFIG
def import_(file: Path, config: Path) -> None:
    """Load a CSV FILE with the columns card (or phone number) and member, and perhaps pin.

    Numbers are kept as keyed hashes only, PINs as slow ones, whose they are sealed with a key for each member.
    """
    from node.bridge.card_key import key_of_journal
    from node.bridge.cards import import_cards
    from node.bridge.journal.schema import engine_of
    from node.bridge.journal.schema import migrate as bring
    from node.bridge.people import open_people
    from node.domain.errors import Unusable
    from node.domain.ids import StreamId

    settings = load_bridge(config)
    if settings.journal.card_key_file is None:
        raise Unusable("the setting journal.card_key_file is missing")
    engine = engine_of(settings.journal, StreamId(settings.stream.id))
    bring(engine)
    key = key_of_journal(engine, settings.journal.card_key_file)
    count = import_cards(engine, key, open_people(engine, settings.journal, key), file)
    click.echo(f"{count:,} {'card' if count == 1 else 'cards'} imported")


cards.add_command(pin)
cards.add_command(unlock)


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%d %H:%M}"


def _shares(each: "Noted", settings: "BridgeSettings") -> str:
    """Who pays what of an advice that overdrew."""

    def money(amount: int | None) -> str:
        return written(amount or 0, settings.chain.currency)

    if each.booked_as is None:
        return f", guaranteed {money(each.guaranteed)}" if each.guaranteed else ""
    due = f" ({money(each.due)} of it still due)" if each.due else ""
    return (
        f", booked as {settings.stream.id}-{each.booked_as}: paid {money(each.taken)}, owed {money(each.owed)},"
        f" guaranteed {money(each.guaranteed)}{due}"
    )
