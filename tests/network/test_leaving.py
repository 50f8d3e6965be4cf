"""What validators decide and undo, by commands on each one's own host: votes against, another admin, who goes.

Four hosts, an observer that is dropped, a fifth validator that leaves. The tests build on each other, in their order.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.network.keys import make_account
from tests.network.chain import wait_until
from tests.network.loopback_hosts import LoopbackHosts, loopback_hosts

pytestmark = [pytest.mark.chain, pytest.mark.long, pytest.mark.timeout(900)]

FOUR = ("v1", "v2", "v3", "v4")
THREE = FOUR[:3]
OBSERVER, LEAVER = "v5", "v6"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHosts]:
    with loopback_hosts(tmp_path_factory.mktemp("leaving") / "net") as network:
        yield network


def council(hosts: LoopbackHosts) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hosts.till("validator", "list", hosts.folders["v2"], "--json"))
    return found


def connected(hosts: LoopbackHosts, name: str) -> set[str]:
    """The node ids that a validator is connected to; of nobody while its CometBFT starts anew."""
    try:
        return {peer["node_info"]["id"] for peer in hosts.comet(name, "net_info")["peers"]}
    except OSError:
        return set()


def node_id(hosts: LoopbackHosts, name: str) -> str:
    return hosts.host_plan(name).validators[0].node_id


def address(hosts: LoopbackHosts, name: str) -> str:
    return hosts.host_plan(name).validators[0].address


def members(hosts: LoopbackHosts) -> set[str]:
    """The addresses of those who validate; of nobody while v1's CometBFT starts anew."""
    try:
        return {each["address"] for each in hosts.comet("v1", "validators?per_page=100")["validators"]}
    except OSError:
        return set()


def signers(hosts: LoopbackHosts) -> set[str]:
    commit = hosts.comet("v2", "commit")["signed_header"]["commit"]
    return {each["validator_address"] for each in commit["signatures"]}


def permit(hosts: LoopbackHosts, key: Path, code: int = 0) -> str:
    return hosts.till("account", "permit", hosts.plan.folder, make_account().address, "--key", key, code=code)


def test_proposal_is_closed_and_changes_nothing_when_a_third_is_against_it(hosts: LoopbackHosts) -> None:
    said = hosts.till("validator", "propose", "power", hosts.folders["v1"], "v4", "12")
    number = said.partition("Proposal ")[2].partition(",")[0]
    said = hosts.till("validator", "vote", hosts.folders["v2"], number, "--against")
    assert f"v2 voted against proposal {number}." in said
    assert "Power for it 10, against it 10, of 40; it is open." in said
    (proposal,) = council(hosts)["proposals"]
    assert proposal["votes"][hosts.host_plan("v2").validators[0].account] is False
    said = hosts.till("validator", "vote", hosts.folders["v3"], number, "--against")
    assert f"Proposal {number} is decided." in said
    found = council(hosts)
    assert found["proposals"] == [] and {each["power"] for each in found["validators"]} == {10}
    assert f"{number} is done, rejected" in hosts.till("validator", "vote", hosts.folders["v4"], number, code=1)


def test_another_account_and_then_nobody_gives_permissions_once_it_is_voted(hosts: LoopbackHosts) -> None:
    operator, other = (hosts.plan.folder / "keys" / name for name in ("operator.json", "accounts/1.json"))
    accounts = [str(json.loads(path.read_text())["address"]) for path in (operator, other)]
    assert "does not give permissions" in permit(hosts, other, code=1)
    hosts.vote("admin", accounts[1], by=THREE)
    assert council(hosts)["admin"] == accounts[1]
    assert "send" in permit(hosts, other)
    assert "does not give permissions" in permit(hosts, operator, code=1)
    hosts.vote("admin", "nobody", by=THREE)
    assert "Permissions to send are given by nobody." in hosts.till("validator", "list", hosts.folders["v1"])
    for key in (operator, other):
        assert "does not give permissions" in permit(hosts, key, code=1)
    hosts.vote("admin", accounts[0], by=THREE)
    assert "send" in permit(hosts, operator)


def test_newcomers_follow_as_an_observer_and_as_a_validator(hosts: LoopbackHosts, tmp_path_factory: Any) -> None:
    place = tmp_path_factory.mktemp("newcomers")
    for name in (OBSERVER, LEAVER):
        joined = hosts.join(name, place / name)
        hosts.vote("observer", joined.validators[0].node_id, name, by=THREE)
    hosts.up(OBSERVER, LEAVER)
    card = place / "card.json"
    card.write_text(hosts.till("validator", "card", hosts.folders[LEAVER]))
    hosts.vote("add", card, by=THREE)
    wait_until(lambda: address(hosts, LEAVER) in signers(hosts), seconds=60, what="the fifth validator signs")
    for name in FOUR:
        assert {node_id(hosts, OBSERVER), node_id(hosts, LEAVER)} <= connected(hosts, name)


def test_dropped_observer_and_validator_that_left_are_disconnected_and_the_chain_goes_on(hosts: LoopbackHosts) -> None:
    gone = {node_id(hosts, OBSERVER), node_id(hosts, LEAVER)}
    # four of five: the fifth has a vote, too
    hosts.vote("drop-observer", node_id(hosts, OBSERVER), by=FOUR)
    assert council(hosts)["observers"] == []
    assert f"{LEAVER} is no validator any more." in hosts.till("validator", "leave", hosts.folders[LEAVER], "--yes")
    assert [each["name"] for each in council(hosts)["validators"]] == list(FOUR)
    four = {address(hosts, name) for name in FOUR}
    wait_until(lambda: members(hosts) == four, seconds=60, what="CometBFT's set is without it")

    def dropped() -> bool:
        found = [connected(hosts, name) for name in FOUR]
        return all(len(peers) == 3 and not peers & gone for peers in found)

    wait_until(dropped, seconds=300, what="all four have dropped both")
    height = hosts.wait_for_blocks(3, *FOUR)
    hosts.assert_same_chain(height, *FOUR)
    # nobody talks to them: they stand, and are not let in again
    assert all(hosts.height(name) < height for name in (OBSERVER, LEAVER))
    assert dropped()
    assert "is no validator" in hosts.till("validator", "vote", hosts.folders[LEAVER], "1", code=1)
