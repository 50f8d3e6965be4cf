"""More payments than the window holds: they wait on the disk, in order, and nothing is lost or doubled."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.bridge.assembly import Running
from node.bridge.journal import reading
from node.domain.errors import Overloaded
from node.domain.payment import Status
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import debit, payment, reversal
from tests.offchain.bridge_out.node_proxy import Fault, NodeProxy
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand

pytestmark = pytest.mark.anvil
WINDOW, BACKLOG = 40, 75
EARNERS = MEMBERS[1:]
ANNA, BERT = MEMBERS[0], MEMBERS[1]


@pytest.fixture
async def gateway(stand: Stand) -> AsyncIterator[NodeProxy]:
    async with NodeProxy.before(stand.url) as proxy:
        yield proxy


def small(proxy: NodeProxy) -> dict[str, Any]:
    chain = {"rpc": [proxy.url], "attempts": 1, "call_timeout_ms": 10_000, "away_ms": 1_000}
    batch = {"waiting": WINDOW, "backlog": BACKLOG, "max_payments": 5, "max_wait_ms": 1, "in_flight": 2}
    return {"chain": chain, "batch": batch}


async def earn(running: Running, stand: Stand, stans: range) -> None:
    """One payment for each, each of another member than those near it."""
    for stan in stans:
        message = payment(stan, member=EARNERS[stan % len(EARNERS)], amount=100, time=stand.now())
        assert (await running.bridge.submit(message, b"")).response_code == "00"


async def away(running: Running) -> None:
    async def is_away() -> bool:
        return running.stages.away()

    await until(is_away, "the chain is away")


async def test_submit_leaves_on_the_disk_what_the_window_does_not_hold_and_answers_96_when_the_bound_is_reached(
    stand: Stand, gateway: NodeProxy
) -> None:
    async with bridge_on(stand, **small(gateway)) as running:
        gateway.suffer(Fault.RESET)
        await away(running)
        await earn(running, stand, range(1, 75))
        health = await running.bridge.health()
        in_memory, on_disk = len(running.stages.batcher), running.stages.backlog.count
        assert (health["waiting"], health["on_disk"]) == (in_memory + on_disk, on_disk)
        assert in_memory <= WINDOW and on_disk >= 20
        with pytest.raises(Overloaded):
            for stan in range(75, 110):
                await earn(running, stand, range(stan, stan + 1))
        assert (await running.bridge.health())["waiting"] == BACKLOG
        taken = running.stages.journal.next_sequence - 1
        # a repeat of what was taken in, and a reversal, are answered as ever
        again = payment(59, member=EARNERS[59 % len(EARNERS)], amount=100, time=stand.now())
        assert (await running.bridge.submit(again, b"")).duplicate
        assert (await running.bridge.submit(debit(200, member=ANNA), b"")).response_code == "91"
        gateway.heal()
        await idle(running)
        assert (await running.bridge.health())["waiting"] == 0
    assert sum(stand.points(member) for member in EARNERS) == taken * 100 * COEFFICIENT
    assert (stand.value(ANNA), stand.points(ANNA)) == (VALUE, 0)


async def test_reversal_cancels_its_original_when_that_is_on_the_disk_alone(stand: Stand, gateway: NodeProxy) -> None:
    async with bridge_on(stand, **small(gateway)) as running:
        gateway.suffer(Fault.RESET)
        await away(running)
        await earn(running, stand, range(1, 71))
        before = running.stages.backlog.count
        original = payment(68, member=EARNERS[68 % len(EARNERS)], amount=100, time=stand.now())
        assert (await running.bridge.submit(reversal(201, original), b"")).response_code == "00"
        assert running.stages.backlog.count == before - 1

        async def declined() -> bool:
            found = await running.stages.journal.run(lambda connection: reading.stored(connection, [68]))
            return found[68].status is Status.DECLINED

        await until(declined, "the original is cancelled in the journal")
        gateway.heal()
        await idle(running)
    assert sum(stand.points(member) for member in EARNERS) == 69 * 100 * COEFFICIENT


async def test_a_reversal_waits_for_its_original_when_that_debits_and_went_before_what_is_on_the_disk(
    stand: Stand, gateway: NodeProxy
) -> None:
    async with bridge_on(stand, **small(gateway)) as running:
        stand.stop_mining()
        await earn(running, stand, range(1, 71))
        assert running.stages.backlog.count
        sale = debit(100, member=ANNA)
        waiting = asyncio.create_task(running.bridge.submit(sale, b""))

        async def journaled() -> bool:
            return len(running.stages.waiting) == 1

        await until(journaled, "the debit waits")
        # its member has nothing on the disk, so it is in the window, though its number is the highest
        assert 71 in running.stages.received_at
        stand.mine_every(0)
        stand.mine()
        assert (await waiting).response_code == "00"
        assert (await running.bridge.submit(reversal(101, sale), b"")).response_code == "00"
        await idle(running)
    assert (stand.value(ANNA), stand.points(ANNA)) == (VALUE, 0)
    assert sum(stand.points(member) for member in EARNERS) == 70 * 100 * COEFFICIENT


async def test_a_debit_is_declined_at_once_when_its_member_has_an_earlier_payment_on_the_disk(
    stand: Stand, gateway: NodeProxy
) -> None:
    async with bridge_on(stand, answers={"deadline_ms": 60_000}, **small(gateway)) as running:
        stand.stop_mining()
        await earn(running, stand, range(1, 71))
        last = EARNERS[70 % len(EARNERS)]
        async with asyncio.timeout(10):
            assert (await running.bridge.submit(debit(100, member=last), b"")).response_code == "91"
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert stand.value(last) == VALUE


async def test_restore_takes_up_the_window_and_leaves_the_rest_on_the_disk_when_the_bridge_starts_again(
    stand: Stand, gateway: NodeProxy
) -> None:
    async with bridge_on(stand, **small(gateway)) as running:
        gateway.suffer(Fault.RESET)
        await away(running)
        await earn(running, stand, range(1, 71))
        waited = (await running.bridge.health())["waiting"]
    async with bridge_on(stand, **small(gateway)) as running:
        health = await running.bridge.health()
        assert health["waiting"] == waited and int(str(health["on_disk"])) > 0
        await earn(running, stand, range(71, 75))
        gateway.heal()
        await idle(running)
    assert sum(stand.points(member) for member in EARNERS) == 74 * 100 * COEFFICIENT
