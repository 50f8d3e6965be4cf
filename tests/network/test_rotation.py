"""A validator's key rotated where each host runs one validator: in its own folder, and to a new machine.

The tests build on each other, in their order.
"""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.consensus.account import read_account
from node.domain.errors import Unusable
from node.network.keys import checksum_address
from node.network.rotate import next_sets
from node.network.signer import KEY_FILE, read_public_key
from node.network.signstate import read_sign_state
from node.network.voter import take_account
from tests.network.chain import wait_until
from tests.network.loopback_hosts import LoopbackHosts, loopback_hosts

pytestmark = [pytest.mark.chain, pytest.mark.long, pytest.mark.timeout(900)]
SIGNED = 2
"""BLOCK_ID_FLAG_COMMIT."""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHosts]:
    with loopback_hosts(tmp_path_factory.mktemp("rotation") / "net") as network:
        yield network


def signers(hosts: LoopbackHosts, height: int, *, at: str) -> set[str]:
    """Addresses that signed the commit of a block, as CometBFT stores it."""
    commit: dict[str, Any] = hosts.comet(at, f"commit?height={height}")["signed_header"]["commit"]
    return {each["validator_address"] for each in commit["signatures"] if each["block_id_flag"] == SIGNED}


def wait_for_signature(hosts: LoopbackHosts, address: str, *, at: str) -> int:
    """The first block from now on that this address has signed."""
    height = hosts.height(at)

    def found() -> int:
        nonlocal height
        while hosts.height(at) > height:
            if address in signers(hosts, height, at=at):
                return height
            height += 1
        return 0

    return int(wait_until(found, seconds=90, what=f"{address} signs"))


def test_validator_signs_with_its_next_key_once_the_others_have_voted_for_it(hosts: LoopbackHosts) -> None:
    folder, old = hosts.folders["v2"], hosts.host_plan("v2").validator("v2")
    said = hosts.till("net", "rotate-key", folder, "v2")
    card = folder / "v2.next.json"
    assert str(card) in said
    fresh = json.loads(card.read_text())["public_key"]
    assert "vote first" in hosts.till("net", "rotate-key", folder, "v2", "--switch", code=1)
    assert wait_for_signature(hosts, old.address, at="v1")

    hosts.vote("rotate", "v2", card, by=("v1", "v3", "v4"))
    voted = hosts.height("v1")
    # what block H decides, the set has from H + 2 on
    hosts.wait_for_blocks(3, "v1", "v3", "v4")
    said = hosts.till("net", "rotate-key", folder, "v2", "--switch")
    now = hosts.host_plan("v2").validator("v2")
    assert f"signs with {now.address} now" in said
    assert now.public_key == fresh and now.address != old.address and now.node_id == old.node_id
    first = wait_for_signature(hosts, now.address, at="v1")
    height = hosts.wait_for_blocks(3)
    for number in range(voted + 2, height):
        assert old.address not in signers(hosts, number, at="v1")
    assert now.address in signers(hosts, first, at="v3")
    state = read_sign_state(hosts.home("v2"))
    assert state is not None and state.height >= first
    kept = hosts.home("v2") / KEY_FILE.with_name(f"old-state-{old.address}.json")
    assert kept.exists() and stat.S_IMODE(kept.stat().st_mode) == 0o600
    hosts.assert_same_chain(height)


def test_lost_key_is_replaced_while_the_validator_is_down(hosts: LoopbackHosts) -> None:
    """It cannot be started without a key, so the gateways elsewhere say who validates."""
    folder, old = hosts.folders["v3"], hosts.host_plan("v3").validator("v3")
    before = next_sets(hosts.host_plan("v3"))
    hosts.down("v3")
    (hosts.home("v3") / KEY_FILE).unlink()
    assert "is missing" in hosts.till("net", "up", folder, code=1)
    assert next_sets(hosts.host_plan("v3")) == before and len(before[0]) == 4
    hosts.till("net", "rotate-key", folder, "v3")
    assert "vote first" in hosts.till("net", "rotate-key", folder, "v3", "--switch", code=1)
    hosts.vote("rotate", "v3", folder / "v3.next.json", by=("v1", "v2", "v4"))
    hosts.wait_for_blocks(2, "v1", "v2", "v4")
    hosts.till("net", "rotate-key", folder, "v3", "--switch")
    hosts.up("v3")
    now = hosts.host_plan("v3").validator("v3")
    assert now.address != old.address
    wait_for_signature(hosts, now.address, at="v1")
    hosts.assert_same_chain(hosts.wait_for_blocks(1))


def test_rotation_to_a_new_machine_keeps_the_account_when_it_is_taken_along(
    hosts: LoopbackHosts, tmp_path: Path
) -> None:
    plan = hosts.join("new", tmp_path / "new")
    new, old = plan.validators[0], hosts.host_plan("v4").validator("v4")
    hosts.vote("observer", new.node_id, "new", by=("v1", "v2", "v3"))
    hosts.up("new")
    card = tmp_path / "new.json"
    card.write_text(hosts.till("validator", "card", hosts.folders["new"]))
    hosts.vote("rotate", "v4", card, by=("v1", "v2", "v3"))
    wait_for_signature(hosts, new.address, at="v1")
    hosts.down("v4")
    height = hosts.wait_for_blocks(3, "v1", "v2", "v3", "new")
    assert old.address not in signers(hosts, height - 1, at="v1")

    refused = hosts.till("validator", "propose", "power", hosts.folders["new"], "v1", "11", code=1)
    assert "is no validator" in refused
    source = hosts.home("v4") / "account.json"
    said = hosts.till("validator", "take-account", hosts.folders["new"], source)
    assert old.account in said
    home = hosts.home("new")
    kept = home / f"old-account-{new.account}.json"
    assert checksum_address(read_account(kept).address) == new.account
    assert (home / "account.json").read_bytes() == source.read_bytes()
    for path in (kept, home / "account.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Unusable, match="already"):
        take_account(hosts.host_plan("new"), "new", source)
    hosts.wait_for_blocks(2, "v1", "v2", "v3", "new")
    said = hosts.till("validator", "propose", "power", hosts.folders["new"], "v1", "11")
    assert "with the vote of new" in said
    assert read_public_key(home / KEY_FILE).address == new.address
    hosts.assert_same_chain(hosts.height("new"), "v1", "v2", "v3", "new")
