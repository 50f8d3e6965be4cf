"""One development chain for all contract tests; each test starts from the same deployed world."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.contracts.twin")

from benchmarks.devchain import Chain, anvil  # noqa: E402
from benchmarks.world import Terms  # noqa: E402
from tests.contracts.twin import Twin  # noqa: E402

EPOCH = 30 * 86_400
START = 1_700_000_000


@pytest.fixture(scope="session")
def chain() -> Iterator[Chain]:
    with anvil(start_time=START) as running:
        yield running


@pytest.fixture(scope="session")
def terms() -> Terms:
    return Terms(epoch_start=START - 10 * EPOCH - 1_000, epoch_length=EPOCH, utc_offset=-5 * 3_600)


@pytest.fixture
def twin(chain: Chain, terms: Terms) -> Iterator[Twin]:
    """Contracts and model, forgotten after the test."""
    mark = chain.snapshot()
    yield Twin(chain, terms)
    chain.revert(mark)
