"""Four hosts with a folder and a supervisor each make one chain."""

import json
import shutil
import time
from collections.abc import Iterator

import pytest

from node.network.processes import is_alive, read_state
from node.network.signstate import STATE_PATH
from tests.network.chain import Sender, wait_until
from tests.network.loopback_hosts import LoopbackHosts, loopback_hosts

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHosts]:
    with loopback_hosts(tmp_path_factory.mktemp("loopback") / "net") as network:
        yield network


def test_transfer_is_final_on_all_hosts_when_sent_to_one(hosts: LoopbackHosts) -> None:
    raw, tx_hash = Sender(hosts, 1).sign()
    hosts.send(raw, at="v2")
    hosts.wait_for_receipt(tx_hash)
    hosts.assert_same_chain(hosts.wait_for_blocks(2))


def test_each_host_has_a_supervisor_of_its_own(hosts: LoopbackHosts) -> None:
    states = [read_state(hosts.host_plan(name).run_folder) for name in hosts.names]
    supervisors = {state.supervisor.pid for state in states if state is not None and is_alive(state.supervisor)}
    assert len(supervisors) == 4
    assert [set(state.validators) for state in states if state is not None] == [{name} for name in hosts.names]


def test_three_go_on_when_one_host_is_down_and_it_comes_back(hosts: LoopbackHosts) -> None:
    hosts.down("v4")
    height = hosts.wait_for_blocks(3, "v1", "v2", "v3")
    hosts.up("v4")
    hosts.wait_for_height(height, "v4")
    hosts.assert_same_chain(height)


def test_validator_syncs_again_and_signs_when_its_disk_was_wiped(hosts: LoopbackHosts) -> None:
    home, address = hosts.home("v3"), hosts.host_plan("v3").validators[0].address
    hosts.down("v3")
    shutil.rmtree(home / "geth")
    sign_state = home / STATE_PATH
    for path in sign_state.parent.iterdir():
        if path.name != sign_state.name:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    started = time.monotonic()
    hosts.up("v3")
    height = hosts.height("v3")
    print(json.dumps({"blocks": height, "synced_s": round(time.monotonic() - started, 1)}))
    hosts.assert_same_chain(hosts.wait_for_blocks(2))

    def signs() -> bool:
        commit = hosts.comet("v1", "commit")["signed_header"]["commit"]
        return int(commit["height"]) > height and any(
            each["validator_address"] == address for each in commit["signatures"]
        )

    wait_until(signs, seconds=30, what="v3 signs again")
