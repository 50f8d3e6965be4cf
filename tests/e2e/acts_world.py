"""A validator, the deployed suite with its offers, and a bridge: where acts go their whole way."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.devchain import Contract, Interface, artifact
from node.demo.plan import Plan, Shop, Till, draw_card, draw_member
from node.demo.stand import Stand
from node.domain.ids import PaymentId, TerminalId
from node.network.keys import read_account
from node.pos.rpc import RpcConnection
from tests.e2e.signing_chain import SigningChain
from tests.offchain.bridge_out.offers import Offers

CURRENCY = "840"
COEFFICIENT, PAR = 100, 10_000
ANNA, BERT = 1, 2
RECHARGED = 5_000


@dataclass(frozen=True)
class World:
    """Everything that runs, and who is in it."""

    plan: Plan
    offers: Offers
    chain: SigningChain
    iso8583: int
    rpc: int
    chain_id: int

    def card(self, who: int) -> str:
        return self.plan.cards[who]

    def account(self, who: int) -> dict[str, Any]:
        found = self.offers.ledger.view("account", self.plan.members[who])
        return {"value": found["value"], "coins": found["current"] + found["previous"]}


def _plan() -> Plan:
    def shop(number: int) -> Shop:
        tills = (
            Till(id=TerminalId(f"S{number}A"), store=10 * number, mac_key=os.urandom(16), signing_key=None),
            Till(id=TerminalId(f"S{number}B"), store=10 * number + 1, mac_key=None, signing_key=os.urandom(32)),
        )
        return Shop(
            name=f"Shop {number}",
            coefficient=COEFFICIENT,
            multiplier=5,
            budget=10**12,
            prepaid_cents=1_000_000,
            tills=tills,
        )

    return Plan(
        shops=(shop(1), shop(2)),
        members={who: draw_member(os.urandom) for who in (ANNA, BERT)},
        cards={who: draw_card(os.urandom) for who in (ANNA, BERT)},
        product_set=("77",),
    )


@contextmanager
def world_in(folder: Path) -> Iterator[World]:
    """Everything running, in a folder; ended on the way out."""
    stand, plan = Stand(folder), _plan()
    with ExitStack() as stack:
        stack.callback(stand.stop)
        network = stand.start_network(1)
        stand.deploy()
        stand.onboard(plan)
        url = network.rpc_url(network.validators[0])
        key = read_account(stand.network_folder / "keys" / "operator.json").private_key
        chain = SigningChain(int(url.rpartition(":")[2].strip("/")), key)
        stack.callback(chain.close)
        deployed = json.loads((stand.network_folder / "deployment.json").read_text())["contracts"]
        contracts = {
            name: Contract(chain, each["address"], Interface(artifact(each["artifact"].removesuffix(".json"))["abi"]))
            for name, each in deployed.items()
        }
        offers = Offers(
            chain=chain,
            parts=contracts,
            ledger=contracts["RewardToken"],
            cash=contracts["CashToken"],
            operator=chain.sender,
            admin=chain.sender,
            shop=1,
            other=2,
            holder=plan.members[ANNA],
            buyer=plan.members[BERT],
            product_sets=stand.network_folder / "product-sets",
        )
        contracts["CashToken"].send("deposit", chain.sender, 10**9, bytes(32), sender=chain.sender)
        offers.make()
        chain.finish()
        ports = stand.start_bridge(network, plan)
        yield World(
            plan=plan, offers=offers, chain=chain, iso8583=ports.iso8583, rpc=ports.rpc, chain_id=network.chain_id
        )


async def until_final(rpc: RpcConnection, payment: str) -> None:
    async def is_final() -> bool:
        reply = await rpc.status(PaymentId(payment))
        return reply.result is not None and reply.result["status"] == "final"

    await until(is_final)


async def until_value(world: World, rpc: RpcConnection, who: int, wanted: int) -> None:
    async def has_it() -> bool:
        return bool(world.account(who)["value"] == wanted)

    await until(has_it)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits on a condition, 30 seconds at most."""
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.05)
