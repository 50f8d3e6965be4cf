"""Cards, stored value, rebates, points on credit and corrections, in any order, against their models."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.suite.machine import joined, mixins_of
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.filterwarnings("ignore:A private pytest class")]
SETTINGS = settings(max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
MODULES = [f"tests.contracts.suite.{name}_rules" for name in ("value", "value_advices", "value_cards", "value_sale")]
ValueMachine = joined("ValueMachine", mixins_of(MODULES), world=Suite)


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms, Suite)


def test_value_follows_models_when_anything_happens_in_any_order(busy: Twin) -> None:
    run_state_machine_as_test(lambda: ValueMachine(busy), settings=SETTINGS)
