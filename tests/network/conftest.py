"""One real network of four validators for all tests of this folder; each test leaves it whole."""

import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from node.network.control import start, stop, wait_until_final
from node.network.init import NetworkOrder, init_network
from node.network.launch import plan_processes
from node.network.plan import NetworkPlan
from tests.network.chain import Chain, Sender
from tests.network.gateway_stage import Stage, access_by_role, on_stage

LOG_LINES = 40
FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="package")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Four validators with finality, four funded accounts, and fail points."""
    folder = tmp_path_factory.mktemp("network") / "net"
    order = NetworkOrder(folder=folder, validators=4, accounts=4, fail_points=True)
    plan = init_network(order, now=datetime.now(UTC))
    try:
        start(plan)
        wait_until_final(plan, blocks=1, seconds=60)
        yield Chain(plan)
    finally:
        stop(plan)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def own_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Four validators for one file of tests that changes what is on their disks, or that wants a short chain."""
    folder = tmp_path_factory.mktemp("own") / "net"
    plan = init_network(NetworkOrder(folder=folder, validators=4, accounts=4), now=datetime.now(UTC))
    try:
        start(plan)
        wait_until_final(plan, blocks=1, seconds=60)
        yield Chain(plan)
    except BaseException:
        print(_log_ends(plan))
        raise
    finally:
        stop(plan)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A gateway that knows one key a role."""
    async with on_stage() as each:
        each.door.access = access_by_role()
        yield each


@pytest.fixture
async def public_stage() -> AsyncIterator[Stage]:
    """The same, as if it did not listen on loopback."""
    async with on_stage(on_loopback=False) as each:
        each.door.access = access_by_role()
        yield each


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Lets fixtures know that the test failed."""
    report = yield
    item.stash.setdefault(FAILED, False)
    item.stash[FAILED] |= report.failed
    return report


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """What a program's `main` configures is for its own process; here its stream is closed after the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def whole(chain: Chain, request: pytest.FixtureRequest) -> Iterator[Chain]:
    """The network, which has to be whole again after the test: all four advance on one chain."""
    chain.wait_for_blocks(1)
    try:
        yield chain
        if request.node.stash[FAILED]:
            print(_log_ends(chain.plan))
        height = chain.wait_for_blocks(2, seconds=120)
        chain.assert_same_chain(height)
    except BaseException:
        print(_log_ends(chain.plan))
        raise


@pytest.fixture
def member(chain: Chain) -> Sender:
    """Somebody with coin to send."""
    return Sender(chain, 1)


def _log_ends(plan: NetworkPlan) -> str:
    paths = [process.log for each in plan.validators for process in plan_processes(plan, each).values()]
    return "\n".join(_end(path) for path in [*paths, plan.run_folder / "supervisor.log"])


def _end(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()[-LOG_LINES:] if path.exists() else []
    return f"== {path}\n" + "\n".join(lines)
