"""The folders of a network of several hosts, and a newcomer's: what is in them, and what is refused."""

import json
import socket
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from node.domain.errors import Unusable
from node.network.control import start
from node.network.governance import validator_signers
from node.network.hosts import Host, parse_host, parse_hosts
from node.network.init import NetworkOrder, init_network
from node.network.join import JoinOrder, join_network
from node.network.plan import EVERY_ADDRESS, LOOPBACK, NetworkPlan, Ports, read_plan, write_plan
from node.network.ports import PortInUse, check_ports, free_ports
from node.network.settings import comet_config
from node.network.watch import BEHIND_SECONDS, Watch

HOSTS = "ada=10.0.0.1,bob=10.0.0.2,cyd"
SECRET_NAMES = ("_key.json", "jwt.hex", "priv_validator_state.json", "account.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of three hosts, two of them with addresses."""
    folder = tmp_path_factory.mktemp("hosts") / "net"
    init_network(NetworkOrder(folder=folder, hosts=parse_hosts(HOSTS), accounts=1), now=datetime.now(UTC))
    return folder


def newcomer(made: Path, folder: Path, **changes: Any) -> JoinOrder:
    order = JoinOrder(
        folder=folder, ticket=made / "ada" / "join.json", name="v4", host=Host(name="v4", address="10.0.0.4")
    )
    return replace(order, **changes)


def files_with(folder: Path, text: str) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()}


