"""Four hosts with addresses of their own: what a network survives between them. Each test leaves it whole."""

import contextlib
import json
import random
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from node.network.faults import set_clock
from node.network.hosts import parse_hosts
from node.network.init import NetworkOrder, init_network
from node.network.launch import COMETBFT
from node.network.plan import Ports, read_plan, write_plan
from node.network.processes import read_state
from node.network.rpc import call
from node.network.settings import FAIL_POINTS
from node.network.toolchain.faults import PROXY, SKEWED
from tests.network.chain import Sender, wait_until
from tests.network.fault_proxy import FaultProxy, NoTools, built_tools
from tests.network.host_network import COMMAND_SECONDS, HostNetwork, finish
from tests.network.machines import Machines, NoMachines, address, listeners_beside, run_ip, seconds_to_first_byte
from tests.network.steady_load import SteadyLoad

pytestmark = [pytest.mark.chain, pytest.mark.alone]

HOSTS = "ada,bob,cyd,dee"
FIRST_PORT = 8545
P2P_PORT = FIRST_PORT + 1
BACK_SECONDS = 30
PROXIES = 100
"""Host 1 is at address 1, the proxy before it at 101."""
WRONG_SECONDS = 600


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Five machines: four for the network, one for who is not of it."""
    try:
        made = Machines(5)
    except NoMachines as reason:
        pytest.skip(f"needs root and network namespaces: {reason}")
    yield made
    made.remove()


@pytest.fixture(scope="module")
def network(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNetwork]:
    """One validator on each of four machines, started by `till net up` there, from a folder that was moved there."""
    place = tmp_path_factory.mktemp("hosts")
    hosts = parse_hosts(",".join(f"{name}={address(at)}" for at, name in enumerate(HOSTS.split(","), start=1)))
    order = NetworkOrder(folder=place / "made", hosts=hosts, accounts=2, first_port=FIRST_PORT, fail_points=True)
    plan = init_network(order, now=datetime.now(UTC))
    folders = {}
    for number, host in enumerate(hosts, start=1):
        folders[f"v{number}"] = place / "machines" / str(number) / "net"
        folders[f"v{number}"].parent.mkdir(parents=True)
        shutil.move(place / "made" / host.name, folders[f"v{number}"])
    found = HostNetwork(plan, machines=machines, folders=folders)
    try:
        found.up()
        yield found
    finally:
        found.down()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def fault_tools() -> Path:
    """The folder of the programs that only these tests use, built if they are not there yet."""
    try:
        return built_tools()
    except NoTools as reason:
        pytest.skip(f"the tools for faults are not built yet, and that needs a network: {reason}")


@pytest.fixture
def whole(network: HostNetwork) -> Iterator[HostNetwork]:
    """The network under a little load. It has to be whole again after the test: all advance on one chain, the same at
    every height, and nothing that was final is lost."""
    with network.machines.inside():
        network.wait_for_blocks(1)
        try:
            with SteadyLoad(network, 2) as load:
                yield network
            network.wait_for_blocks(2, seconds=90)
            network.assert_no_fork()
            load.assert_nothing_lost()
        except BaseException:
            for name in network.names:
                print(*finish([network.till(name, "logs", "-n", "15")]))
            raise


def test_transfer_is_final_on_all_hosts_when_sent_to_one(whole: HostNetwork) -> None:
    raw, tx_hash = Sender(whole, 1).sign()
    assert whole.send(raw, at="v3") == tx_hash
    whole.wait_for_receipt(tx_hash)


def test_only_p2p_and_gateway_listen_on_a_hosts_address(whole: HostNetwork) -> None:
    state = read_state(whole.folders["v1"] / "run")
    assert state is not None
    loopback = {("127.0.0.1", port) for port in range(P2P_PORT + 1, FIRST_PORT + len(Ports.__slots__))}
    assert listeners_beside(state.supervisor.pid) == {(address(1), FIRST_PORT), (address(1), P2P_PORT)} | loopback


@pytest.mark.long
def test_newcomer_is_refused_until_it_is_voted_in_and_then_syncs(whole: HostNetwork, tmp_path: Path) -> None:
    folder, ticket = tmp_path / "net", whole.plan.folder / "join.json"
    finish([whole.net_on(5, "join", str(folder), "--with", str(ticket), "--name", "v5", "--host", address(5))])
    (stranger,) = read_plan(folder).validators
    try:
        for _ in range(2):
            waiting = whole.net_on(5, "up", str(folder), "--wait", "1")
            said, _ = waiting.communicate(timeout=COMMAND_SECONDS)
            assert waiting.returncode == 1
            wait_until(
                lambda: all(whole.refusals(name, stranger.node_id) for name in whole.names),
                seconds=90,
                what="all refuse it",
            )
        assert "v5 is not connected to" in said
        assert '"height": 0' in finish([whole.net_on(5, "status", str(folder), "--json")])[0]
        # each time that it dials, every few seconds, and not as fast as it can
        assert all(whole.refusals(name, stranger.node_id) < 100 for name in whole.names)
        propose = ("validator", "propose", "observer", str(whole.folders["v1"]), stranger.node_id, "v5")
        finish([whole.till_on(1, *propose)])
        for number in (2, 3):
            finish([whole.till_on(number, "validator", "vote", str(whole.folders[f"v{number}"]), "1")])
        # returns when it has all blocks
        finish([whole.net_on(5, "up", str(folder), "--wait", "60")])
        url = f"http://{address(5)}:{FIRST_PORT}"
        for number in range(1, int(call(url, "eth_blockNumber", []), 16) + 1):
            block = call(url, "eth_getBlockByNumber", [hex(number), False])
            assert block["hash"] == whole.hash_of(number)
    finally:
        finish([whole.net_on(5, "down", str(folder))])


def test_chain_goes_on_when_garbage_and_silence_arrive_at_p2p_ports(whole: HostNetwork) -> None:
    chance = random.Random(7)
    with contextlib.ExitStack() as stack:
        for attempt in range(160):
            peer = whole.peer(f"v{attempt % 4 + 1}")
            # the first half stays silent and open, the second half talks
            connection = stack.enter_context(socket.create_connection((peer.host, peer.p2p), timeout=5))
            if attempt >= 80:
                with contextlib.suppress(OSError):
                    connection.sendall(chance.randbytes(chance.choice((1, 32, 1_000, 100_000))))
        whole.wait_for_blocks(5, seconds=40)
        state = read_state(whole.folders["v1"] / "run")
        assert state is not None
        comet = psutil.Process(state.validators["v1"][COMETBFT].pid)
        assert comet.memory_info().rss < 400_000_000


@pytest.mark.long
def test_interval_at_most_doubles_when_one_of_four_is_down(whole: HostNetwork) -> None:
    usual = whole.seconds_a_block(8)
    whole.down("v4")
    try:
        with_one_down = whole.seconds_a_block(16)
    finally:
        whole.up("v4")
    print(json.dumps({"interval_s": round(usual, 2), "interval_with_one_down_s": round(with_one_down, 2)}))
    assert with_one_down <= 2 * usual


def test_validator_syncs_again_when_its_disk_was_wiped(whole: HostNetwork) -> None:
    whole.down("v3")
    home = whole.host_plan("v3").home("v3")
    shutil.rmtree(home / "geth")
    for path in (home / "cometbft" / "data").iterdir():
        if path.name != "priv_validator_state.json":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    started = time.monotonic()
    whole.up("v3")
    print(json.dumps({"blocks": whole.height("v3"), "synced_s": round(time.monotonic() - started, 1)}))
    whole.checked = 0  # its whole chain is to be compared
    whole.wait_for_blocks(2)


def test_chain_halts_and_goes_on_when_the_network_falls_in_two_halves(whole: HostNetwork) -> None:
    whole.machines.cut("trunk")
    try:
        stands = whole.wait_until_it_stands("v1", "v2")
        assert all(whole.seen_at_home(name) <= stands + 1 for name in ("v3", "v4"))
    finally:
        whole.machines.heal("trunk")
    healed = time.monotonic()
    whole.wait_for_height(stands + 2, seconds=BACK_SECONDS)
    print(json.dumps({"halves_back_s": round(time.monotonic() - healed, 1)}))


@pytest.mark.long
def test_three_go_on_and_the_fourth_catches_up_when_it_was_cut_off(whole: HostNetwork) -> None:
    whole.machines.cut("port4")
    try:
        reached = whole.wait_for_blocks(6, "v1", "v2", "v3")
        assert whole.seen_at_home("v4") < reached - 3
        # its connections look whole for one to two minutes
        whole.wait_for_wrong("v4 is cut off", "v4")
        assert "v1 is cut off" not in whole.wrongs("v1")
    finally:
        whole.machines.heal("port4")
    healed = time.monotonic()
    whole.wait_for_height(reached + 2, seconds=BACK_SECONDS)
    print(json.dumps({"fourth_back_s": round(time.monotonic() - healed, 1)}))


@pytest.fixture(scope="module")
def proxy(network: HostNetwork, fault_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    """From now on every link of the network goes through the fault proxy, and the clock of v4 can be set."""
    network.down()
    hub = network.machines.hub
    names = network.names
    for number, name in enumerate(names, start=1):
        run_ip("-n", hub, "address", "add", f"{address(PROXIES + number)}/24", "dev", "left")
        plan = network.host_plan(name)
        write_plan(
            replace(
                plan,
                validators=tuple(replace(own, host=address(PROXIES + number)) for own in plan.validators),
                others=tuple(replace(peer, host=address(PROXIES + int(peer.name[1:]))) for peer in plan.others),
            )
        )
    (network.host_plan("v4").home("v4") / FAIL_POINTS / COMETBFT).symlink_to(fault_tools / SKEWED)
    with network.machines.inside():
        made = FaultProxy(fault_tools / PROXY, tmp_path_factory.mktemp("proxy") / "log")
        try:
            wait_until(made.answers, seconds=10, what="the proxy answers")
            for number, name in enumerate(names, start=1):
                made.add(name, f"{address(PROXIES + number)}:{P2P_PORT}", f"{address(number)}:{P2P_PORT}")
            network.up()
        except BaseException:
            made.stop()
            raise
    yield made
    made.stop()


@pytest.mark.long
def test_chain_goes_on_when_every_link_takes_200_ms_each_way(proxy: FaultProxy, whole: HostNetwork) -> None:
    with proxy.toxic("latency", latency=200):
        assert seconds_to_first_byte(address(PROXIES + 2), P2P_PORT) > 0.2
        interval = whole.seconds_a_block(8)
        raw, tx_hash = Sender(whole, 1).sign()
        whole.send(raw, at="v2")
        whole.wait_for_receipt(tx_hash)
    print(json.dumps({"interval_at_200_ms_s": round(interval, 2)}))
    assert interval < 5


@pytest.mark.parametrize(("toxic", "milliseconds"), [("timeout", 0), ("reset_peer", 50)])
def test_chain_goes_on_when_links_stalled_or_were_reset(
    proxy: FaultProxy, whole: HostNetwork, toxic: str, milliseconds: int
) -> None:
    with proxy.toxic(toxic, timeout=milliseconds):
        stands = whole.wait_until_it_stands(*whole.names)
    healed = time.monotonic()
    whole.wait_for_height(stands + 2, seconds=BACK_SECONDS)
    print(json.dumps({toxic: "back", "s": round(time.monotonic() - healed, 1)}))


def test_chain_goes_on_when_one_clock_is_ten_minutes_fast(proxy: FaultProxy, whole: HostNetwork) -> None:
    try:
        set_clock(whole.host_plan("v4"), "v4", WRONG_SECONDS)
        wait_until(
            lambda: (whole.clock("v4").seconds_ahead or 0) > WRONG_SECONDS - 30,
            seconds=20,
            what="v4's votes are fast",
        )
        whole.wait_for_blocks(6)
        newest = whole.ask("eth_getBlockByNumber", "latest", False)
        assert abs(time.time() - int(newest["timestamp"], 16)) < 10
        whole.wait_for_wrong(r"vote clocks: the votes of v4 are (59|60)\d s ahead", "v1", "v4")
        others = [whole.clock(name) for name in ("v1", "v2", "v3")]
        assert not any(clock.is_slow or abs(clock.seconds_ahead or 0) > 5 for clock in others)
    finally:
        set_clock(whole.host_plan("v4"), "v4", 0)


@pytest.mark.long
def test_chain_goes_on_when_one_clock_is_ten_minutes_slow(proxy: FaultProxy, whole: HostNetwork) -> None:
    try:
        set_clock(whole.host_plan("v4"), "v4", -30)
        wait_until(lambda: whole.clock("v4").is_slow, seconds=20, what="v4's votes are slow")
        whole.wait_for_wrong("vote clocks: the votes of v4 bear the earliest time", "v1", "v4")
        set_clock(whole.host_plan("v4"), "v4", -WRONG_SECONDS)
        reached = whole.wait_for_blocks(8, "v1", "v2", "v3")
        print(json.dumps({"slow": whole.height("v4"), "others": reached}))
        assert whole.height("v4") < reached - 2
        assert "v4" in whole.wrongs("v4")
    finally:
        set_clock(whole.host_plan("v4"), "v4", 0)
    right = time.monotonic()
    whole.wait_for_height(reached + 2, seconds=120)
    print(json.dumps({"slow_clock_back_s": round(time.monotonic() - right, 1)}))
