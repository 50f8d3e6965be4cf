"""Anything in any order: the ledger against the plain model, with the design's invariants at every step."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.world import Terms
from tests.contracts.suite.ledger_rules import LedgerRules
from tests.contracts.suite.machine import joined
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SETTINGS = settings(
    max_examples=300 if THOROUGH else 15,
    stateful_step_count=40 if THOROUGH else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
LedgerMachine = joined("LedgerMachine", [LedgerRules])


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms)


def test_ledger_follows_model_when_anything_happens_in_any_order(busy: Twin) -> None:
    run_state_machine_as_test(lambda: LedgerMachine(busy), settings=SETTINGS)
