"""What Prometheus is told of one validator's application and gateway (docs/monitoring.md).

Filled by node/consensus/metered.py and the gateway's modules, read at the gateway's /metrics. Labels take a fixed set
of values each: nothing that a stranger sends becomes one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from node.consensus.rpc_policy import SEND_RAW
from node.consensus.rpc_roles import HEAVY, METHODS, SEARCH, TRACE

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
STEP_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
INTERVAL_BUCKETS: Final = (0.5, 0.9, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
CALL_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ChainMetrics:
    """Of the application: blocks, proposals, transactions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.height = Gauge("till_height", "Height of the newest final block here.", registry=registry)
        self.interval = Histogram(
            "till_block_interval_seconds",
            "Time between two commits.",
            buckets=INTERVAL_BUCKETS,
            registry=registry,
        )
        self.step = Histogram(
            "till_step_seconds",
            "Time that a step took: build, execute, commit.",
            ["step"],
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        self.proposals = Counter(
            "till_proposals_total",
            "Proposals, by outcome: made, made_empty, not_made, accepted, rejected.",
            ["outcome"],
            registry=registry,
        )
        self.rejections = Counter(
            "till_proposal_rejections_total", "Why proposals were rejected here.", ["reason"], registry=registry
        )
        self.transactions = Counter(
            "till_transactions_total",
            "Transactions that asked for admission, by where from (client, peer) and what became of them.",
            ["source", "outcome"],
            registry=registry,
        )
        self.gossip = Gauge("till_gossip_pending", "Transactions that are offered to peers.", registry=registry)
        self.drift = Gauge(
            "till_clock_drift_seconds", "Timestamp of the newest block less this host's clock.", registry=registry
        )

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Measures a step, also one that fails."""
        started = perf_counter()
        try:
            yield
        finally:
            self.step.labels(step).observe(perf_counter() - started)


class GatewayMetrics:
    """Of the gateway: calls, connections, memory."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "till_gateway_calls_total",
            "Calls, by kind (light, heavy, search, trace, send, none), role and outcome (ok, error, refused).",
            ["kind", "role", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "till_gateway_seconds",
            "Time from a body's arrival to its answer, by its heaviest kind.",
            ["kind"],
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self.refusals = Counter(
            "till_gateway_refusals_total",
            "What was turned away: rate, key, origin, connections, idle, handshake, sockets, memory, busy.",
            ["reason"],
            registry=registry,
        )
        self.connections = Gauge("till_gateway_connections", "Open connections.", registry=registry)
        self.sockets = Gauge("till_gateway_sockets", "Open WebSockets.", registry=registry)
        self.held = Gauge("till_gateway_held_bytes", "Bytes held for clients.", registry=registry)
        self.reloads = Counter(
            "till_gateway_settings_total",
            "Readings of access.json, by outcome: ok, failed.",
            ["outcome"],
            registry=registry,
        )

    def refused(self, reason: str) -> None:
        """Something was turned away."""
        self.refusals.labels(reason).inc()


class Metrics:
    """All of one process, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.chain = ChainMetrics(self._registry)
        self.gateway = GatewayMetrics(self._registry)

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)


def kind_of(method: str) -> str:
    """The class of a method, for labels."""
    if method == SEND_RAW:
        return "send"
    known = METHODS.get(method)
    return {HEAVY: "heavy", SEARCH: "search", TRACE: "trace"}.get(known.cost, "light") if known else "none"
