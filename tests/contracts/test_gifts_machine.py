"""Gifts against their model, together with the ledger's own rules."""

import pytest
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.suite.books import BooksRules
from tests.contracts.suite.gifts_rules import GiftsRules
from tests.contracts.suite.ledger_rules import LedgerRules
from tests.contracts.suite.machine import joined
from tests.contracts.test_ledger_machine import SETTINGS
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
GiftsMachine = joined("GiftsMachine", [GiftsRules, LedgerRules, BooksRules], world=Suite)


def test_gifts_follow_their_model_when_anything_happens_in_any_order(chain: Chain, terms: Terms) -> None:
    mark = chain.snapshot()
    twin = furnished(chain, terms, Suite)
    run_state_machine_as_test(lambda: GiftsMachine(twin), settings=SETTINGS)
    chain.revert(mark)
