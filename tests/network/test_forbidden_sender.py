"""A validator with a changed application proposes transactions of a sender that may not send: it is outvoted."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.network.control import start, stop
from node.network.init import NetworkOrder, init_network
from node.network.launch import APP, PROJECT, START_ORDER, plan_processes
from node.network.plan import NetworkPlan, as_peer, write_plan
from tests.network.chain import Chain, Sender, wait_until
from tests.network.test_governance import refusal, till

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.timeout(900)]
HONEST = ("v1", "v2", "v3")


def run_changed(plan: NetworkPlan) -> list[subprocess.Popen[bytes]]:
    """v4 without a supervisor: geth, the changed application, CometBFT."""
    started = []
    for kind in START_ORDER:
        process = plan_processes(plan, plan.validator("v4"))[kind]
        settings = str(plan.home("v4") / "app.json")
        command = (sys.executable, "-m", "tests.network.careless", settings) if kind == APP else process.command
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        with process.log.open("ab") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=PROJECT, env=environment))
        wait_until(lambda port=process.ready_port: listens(plan, port), seconds=90, what=f"{kind} listens")
    return started


def listens(plan: NetworkPlan, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((plan.host, port)) == 0


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Chain]:
    """Three validators under a supervisor, and the fourth, which is changed."""
    folder = tmp_path / "net"
    plan = init_network(NetworkOrder(folder=folder, validators=4, accounts=2), now=datetime.now(UTC))
    honest = replace(plan, validators=plan.validators[:3], others=(as_peer(plan.validators[3]),))
    write_plan(honest)
    changed: list[subprocess.Popen[bytes]] = []
    try:
        start(honest)
        changed = run_changed(plan)
        chain = Chain(plan)
        chain.wait_for_height(2, seconds=120)
        yield chain
    finally:
        for process in reversed(changed):
            process.terminate()
            process.wait(30)
        stop(plan)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_proposal_with_a_forbidden_sender_is_outvoted_and_the_chain_goes_on(net: Chain) -> None:
    thief, member = Sender(net, 1), Sender(net, 2)
    till("account", "forbid", net.plan.folder, thief.address)
    raw, stolen = thief.sign()
    assert "no permission to send" in refusal(net, raw, at="v1")
    assert net.send(raw, at="v4") == stolen
    log = net.plan.log("v2", "app")
    wait_until(
        lambda: any(
            "proposal.rejected" in line and "must not be in it" in line for line in log.read_text().splitlines()
        ),
        seconds=120,
        what="v2 voted a proposal of v4 down",
    )
    # its peers did not take it over gossip either, and everybody else's payments go on, also through v4
    raw, paid = member.sign()
    net.send(raw, at="v4")
    net.wait_for_receipt(paid, seconds=90)
    height = net.wait_for_blocks(5, seconds=120)
    assert all(net.ask("eth_getTransactionByHash", stolen, at=name) is None for name in HONEST)
    assert net.receipt(stolen, at="v4") is None
    net.assert_same_chain(height)
