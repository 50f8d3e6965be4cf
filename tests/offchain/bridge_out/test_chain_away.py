"""A bridge without its chain: it starts, takes its stream over, answers by what it knew last, and catches up after."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.bridge import start
from node.bridge.journal import exceptions
from node.config import Iso8583Settings
from node.domain.errors import ChainUnreachable, ReversedBefore, Unusable
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import debit, payment, refund, reversal
from tests.offchain.bridge_out.node_proxy import Fault, NodeProxy
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand
from tests.offchain.bridge_out.test_offline_service import advised

pytestmark = pytest.mark.anvil
ANNA, BERT, CARL = MEMBERS[:3]
AT_ONCE = 10.0
"""Seconds; a payment that debits may take 15 until its deadline, and here are three that need the chain."""


@pytest.fixture
async def gateway(stand: Stand) -> AsyncIterator[NodeProxy]:
    async with NodeProxy.before(stand.url) as proxy:
        yield proxy


def through(proxy: NodeProxy, **more: Any) -> dict[str, Any]:
    chain = {"rpc": [proxy.url], "attempts": 1, "call_timeout_ms": 10_000, "away_ms": 1_500}
    return {"chain": chain, **more}


async def code_of(running: Any, message: Any) -> str:
    return str((await running.bridge.submit(message, b"")).response_code)


async def test_started_takes_what_needs_no_chain_and_catches_up_when_no_gateway_is_reachable(
    stand: Stand, gateway: NodeProxy
) -> None:
    sale, later = payment(1, member=ANNA, time=stand.now()), payment(2, member=BERT, time=stand.now())
    async with bridge_on(stand, **through(gateway)) as running:
        assert await code_of(running, sale) == "00"
        await idle(running)
    gateway.suffer(Fault.RESET)
    async with bridge_on(stand, **through(gateway)) as running:
        directory = running.ports.directory()
        assert len(directory.terminals) == 6 and set(directory.merchants) == set(stand.merchants)
        assert await code_of(running, later) == "00"
        assert await code_of(running, advised(3, stand, member=CARL)) == "00"
        began = time.monotonic()
        needs_chain = debit(4, member=BERT)
        assert await code_of(running, needs_chain) == "91"
        assert await code_of(running, refund(5, sale, 100)) == "91"
        with pytest.raises(ChainUnreachable):
            assert running.ports.holdings is not None
            await running.ports.holdings(ANNA)
        assert time.monotonic() - began < AT_ONCE
        assert await code_of(running, reversal(6, sale)) == "00"
        assert await code_of(running, needs_chain) == "91"
        assert stand.points(BERT) == 0 and (await running.bridge.health())["ok"] is False
        gateway.heal()
        await idle(running)
        # what was declined stays so, and what comes now is final again
        assert await code_of(running, needs_chain) == "91"
        assert await code_of(running, debit(7, member=BERT)) == "00"
        assert (await running.bridge.health())["ok"] is True
        assert await running.stages.journal.run(lambda connection: list(exceptions.noted(connection))) == []
    assert (stand.points(ANNA), stand.points(BERT)) == (0, 1_500 * COEFFICIENT)
    assert (stand.value(BERT), stand.value(CARL)) == (VALUE - 500, VALUE - 500)


async def test_a_bridge_takes_the_stream_over_when_its_owner_ends_and_the_chain_is_away(
    stand: Stand, gateway: NodeProxy, database: str
) -> None:
    shared = through(gateway, journal={"url": database, "lease_ms": 1_000})
    taken_over = asyncio.Event()

    async def second() -> None:
        async with bridge_on(stand, **shared) as running:
            taken_over.set()
            assert await code_of(running, payment(1, member=ANNA, time=stand.now())) == "00"  # the first one took it
            assert await code_of(running, payment(2, member=ANNA, time=stand.now())) == "00"
            assert await code_of(running, advised(3, stand, member=BERT)) == "00"
            assert await code_of(running, debit(4, member=CARL)) == "91"
            gateway.heal()
            await idle(running)

    async with bridge_on(stand, **shared) as running:
        gateway.suffer(Fault.RESET)
        waiting = asyncio.create_task(second())
        assert await code_of(running, payment(1, member=ANNA, time=stand.now())) == "00"
        assert not taken_over.is_set()
    await waiting
    assert (stand.points(ANNA), stand.value(BERT), stand.value(CARL)) == (2_000 * COEFFICIENT, VALUE - 500, VALUE)


async def test_started_refuses_when_the_chain_is_away_and_the_journal_has_no_picture_of_it(
    stand: Stand, gateway: NodeProxy
) -> None:
    gateway.suffer(Fault.RESET)
    with pytest.raises(ChainUnreachable):
        async with bridge_on(stand, **through(gateway)):
            raise AssertionError("it knows no terminal")


async def test_started_stops_when_the_chain_that_comes_back_lets_another_key_post(
    stand: Stand, gateway: NodeProxy
) -> None:
    async with bridge_on(stand, **through(gateway)):
        pass
    gateway.suffer(Fault.RESET)
    with pytest.raises(Unusable, match="is posted by"):
        async with bridge_on(stand, **through(gateway)) as running:
            assert await code_of(running, payment(1, member=ANNA, time=stand.now())) == "00"
            await asyncio.to_thread(stand.world.open_stream, 1, "0x" + "11" * 20, 10**10, 10**10)
            gateway.heal()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(20)
    assert stand.points(ANNA) == 0


async def test_debits_are_declined_at_once_when_no_gateway_has_answered_for_a_while(
    stand: Stand, gateway: NodeProxy
) -> None:
    async with bridge_on(stand, **through(gateway)) as running:
        assert await code_of(running, debit(1, member=ANNA)) == "00"
        gateway.suffer(Fault.RESET)

        async def away() -> bool:
            return bool(running.stages.away())

        await until(away, "the chain is away")
        began = time.monotonic()
        assert await code_of(running, debit(3, member=ANNA)) == "91"
        assert time.monotonic() - began < 10  # of the 15 until its deadline
        gateway.heal()

        async def back() -> bool:
            return not running.stages.away()

        await until(back, "the chain is there again")
        assert await code_of(running, debit(4, member=ANNA)) == "00"
        await idle(running)
    assert stand.value(ANNA) == VALUE - 1_000


async def test_reversal_before_its_original_and_of_what_is_in_flight_hold_when_the_chain_is_away(
    stand: Stand, gateway: NodeProxy
) -> None:
    """Each is answered 00 without the chain, and still known after a restart without it."""
    in_flight, unsent = debit(1, member=ANNA), payment(2, member=BERT, time=stand.now())
    early = payment(3, member=CARL, time=stand.now())
    stand.stop_mining()
    async with bridge_on(stand, **through(gateway)) as running:
        waiting = asyncio.create_task(running.bridge.submit(in_flight, b""))

        async def sent() -> bool:
            return bool(running.stages.sender.pending)

        await until(sent, "the debit is on its way")
        gateway.suffer(Fault.RESET)
        assert await code_of(running, unsent) == "00"
        waiting.cancel()
    async with bridge_on(stand, **through(gateway)) as running:
        for stan, original in ((4, in_flight), (5, unsent), (6, early)):
            assert await code_of(running, reversal(stan, original)) == "00"
    async with bridge_on(stand, **through(gateway)) as running:
        with pytest.raises(ReversedBefore):
            await running.bridge.submit(early, b"")
        gateway.heal()
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        assert await code_of(running, in_flight) == "91"
    assert [stand.value(ANNA), stand.points(ANNA), stand.points(BERT), stand.points(CARL)] == [VALUE, 0, 0, 0]


async def test_submit_answers_91_at_its_own_listeners_deadline_when_listeners_have_different_ones(stand: Stand) -> None:
    patient = Iso8583Settings(name="patient", deadline_ms=60_000, mac_required=False)
    hurried = Iso8583Settings(name="hurried", deadline_ms=300, mac_required=False)
    async with bridge_on(stand, answers={"deadline_ms": 30_000}) as running:
        submits = {each.name: start.ports_of(running, each.deadline_ms).submit for each in (patient, hurried)}
        stand.stop_mining()
        waiting = asyncio.create_task(submits["patient"](debit(1, member=ANNA), b""))
        began = time.monotonic()
        assert (await submits["hurried"](debit(2, member=BERT), b"")).response_code == "91"
        assert 0.25 <= time.monotonic() - began < 15
        assert not waiting.done()
        stand.mine_every(0)
        stand.mine()
        assert (await waiting).response_code == "00"
        await idle(running)
    assert (stand.value(ANNA), stand.value(BERT), stand.points(BERT)) == (VALUE - 500, VALUE, 0)
