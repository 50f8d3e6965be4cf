"""The real bridge process, killed while a refund is on its way: what the clerk is told last is what happened, once."""

import asyncio
import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from node.pos import messages
from node.pos.messages import Request
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, stand_on
from tests.offchain.bridge_out.test_crash import AMOUNT, DEATH_SECONDS, Shop, _settled

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
RETURNER = MEMBERS[20]
RETURNED = 50


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Request]]:
    """A shop, and a sale of AMOUNT that is final."""
    with stand_on(tmp_path_factory.mktemp("refunds")) as stand:
        stand.mine_every(1)
        shop = Shop(stand)
        process = shop.start()
        sale = shop.sale(RETURNER)
        assert asyncio.run(shop.send([sale])) == ["00"]
        asyncio.run(_settled(shop))
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEATH_SECONDS) == 0
        assert stand.points(RETURNER) == AMOUNT * COEFFICIENT
        yield shop, sale


@pytest.mark.parametrize("point", ["after-admit", "before-record", "after-record", "after-send", "before-settle"])
async def test_a_refund_is_made_once_or_not_at_all_when_the_process_is_killed(
    sold: tuple[Shop, Request], point: str
) -> None:
    shop, sale = sold
    before = shop.stand.points(RETURNER)
    shop.stan += 1
    now = datetime.now(UTC)
    refund = messages.refund(
        shop.till,
        stan=f"{shop.stan:06d}",
        local=now,
        transmitted=now,
        amount=RETURNED,
        currency="840",
        original=sale,
    )
    process = await asyncio.to_thread(shop.start, point)
    assert await shop.send([refund]) == [None]
    assert await asyncio.to_thread(process.wait, DEATH_SECONDS) == -signal.SIGKILL
    process = await asyncio.to_thread(shop.start)
    try:
        await shop.send([refund])
        await _settled(shop)
        (told,) = await shop.send([refund])
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, DEATH_SECONDS) == 0
    gone = before - shop.stand.points(RETURNER)
    assert (told, gone) in (("00", RETURNED * COEFFICIENT), ("91", 0))
