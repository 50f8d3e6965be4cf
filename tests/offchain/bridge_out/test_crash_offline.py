"""The real bridge process, killed around advices: each is posted or an exception, once, and the day adds up."""

import asyncio
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from node.bridge.exceptions import list_exceptions
from node.bridge.status import read_status
from node.config import load_bridge
from node.domain.totals import Totals
from node.iso8583.basket import write_objects
from node.pos import messages
from node.pos.back_office import OFFLINE_CODE, reconciliation
from node.pos.messages import Request
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, stand_on
from tests.offchain.bridge_out.test_crash import AMOUNT, DEATH_SECONDS, FINAL_SECONDS, Shop

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

PAYER, OVERDRAWER = MEMBERS[0], MEMBERS[1]
POINTS = ("before-admit", "after-admit", "before-record", "after-send", "before-settle", "after-settle")
TOO_MUCH = VALUE + 1


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with stand_on(tmp_path_factory.mktemp("crash")) as stand:
        stand.mine_every(1)
        yield Shop(stand)


def advice(shop: Shop, member: int, amount: int) -> Request:
    """A 0220 of a sale in stored value that the till approved by itself."""
    fields = {number: text for number, text in shop.sale(member).message.fields.items() if number not in (64, 128)}
    said = {4: f"{amount:012d}", 38: OFFLINE_CODE, 39: "00", 48: write_objects([("SV", str(amount))])}
    return messages.seal("0220", {**fields, **said}, shop.till)


def closing(shop: Shop, day: str) -> Request:
    """The cut-over of a business day."""
    shop.stan += 1
    return messages.network("201", stan=f"{shop.stan:06d}", transmitted=datetime.now(UTC), terminal=shop.till, day=day)


def told(shop: Shop, totals: Totals, day: str) -> Request:
    """A 0500, which is answered 00 if these are the bridge's totals of the day."""
    shop.stan += 1
    return reconciliation(shop.till, totals, stan=f"{shop.stan:06d}", transmitted=datetime.now(UTC), day=day)


@pytest.mark.parametrize("point", POINTS)
async def test_every_advice_is_posted_or_an_exception_once_when_the_process_is_killed(shop: Shop, point: str) -> None:
    stand, settings = shop.stand, load_bridge(shop.config)
    day = f"{datetime.now(UTC) - timedelta(days=len(POINTS) - POINTS.index(point)):%m%d}"
    before = (stand.value(PAYER), stand.points(PAYER), stand.value(OVERDRAWER))
    known = len(list_exceptions(settings, closed=False))
    sent = [advice(shop, PAYER, AMOUNT), advice(shop, OVERDRAWER, TOO_MUCH)]

    process = await asyncio.to_thread(shop.start, point)
    await shop.send(sent)
    assert await asyncio.to_thread(process.wait, DEATH_SECONDS) == -signal.SIGKILL

    process = await asyncio.to_thread(shop.start)
    try:
        assert await shop.send(sent) == ["00", "00"]
        await settled(shop)
        close = closing(shop, day)
        both = Totals(debits=2, debit_amount=AMOUNT + TOO_MUCH)
        assert await shop.send([close]) == await shop.send([close]) == ["00"]
        assert await shop.send([told(shop, both, day), told(shop, Totals(), day)]) == ["00", "95"]
        assert await shop.send(sent) == ["00", "00"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, DEATH_SECONDS) == 0

    found = list_exceptions(settings, closed=False)
    assert len(found) == known + 1 and (found[-1].amount, found[-1].reason) == (TOO_MUCH, 14)
    value, points, untouched = before
    assert (stand.value(PAYER), stand.points(PAYER)) == (value - AMOUNT, points + AMOUNT * COEFFICIENT)
    assert stand.value(OVERDRAWER) == untouched


async def settled(shop: Shop) -> None:
    """Waits until the journal has nothing open."""
    deadline = time.monotonic() + FINAL_SECONDS
    settings = load_bridge(shop.config)
    while any((entries := read_status(settings).entries)[status] for status in ("journaled", "batched", "sent")):
        assert time.monotonic() < deadline, f"not settled: {entries}"
        await asyncio.sleep(0.1)
