"""Repeats and reversals as tills send them over ISO 8583, on a real ledger: each names what it knows."""

import pytest

from node.iso8583.packager import Message
from tests.offchain.bridge_out.conftest import idle
from tests.offchain.bridge_out.shop import shop_on
from tests.offchain.bridge_out.stand import MEMBERS, VALUE, Stand

pytestmark = pytest.mark.anvil
ANNA = MEMBERS[0]


def elements(original: Message, time: str | None = None) -> str:
    """DE90."""
    return f"{original.mti}{original.fields[11]}{original.fields[7] if time is None else time}{'0' * 22}"


async def test_reversal_undoes_the_repeat_of_the_sale_whose_first_copy_was_lost(stand: Stand) -> None:
    async with shop_on(stand) as shop:
        lost, repeat = shop.sale(17), shop.sale(17, again=20)
        assert (await shop.pos.send(repeat)).approved
        assert stand.value(ANNA) == VALUE - 500
        assert (await shop.pos.send(shop.undo(lost, 17))).approved
        await idle(shop.running)
        assert stand.value(ANNA) == VALUE
        again = await shop.pos.send(shop.undo(lost, 18))
        assert (again.approved, again.duplicate) == (True, True)


async def test_reversal_undoes_the_sale_when_it_names_its_repeat(stand: Stand) -> None:
    async with shop_on(stand) as shop:
        first, repeat = shop.sale(17), shop.sale(17, again=20)
        assert (await shop.pos.send(first)).approved
        assert (await shop.pos.send(repeat)).duplicate
        assert (await shop.pos.send(shop.undo(repeat, 18))).approved
        await idle(shop.running)
    assert stand.value(ANNA) == VALUE


async def test_late_copy_of_a_sale_that_was_reversed_before_it_came_is_declined(stand: Stand) -> None:
    async with shop_on(stand) as shop:
        assert (await shop.pos.send(shop.undo(shop.sale(17), 18))).approved
        assert (await shop.pos.send(shop.sale(17, again=20))).response_code == "94"
        # the same trace number, used again after it
        assert (await shop.pos.send(shop.sale(17, at=300))).approved
        await idle(shop.running)
    assert stand.value(ANNA) == VALUE - 500


async def test_reversal_without_a_time_undoes_today_and_not_an_older_sale_of_the_trace_number(stand: Stand) -> None:
    async with shop_on(stand) as shop:
        yesterday = shop.sale(17, at=-24 * 3_600)
        assert (await shop.pos.send(yesterday)).approved
        today = shop.sale(17)
        undo = shop.undo(today, 18, elements=elements(today.message, "0" * 10))
        assert (await shop.pos.send(undo)).approved
        await idle(shop.running)
        assert stand.value(ANNA) == VALUE - 500
        assert (await shop.pos.send(today)).response_code == "94"
        assert (await shop.pos.send(shop.sale(17, at=24 * 3_600))).approved
        await idle(shop.running)
    assert stand.value(ANNA) == VALUE - 1_000
