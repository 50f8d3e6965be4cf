"""Payments in two steps against their model, in any order, with the ledger's own payments between them."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.suite.books import BooksRules
from tests.contracts.suite.coin_discount_rules import CoinDiscountRules
from tests.contracts.suite.instalments_rules import InstalmentsRules
from tests.contracts.suite.machine import joined
from tests.contracts.suite.settlement_rules import SettlementRules
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SETTINGS = settings(
    max_examples=300 if THOROUGH else 15,
    stateful_step_count=60 if THOROUGH else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SettlementMachine = joined("SettlementMachine", [SettlementRules, BooksRules], world=Suite)
InstalmentsMachine = joined("InstalmentsMachine", [InstalmentsRules, CoinDiscountRules, BooksRules], world=Suite)


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms, Suite)


def test_escrow_follows_model_when_anything_happens_in_any_order(busy: Twin) -> None:
    run_state_machine_as_test(lambda: SettlementMachine(busy), settings=SETTINGS)


def test_plans_follow_model_when_anything_happens_in_any_order(busy: Twin) -> None:
    run_state_machine_as_test(lambda: InstalmentsMachine(busy), settings=SETTINGS)
