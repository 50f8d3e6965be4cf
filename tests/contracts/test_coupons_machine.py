"""Coupons and their pools against their model, while days and epochs pass."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.conftest import EPOCH
from tests.contracts.suite.books import BooksRules
from tests.contracts.suite.coupons_rules import CouponsRules
from tests.contracts.suite.machine import joined
from tests.contracts.test_ledger_machine import SETTINGS
from tests.contracts.twin import Twin
from tests.contracts.worlds import MEMBERS, furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]


class ClockRules:
    """Days and epochs pass; the network is paused and goes on."""

    twin: Twin

    @rule(seconds=st.sampled_from([60, 86_400, 2 * 86_400, EPOCH, EPOCH, 2 * EPOCH]))
    def wait(self, seconds: int) -> None:
        self.twin.tick(seconds)
        self.twin.enrol(MEMBERS[0])

    @rule(paused=st.sampled_from([True, False, False, False]))
    def pause(self, paused: bool) -> None:
        model = self.twin.model
        name = "pause" if paused else "unpause"
        self.twin.act(self.twin.ledger, name, model=lambda: model.set_paused(paused))


CouponsMachine = joined("CouponsMachine", [CouponsRules, ClockRules, BooksRules], world=Suite)


def test_coupons_follow_their_model_when_anything_happens_in_any_order(chain: Chain, terms: Terms) -> None:
    mark = chain.snapshot()
    twin = furnished(chain, terms, Suite)
    run_state_machine_as_test(lambda: CouponsMachine(twin), settings=SETTINGS)
    chain.revert(mark)
