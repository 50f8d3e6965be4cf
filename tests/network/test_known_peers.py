"""`till net peer` on folders that do not run: who is dialed, what newcomers are told, and what is refused."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from node.cli.net_peers import peers
from node.domain.errors import Unusable
from node.network.control import one_at_a_time
from node.network.fork import schedule_fork
from node.network.hosts import parse_host, parse_hosts
from node.network.init import NetworkOrder, init_network
from node.network.join import JoinOrder, join_network
from node.network.known_peers import move_own, move_peer, peer_of_card, put_peer, remove_peer
from node.network.launch import PROJECT
from node.network.plan import as_peer, changing, read_plan, write_plan
from node.network.ticket import read_ticket
from node.network.voter import take_account


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Path]:
    """The folder of host ada, whose validator is v1; v2 and v3 are elsewhere, and v4 joined."""
    order = NetworkOrder(folder=tmp_path / "net", hosts=parse_hosts("ada=10.0.0.1,bob=10.0.0.2,cyd=10.0.0.3"))
    init_network(order, now=datetime.now(UTC))
    ticket = tmp_path / "net" / "ada" / "join.json"
    join_network(
        JoinOrder(folder=tmp_path / "dee", ticket=ticket, name="v4", host=parse_host("v4", "10.0.0.4"), keep_all=True)
    )
    yield tmp_path / "net" / "ada"
    shutil.rmtree(tmp_path / "net")


def till(*arguments: object, code: int = 0) -> str:
    command = [sys.executable, "-m", "node.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=60, check=False)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    return done.stderr if code else done.stdout


def names(folder: Path) -> tuple[list[str], list[str]]:
    ticket = read_ticket(folder / "join.json")
    return [peer.name for peer in read_plan(folder).others], [peer.name for peer in ticket.peers]


def change(card: Path, **fields: Any) -> Path:
    card.write_text(json.dumps({**json.loads(card.read_text()), **fields}))
    return card


def test_card_of_a_newcomer_is_all_that_it_takes_to_dial_it(ada: Path, tmp_path: Path) -> None:
    card = tmp_path / "v4.json"
    card.write_text(till("validator", "card", tmp_path / "dee"))
    assert "v4 is dialed at 10.0.0.4:8546" in till("net", "peer", "add", ada, card)
    assert names(ada) == (["v2", "v3", "v4"], ["v1", "v2", "v3", "v4"])
    (newcomer,) = read_plan(tmp_path / "dee").validators
    assert read_plan(ada).others[-1] == as_peer(newcomer) == read_ticket(ada / "join.json").peers[-1]
    # again, at another address: in its place
    assert "10.9.9.9" in till("net", "peer", "add", ada, card, "--host", "10.9.9.9")
    assert names(ada)[0] == ["v2", "v3", "v4"]
    assert "10.9.9.9:8546" in till("net", "peer", "list", ada)


def test_peer_that_moved_keeps_its_ports_and_place(ada: Path) -> None:
    till("net", "peer", "move", ada, "v2", "--host", "bob.example")
    moved, other = read_plan(ada).others
    assert (moved.name, moved.host, moved.p2p, moved.gateway) == ("v2", "bob.example", 8546, 8545)
    assert read_ticket(ada / "join.json").peers[1] == moved and other.host == "10.0.0.3"
    till("net", "peer", "move", ada, "v2", "--host", "bob.example", "--p2p", "9001", "--gateway", "9002")
    assert (read_plan(ada).others[0].p2p, read_plan(ada).others[0].gateway) == (9001, 9002)


def test_gateway_that_serves_a_certificate_is_asked_over_tls_once_its_card_was_added(ada: Path, tmp_path: Path) -> None:
    dee, card = tmp_path / "dee", tmp_path / "v4.json"
    till("net", "cert", dee, "--host", "10.0.0.4")
    (newcomer,) = read_plan(dee).validators
    assert newcomer.node_id not in {peer.node_id for peer in read_ticket(dee / "join.json").peers}
    card.write_text(till("validator", "card", dee))
    till("net", "peer", "add", ada, card)
    assert "https://10.0.0.4:8545" in till("net", "peer", "list", ada)
    assert read_plan(ada).rpc_urls()[-1] == "https://10.0.0.4:8545"
    assert read_ticket(ada / "join.json").peers[-1] == read_plan(ada).others[-1] == as_peer(newcomer, "https")
    # the other way round, and without a card
    till("net", "cert", ada)
    assert [peer.scheme for peer in read_ticket(ada / "join.json").peers] == ["https", "http", "http", "https"]
    till("net", "peer", "move", dee, "v1", "--scheme", "https")
    assert (read_plan(dee).others[0].scheme, read_plan(dee).others[0].host) == ("https", "10.0.0.1")
    for arguments, sentence in (
        ([str(dee), "v1"], "say what has changed"),
        ([str(ada), "v1", "--host", "10.0.0.1", "--scheme", "http"], "TLS in access.json"),
    ):
        refused = CliRunner().invoke(peers, ["move", *arguments])
        assert refused.exit_code == 2 and sentence in refused.output


def test_files_of_before_gateways_had_a_scheme_are_read_as_http(ada: Path) -> None:
    for path, key in ((ada / "network.json", "others"), (ada / "join.json", "peers")):
        text = json.loads(path.read_text())
        for peer in text[key]:
            assert peer.pop("scheme") == "http"
        path.write_text(json.dumps(text))
    assert {peer.scheme for peer in (*read_plan(ada).others, *read_ticket(ada / "join.json").peers)} == {"http"}
    text["peers"][0]["scheme"] = "ftp"
    path.write_text(json.dumps(text))
    with pytest.raises(Unusable, match="http or https, not 'ftp'"):
        read_ticket(path)


def test_own_validator_that_moves_listens_there_and_newcomers_are_told(ada: Path) -> None:
    assert "next start" in till("net", "peer", "move", ada, "v1", "--host", "10.6.0.1")
    (own,) = read_plan(ada).validators
    assert (own.host, own.listen, own.gateway_listen) == ("10.6.0.1", "10.6.0.1", "10.6.0.1")
    assert read_ticket(ada / "join.json").peers[0] == as_peer(own)
    assert "ports stand in" in till("net", "peer", "move", ada, "v1", "--host", "10.6.0.1", "--p2p", "9", code=2)
    # called by name it listens on every address, and a private gateway stays private
    plan = read_plan(ada)
    write_plan(replace(plan, validators=(replace(own, host="ada", listen="0.0.0.0", gateway_listen="127.0.0.1"),)))
    move_own(ada, "v1", "ada.example")
    (own,) = read_plan(ada).validators
    assert (own.host, own.listen, own.gateway_listen) == ("ada.example", "0.0.0.0", "127.0.0.1")


def test_operators_folder_is_told_of_moves_too(ada: Path) -> None:
    operator = ada.parent / "operator"
    move_peer(operator, "v1", "10.7.0.1")
    assert read_plan(operator).rpc_urls()[0] == "http://10.7.0.1:8545"


def test_removed_peer_is_forgotten_unless_it_is_the_last(ada: Path) -> None:
    till("net", "peer", "remove", ada, "v2")
    assert names(ada) == (["v3"], ["v1", "v3"])
    before = names(ada)
    assert "only one" in till("net", "peer", "remove", ada, "v3", code=1)
    assert names(ada) == before


def test_peer_of_another_key_takes_the_place_of_its_name(ada: Path) -> None:
    rotated = replace(read_plan(ada).others[0], node_id="ab" * 20, public_key="cd" * 32)
    put_peer(ada, rotated)
    assert read_plan(ada).others[0] == rotated and names(ada)[0] == ["v2", "v3"]
    renamed = replace(rotated, name="bobby")
    put_peer(ada, renamed)
    assert names(ada)[0] == ["bobby", "v3"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "v1"}, "runs from this folder"),
        ({"node_id": "own"}, "runs from this folder"),
        ({"reach": None}, "no validator's card"),
        ({"reach": {"host": "10.0.0.4", "p2p": 0, "gateway": 1, "keeps_all": True}}, "no port"),
        ({"reach": {"host": "10.0.0.4", "p2p": "x", "gateway": 1, "keeps_all": True}}, "no port"),
        ({"reach": {"host": "a/b", "p2p": 1, "gateway": None, "keeps_all": True}}, "no host"),
        ({"reach": {"host": "10.0.0.4"}}, "no validator's card"),
        ({"reach": {"host": "a", "p2p": 1, "gateway": 1, "keeps_all": True, "scheme": "file"}}, "http or https, not"),
    ],
)
def test_card_that_cannot_be_a_peer_is_refused(ada: Path, tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    card = tmp_path / "v4.json"
    card.write_text(till("validator", "card", tmp_path / "dee"))
    before = names(ada)
    if "node_id" in fields:
        fields = {"node_id": read_plan(ada).validators[0].node_id}
    with pytest.raises(Unusable, match=message):
        put_peer(ada, peer_of_card(change(card, **fields)))
    assert names(ada) == before


def test_card_without_an_address_and_unknown_names_are_refused(ada: Path, tmp_path: Path) -> None:
    card = tmp_path / "v4.json"
    text = json.loads(till("validator", "card", tmp_path / "dee"))
    del text["reach"]
    card.write_text(json.dumps(text))
    assert "does not say where" in till("net", "peer", "add", ada, card, code=1)
    assert "there are v2, v3" in till("net", "peer", "move", ada, "v9", "--host", "10.0.0.9", code=1)


def test_no_more_peers_than_the_registry_can_list(ada: Path) -> None:
    plan = read_plan(ada)
    many = tuple(replace(plan.others[0], name=f"n{number}", node_id=f"{number:040x}") for number in range(320))
    write_plan(replace(plan, others=many))
    with pytest.raises(Unusable, match="320 peers already"):
        put_peer(ada, plan.others[1])
    move_peer(ada, "n7", "10.8.8.8")
    assert read_plan(ada).others[7].host == "10.8.8.8"


def test_peers_are_left_alone_while_another_command_works(ada: Path) -> None:
    with one_at_a_time(read_plan(ada)), pytest.raises(Unusable, match=r"(?i)another till net command"):
        remove_peer(ada, "v2")


def test_commands_that_began_before_a_move_do_not_undo_it(ada: Path, tmp_path: Path) -> None:
    stale = read_plan(ada)
    move_peer(ada, "v2", "10.9.9.9")
    taken = take_account(stale, "v1", ada.parent / "bob" / "validators" / "v2" / "account.json")
    forked = schedule_fork(stale, at=int(datetime.now(UTC).timestamp()) + 3600)
    now = read_plan(ada)
    assert now == forked and now.others[0].host == "10.9.9.9" and now.rules.prague_time is not None
    assert now.validator("v1").account == taken.validator("v1").account != stale.validator("v1").account
    assert next(peer for peer in read_ticket(ada / "join.json").peers if peer.name == "v2").host == "10.9.9.9"


def test_changes_at_the_same_time_are_all_kept(ada: Path) -> None:
    people, start = 8, threading.Barrier(8)

    def add(number: int) -> None:
        start.wait()
        with changing(ada) as plan:
            peer = replace(plan.others[0], name=f"n{number}", node_id=f"{number:040x}")
            write_plan(replace(plan, others=(*plan.others, peer)))

    with ThreadPoolExecutor(people) as pool:
        list(pool.map(add, range(people)))
    assert {peer.name for peer in read_plan(ada).others} == {"v2", "v3", *(f"n{number}" for number in range(people))}
