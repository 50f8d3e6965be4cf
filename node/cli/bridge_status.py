"""`till bridge status`: how a bridge is, once or as a table that is written anew every second."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.bridge_options import CONFIG
from node.config import load_bridge

if TYPE_CHECKING:
    from rich.table import Table

    from node.bridge.status import BridgeStatus, LiveStatus


@click.command()
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--watch", is_flag=True, help="Show it as a table that is kept up to date, until Ctrl-C.")
@click.option(
    "--interval", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="Seconds between two looks."
)
def status(config: Path, as_json: bool, watch: bool, interval: float) -> None:
    """Show what the journal holds, by status, and how fast payments are answered and become final."""
    from node.bridge.status import read_live, read_status

    settings = load_bridge(config)
    if watch:
        _watch(lambda: read_live(settings), interval)
        return
    found = read_status(settings)
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    for name, value in _rows(found):
        click.echo(f"{name:28}{value}")


def _rows(found: "BridgeStatus") -> Iterator[tuple[str, object]]:
    yield "running", "yes" if found.running else "no"
    yield "stream", found.stream
    if found.owner:
        yield "owned by", found.owner
    for name, count in found.entries.items():
        yield name, f"{count:,}"
    yield "reversals of nothing", found.tombstones
    yield "exceptions to settle", found.exceptions
    yield "transactions on their way", found.open_batches
    yield "last block", "-" if found.last_block is None else f"{found.last_block:,}"
    yield "final after, p50", _milliseconds(found.latency_p50_ms)
    yield "final after, p99", _milliseconds(found.latency_p99_ms)
    for endpoint, states in found.webhooks.items():
        yield f"webhooks to {endpoint}", ", ".join([f"{count:,} {state}" for state, count in states.items()])
    for name, place in found.listening.items():
        yield f"{name} listens on", _place(place)


def _watch(look: Any, interval: float) -> None:
    """Draws the table again and again; without a terminal it is drawn once."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    before = look()
    if not console.is_terminal:
        console.print(live_table(before, before))
        return
    try:
        with Live(live_table(before, before), console=console, auto_refresh=False) as shown:
            while True:
                time.sleep(interval)
                now = look()
                shown.update(live_table(now, before), refresh=True)
                before = now
    except KeyboardInterrupt:
        return


def live_table(now: "LiveStatus", before: "LiveStatus") -> "Table":
    """The table of one look, with what changed a second since the look before it; it fits a terminal of 24 lines."""
    from rich.table import Table

    table = Table("", "now", "a second", title="running" if now.running else "not running", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    live, health = now.live, now.live.get("health", {})
    seconds = (live.get("at", 0) - before.live.get("at", 0)) / 1000
    for name, key in (
        ("in", "in"),
        ("journaled", "journaled"),
        ("repeated", "duplicates"),
        ("final", "final"),
        ("declined", "declined"),
        ("for people to settle", "exceptions"),
    ):
        moved = live.get(key, 0) - before.live.get(key, 0)
        # a bridge that was started anew counts from 0
        table.add_row(name, _count(live.get(key)), f"{moved / seconds:,.0f}" if seconds > 0 <= moved else "")
    table.add_section()
    for name, count in (
        ("on the disk, in no batch", now.open["journaled"]),
        ("in a signed transaction", now.open["batched"]),
        ("sent", now.open["sent"]),
        ("waiting for the disk", health.get("journal_queue")),
        ("waiting for their answer", health.get("unanswered")),
        ("transactions on their way", health.get("in_flight")),
        ("webhooks waiting", now.webhooks),
    ):
        table.add_row(name, _count(count), "")
    table.add_section()
    for name, key in (("answered", "reply"), ("final", "finality")):
        both = [_milliseconds(live.get(key, {}).get(percentile)) for percentile in ("p50", "p99")]
        table.add_row(f"{name} after, p50 and p99", *both)
    if health.get("chain_away"):
        table.add_row("the chain is away", "", "")
    table.add_row(
        "last block, and its age", _count(health.get("last_block")), _milliseconds(health.get("last_block_age_ms"))
    )
    return table


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _milliseconds(value: int | None) -> str:
    return "-" if value is None else f"{value:,} ms"


def _place(place: object) -> str:
    return f"{place['host']}:{place['port']}" if isinstance(place, dict) else str(place)
