"""One development chain for all contract tests; each test starts from the same deployed world."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.contracts.twin", "tests.contracts.suite", "tests.contracts.council")

from benchmarks.devchain import Chain, anvil  # noqa: E402
from benchmarks.suite import Suite  # noqa: E402
from benchmarks.world import Terms  # noqa: E402
from tests.contracts.suite.machine import EPOCH, START, TERMS  # noqa: E402
from tests.contracts.suite.stall import Stall  # noqa: E402
from tests.contracts.suite.value_till import Till  # noqa: E402
from tests.contracts.twin import Twin  # noqa: E402

__all__ = ["EPOCH", "START"]


@pytest.fixture(scope="session")
def session_chain() -> Iterator[Chain]:
    with anvil(start_time=START) as running:
        yield running


@pytest.fixture(scope="module")
def chain(session_chain: Chain) -> Iterator[Chain]:
    """Each module begins at START: a world that a module keeps may leap over months."""
    mark = session_chain.snapshot()
    yield session_chain
    session_chain.revert(mark)


@pytest.fixture(scope="session")
def terms() -> Terms:
    return TERMS


@pytest.fixture
def twin(chain: Chain, terms: Terms) -> Iterator[Twin]:
    """Contracts and model, forgotten after the test."""
    mark = chain.snapshot()
    yield Twin(chain, terms)
    chain.revert(mark)


@pytest.fixture(scope="module")
def counter(request: pytest.FixtureRequest, chain: Chain, terms: Terms) -> Any:
    """The `Counter` that the module names, in a whole suite of contracts, for all its tests."""
    return request.module.Counter(Twin(chain, terms, Suite))


@pytest.fixture(scope="module")
def opened(request: pytest.FixtureRequest, chain: Chain, terms: Terms) -> Any:
    """The `Desk` that the module names, likewise."""
    return request.module.Desk(Twin(chain, terms, Suite))


@pytest.fixture
def forgotten(counter: Any) -> Iterator[None]:
    """The counter forgets what happened to it in the test."""
    with counter.twin.forgotten():
        yield


@pytest.fixture
def desk(opened: Any) -> Iterator[Any]:
    """The same desk for every test, which forgets what happened to it."""
    with opened.twin.forgotten():
        yield opened


@pytest.fixture(scope="module")
def opened_stall(chain: Chain, terms: Terms) -> Stall:
    return Stall(Twin(chain, terms, Suite))


@pytest.fixture
def stall(opened_stall: Stall) -> Iterator[Stall]:
    """A shop that sells for other assets, the same for every test, which forgets what happened to it."""
    with opened_stall.twin.forgotten():
        yield opened_stall


@pytest.fixture(scope="module")
def opened_till(chain: Chain, terms: Terms) -> Till:
    return Till(Twin(chain, terms, Suite), utc_offset=terms.utc_offset)


@pytest.fixture
def till(opened_till: Till) -> Iterator[Till]:
    """A till that recharges members, likewise."""
    with opened_till.twin.forgotten():
        yield opened_till
