"""The tools of whoever keeps a network alive, when its gateways speak TLS and let nobody in without a key."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.cli.main import cli
from node.network.backup import back_up
from node.network.doctor import examine
from node.network.doctor.finding import Level, Limits, Patient
from node.network.farthest import MARGIN
from node.network.fork import schedule_fork
from node.network.hold import held
from node.network.plan import NetworkPlan, read_plan
from node.network.restore import restore
from node.network.rpc import NoAnswer, call
from node.network.signstate import STATE_PATH
from node.network.status import network_status
from tests.network.chain import Chain, wait_until

pytestmark = pytest.mark.chain
PROJECT = Path(__file__).parents[2]
CONNECT = """
from scripts.brownie_shim import prepare, register_network
prepare()
name = register_network(FOLDER)
import brownie
brownie.network.connect(name)
print(brownie.web3.provider.endpoint_uri.partition(":")[0], brownie.chain.id, brownie.web3.eth.block_number > 0)
"""


@pytest.fixture(scope="module")
def closed(own_chain: Chain) -> Iterator[NetworkPlan]:
    """Four validators whose gateways serve a self-signed certificate each, and know nobody without a key."""
    plan = own_chain.plan
    for validator in plan.validators:
        (plan.home(validator.name) / "access.json").write_text('{"anonymous": "nobody"}')
    made = CliRunner().invoke(cli, ["net", "cert", str(plan.folder)])
    assert made.exit_code == 0, made.output
    wait_until(lambda: lowest(plan) > 0, seconds=20, what="all answer over TLS")
    for validator in plan.validators:
        url = plan.rpc_url(validator)
        assert url.startswith("https://")
        with pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
            call(url, "eth_blockNumber", [])
    yield plan
    for validator in plan.validators:
        (plan.home(validator.name) / "access.json").unlink()
        shutil.rmtree(plan.home(validator.name) / "tls")


def lowest(plan: NetworkPlan) -> int:
    return min(validator.height or -1 for validator in network_status(plan).validators)


def test_doctor_finds_nothing_wrong(closed: NetworkPlan) -> None:
    wait_until(lambda: lowest(closed) > 25, seconds=60, what="blocks enough to judge by")
    findings = examine(Patient(plan=closed, limits=Limits(disk_wrong=0)))
    assert [each.text for each in findings if each.level is Level.WRONG] == []
    well = [(each.check, each.text) for each in findings if each.level is Level.OK]
    for validator in closed.validators:
        assert any(check == "heights" and validator.name in text for check, text in well)
        assert ("clocks", f"{validator.name} has this machine's time") in well
    assert ("block age", "no block to look at") not in well


def test_validators_and_proposals_are_listed(closed: NetworkPlan) -> None:
    said = CliRunner().invoke(cli, ["validator", "list", str(closed.folder), "--json"])
    assert said.exit_code == 0, said.output


def test_scripts_reach_a_gateway(closed: NetworkPlan) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONNECT.replace("FOLDER", repr(str(closed.folder)))],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=90,
        check=False,
    )
    assert done.stdout.split() == ["https", str(closed.chain_id), "True"], done.stderr


def test_lost_sign_state_is_made_good_by_the_others_consensus(closed: NetworkPlan, tmp_path: Path) -> None:
    file = back_up(closed, "v2", tmp_path / "v2.tar.gz")
    with held(closed, "v2"):
        (closed.home("v2") / STATE_PATH).unlink()
    before = max(validator.height or -1 for validator in network_status(closed).validators)
    restored = restore(closed, file)
    after = max(validator.height or -1 for validator in network_status(closed).validators)
    # CometBFT may be one ahead of what geth has
    assert before <= restored.sign_state.height - MARGIN <= after + 1
    wait_until(lambda: lowest(closed) > after, seconds=60, what="v2 follows")


@pytest.mark.long
def test_fork_waits_for_each_validator(closed: NetworkPlan) -> None:
    told: list[str] = []
    forked = schedule_fork(closed, at=int(time.time()) + 3600, tell=told.append)
    assert told == [f"{validator.name} has it" for validator in closed.validators]
    assert read_plan(closed.folder).rules == forked.rules
