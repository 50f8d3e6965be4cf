"""Random batches, good and bad items mixed: chain and mirror agree on every log, leaf and word."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain
from benchmarks.world import Terms
from tests.contracts.probe import Probe, catalogue
from tests.contracts.twin import Twin
from tests.contracts.worlds import MEMBERS, POOR, RICH, furnished, made, maybe_acting, payments

pytestmark = [pytest.mark.anvil, pytest.mark.filterwarnings("ignore:A private pytest class")]
ACTS: list[bytes] = []  # of the target in `acting`
EXAMPLES = 3_000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 150


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch=st.lists(payments(), min_size=1, max_size=14), wait=st.sampled_from([1, 5, 3_600, 86_400, 86_400 * 20]))
def test_post_batch_agrees_with_mirror_when_items_are_good_and_bad(
    busy: Twin, batch: list[dict[str, Any]], wait: int
) -> None:
    with busy.forgotten():
        busy.tick(wait)
        busy.post(*(made(busy, fields) for fields in batch))
        busy.compare()
        busy.check_invariants()


@pytest.fixture(scope="module")
def acting(chain: Chain, terms: Terms) -> Twin:
    twin = furnished(chain, terms)
    probe = Probe(twin)
    ACTS.extend(catalogue(probe, RICH, MEMBERS[:2]) + catalogue(probe, POOR, MEMBERS[:1]))
    return twin


@settings(max_examples=min(EXAMPLES, 800), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    batch=st.lists(st.deferred(lambda: maybe_acting(ACTS)), min_size=1, max_size=9),
    wait=st.sampled_from([1, 3_600, 86_400 * 20]),
)
def test_post_batch_agrees_with_mirror_when_payments_carry_acts(
    acting: Twin, batch: list[dict[str, Any]], wait: int
) -> None:
    with acting.forgotten():
        acting.tick(wait)
        acting.post(*(made(acting, fields) for fields in batch))
        acting.compare()
        acting.check_invariants()
