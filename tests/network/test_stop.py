"""A validator that is stopped at a bad moment, with its geth: what was decided and not committed is made good."""

import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.consensus.failpoints import BEFORE_COMMIT
from node.network.control import start, stop, wait_until_final
from node.network.faults import arm_fail_point
from node.network.init import NetworkOrder, init_network
from node.network.launch import APP, GETH
from node.network.plan import NetworkPlan
from node.network.processes import is_alive, read_state, send
from tests.network.chain import wait_until

pytestmark = pytest.mark.chain


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[NetworkPlan]:
    """One validator, with fail points."""
    order = NetworkOrder(folder=tmp_path / "net", validators=1, fail_points=True)
    plan = init_network(order, now=datetime.now(UTC))
    try:
        start(plan)
        wait_until_final(plan, blocks=3, seconds=60)
        yield plan
    finally:
        stop(plan)
        shutil.rmtree(tmp_path / "net", ignore_errors=True)


def test_validator_goes_on_when_it_and_its_geth_were_stopped_between_finalize_and_commit(alone: NetworkPlan) -> None:
    state = read_state(alone.run_folder)
    assert state is not None
    processes = state.validators["v1"]
    # the supervisor first: it would start the application again, beside a geth that still has the state
    send(state.supervisor, signal.SIGKILL)
    arm_fail_point(alone, "v1", BEFORE_COMMIT)
    wait_until(lambda: not is_alive(processes[APP]), seconds=20, what="the application reached the fail point")
    send(processes[GETH], signal.SIGTERM)
    wait_until(lambda: not is_alive(processes[GETH]), seconds=30, what="geth has stopped")
    start(alone)
    wait_until_final(alone, blocks=3, seconds=60)
