"""Payments in other assets, trade and resale in any order: by themselves, and with the ledger's own rules between."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.suite.machine import EPOCH, joined, mixins_of
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
# hypothesis begins with ten lives of a few steps only
SETTINGS = settings(
    max_examples=400 if THOROUGH else 12,
    stateful_step_count=60 if THOROUGH else 40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class ClockRules:
    """Time passes, earning is paused now and then, and the ledger's words are the model's."""

    twin: Twin

    @rule(seconds=st.sampled_from([60, 1_000, 86_400, EPOCH, 2 * EPOCH]))
    def time_passes(self, seconds: int) -> None:
        self.twin.tick(seconds)
        self.twin.world.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)

    @rule(paused=st.sampled_from([True] + [False] * 5))
    def stop_earning(self, paused: bool) -> None:
        name = "pause" if paused else "unpause"
        self.twin.act(self.twin.ledger, name, model=lambda: self.twin.model.set_paused(paused))

    @invariant()
    def every_word_agrees(self) -> None:
        self.twin.compare()


def machine(*names: str) -> Any:
    """A machine of these rules."""
    modules = [f"tests.contracts.suite.{name}" for name in (*names, "books")]
    return joined("MarketMachine", [*mixins_of(modules), ClockRules], world=Suite)


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms, Suite)


@pytest.mark.parametrize("domain", ["assets", "exchange", "resale"])
def test_market_follows_its_model_when_anything_happens_in_any_order(busy: Twin, domain: str) -> None:
    made = machine(f"{domain}_rules")
    run_state_machine_as_test(lambda: made(busy), settings=SETTINGS)
