"""Two nodes that sign with one consensus key: the others report it, and the contract removes the validator."""

import asyncio
import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from node.chain.deployment import Deployment
from node.chain.rpc import Rpc
from node.consensus.registry import VALIDATOR_REGISTRY
from node.domain.ids import Address
from node.explorer.blocks import ACCEPTED, REPORTED, ask_block
from node.explorer.tables import block_table
from node.network.control import start, stop, wait_until_final
from node.network.init import NetworkOrder, init_network
from node.network.plan import NetworkPlan
from tests.network.chain import Chain, wait_until
from tests.network.newcomer import make_newcomer
from tests.network.test_governance import THREE, council, powers, till

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def net(folder: Path) -> Iterator[Chain]:
    """Four validators, young: the twin has to replay all their blocks before it votes."""
    plan = init_network(NetworkOrder(folder=folder / "net", validators=4), now=datetime.now(UTC))
    try:
        start(plan)
        wait_until_final(plan, blocks=1, seconds=120)
        yield Chain(plan)
    finally:
        stop(plan)
        shutil.rmtree(folder / "net", ignore_errors=True)


async def said_of(plan: NetworkPlan, address: str) -> set[str]:
    """What the explorer's answers say of a validator, in the blocks that have evidence."""
    none = Address(bytes(20))
    nowhere = Deployment(chain_id=plan.chain_id, block=0, ledger=none, registry=none, rules=none)
    said = set()
    async with Rpc([plan.rpc_url(plan.validator("v1"))]) as rpc:
        query = {"fromBlock": "0x0", "address": "0x" + VALIDATOR_REGISTRY.hex(), "topics": [[REPORTED, ACCEPTED]]}
        for log in await rpc.call("eth_getLogs", query):
            block = await ask_block(rpc, nowhere, int(log["blockNumber"], 16))
            assert all(each.culprit == address and each.height > 0 for each in block.evidence)
            shown = Console(record=True, width=120, file=io.StringIO())
            shown.print(block_table(block))
            assert f"{address} at height" in shown.export_text()
            said |= {"removed" if each.removed else "reported" for each in block.evidence}
    return said


def test_double_signing_is_reported_and_removes_the_validator(net: Chain, folder: Path) -> None:
    twin = make_newcomer(net.plan, folder / "twin", "twin", key_of="v4")
    victim = net.plan.validator("v4")
    till("validator", "propose", "observer", net.plan.folder, twin.validators[0].node_id, "twin", *THREE)
    try:
        start(twin)
        wait_until(
            lambda: "v4" not in {each["name"] for each in council(net)["validators"]},
            seconds=300,
            what="the contract has removed it",
        )
    finally:
        stop(twin)
        shutil.rmtree(folder / "twin", ignore_errors=True)
    wait_until(lambda: victim.address not in powers(net.plan, "v1"), seconds=30, what="CometBFT has removed it")
    others = ("v1", "v2", "v3")
    height = net.wait_for_blocks(3, *others)
    net.assert_same_chain(height, *others)
    assert asyncio.run(said_of(net.plan, victim.address)) >= {"reported", "removed"}
    card = folder / "v4.json"
    card.write_text(till("validator", "card", net.plan.folder, "--as", "v4"))
    assert "never validates again" in till(
        "validator", "propose", "add", net.plan.folder, card, "--drastic", "--as", "v1", code=1
    )
