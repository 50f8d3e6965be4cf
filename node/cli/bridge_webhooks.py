"""`till bridge webhooks`: what was sent to whom, what was not, and sending it again by hand."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.bridge_options import CONFIG
from node.config import load_bridge
from node.domain.errors import Unusable

if TYPE_CHECKING:
    from sqlalchemy import Connection

STATES = ("waiting", "delivered", "failed")


@click.group()
def webhooks() -> None:
    """See and repeat what is told to others."""


@webhooks.command("list")
@CONFIG
@click.option("--endpoint", default="", help="Only this endpoint's.")
@click.option("--state", type=click.Choice(STATES), default=None, help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, with the bodies.")
def list_(config: Path, endpoint: str, state: str | None, limit: int, as_json: bool) -> None:
    """List the newest deliveries."""
    from node.bridge.journal import outbox

    with _journal(config) as connection:
        found = outbox.listing(connection, endpoint=endpoint, state=state or "", limit=limit)
    for each in found:
        if as_json:
            click.echo(json.dumps({**asdict(each), "state": each.state.value}))
            continue
        when = each.next_at if each.ended_at is None else each.ended_at
        moment = datetime.fromtimestamp(when / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        click.echo(
            f"{each.event:24} {each.type:18} {each.endpoint:16} {each.state.value:10}"
            f" {each.attempts:3} {moment} {each.last}"
        )


@webhooks.command()
@CONFIG
def endpoints(config: Path) -> None:
    """Show where webhooks go, and how that goes."""
    from node.bridge.journal import outbox

    settings = load_bridge(config).webhooks
    with _journal(config) as connection:
        states, counts = outbox.endpoint_states(connection), outbox.counts(connection)
    for name, each in ({} if settings is None else settings.endpoints).items():
        state = states.get(name, outbox.EndpointState())
        how = "well"
        if state.disabled_at is not None:
            how = f"disabled: {state.reason}"
        elif state.failing_since is not None:
            how = f"failing since {datetime.fromtimestamp(state.failing_since / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
        numbers = ", ".join([f"{counts.get((name, kind), 0):,} {kind.value}" for kind in outbox.State])
        click.echo(f"{name:16} {each.url}\n{'':16} {how}; {numbers}")


@webhooks.command()
@CONFIG
@click.argument("events", nargs=-1)
@click.option("--failed", is_flag=True, help="All that failed.")
@click.option("--endpoint", default="", help="Only to this endpoint.")
def replay(config: Path, events: tuple[str, ...], failed: bool, endpoint: str) -> None:
    """Send EVENTS again, whether they were taken or not; the same webhook-id, so a receiver knows them."""
    from node.bridge.journal import outbox

    if bool(events) == failed:
        raise Unusable("name the events, or say --failed")
    now = time.time_ns() // 1_000_000
    with _journal(config) as connection:
        count = sum(outbox.replay(connection, endpoint=endpoint, event=event, now=now) for event in events or ("",))
    if not count:
        raise Unusable("there is nothing to send again")
    click.echo(f"{count:,} {'delivery waits' if count == 1 else 'deliveries wait'} again")


@webhooks.command()
@CONFIG
@click.argument("endpoint")
def enable(config: Path, endpoint: str) -> None:
    """Send to a disabled ENDPOINT again."""
    from node.bridge.journal import outbox

    with _journal(config) as connection:
        if endpoint not in outbox.endpoint_states(connection):
            raise Unusable(f"there is no endpoint {endpoint} that is disabled or failing")
        outbox.enable(connection, endpoint)
    click.echo(f"{endpoint} is enabled")


@contextmanager
def _journal(config: Path) -> "Iterator[Connection]":
    """The journal, beside a bridge that may be running; committed when the block ends well."""
    from node.bridge.journal.schema import WRITES, migrate
    from node.bridge.journal.store import existing
    from node.domain.ids import StreamId

    settings = load_bridge(config)
    engine = existing(settings.journal, StreamId(settings.stream.id))
    migrate(engine)
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        yield connection
