"""Token buckets, and one line for a burst of refusals."""

import pytest
from structlog.testing import capture_logs

from node.consensus.errors import OverRate
from node.consensus.gateway_rates import QUIET_SECONDS, Complaints, Rates
from node.consensus.rpc_roles import Role, grant

SLOW = grant(Role.PUBLIC, {"rate": 10, "burst": 20}).limits


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_take_allows_the_burst_and_then_the_rate() -> None:
    clock = Clock()
    rates = Rates(clock)
    for _ in range(20):
        rates.take("a", 1, SLOW)
    with pytest.raises(OverRate) as refusal:
        rates.take("a", 1, SLOW)
    assert refusal.value.seconds == 1
    rates.take("b", 1, SLOW)  # its own
    clock.now = 0.5
    for _ in range(5):
        rates.take("a", 1, SLOW)
    with pytest.raises(OverRate):
        rates.take("a", 1, SLOW)
    clock.now = 1000
    taken = 0
    with pytest.raises(OverRate):
        while True:
            rates.take("a", 1, SLOW)
            taken += 1
    assert taken == 20


def test_take_has_an_expensive_batch_made_good_before_the_next() -> None:
    clock = Clock()
    rates = Rates(clock)
    rates.take("a", 100, SLOW)  # 80 below nothing
    with pytest.raises(OverRate) as refusal:
        rates.take("a", 1, SLOW)
    assert refusal.value.seconds == 9
    clock.now = 8.0
    with pytest.raises(OverRate):
        rates.take("a", 1, SLOW)
    clock.now = 8.2
    rates.take("a", 1, SLOW)


def test_a_refusal_costs_nothing() -> None:
    clock = Clock()
    rates = Rates(clock)
    rates.take("a", 20, SLOW)
    for _ in range(100):
        with pytest.raises(OverRate):
            rates.take("a", 1, SLOW)
    clock.now = 0.1
    rates.take("a", 1, SLOW)


def test_rates_remember_no_more_callers_than_they_may() -> None:
    rates = Rates(Clock(), most=100)
    rates.take("first", 20, SLOW)
    for number in range(1000):
        rates.take("busy", 0, SLOW)  # whoever asks stays
        rates.take(str(number), 1, SLOW)
    assert len(rates) == 100
    rates.take("first", 1, SLOW)


def test_complaints_say_the_first_of_a_burst_and_count_the_rest() -> None:
    clock = Clock()
    complaints = Complaints(clock, most=10)
    with capture_logs() as logs:
        for _ in range(1000):
            complaints.note("address 10.0.0.9", "key", reason="the key is not known here")
        complaints.note("address 10.0.0.9", "rate")
        clock.now = QUIET_SECONDS
        complaints.note("address 10.0.0.9", "key")
        for number in range(100):
            complaints.note(str(number), "key")
    mine = [entry for entry in logs if entry["caller"] == "address 10.0.0.9"]
    assert [(entry["kind"], entry["unsaid_before"]) for entry in mine] == [("key", 0), ("rate", 0), ("key", 999)]
    assert len(complaints._since) == 10
