"""What the bridge counts for Prometheus and for `till bridge status`: messages, latency, queues, webhooks.

Filled by the stages, read at `metrics_port` and by live.py. Labels take a fixed set of values each: statuses, and the
names of webhooks' endpoints, which the operator chose.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from node.bridge.window import Window
from node.domain.errors import Unusable

REPLY_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15)
FINAL_BUCKETS: Final = (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15, 30, 60)


class Mail(Protocol):
    """How webhooks are (webhooks/courier.py)."""

    waiting: dict[str, int]

    @property
    def disabled(self) -> int:
        """How many endpoints are disabled."""
        ...


class Counters:
    """The bridge's metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.taken = Counter(
            "till_in", "Messages that could be read, by intake: iso8583, rpc.", ["intake"], registry=registry
        )
        self.messages = Counter(
            "till_messages", "Messages: journaled, duplicate, refused by the journal.", ["outcome"], registry=registry
        )
        self.settled = Counter(
            "till_settled",
            "Payments and reversals that a final block settled: final, declined, given back.",
            ["status"],
            registry=registry,
        )
        self.batches = Counter("till_batches", "Batches recorded: payments, refunds.", ["kind"], registry=registry)
        self.exceptions = Gauge(
            "till_exceptions",
            "What was answered 00, the chain then declined, and nobody has closed; by the journal.",
            registry=registry,
        )
        self.waiting = Gauge("till_waiting", "Payments that wait for a batch.", registry=registry)
        self.on_disk = Gauge("till_on_disk", "Those of them that are not held in memory.", registry=registry)
        self.away = Gauge("till_chain_away", "1 while no gateway of the chain answers.", registry=registry)
        self.in_flight = Gauge("till_in_flight", "Transactions that no block holds yet.", registry=registry)
        self.block = Gauge("till_block", "The newest block that was dealt with.", registry=registry)
        self.queue = Gauge("till_journal_queue", "Jobs that wait for the disk.", registry=registry)
        self.unanswered = Gauge("till_unanswered", "Payments whose terminals wait for finality.", registry=registry)
        self.reply = Histogram(
            "till_reply_seconds",
            "From a verified message to its answer: at_once (it only earns or reverses, or came before), final.",
            ["answered"],
            registry=registry,
            buckets=REPLY_BUCKETS,
        )
        self.latency = Histogram(
            "till_final_seconds", "From message to finality.", registry=registry, buckets=FINAL_BUCKETS
        )
        self.webhooks = Counter(
            "till_webhooks",
            "Attempts to deliver a webhook: delivered, retry, failed; disabled: an endpoint was.",
            ["endpoint", "outcome"],
            registry=registry,
        )
        self.webhooks_waiting = Gauge("till_webhooks_waiting", "Deliveries that wait.", ["endpoint"], registry=registry)
        self.webhooks_disabled = Gauge("till_webhooks_disabled", "Endpoints that are disabled.", registry=registry)
        self.new = self.messages.labels("journaled")
        self.duplicate = self.messages.labels("duplicate")
        self.refused = self.messages.labels("refused")
        self._at_once, self._when_final = self.reply.labels("at_once"), self.reply.labels("final")
        self.replies, self.finals = Window(), Window()
        self._mail: Mail | None = None

    def came(self, intake: str) -> None:
        """A message came in."""
        self.taken.labels(intake).inc()

    def replied(self, milliseconds: int, *, at_once: bool) -> None:
        """A message got its answer, so long after it was verified."""
        (self._at_once if at_once else self._when_final).observe(milliseconds / 1000)
        self.replies.add(milliseconds)

    def became_final(self, milliseconds: int) -> None:
        """A payment was settled, so long after it came."""
        self.latency.observe(milliseconds / 1000)
        self.finals.add(milliseconds)

    def webhook(self, endpoint: str, outcome: str) -> None:
        """An attempt ended."""
        self.webhooks.labels(endpoint, outcome).inc()

    def watch_webhooks(self, mail: Mail) -> None:
        """Where the gauges of webhooks come from."""
        self._mail = mail
        self.webhooks_disabled.set_function(lambda: mail.disabled)

    def note_webhooks(self) -> None:
        """Sets the gauges of waiting webhooks."""
        waiting: Mapping[str, int] = {} if self._mail is None else dict(self._mail.waiting)
        for endpoint, count in waiting.items():
            self.webhooks_waiting.labels(endpoint).set(count)

    def total(self, name: str, **labels: str) -> int:
        """What a counter stands at."""
        value: Any = self.registry.get_sample_value(f"{name}_total", labels)
        return int(value or 0)

    def total_in(self) -> int:
        """How many messages came in, by all intakes."""
        return sum(self.total("till_in", intake=name) for name in ("iso8583", "rpc"))

    def serve(self, port: int) -> None:
        """Serves the metrics on the loopback interface. Raises Unusable when the port is in use."""
        try:
            start_http_server(port, addr="127.0.0.1", registry=self.registry)
        except OSError as error:
            raise Unusable(f"the metrics cannot be served on port {port}: {error.strerror}") from None
