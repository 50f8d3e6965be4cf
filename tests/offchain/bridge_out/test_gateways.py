"""Gateways that hang, lag behind, or speak of nonces: what the bridge answers meanwhile, and when it gives up."""

import asyncio
import time
from contextlib import suppress

import pytest

from node.bridge import start
from node.bridge.assembly import Running
from node.bridge.transaction import LOOKUPS
from node.domain.answer import Answer
from node.domain.errors import Unusable
from node.domain.payment import Payment
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import debit, line, payment
from tests.offchain.bridge_out.node_proxy import SEND, Fault, NodeProxy
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand, transfers_to

pytestmark = pytest.mark.anvil
ANNA = MEMBERS[0]


async def submit(running: Running, message: Payment) -> Answer:
    return await running.bridge.submit(message, b"line items")


async def batches_on_their_way(running: Running, stand: Stand, count: int) -> None:
    """That many batches of one payment, in no block."""
    for stan in range(count):
        await submit(running, payment(stan, member=MEMBERS[10 + stan], time=stand.now()))

        async def another(wanted: int = stan + 1) -> bool:
            return sum(each.sent for each in running.stages.sender.pending.values()) == wanted

        await until(another, "the batch is on its way")


async def test_submit_answers_91_in_time_when_the_gateway_takes_no_transaction(stand: Stand) -> None:
    stand.stop_mining()
    async with NodeProxy.before(stand.url) as gateway:
        sections = {
            "chain": {"rpc": [gateway.url], "call_timeout_ms": 2_000},
            "batch": {"max_wait_ms": 1},
            "transaction": {"resend_ms": 100},
            "answers": {"deadline_ms": 1_000},
        }
        async with bridge_on(stand, **sections) as running:
            await batches_on_their_way(running, stand, 6)
            gateway.suffer(Fault.SILENT, methods=[SEND])

            async def hangs() -> bool:
                return gateway.hits[Fault.SILENT] > 0

            await until(hangs, "a broadcast hangs")
            began = time.monotonic()
            answer = await submit(running, debit(20, member=ANNA))
            took = time.monotonic() - began
            gateway.heal()
            stand.mine_every(0)
            stand.mine()
            await idle(running)
    assert (answer.response_code, took < 1.5) == ("91", True), took
    assert stand.value(ANNA) == VALUE


async def test_submit_answers_91_in_time_when_the_gateway_hangs_before_the_bridge_has_caught_up(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        await submit(running, payment(1, member=ANNA, time=stand.now()))
        await idle(running)
    stand.mine()
    async with NodeProxy.before(stand.url) as gateway:
        settings = stand.settings(chain={"rpc": [gateway.url]}, answers={"deadline_ms": 500})
        async with start.started(settings) as running:
            gateway.suffer(Fault.SILENT)
            stopping = asyncio.Event()
            serving = asyncio.create_task(start.serve(settings, running, stopping))
            answer = await asyncio.wait_for(submit(running, debit(2, member=ANNA)), 10)
            gateway.heal()
            await idle(running)
            stopping.set()
            await serving
    assert (answer.response_code, stand.value(ANNA)) == ("91", VALUE)


async def test_bridge_goes_on_when_the_preferred_gateway_is_blocks_behind(stand: Stand) -> None:
    async with NodeProxy.before(stand.url) as behind:
        sections = {
            "chain": {"rpc": [behind.url, stand.url], "stale_ms": 60_000},
            "batch": {"max_wait_ms": 1},
            "transaction": {"resend_ms": 100},
        }
        async with bridge_on(stand, **sections) as running:
            behind.suffer(Fault.BEHIND, lag=4)
            stand.stop_mining()
            await batches_on_their_way(running, stand, 12)
            stand.mine()

            async def asked_often() -> bool:
                return behind.methods["eth_getTransactionReceipt"] > 4 * LOOKUPS

            await until(asked_often, "the one that is current called the nonces used again and again")
            for _ in range(5):
                stand.mine()
            stand.mine_every(0)
            await idle(running)
    assert {stand.points(member) for member in MEMBERS[10:22]} == {1_000 * COEFFICIENT}
    assert {transfers_to(stand, member) for member in MEMBERS[10:22]} == {1}


async def test_bridge_waits_for_a_gateway_with_the_block_when_it_needs_what_the_block_changed(stand: Stand) -> None:
    world, merchant = stand.world, stand.merchants[0]
    tiered = world.base(merchant, COEFFICIENT, tiers=(20_000, 30_000))
    async with NodeProxy.before(stand.url) as current, NodeProxy.before(stand.url) as behind:
        urls = [current.url, behind.url]
        async with bridge_on(stand, chain={"rpc": urls, "stale_ms": 60_000}) as running:
            world.as_operator(world.registry, "setTier", [ANNA], 2)
            behind.suffer(Fault.BEHIND, lag=4)
            current.suffer(Fault.RESET, methods=["eth_call"])
            sale = payment(1, member=ANNA, lines=(line(1_000, version=tiered),), time=stand.now())
            await submit(running, sale)

            async def asked() -> bool:
                return current.hits[Fault.RESET] > 2 and behind.methods["eth_call"] > 2

            await until(asked, "the one that lags was asked for the tier")
            assert (await submit(running, sale)).duplicate  # it goes on
            for _ in range(5):
                stand.mine()
            await idle(running)
            points = (await submit(running, sale)).points
    assert points == stand.points(ANNA) == 300_000


async def test_bridge_goes_on_when_the_chain_is_away_while_a_block_is_settled(stand: Stand) -> None:
    async with (
        NodeProxy.before(stand.url) as gateway,
        bridge_on(stand, chain={"rpc": [gateway.url], "attempts": 1}) as running,
    ):
        gateway.suffer(Fault.RESET, methods=["eth_call"])
        await submit(running, payment(1, member=ANNA, time=stand.now()))

        async def asked() -> bool:
            return gateway.hits[Fault.RESET] > 2

        await until(asked, "what the leaves need was asked for")
        gateway.heal()
        await idle(running)
    assert stand.points(ANNA) == 1_000 * COEFFICIENT


async def test_bridge_stops_with_a_reason_when_something_else_sends_with_its_key(stand: Stand) -> None:
    stand.stop_mining()
    settings = stand.settings(transaction={"resend_ms": 100})
    async with start.started(settings) as running:
        serving = asyncio.create_task(start.serve(settings, running, asyncio.Event()))
        try:
            stand.chain.request("anvil_setNonce", "0x" + stand.signer.address.hex(), hex(stand.sent() + 1))
            await submit(running, payment(1, member=ANNA, time=stand.now()))
            with pytest.raises(Unusable, match="nothing else may send with this key"):
                await asyncio.wait_for(serving, 20)
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError, Unusable):
                await serving
