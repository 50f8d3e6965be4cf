"""What webhooks have to say and to whom: written with the state change itself, kept until it is delivered or too old.

Part of the journal; each function works on the writer's connection, or on the command line's. Times are milliseconds of
the Unix clock. Stage before: herald. Stage after: webhooks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, Index, Integer, Table, Text, text

from node.bridge.journal.tables import metadata
from node.domain.announcement import Announcement

EVENTS: Final = Table(
    "webhook_events",
    metadata,
    Column("name", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("merchant", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("happened_at", BigInteger, nullable=False),
    Index("webhook_events_by_time", "happened_at"),
)
DELIVERIES: Final = Table(
    "webhook_deliveries",
    metadata,
    Column("event", Text, ForeignKey("webhook_events.name", ondelete="CASCADE"), primary_key=True),
    Column("endpoint", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("last", Text, nullable=False),
    Index(
        "webhook_deliveries_due",
        "endpoint",
        "next_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)
ENDPOINTS: Final = Table(
    "webhook_endpoints",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failing_since", BigInteger),
    Column("disabled_at", BigInteger),
    Column("reason", Text, nullable=False),
)
PRUNED: Final = 1_000
"""Events that one sweep drops at most."""


class State(Enum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """An event for one endpoint. `last` is what the last attempt came to; `next_at` of one that waits."""

    event: str
    endpoint: str
    type: str
    body: str
    state: State
    attempts: int
    next_at: int
    ended_at: int | None
    last: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointState:
    """How an endpoint is; `failing_since` is None when its last attempt was taken."""

    failing_since: int | None = None
    disabled_at: int | None = None
    reason: str = ""


def put(connection: Connection, announcements: Iterable[tuple[Announcement, Iterable[str]]]) -> None:
    """Keeps announcements for these endpoints."""
    events: list[dict[str, Any]] = []
    deliveries: list[dict[str, Any]] = []
    for each, endpoints in announcements:
        events.append(
            {
                "name": each.id,
                "type": each.type.value,
                "merchant": int(each.merchant),
                "body": each.body(),
                "at": each.at,
            }
        )
        deliveries += [{"event": each.id, "endpoint": name, "at": each.at} for name in endpoints]
    if deliveries:
        connection.execute(_PUT_EVENT, events)
        connection.execute(_PUT_DELIVERY, deliveries)


def due(connection: Connection, endpoint: str, now: int, limit: int) -> list[Delivery]:
    """What may be delivered now, the oldest first."""
    return [_delivery(row) for row in connection.execute(_DUE, {"endpoint": endpoint, "now": now, "limit": limit})]


def delivered(connection: Connection, delivery: Delivery, now: int, last: str) -> None:
    """The endpoint took it."""
    _end(connection, delivery, State.DELIVERED, now, last)
    connection.execute(_WELL, {"endpoint": delivery.endpoint})


def not_delivered(connection: Connection, delivery: Delivery, now: int, last: str, next_at: int | None) -> None:
    """It did not; `next_at` None: it is tried no more by itself."""
    if next_at is None:
        _end(connection, delivery, State.FAILED, now, last)
    else:
        named = {"event": delivery.event, "endpoint": delivery.endpoint, "next_at": next_at, "last": last}
        connection.execute(_LATER, named)
    connection.execute(_FAILING, {"endpoint": delivery.endpoint, "now": now})


def disable(connection: Connection, endpoint: str, now: int, reason: str) -> None:
    """Nothing more goes to it, and nothing more is kept for it, until it is enabled by hand."""
    connection.execute(_DISABLE, {"endpoint": endpoint, "now": now, "reason": reason})


def enable(connection: Connection, endpoint: str) -> None:
    """As if it had never failed."""
    connection.execute(text("DELETE FROM webhook_endpoints WHERE name = :endpoint"), {"endpoint": endpoint})


def endpoint_states(connection: Connection) -> dict[str, EndpointState]:
    """Of those endpoints that failed once."""
    rows = connection.execute(text("SELECT name, failing_since, disabled_at, reason FROM webhook_endpoints"))
    return {
        row.name: EndpointState(failing_since=row.failing_since, disabled_at=row.disabled_at, reason=row.reason)
        for row in rows
    }


def counts(connection: Connection) -> dict[tuple[str, State], int]:
    """Deliveries by endpoint and state."""
    rows = connection.execute(text("SELECT endpoint, state, count(*) FROM webhook_deliveries GROUP BY endpoint, state"))
    return {(endpoint, State(state)): int(count) for endpoint, state, count in rows}


def waiting(connection: Connection, endpoint: str) -> int:
    """How many deliveries wait for this endpoint."""
    return int(connection.execute(_WAITING, {"endpoint": endpoint}).scalar_one())


def listing(connection: Connection, *, endpoint: str, state: str, limit: int) -> list[Delivery]:
    """The newest deliveries; an empty `endpoint` or `state` means all."""
    return [
        _delivery(row) for row in connection.execute(_LISTING, {"endpoint": endpoint, "state": state, "limit": limit})
    ]


def replay(connection: Connection, *, endpoint: str, event: str, now: int) -> int:
    """Delivers again what ended: this event, or, with an empty name, all that failed; how many."""
    named = {"endpoint": endpoint, "event": event, "now": now}
    return int(connection.execute(_REPLAY, named).rowcount)


def prune(connection: Connection, before: int) -> int:
    """Drops events that happened before, with their deliveries; how many (at most PRUNED)."""
    named = {"before": before, "limit": PRUNED}
    connection.execute(_PRUNE_DELIVERIES, named)
    return int(connection.execute(_PRUNE_EVENTS, named).rowcount)


def _end(connection: Connection, delivery: Delivery, state: State, now: int, last: str) -> None:
    named = {"event": delivery.event, "endpoint": delivery.endpoint, "state": state.value, "now": now, "last": last}
    connection.execute(_END, named)


def _delivery(row: Any) -> Delivery:
    return Delivery(
        event=row.event,
        endpoint=row.endpoint,
        type=row.type,
        body=row.body,
        state=State(row.state),
        attempts=row.attempts,
        next_at=row.next_at,
        ended_at=row.ended_at,
        last=row.last,
    )


# An announcement's name is unique by its making; if one comes again, the first one stands.
_PUT_EVENT: Final = text(
    "INSERT INTO webhook_events (name, type, merchant, body, happened_at) VALUES (:name, :type, :merchant, :body, :at)"
    " ON CONFLICT DO NOTHING"
)
_PUT_DELIVERY: Final = text(
    "INSERT INTO webhook_deliveries (event, endpoint, state, attempts, next_at, last)"
    " VALUES (:event, :endpoint, 'waiting', 0, :at, '') ON CONFLICT DO NOTHING"
)
_ROWS: Final = (
    "SELECT d.event, d.endpoint, e.type, e.body, d.state, d.attempts, d.next_at, d.ended_at, d.last"
    " FROM webhook_deliveries d JOIN webhook_events e ON e.name = d.event"
)
_DUE: Final = text(
    f"{_ROWS} WHERE d.endpoint = :endpoint AND d.state = 'waiting' AND d.next_at <= :now"
    " ORDER BY d.next_at LIMIT :limit"
)
_LISTING: Final = text(
    f"{_ROWS} WHERE (:endpoint = '' OR d.endpoint = :endpoint) AND (:state = '' OR d.state = :state)"
    " ORDER BY e.happened_at DESC, d.event, d.endpoint LIMIT :limit"
)
_END: Final = text(
    "UPDATE webhook_deliveries SET state = :state, attempts = attempts + 1, ended_at = :now, last = :last"
    " WHERE event = :event AND endpoint = :endpoint AND state = 'waiting'"
)
_LATER: Final = text(
    "UPDATE webhook_deliveries SET attempts = attempts + 1, next_at = :next_at, last = :last"
    " WHERE event = :event AND endpoint = :endpoint AND state = 'waiting'"
)
_WELL: Final = text("DELETE FROM webhook_endpoints WHERE name = :endpoint AND disabled_at IS NULL")
_FAILING: Final = text(
    "INSERT INTO webhook_endpoints (name, failing_since, reason) VALUES (:endpoint, :now, '') ON CONFLICT DO NOTHING"
)
_DISABLE: Final = text(
    "INSERT INTO webhook_endpoints (name, failing_since, disabled_at, reason) VALUES (:endpoint, :now, :now, :reason)"
    " ON CONFLICT (name) DO UPDATE SET disabled_at = excluded.disabled_at, reason = excluded.reason"
    " WHERE webhook_endpoints.disabled_at IS NULL"
)
_WAITING: Final = text("SELECT count(*) FROM webhook_deliveries WHERE endpoint = :endpoint AND state = 'waiting'")
_REPLAY: Final = text(
    "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, next_at = :now, ended_at = NULL"
    " WHERE (:endpoint = '' OR endpoint = :endpoint)"
    " AND ((:event = '' AND state = 'failed') OR (event = :event AND state <> 'waiting'))"
)
_OLD: Final = "SELECT name FROM webhook_events WHERE happened_at < :before ORDER BY happened_at, name LIMIT :limit"
_PRUNE_DELIVERIES: Final = text(f"DELETE FROM webhook_deliveries WHERE event IN ({_OLD})")
_PRUNE_EVENTS: Final = text(f"DELETE FROM webhook_events WHERE name IN ({_OLD})")