def test_init_gives_each_host_its_own_secrets_and_no_others(made: Path) -> None:
    folders = {path.name: path for path in made.iterdir()}
    assert set(folders) == {"ada", "bob", "cyd", "operator"}
    assert all((folder / ".gitignore").read_text() == "*\n" for folder in folders.values())
    for name in ("ada", "bob", "cyd"):
        secrets = [path for path in folders[name].rglob("*") if path.name.endswith(SECRET_NAMES)]
        assert len(secrets) == 5 and {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
        for key in folders[name].rglob("*_key.json"):
            private = json.loads(key.read_text())["priv_key"]["value"]
            assert files_with(made, private) == {key}
        jwt = next(folders[name].rglob("jwt.hex"))
        assert files_with(made, jwt.read_text().strip()) == {jwt}
    keys = {str(path.relative_to(folders["operator"])) for path in folders["operator"].rglob("keys/**/*.json")}
    assert keys == {"keys/operator.json", "keys/bridge.json", "keys/accounts/1.json"}


def test_plans_name_one_validator_here_and_the_others_elsewhere(made: Path) -> None:
    plans = {name: read_plan(made / name) for name in ("ada", "bob", "cyd")}
    assert [plan.validators[0].name for plan in plans.values()] == ["v1", "v2", "v3"]
    assert [peer.name for peer in plans["bob"].others] == ["v1", "v3"]
    assert [peer.host for peer in plans["bob"].others] == ["10.0.0.1", "cyd"]
    assert plans["ada"].rpc_urls() == ["http://10.0.0.1:8545", "http://10.0.0.2:8545", "http://cyd:8545"]
    # a name may mean another address to its own machine than to the others
    assert plans["cyd"].validators[0].listen == EVERY_ADDRESS
    assert plans["cyd"].rpc_url(plans["cyd"].validators[0]) == f"http://{LOOPBACK}:8545"
    config = comet_config(plans["ada"], plans["ada"].validators[0])
    assert 'laddr = "tcp://10.0.0.1:8546"' in config and f'laddr = "tcp://{LOOPBACK}:8550"' in config
    assert all(peer.node_id in config for peer in plans["ada"].others)


def test_start_refuses_when_nothing_runs_from_the_folder(made: Path) -> None:
    with pytest.raises(Unusable, match="Nothing runs from"):
        start(read_plan(made / "operator"))


def test_check_ports_tells_when_the_address_is_of_another_machine(made: Path) -> None:
    plan = read_plan(made / "ada")
    elsewhere = replace(plan.validators[0], gateway_listen="192.0.2.1")
    with pytest.raises(Unusable, match=r"192\.0\.2\.1 is no address of this machine"):
        check_ports(replace(plan, validators=(elsewhere,)))


def test_check_ports_waits_for_a_program_that_is_just_ending(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read_plan(made / "ada")
    (port,) = free_ports(1, LOOPBACK)
    ports = replace(plan.validators[0].ports, gateway=port)
    here = replace(
        plan, validators=(replace(plan.validators[0], gateway_listen=LOOPBACK, listen=LOOPBACK, ports=ports),)
    )
    with socket.create_server((LOOPBACK, port)) as held:
        monkeypatch.setattr("node.network.ports.time.sleep", lambda _: held.close())
        check_ports(here)
    with socket.create_server((LOOPBACK, port)):
        monkeypatch.setattr("node.network.ports.LETTING_GO", 0.0)
        monkeypatch.setattr("node.network.ports.time.sleep", lambda _: None)
        with pytest.raises(PortInUse, match=rf"127\.0\.0\.1:{port} \(gateway of v1\)"):
            check_ports(here)


@pytest.mark.parametrize(
    "text", ["", "a,,b", "a,a", "a,A", "a=1,b", "a/b", "../a", "operator", "a=0.0.0.0", "a=10.0.0.256", "a=::1", "a b"]
)
def test_parse_hosts_refuses_what_is_no_host(text: str) -> None:
    with pytest.raises(Unusable):
        parse_hosts(text)


def test_private_gateways_answer_on_loopback_only(tmp_path: Path) -> None:
    order = NetworkOrder(folder=tmp_path / "net", hosts=parse_hosts(HOSTS), private_gateways=True)
    plan = init_network(order, now=datetime.now(UTC))
    assert read_plan(tmp_path / "net" / "ada").validators[0].gateway_listen == LOOPBACK
    with pytest.raises(Unusable, match="No gateway"):
        plan.rpc_urls()


def test_hosts_that_share_this_machine_get_different_ports(tmp_path: Path) -> None:
    order = NetworkOrder(folder=tmp_path / "net", hosts=parse_hosts("a=127.0.0.1,b=localhost"))
    init_network(order, now=datetime.now(UTC))
    plans = [read_plan(tmp_path / "net" / name) for name in "ab"]
    assert len({port for plan in plans for _, port in plan.validators[0].ports}) == 2 * len(Ports.__slots__)


def test_join_makes_a_node_with_the_networks_genesis_and_keys_of_its_own(made: Path, tmp_path: Path) -> None:
    joined = join_network(newcomer(made, tmp_path / "v4"))
    plan = read_plan(tmp_path / "v4")
    assert plan == joined and plan.rules == read_plan(made / "ada").rules
    assert [peer.name for peer in plan.others] == ["v1", "v2", "v3"]
    home, theirs = plan.home("v4"), read_plan(made / "ada").home("v1")
    document = "cometbft/config/genesis.json"
    assert json.loads((home / document).read_text()) == json.loads((theirs / document).read_text())
    account = json.loads((home / "account.json").read_text())
    assert account["address"] == plan.validators[0].account
    assert stat.S_IMODE((home / "account.json").stat().st_mode) == 0o600
    assert (tmp_path / "v4" / "join.json").read_text() == (made / "ada" / "join.json").read_text()


def change_block_0(ticket: dict[str, Any]) -> None:
    ticket["geth_genesis"]["alloc"]["0x" + "11" * 20] = {"balance": "0x1"}


def forget_who_keeps_all(ticket: dict[str, Any]) -> None:
    for peer in ticket["peers"]:
        peer["keeps_all"] = False


def stay_at_home(ticket: dict[str, Any]) -> None:
    for peer in ticket["peers"]:
        peer["host"] = LOOPBACK


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_block_0, "do not belong together"),
        (forget_who_keeps_all, "nobody can sync"),
        (stay_at_home, "listen to no other"),
        (lambda ticket: ticket.update(peers=[]), "nobody to join"),
        (lambda ticket: ticket.update(format=9), "format 9"),
        (lambda ticket: ticket.pop("comet_genesis"), "is no join.json"),
        (lambda ticket: ticket.update(comet_genesis={}), "names no rules"),
    ],
)
def test_join_refuses_a_ticket_that_does_not_fit(
    made: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    ticket = json.loads((made / "ada" / "join.json").read_text())
    change(ticket)
    (tmp_path / "join.json").write_text(json.dumps(ticket))
    with pytest.raises(Unusable, match=message):
        join_network(newcomer(made, tmp_path / "v4", ticket=tmp_path / "join.json"))
    assert not list((tmp_path / "v4").glob("*"))


def test_join_refuses_a_name_that_is_taken_or_none(made: Path, tmp_path: Path) -> None:
    for name in ("v1", "a/b", "", "x" * 33):
        with pytest.raises(Unusable):
            join_network(newcomer(made, tmp_path / "v4", name=name))


@pytest.mark.parametrize("lost", ["priv_validator_state.json", "priv_validator_key.json", "jwt.hex"])
def test_start_refuses_when_a_secret_is_lost(tmp_path: Path, lost: str) -> None:
    folder = tmp_path / "net"
    plan = init_network(NetworkOrder(folder=folder, validators=1), now=datetime.now(UTC))
    next(folder.rglob(lost)).unlink()
    with pytest.raises(Unusable, match=f"{lost} is missing"):
        start(plan)


def test_watch_names_a_lonely_validator_when_its_peers_go_on(made: Path) -> None:
    now = 0.0
    watch = Watch(read_plan(made / "ada"), clock=lambda: now)
    named = []
    for now in range(0, 100, 5):
        named += [now] if watch.judge({"v1": 7}, highest=7 + int(now)) else []
    assert named == [BEHIND_SECONDS + 5]


def test_plan_of_an_earlier_version_has_no_others(made: Path, tmp_path: Path) -> None:
    plan = read_plan(made / "ada")
    alone: NetworkPlan = replace(plan, folder=tmp_path, others=())
    write_plan(alone)
    text = json.loads((tmp_path / "network.json").read_text())
    del text["others"]
    for name in ("host", "listen", "gateway_listen"):
        del text["validators"][0][name]
    (tmp_path / "network.json").write_text(json.dumps(text))
    old = read_plan(tmp_path)
    assert old.others == () and old.rpc_urls() == [f"http://{LOOPBACK}:8545"]


def test_parse_host_takes_a_name_as_its_own_address() -> None:
    assert parse_host("shop-1.example", "shop-1.example").address == "shop-1.example"
    assert parse_host("v5", "127.0.0.1").is_loopback and not parse_host("v5", "10.0.0.5").is_loopback


def test_nobody_votes_from_a_folder_from_which_nothing_runs(made: Path) -> None:
    operator = read_plan(made / "operator")
    for names in ((), ("v1",)):
        with pytest.raises(Unusable, match=f"No validator runs from {operator.folder}; give the folder of one"):
            validator_signers(operator, names)
    ((name, signer),) = validator_signers(read_plan(made / "ada"), ())
    assert (name, "0x" + signer.address.hex()) == ("v1", read_plan(made / "ada").validators[0].account.lower())
