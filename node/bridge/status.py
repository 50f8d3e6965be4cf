"""What `till bridge status` shows: read from the journal's file, whether a bridge runs or not."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from node.bridge.exceptions import journal_of
from node.bridge.journal import reading
from node.bridge.journal.exceptions import noted
from node.bridge.journal.lease import owner_of
from node.bridge.journal.transitions import LAST_BLOCK
from node.config import BridgeSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class BridgeStatus:
    """A bridge at a glance. Latencies in milliseconds over the newest final payments, None when there is none.

    `owner` is the process that has the stream now (HOST:PROCESS), None with a journal in a file, or when nobody has it.
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
    listening: dict[str, object]
    owner: str | None = None


def read_status(settings: BridgeSettings) -> BridgeStatus:
    """The status from the journal. Raises Unusable when there is no journal, or one of another schema."""
    with journal_of(settings).connect() as connection:
        latencies = reading.latencies(connection)
        facts = reading.meta(connection)
        tombstones = connection.exec_driver_sql("SELECT count(*) FROM tombstones").scalar_one()
        entries = reading.counts(connection)
        exceptions = sum(1 for _ in noted(connection))
        batches = len(reading.open_batches(connection))
        owner = owner_of(connection, settings.stream.id) if settings.journal.url else None
    ready = _ready(settings.state)
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
        listening={name: each for name, each in ready.items() if name != "pid"},
        owner=owner,
    )


def percentile(ordered: list[int], percent: int) -> int | None:
    """The value that `percent` of an ordered list do not exceed (nearest rank); None for an empty list."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _ready(state: Path) -> dict[str, object]:
    """The content of bridge.json if its process lives."""
    try:
        ready = json.loads((state / "bridge.json").read_text())
        os.kill(int(ready["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(ready)
