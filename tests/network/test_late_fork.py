"""A fork where each host runs one validator: one that was not told in time, newcomers, and a backup of before.

The tests build on each other, in their order.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.domain.errors import Unusable
from node.network.control import start, stop, wait_until_final
from node.network.fork import geth_schedule, schedule_fork, was_told
from node.network.init import NetworkOrder, init_network
from node.network.plan import read_plan
from node.network.rpc import call
from node.network.ticket import TICKET_FILE, read_ticket
from tests.network.chain import Chain, Sender, wait_until
from tests.network.loopback_hosts import LoopbackHosts, loopback_hosts

pytestmark = [pytest.mark.chain, pytest.mark.long, pytest.mark.timeout(900)]
TOLD = ("v1", "v2", "v3")
LEAD_SECONDS = 50
LEAD_SECONDS_A_LOAD = 4
"""From the order to the fork: three hosts of 5 s on an idle machine, each the longer the more is at work."""


class Forking(LoopbackHosts):
    """Four hosts, with what was kept from before the fork, and its time (0: not yet)."""

    old_ticket: Path
    old_backup: Path
    at: int = 0


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forking]:
    kept = tmp_path_factory.mktemp("kept")
    with loopback_hosts(tmp_path_factory.mktemp("fork") / "net") as network:
        forking = Forking(plan=network.plan, folders=network.folders)
        forking.old_ticket, forking.old_backup = kept / "old-join.json", kept / "v2.tar.gz"
        shutil.copy(network.folders["v1"] / TICKET_FILE, forking.old_ticket)
        forking.till("net", "backup", network.folders["v2"], "v2", "-o", forking.old_backup)
        yield forking
    shutil.rmtree(kept, ignore_errors=True)


def timestamp(hosts: LoopbackHosts, name: str) -> int:
    """Of the newest block that a validator's engine has, whether its gateway answers or not."""
    plan = hosts.host_plan(name)
    block = call(
        f"http://{plan.host}:{plan.validator(name).ports.geth}", "eth_getBlockByNumber", ["latest", False], seconds=10
    )
    return int(block["timestamp"], 16)


def tell(hosts: LoopbackHosts, name: str, at: int, *, code: int = 0) -> str:
    return hosts.till("net", "fork", hosts.folders[name], "prague", "--at", str(at), code=code)


def test_host_that_was_not_told_stands_at_the_fork_and_is_told_afterwards(hosts: Forking) -> None:
    hosts.at = int(time.time() + LEAD_SECONDS + LEAD_SECONDS_A_LOAD * min(os.getloadavg()[0], 20))
    for name in TOLD:
        tell(hosts, name, hosts.at)
    assert time.time() < hosts.at
    hosts.till("net", "fork", hosts.plan.folder, "prague", "--at", str(hosts.at))
    assert read_ticket(hosts.plan.folder / TICKET_FILE).rules().prague_time == hosts.at
    assert "too near" in tell(hosts, "v4", int(time.time()) + 3, code=1)
    wait_until(lambda: timestamp(hosts, "v1") >= hosts.at + 3, seconds=180, what="the three have forked")
    log = hosts.host_plan("v4").log("v4", "app")
    wait_until(lambda: "is of version 2" in log.read_text(), seconds=60, what="v4 stands at the fork")
    stood = timestamp(hosts, "v4")
    assert stood < hosts.at
    # the others have to be told no more
    for name in TOLD:
        assert "has it already" in tell(hosts, name, hosts.at)

    wait_until(lambda: time.time() > hosts.at + 11, seconds=30, what="it is not too near any more")
    assert f"went beyond {stood - 3} without" in tell(hosts, "v4", stood - 3, code=1)
    assert hosts.host_plan("v4").rules.prague_time is None
    assert "v4 has it" in tell(hosts, "v4", hosts.at)
    raw, tx_hash = Sender(hosts, 1).sign()
    hosts.send(raw, at="v4")
    hosts.wait_for_receipt(tx_hash)
    height = hosts.wait_for_blocks(2)
    assert hosts.ask("eth_getBlockByNumber", hex(height), False, at="v4")["requestsHash"]
    hosts.assert_same_chain(height)


def test_newcomer_that_joins_after_the_fork_syncs_through_it(hosts: Forking, tmp_path: Path) -> None:
    assert all(read_ticket(hosts.folders[name] / TICKET_FILE).rules().prague_time == hosts.at for name in hosts.names)
    assert read_ticket(hosts.old_ticket).rules().prague_time is None
    refused = hosts.till(
        "net",
        "join",
        tmp_path / "no",
        "--with",
        hosts.folders["v1"] / TICKET_FILE,
        "--name",
        "v9",
        "--prague",
        "7",
        code=1,
    )
    assert f"at {hosts.at}" in refused
    plan = hosts.join("v5", tmp_path / "v5", "--keep-all")
    assert was_told(plan, plan.validators[0])
    hosts.vote("observer", plan.validators[0].node_id, "v5", by=TOLD)
    hosts.up("v5")
    assert hosts.at in geth_schedule(plan, plan.validators[0])
    height = hosts.wait_for_blocks(1)
    assert hosts.ask("eth_getBlockByNumber", hex(height), False, at="v5")["requestsHash"]
    hosts.assert_same_chain(height)

    old = tmp_path / "old"
    hosts.till("net", "join", old, "--with", hosts.old_ticket, "--name", "v6", "--prague", str(hosts.at))
    joined = read_plan(old)
    assert joined.rules == plan.rules and was_told(joined, joined.validators[0])
    assert json.loads((old / "genesis.json").read_text()) == json.loads((plan.folder / "genesis.json").read_text())


def test_backup_of_before_the_fork_is_restored_after_it(hosts: Forking, tmp_path: Path) -> None:
    folder = hosts.folders["v2"]
    hosts.till("net", "restore", hosts.old_backup, folder)
    hosts.assert_same_chain(hosts.wait_for_blocks(2))
    plan = hosts.host_plan("v2")
    assert hosts.at in geth_schedule(plan, plan.validator("v2"))
    newer = tmp_path / "newer.tar.gz"
    hosts.till("net", "backup", folder, "v2", "-o", newer)
    hosts.till("net", "restore", newer, folder)
    hosts.assert_same_chain(hosts.wait_for_blocks(2))


def test_fork_is_refused_and_forgotten_when_the_chain_went_beyond_it_without(tmp_path: Path) -> None:
    """Nothing runs when it is told, so only geth itself can say so."""
    folder = tmp_path / "net"
    plan = init_network(NetworkOrder(folder=folder, validators=1), now=datetime.now(UTC))
    files = ("network.json", "genesis.json", TICKET_FILE)
    before = {name: json.loads((folder / name).read_text()) for name in files}
    try:
        start(plan)
        wait_until_final(plan, blocks=2, seconds=60)
        first = Chain(plan).ask("eth_getBlockByNumber", "0x1", False)
        stop(plan)
        with pytest.raises(Unusable, match="mismatching Prague fork"):
            schedule_fork(plan, at=int(first["timestamp"], 16))
        assert {name: json.loads((folder / name).read_text()) for name in files} == before
        assert read_plan(folder) == plan
        start(plan)
        wait_until_final(plan, blocks=1, seconds=60)
    finally:
        stop(plan)
        shutil.rmtree(folder, ignore_errors=True)
