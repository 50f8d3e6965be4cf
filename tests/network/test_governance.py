"""Who validates and who sends, decided on a running network: four real validators, and newcomers beside them.

The tests build on each other, in their order: a fifth is voted in, gets another power, is voted out.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from node.consensus.registry import MOST_POWER
from node.network.control import start, stop, wait_until_final
from node.network.init import NetworkOrder, init_network
from node.network.keys import make_account, write_account
from node.network.plan import NetworkPlan
from node.network.rpc import NoAnswer, call
from tests.network.chain import Chain, Sender, wait_until
from tests.network.newcomer import make_newcomer

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.timeout(900)]
PROJECT = Path(__file__).parents[2]
THREE = ("--as", "v1", "--as", "v2", "--as", "v3")
FOUR = (*THREE, "--as", "v4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("governance")


@pytest.fixture(scope="module")
def net(folder: Path) -> Iterator[Chain]:
    """Four validators of a closed network."""
    order = NetworkOrder(folder=folder / "net", validators=4, accounts=3)
    plan = init_network(order, now=datetime.now(UTC))
    try:
        start(plan)
        wait_until_final(plan, blocks=1, seconds=60)
        yield Chain(plan)
    finally:
        stop(plan)
        shutil.rmtree(folder / "net", ignore_errors=True)


@pytest.fixture(scope="module")
def fifth(net: Chain, folder: Path) -> Iterator[NetworkPlan]:
    """A node of its own, not running yet."""
    plan = make_newcomer(net.plan, folder / "fifth", "v5")
    yield plan
    stop(plan)
    shutil.rmtree(folder / "fifth", ignore_errors=True)


def till(*arguments: str | Path, code: int = 0) -> str:
    """What `till` prints; on stderr if it is expected to fail."""
    done = subprocess.run(
        [sys.executable, "-m", "node.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=150,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def council(net: Chain) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(till("validator", "list", net.plan.folder, "--json"))
    return found


def comet(plan: NetworkPlan, name: str, method: str, **params: Any) -> Any:
    """What a validator's CometBFT answers, None when it does not."""
    try:
        return call(f"http://{plan.host}:{plan.validator(name).ports.comet_rpc}", method, params)  # type: ignore[arg-type]
    except NoAnswer:
        return None


def powers(plan: NetworkPlan, name: str) -> dict[str, int]:
    """CometBFT's own validator set: power by consensus address."""
    answer = comet(plan, name, "validators", per_page="100")
    return {each["address"]: int(each["voting_power"]) for each in answer["validators"]} if answer else {}


def signers(plan: NetworkPlan, name: str) -> set[str]:
    """Who signed the newest commit."""
    answer = comet(plan, name, "commit")
    commit = answer["signed_header"]["commit"]["signatures"] if answer else []
    return {each["validator_address"] for each in commit if each["block_id_flag"] == 2}


def connected(plan: NetworkPlan, name: str) -> set[str] | None:
    answer = comet(plan, name, "net_info")
    return {peer["node_info"]["id"] for peer in answer["peers"]} if answer else None


def test_genesis_lists_the_validators_and_permits_their_accounts(net: Chain) -> None:
    found = council(net)
    assert [each["name"] for each in found["validators"]] == ["v1", "v2", "v3", "v4"]
    assert found["proposals"] == [] and found["observers"] == []
    shown = till("account", "list", net.plan.folder)
    for each in net.plan.validators:
        assert f"{each.account} send and create contracts validator {each.name}" in " ".join(shown.split())
    assert "keys/operator.json" in shown and "keys/bridge.json" in shown
    assert "everybody else nothing" in " ".join(shown.split())
    table = till("validator", "list", net.plan.folder)
    assert all(each.account in table and each.node_id in table for each in net.plan.validators)


def test_gateway_refuses_a_sender_that_may_not_until_it_is_permitted(net: Chain) -> None:
    stranger = make_account()
    file = net.plan.folder / "keys" / "accounts" / "99.json"
    write_account(file, stranger)
    funder, sender = Sender(net, 1), Sender(net, 99)
    raw, tx_hash = funder.sign(to=stranger.address, value=10**17)
    net.send(raw)
    net.wait_for_receipt(tx_hash)
    raw, tx_hash = sender.sign()
    assert "no permission to send" in refusal(net, raw)
    assert f"{stranger.address} send" in " ".join(till("account", "permit", net.plan.folder, stranger.address).split())
    net.send(raw, at="v3")
    net.wait_for_receipt(tx_hash)
    raw, tx_hash = sender.sign(to=b"", data=b"\x00", gas=60_000)
    assert "no permission to create contracts" in refusal(net, raw)
    till("account", "permit", net.plan.folder, stranger.address, "--deploy")
    net.send(raw)
    assert net.wait_for_receipt(tx_hash)["contractAddress"] is not None
    till("account", "forbid", net.plan.folder, stranger.address)
    raw, _ = sender.sign()
    assert "no permission to send" in refusal(net, raw)
    assert "does not give permissions" in till(
        "account", "permit", net.plan.folder, stranger.address, "--key", file, code=1
    )


