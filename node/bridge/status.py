"""What `till bridge status` shows: read from the journal's file, and, while a bridge runs, from its live.json."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, text

from node.bridge.exceptions import journal_of
from node.bridge.journal import outbox, reading
from node.bridge.journal.exceptions import count_open
from node.bridge.journal.lease import owner_of
from node.bridge.journal.transitions import LAST_BLOCK
from node.bridge.live import LIVE_FILE
from node.bridge.ready import READY_FILE
from node.bridge.window import percentile
from node.config import BridgeSettings

_OPEN: Final = text(
    "SELECT status, count(*) FROM entries WHERE status IN ('journaled', 'batched', 'sent') GROUP BY status"
)
_WAITING: Final = text("SELECT count(*) FROM webhook_deliveries WHERE state = 'waiting'")


@dataclass(frozen=True, kw_only=True, slots=True)
class BridgeStatus:
    """A bridge at a glance. Latencies in milliseconds over the newest final payments, None when there is none.

    `exceptions` are what people have to look at (bridge/exceptions.py), `webhooks` deliveries by endpoint and state;
    `live` is what the running bridge says of its last minute (bridge/live.py), empty without one. `owner` is the
    process that has the stream now (HOST:PROCESS), None with a journal in a file, or when nobody has it.
    """

    running: bool
    stream: int
    entries: dict[str, int]
    tombstones: int
    exceptions: int
    open_batches: int
    last_block: int | None
    latency_p50_ms: int | None
    latency_p99_ms: int | None
    webhooks: dict[str, dict[str, int]]
    listening: dict[str, object]
    live: dict[str, Any]
    owner: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveStatus:
    """What changes from second to second, without a look at the whole journal. `open` are entries by status, `webhooks`
    how many deliveries wait.
    """

    running: bool
    open: dict[str, int]
    webhooks: int
    live: dict[str, Any]


def read_status(settings: BridgeSettings) -> BridgeStatus:
    """The status from the journal. Raises Unusable when there is no journal, or one of another schema."""
    with journal_of(settings).connect() as connection:
        latencies = reading.latencies(connection)
        facts = reading.meta(connection)
        tombstones = connection.exec_driver_sql("SELECT count(*) FROM tombstones").scalar_one()
        entries = reading.counts(connection)
        exceptions = count_open(connection)
        batches = len(reading.open_batches(connection))
        webhooks = _webhooks(connection)
        owner = owner_of(connection, settings.stream.id) if settings.journal.url else None
    ready = _of_a_living_process(settings.state / READY_FILE)
    last_block = facts.get(LAST_BLOCK)
    return BridgeStatus(
        running=bool(ready),
        stream=settings.stream.id,
        entries=entries,
        tombstones=int(tombstones),
        exceptions=exceptions,
        open_batches=batches,
        last_block=None if last_block is None else int(last_block),
        latency_p50_ms=percentile(latencies, 50),
        latency_p99_ms=percentile(latencies, 99),
        webhooks=webhooks,
        listening={name: each for name, each in ready.items() if name != "pid"},
        live=_of_a_living_process(settings.state / LIVE_FILE),
        owner=owner,
    )


def read_live(settings: BridgeSettings) -> LiveStatus:
    """The part of the status that a table shows every second. Raises Unusable when there is no journal."""
    with journal_of(settings).connect() as connection:
        found = {status: int(count) for status, count in connection.execute(_OPEN)}
        waiting = int(connection.execute(_WAITING).scalar_one())
    live = _of_a_living_process(settings.state / LIVE_FILE)
    return LiveStatus(
        running=bool(live),
        open={name: found.get(name, 0) for name in ("journaled", "batched", "sent")},
        webhooks=waiting,
        live=live,
    )


def _webhooks(connection: Connection) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (endpoint, state), count in outbox.counts(connection).items():
        found.setdefault(endpoint, {each.value: 0 for each in outbox.State})[state.value] = count
    return found


def _of_a_living_process(path: Path) -> dict[str, Any]:
    """The content of a file that a bridge writes, if that bridge lives."""
    try:
        found = json.loads(path.read_text())
        os.kill(int(found["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(found)
