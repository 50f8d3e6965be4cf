"""Prices, payments in other assets, trade and resale in any order, with the ledger's own rules between them."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.suite.machine import joined, mixins_of
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SETTINGS = settings(
    max_examples=300 if THOROUGH else 20,
    stateful_step_count=40 if THOROUGH else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
DOMAINS = ("assets",)
MODULES = [f"tests.contracts.suite.{name}" for name in ("ledger_rules", *(f"{d}_rules" for d in DOMAINS), "books")]
MarketMachine = joined("MarketMachine", mixins_of(MODULES), world=Suite)


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms, Suite)


def test_market_follows_its_models_when_anything_happens_in_any_order(busy: Twin) -> None:
    run_state_machine_as_test(lambda: MarketMachine(busy), settings=SETTINGS)
