"""All contracts at once: the rules of every domain on one suite, in any order, with what must hold at every step."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.suite.machine import FAILING, all_modules, joined, mixins_of
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SETTINGS = settings(
    max_examples=400 if THOROUGH else 16,
    stateful_step_count=60 if THOROUGH else 50,
    derandomize=not THOROUGH,  # the same lives each time; `make machine` draws others
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
BOOKS = ("tests.contracts.suite.books", "tests.contracts.suite.purses")
SuiteMachine = joined("SuiteMachine", mixins_of([*all_modules(), *BOOKS]), world=Suite)
ROOT = Path(__file__).parents[2]


class ShortRules:
    """Fails as soon as stored value has grown: to see what a failure leaves behind."""

    twin: Twin

    def setup_short(self) -> None:
        """What there is at first."""
        self.first = self.twin.model.book.totals.stored_value

    @invariant()
    def stored_value_never_grows(self) -> None:
        """It does, of course."""
        assert self.twin.model.book.totals.stored_value <= self.first


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms, Suite)


def test_suite_follows_models_when_anything_happens_in_any_order(busy: Twin) -> None:
    run_state_machine_as_test(lambda: SuiteMachine(busy), settings=SETTINGS)


def test_failing_life_leaves_a_script_that_fails_again(chain: Chain, terms: Terms) -> None:
    mark = chain.snapshot()
    twin = furnished(chain, terms, Suite)
    failing = joined("Failing", mixins_of([*all_modules()[:1], __name__]), world=Suite)
    quick = settings(SETTINGS, max_examples=30, stateful_step_count=10, database=None)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(lambda: failing(twin), settings=quick)
    chain.revert(mark)
    script = FAILING / "Failing.py"
    steps = [line for line in script.read_text().splitlines() if "state.step" in line]
    assert 1 <= len(steps) <= 3
    again = subprocess.run(
        [sys.executable, script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert again.returncode == 1
    assert "stored_value_never_grows" in again.stderr
    script.unlink()
