"""Contracts, scripts and bridge on an Ethereum chain that is not ours, known by its URL only: here an anvil.

It makes blocks all the time, as a chain of several nodes would, and none of its own calls is used but to give the
operator and the bridge coin, which elsewhere the chain's owner does.
"""

import json
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.chain.deployment import load_deployment
from node.chain.ledger import Ledger
from node.chain.rpc import Rpc
from node.demo import stand as stands
from node.demo.plan import Plan
from node.demo.stand import BROWNIE, PROJECT, TILL, BridgePorts, Stand
from node.iso8583.retail_mac import RetailMac
from node.network.keys import make_account, write_account
from node.network.rpc import call
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from tests.e2e.test_payment_over_tcp import AMOUNT, ANNA, BASKET, CURRENCY, POINTS, small_plan, until_coins
from tests.scripts.conftest import BIN, DEADLINE, listening

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

CHAIN_ID = 424_242
COIN = 10**24  # wei


@dataclass(frozen=True)
class Foreign:
    """What a bridge's configuration takes of a network: its gateways and its id."""

    url: str
    chain_id: int = CHAIN_ID
    validators: tuple[str, ...] = ("elsewhere",)

    def rpc_url(self, _: str) -> str:
        return self.url


class ForeignStand(Stand):
    """A stand whose scripts are given a URL, and a folder for what they write."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder)
        self.url = url

    def _script(self, name: str, *arguments: str) -> None:
        command = [*BROWNIE, "run", name, *arguments, "--network", self.url]
        self._run(["env", f"TILLNET_FOLDER={self.network_folder}", *command], self.folder / f"{name}.log")

    def follow(self, finality: str) -> BridgePorts:
        """Starts the bridge anew on blocks of this finality."""
        assert self._bridge is not None
        self._bridge.terminate()
        self._bridge.wait(DEADLINE)
        text = self.bridge_config.read_text().replace('"instant"', f'"{finality}"')
        self.bridge_config.write_text(text)
        return self.restart_bridge()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    # finalized is two blocks behind the newest
    command = [BIN / "anvil", "--port", "0", "--block-time", "1", "--mixed-mining", "--slots-in-an-epoch", "1"]
    command += ["--chain-id", str(CHAIN_ID), "--hardfork", "cancun", "--gas-limit", "100000000"]
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    reader = threading.Thread(target=process.communicate, daemon=True)
    try:
        where = listening(process)
        reader.start()
        yield f"http://{where}"
    finally:
        process.terminate()
        reader.join(DEADLINE) if reader.ident else process.communicate(timeout=DEADLINE)


@pytest.fixture(scope="module")
def stand(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ForeignStand, Plan, BridgePorts]]:
    stand, plan = ForeignStand(tmp_path_factory.mktemp("elsewhere"), url), small_plan()
    # many tests at a time, and a Python that starts takes its time
    patience = pytest.MonkeyPatch()
    patience.setattr(stands, "BRIDGE_SECONDS", 120.0)
    keys = stand.network_folder / "keys"
    for name in ("operator", "bridge"):
        account = make_account()
        write_account(keys / f"{name}.json", account)
        call(url, "anvil_setBalance", [account.address, hex(COIN)])
    try:
        stand.deploy()
        stand.onboard(plan)
        foreign: Any = Foreign(url)
        yield stand, plan, stand.start_bridge(foreign, plan, chain={"finality": "instant"})
    finally:
        stand.stop()
        patience.undo()


def told(there: ForeignStand, *question: str) -> Any:
    """What a `till` question is answered with, asked with the chain's URL alone."""
    where = ("--rpc", there.url, "--deployment", str(there.network_folder / "deployment.json"), "--json")
    done = subprocess.run([*TILL, *question, *where], cwd=PROJECT, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
async def ledger(stand: tuple[ForeignStand, Plan, BridgePorts]) -> AsyncIterator[Ledger]:
    async with Rpc([stand[0].url]) as rpc:
        yield Ledger(rpc, load_deployment(stand[0].network_folder / "deployment.json").ledger)


async def test_payment_reaches_a_chain_that_is_given_by_url(
    stand: tuple[ForeignStand, Plan, BridgePorts], ledger: Ledger
) -> None:
    there, plan, ports = stand
    assert int(call(there.url, "eth_chainId", []), 16) == CHAIN_ID
    await _pay(ports, plan, stan=1)
    await until_coins(ledger, plan.members[ANNA], POINTS)
    paid = told(there, "payment", "1-1")
    assert (paid["outcome"], paid["member"]) == ("final", plan.members[ANNA])
    assert sum(line["points"] for line in paid["lines"]) == POINTS
    assert told(there, "member", str(paid["member"]))["points"] == POINTS
    assert told(there, "merchant", str(paid["merchant"]))["active"]
    block = told(there, "block", str(paid["block"]))
    assert block["hash"] == paid["block_hash"] and block["payments"] == {"1": 1}

    # the same chain, as one whose newest block may still be another
    ports = there.follow("finalized")
    await _pay(ports, plan, stan=2)
    await until_coins(ledger, plan.members[ANNA], 2 * POINTS)


async def _pay(ports: BridgePorts, plan: Plan, *, stan: int) -> None:
    own = plan.shops[0].tills[0]
    assert own.mac_key is not None
    till = PosTerminal(id=own.id, merchant=1, mac=RetailMac(own.mac_key))
    pos = await PosConnection.open("127.0.0.1", ports.iso8583)
    try:
        pos.start_stans_at(stan)
        reply = await pos.purchase(till, card=plan.cards[ANNA], amount=AMOUNT, currency=CURRENCY, items=BASKET)
        assert reply.approved, reply.text
    finally:
        await pos.close()
