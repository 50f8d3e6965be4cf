"""What the bridge counts for Prometheus and for `health`: messages by outcome, latency, queues."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from node.domain.errors import Unusable


class Counters:
    """The bridge's metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter("till_messages", "Messages taken in", ["outcome"], registry=self.registry)
        self.settled = Counter("till_settled", "Payments and reversals settled", ["status"], registry=self.registry)
        self.batches = Counter("till_batches", "Batches recorded", ["kind"], registry=self.registry)
        self.waiting = Gauge("till_waiting", "Payments that wait for a batch", registry=self.registry)
        self.in_flight = Gauge("till_in_flight", "Transactions that no block holds yet", registry=self.registry)
        self.block = Gauge("till_block", "The newest block that was dealt with", registry=self.registry)
        self.latency = Histogram(
            "till_final_seconds",
            "From message to finality",
            registry=self.registry,
            buckets=(0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15, 30, 60),
        )
        self.new = self.messages.labels("journaled")
        self.duplicate = self.messages.labels("duplicate")
        self.refused = self.messages.labels("refused")

    def serve(self, port: int) -> None:
        """Serves the metrics on the loopback interface. Raises Unusable when the port is in use."""
        try:
            start_http_server(port, addr="127.0.0.1", registry=self.registry)
        except OSError as error:
            raise Unusable(f"the metrics cannot be served on port {port}: {error.strerror}") from None
