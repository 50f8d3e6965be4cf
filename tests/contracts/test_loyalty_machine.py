"""Gifts, certificates and claims against their models, each together with the ledger's own rules."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.suite.books import BooksRules
from tests.contracts.suite.certificates_rules import CertificatesRules
from tests.contracts.suite.claims_rules import ClaimsRules
from tests.contracts.suite.gifts_rules import GiftsRules
from tests.contracts.suite.ledger_rules import LedgerRules
from tests.contracts.suite.machine import joined
from tests.contracts.suite.missing_rules import MissingRules
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SETTINGS = settings(
    max_examples=200 if THOROUGH else 12,
    stateful_step_count=50 if THOROUGH else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms, Suite)


@pytest.mark.parametrize("domain", [GiftsRules, CertificatesRules, ClaimsRules, MissingRules])
def test_contract_follows_its_model_when_anything_happens_in_any_order(busy: Twin, domain: type) -> None:
    machine = joined(domain.__name__, [domain, LedgerRules, BooksRules], world=Suite)
    run_state_machine_as_test(lambda: machine(busy), settings=SETTINGS)
