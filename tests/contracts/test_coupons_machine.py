"""Coupons and their pools against their model, together with the ledger's own rules."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.suite.books import BooksRules
from tests.contracts.suite.coupons_rules import CouponsRules
from tests.contracts.suite.ledger_rules import LedgerRules
from tests.contracts.suite.machine import joined
from tests.contracts.test_ledger_machine import SETTINGS
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
CouponsMachine = joined("CouponsMachine", [CouponsRules, BooksRules], world=Suite)
BesideTheLedger = joined("BesideTheLedger", [CouponsRules, LedgerRules, BooksRules], world=Suite)


@pytest.mark.parametrize(("machine", "examples"), [(CouponsMachine, 30), (BesideTheLedger, 10)])
def test_coupons_follow_their_model_when_anything_happens_in_any_order(
    chain: Chain, terms: Terms, machine: type, examples: int
) -> None:
    mark = chain.snapshot()
    twin = furnished(chain, terms, Suite)
    limits = settings(SETTINGS, max_examples=max(SETTINGS.max_examples * examples // 30, examples))
    run_state_machine_as_test(lambda: machine(twin), settings=limits)
    chain.revert(mark)
