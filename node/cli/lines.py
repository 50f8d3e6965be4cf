"""`till lines`: who may read a merchant's line items, and reading them (lines_read.py). Wiring only."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.bridge_options import CONFIG
from node.cli.lines_read import excerpt, export, fetch, show, view
from node.config import BridgeSettings, load_bridge

if TYPE_CHECKING:
    from sqlalchemy import Connection

MERCHANT = click.option("--merchant", required=True, type=click.IntRange(1, 2**32 - 1), help="Whose line items.")
FILE = click.Path(path_type=Path)
DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def lines() -> None:
    """Read line items that you have a key for, and say who else may."""


for command in (show, export, excerpt, view, fetch):
    lines.add_command(command)


@lines.command()
@click.argument("file", type=FILE)
def key(file: Path) -> None:
    """Make a reader's key in FILE; FILE.pub is what you hand out."""
    from node.bridge.lines.keys import make_key

    click.echo(make_key(file).hex())


@lines.command()
@CONFIG
@MERCHANT
@click.option("--name", required=True, help="What the reader is called here.")
@click.option("--to", required=True, type=FILE, help="The reader's public key (FILE.pub).")
@click.option("--own", is_flag=True, help="It is the merchant's own key: the operator gets no copies from now on.")
@click.option("--from", "since", type=DAY, help="The first day (UTC); without it from today on.")
@click.option("--until", type=DAY, help="The last day (UTC); without it until it is revoked.")
@click.option("--key", "holder", type=FILE, help="The key that opens the past: the merchant's, or the operator's.")
@click.option("--output", "-o", type=FILE, help="Write the view's file: copies of the content keys there are.")
def grant(
    config: Path,
    merchant: int,
    name: str,
    to: Path,
    own: bool,
    since: datetime | None,
    until: datetime | None,
    holder: Path | None,
    output: Path | None,
) -> None:
    """Let a reader in. What was sealed before needs --key of somebody who can read it."""
    from node.bridge.journal.lines import Reader
    from node.bridge.lines.files import day_text, write_view
    from node.bridge.lines.grants import copies_for
    from node.bridge.lines.grants import grant as let_in
    from node.bridge.lines.keys import load_holder, load_public
    from node.domain.errors import Unusable
    from node.domain.ids import StreamId

    now = time.time_ns() // 1_000_000
    reader = Reader(
        number=0,
        merchant=merchant,
        name=name,
        public_key=load_public(to),
        own=own,
        since=now // _DAY_MS if since is None else _day(since),
        until=None if until is None else _day(until),
        granted_at=now,
    )
    opener = None if holder is None else load_holder(holder)
    if opener is None and reader.since < now // _DAY_MS:
        raise Unusable("the past opens with --key of somebody who can read it, the merchant or the operator")
    with _journal(config) as (settings, connection):
        stream = StreamId(settings.stream.id)
        granted = let_in(connection, stream, reader, opener)
        copies = copies_for(connection, stream, granted)
    if output is not None:
        end = None if granted.until is None else day_text(granted.until)
        about = {"merchant": merchant, "name": name, "reader": "0x" + reader.public_key.hex()}
        write_view(output, copies, about={**about, "since": day_text(granted.since), "until": end})
    click.echo(
        f"{name} reads merchant {merchant}'s line items; {len(copies)} content keys of days before are handed over"
    )


@lines.command()
@CONFIG
@MERCHANT
@click.option("--name", required=True, help="What the reader is called here.")
def revoke(config: Path, merchant: int, name: str) -> None:
    """Give a reader no further content keys. What it has read, or has copies for, it keeps."""
    from node.bridge.lines.grants import revoke as let_out

    with _journal(config) as (_, connection):
        let_out(connection, merchant, name, time.time_ns() // 1_000_000)
    click.echo(f"{name} gets no content keys of merchant {merchant} any more")


@lines.command("list")
@CONFIG
@click.option("--merchant", type=click.IntRange(1, 2**32 - 1), help="Only this merchant's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each.")
def list_(config: Path, merchant: int | None, as_json: bool) -> None:
    """List who may read whose line items, and who might once."""
    import json

    from node.bridge.journal.lines import readers
    from node.bridge.lines.files import day_text

    with _journal(config) as (_, connection):
        found = readers(connection, merchant)
    for each in found:
        until = None if each.until is None else day_text(each.until)
        kind = "merchant" if each.own else "view"
        if as_json:
            said = {"merchant": each.merchant, "name": each.name, "kind": kind, "since": day_text(each.since)}
            said |= {"until": until, "key": each.public_key.hex(), "revoked_at": each.revoked_at}
            click.echo(json.dumps(said))
            continue
        state = "" if each.revoked_at is None else f"  revoked on {day_text(each.revoked_at // _DAY_MS)}"
        click.echo(
            f"{each.merchant:>10}  {each.name:24}{kind:9} {day_text(each.since)} to {until or 'revoked':10}"
            f"  {each.public_key.hex()[:16]}{state}"
        )
    if not found and not as_json:
        click.echo("none; the operator's key opens all line items")


@lines.command()
@CONFIG
@MERCHANT
@click.option("--before", required=True, type=DAY, help="The first day (UTC) whose line items stay.")
@click.confirmation_option(prompt="Nobody will read these line items again. Destroy their keys?")
def erase(config: Path, merchant: int, before: datetime) -> None:
    """Destroy the content keys of days that are over: nobody reads their line items again."""
    from node.bridge.journal.lines import destroy_copies
    from node.domain.errors import Unusable

    if _day(before) > time.time_ns() // 1_000_000 // _DAY_MS:
        raise Unusable("a day that is not over has keys to come; the latest is today")
    with _journal(config) as (_, connection):
        count = destroy_copies(connection, merchant, _day(before))
    click.echo(f"{count} content keys of merchant {merchant} destroyed")


_DAY_MS = 86_400_000


def _day(moment: datetime) -> int:
    return (moment.date() - datetime(1970, 1, 1).date()).days


@contextmanager
def _journal(config: Path) -> "Iterator[tuple[BridgeSettings, Connection]]":
    """The settings, and a transaction on the journal, beside a bridge that may be running."""
    from node.bridge.journal.schema import WRITES, migrate
    from node.bridge.journal.store import existing
    from node.domain.ids import StreamId

    settings = load_bridge(config)
    engine = existing(settings.journal, StreamId(settings.stream.id))
    migrate(engine)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        yield settings, connection
