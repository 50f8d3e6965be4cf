"""An audit at the end of random lives of the suite: whatever was done in any order, it must agree."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.auditing import audit_of
from tests.contracts.suite.machine import Machine, all_modules, joined, mixins_of
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SETTINGS = settings(
    max_examples=60 if THOROUGH else 4,
    stateful_step_count=60 if THOROUGH else 40,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
EVERYDAY = ("ledger_rules", "gifts_rules", "settlement_rules")


class AuditedRules:
    """No rules; the audit of a life when it ends."""

    twin: Twin

    def close_audited(self) -> None:
        """Chain and recomputation are the same."""
        assert isinstance(self, Machine)
        audit = audit_of(self.twin.world)
        assert audit.agrees, list(audit.findings)[:5]
        assert audit.supply == self.twin.ledger.view("totalSupply")
        assert audit.ledger.totals == self.twin.model.book.totals


def test_audit_agrees_when_anything_happened_in_any_order(chain: Chain, terms: Terms) -> None:
    modules = [each for each in all_modules() if THOROUGH or each.endswith(EVERYDAY)]
    machine = joined("AuditedMachine", [*mixins_of(modules), AuditedRules], world=Suite)
    mark = chain.snapshot()
    twin = furnished(chain, terms, Suite)
    try:
        run_state_machine_as_test(lambda: machine(twin), settings=SETTINGS)
    finally:
        chain.revert(mark)