def refusal(net: Chain, raw: str, at: str = "v1") -> str:
    """The gateway's error message."""
    import urllib.request

    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw]}).encode()
    request = urllib.request.Request(net.url(at), data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(json.loads(response.read())["error"]["message"])


def test_chain_goes_on_when_a_sender_loses_its_permission_while_pending(net: Chain) -> None:
    spender, other = Sender(net, 2), Sender(net, 3)
    operator = Sender(net, 1)
    # each burns 16 million gas in a loop, six fit into a block
    burning = [spender.sign(to=b"", data=bytes.fromhex("5b600056"), gas=16_000_000) for _ in range(24)]
    for raw, _ in burning:
        net.send(raw)
    till("account", "forbid", net.plan.folder, spender.address)
    height = net.height()
    raw, tx_hash = other.sign()
    net.send(raw, at="v2")
    net.wait_for_receipt(tx_hash, seconds=90)
    net.wait_for_height(height + 6)
    mined = [tx_hash for _, tx_hash in burning if net.receipt(tx_hash) is not None]
    assert 0 < len(mined) < len(burning)
    assert all(int(net.receipt(tx_hash)["blockNumber"], 16) <= height for tx_hash in mined)
    raw, tx_hash = operator.sign()
    net.send(raw)
    net.wait_for_receipt(tx_hash)
    # permitted again, what is still in the pools goes in
    till("account", "permit", net.plan.folder, spender.address, "--deploy")
    for _, tx_hash in burning:
        net.wait_for_receipt(tx_hash, "v1", seconds=90)


def test_newcomer_is_refused_until_it_is_an_observer(net: Chain, fifth: NetworkPlan) -> None:
    start(fifth)
    node_id = fifth.validators[0].node_id
    wait_until(lambda: node_id in net.plan.log("v1", "app").read_text(), seconds=60, what="v1 refused the newcomer")
    assert all(node_id not in (connected(net.plan, name) or ()) for name in net.names)
    shown = till("validator", "propose", "observer", net.plan.folder, node_id, "v5", *THREE)
    assert "is decided" in shown
    # CometBFT has given up whom it could not reach
    stop(fifth)
    start(fifth)
    wait_until(lambda: Chain(fifth).height("v5") >= net.height() - 1, seconds=300, what="the newcomer has synced")
    assert council(net)["observers"] == [{"name": "v5", "node_id": node_id}]
    assert fifth.validators[0].address not in powers(net.plan, "v1")


def test_newcomer_signs_blocks_once_it_is_voted_in(net: Chain, fifth: NetworkPlan, folder: Path) -> None:
    card = folder / "card.json"
    card.write_text(till("validator", "card", fifth.folder))
    shown = till("validator", "propose", "add", net.plan.folder, card, "--as", "v1")
    assert "with the vote of v1: add validator v5 with power 10" in shown and "got coin" in shown
    (proposal,) = council(net)["proposals"]
    assert (proposal["for"], proposal["against"]) == (10, 0)
    assert "for it 20" in till("validator", "vote", net.plan.folder, str(proposal["number"]), "--as", "v2")
    assert "has voted on proposal" in till(
        "validator", "vote", net.plan.folder, str(proposal["number"]), "--as", "v2", code=1
    )
    assert "is decided" in till("validator", "vote", net.plan.folder, str(proposal["number"]), "--as", "v3")
    address = fifth.validators[0].address
    wait_until(lambda: powers(net.plan, "v1").get(address) == 10, seconds=30, what="CometBFT has it")
    wait_until(lambda: address in signers(net.plan, "v2"), seconds=60, what="it signs")
    # the newcomer's own account votes, too
    shown = till("validator", "propose", "power", fifth.folder, "v5", "12")
    assert "with the vote of v5" in shown


def test_power_is_changed_by_a_vote(net: Chain, fifth: NetworkPlan) -> None:
    (proposal,) = council(net)["proposals"]
    till("validator", "vote", net.plan.folder, str(proposal["number"]), *THREE)
    address = fifth.validators[0].address
    wait_until(lambda: powers(net.plan, "v3").get(address) == 12, seconds=30, what="CometBFT has it")
    found = till("validator", "propose", "power", net.plan.folder, "v5", str(MOST_POWER), "--as", "v1", code=1)
    assert "more than a third" in found
    height = net.wait_for_blocks(2)
    net.assert_same_chain(height)


def test_removed_validator_signs_no_more_and_is_disconnected(net: Chain, fifth: NetworkPlan) -> None:
    address, node_id = fifth.validators[0].address, fifth.validators[0].node_id
    assert all(node_id in (connected(net.plan, name) or ()) for name in net.names)
    till("validator", "propose", "remove", net.plan.folder, "v5", *FOUR)
    wait_until(lambda: address not in powers(net.plan, "v1"), seconds=30, what="CometBFT has removed it")
    started = net.height()

    def gone() -> bool:
        found = [connected(net.plan, name) for name in net.names]
        return all(peers is not None and node_id not in peers and len(peers) == 3 for peers in found)

    wait_until(gone, seconds=240, what="all four have dropped it")
    height = net.wait_for_blocks(3)
    assert height > started
    net.assert_same_chain(height)
    assert "is no validator" in till("validator", "propose", "observer", fifth.folder, "ab" * 20, "x", code=1)
