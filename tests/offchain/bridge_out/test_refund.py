"""Refunds on a real ledger: in parts until nothing is left, in the order of the tenders, one effect each."""

import asyncio

import pytest

from node.bridge.assembly import Running
from node.bridge.journal import reading
from node.domain.answer import Answer, Fact
from node.domain.errors import DuplicateOtherBody, InvalidTransaction, OriginalNotFound, ReversedBefore
from node.domain.ids import PaymentId
from node.domain.payment import Entry, Payment, Status, Tender
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import line, payment, refund, reversal
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand

pytestmark = pytest.mark.anvil
ANNA, BERT = MEMBERS[0], MEMBERS[1]
PAR = 10_000


async def submit(running: Running, message: Entry) -> Answer:
    return await running.bridge.submit(message, b"")


def mixed(stan: int, stand: Stand) -> Payment:
    """6.10: 0.10 in coins, 2.00 from stored value, 4.00 external."""
    lines = (line(10, version=0, tender=Tender.COIN), line(200, tender=Tender.STORED_VALUE), line(400))
    return payment(stan, member=ANNA, time=stand.now(), amount=610, lines=lines, authorisation=b"a" * 32)


async def earn(running: Running, stand: Stand) -> None:
    """Gives Anna coins to pay with."""
    await submit(running, payment(900, member=ANNA, time=stand.now(), amount=2_000))
    await idle(running)


async def test_refund_gives_back_in_parts_in_the_order_of_the_tenders_until_nothing_is_left(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        await earn(running, stand)
        before = stand.points(ANNA)
        sale = mixed(1, stand)
        assert (await submit(running, sale)).approved
        first = await submit(running, refund(11, sale, 110))
        assert (first.response_code, first.status) == ("00", Status.FINAL)
        assert first.facts == ((Fact.COIN, "10"), (Fact.STORED_VALUE, "100"))
        assert first.text == "RETURNED 0.10 IN COINS, 1.00 TO THE CARD"
        assert stand.value(ANNA) == VALUE - 100
        second = await submit(running, refund(12, 2, 300))  # by its number
        assert second.facts == ((Fact.STORED_VALUE, "100"), (Fact.EXTERNAL, "200"))
        assert second.text == "RETURNED 1.00 TO THE CARD, 2.00 BY THE CLERK"
        too_much = await submit(running, refund(13, sale, 201))
        assert (too_much.response_code, too_much.text) == ("61", "MORE THAN IS LEFT OF THE PAYMENT")
        assert (await submit(running, refund(14, sale, 200))).approved
        nothing = await submit(running, refund(15, sale, 1))
        assert (nothing.response_code, nothing.text) == ("25", "NOTHING IS LEFT OF THE PAYMENT")
        again = await submit(running, refund(11, sale, 110))
        assert (again.duplicate, again.facts, again.text) == (True, first.facts, first.text)
        await idle(running)
    assert (stand.points(ANNA), stand.value(ANNA)) == (before, VALUE)


async def test_refunds_of_one_payment_take_turns_when_they_come_at_once(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        sale = payment(1, member=ANNA, time=stand.now(), amount=1_000)
        await submit(running, sale)  # not final yet
        answers = await asyncio.gather(*[submit(running, refund(stan, sale, 400)) for stan in (11, 12, 13)])
        await idle(running)
    assert sorted(each.response_code for each in answers) == ["00", "00", "61"]
    assert stand.points(ANNA) == 200 * COEFFICIENT


async def test_refund_and_reversal_of_one_payment_undo_all_of_it_once(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        await earn(running, stand)
        before = stand.points(ANNA)
        sale = mixed(1, stand)
        await submit(running, sale)
        assert (await submit(running, refund(11, sale, 150))).approved
        assert (await submit(running, reversal(12, sale))).approved
        with pytest.raises(OriginalNotFound):
            await submit(running, refund(13, sale, 1))
        await idle(running)
    assert (stand.points(ANNA), stand.value(ANNA)) == (before, VALUE)


async def test_refund_is_declined_when_its_original_is_cancelled_before_it_went_anywhere(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand, batch={"in_flight": 1, "max_wait_ms": 1}) as running:
        await submit(running, payment(900, member=BERT, time=stand.now()))

        async def sent() -> bool:
            return bool(running.stages.sender.pending)

        await until(sent, "the first batch is on its way")
        sale = payment(1, member=ANNA, time=stand.now())
        await submit(running, sale)
        waiting = asyncio.create_task(submit(running, refund(11, sale, 10)))

        async def journaled() -> bool:
            return bool(running.stages.reversals)

        await until(journaled, "the refund is journaled")
        await submit(running, reversal(12, sale))
        assert (await waiting).response_code == "25"
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert stand.points(ANNA) == 0


async def test_refund_is_refused_when_there_is_no_such_payment_of_this_merchant(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        sale = payment(1, member=ANNA, time=stand.now())
        await submit(running, sale)
        declined = payment(2, member=999_999, time=stand.now())
        await submit(running, declined)
        await idle(running)
        bad = [
            refund(11, payment(77), 1),
            refund(12, 4_711, 1),
            refund(13, sale, 1, merchant=2),
            refund(14, sale, 1, member=BERT),
            refund(15, declined, 1),
        ]
        for each in bad:
            with pytest.raises(OriginalNotFound):
                await submit(running, each)
        assert (await submit(running, refund(16, sale, 1, member=ANNA))).approved
        with pytest.raises(OriginalNotFound):
            await submit(running, refund(17, 3, 1))  # a refund is no payment
        with pytest.raises(DuplicateOtherBody):
            await submit(running, payment(16, amount=1))


async def test_refund_that_was_reversed_before_it_came_is_refused_and_a_made_one_stands(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        sale = payment(1, member=ANNA, time=stand.now())
        await submit(running, sale)
        late = refund(11, sale, 100)
        assert (await submit(running, reversal(12, payment(11)))).payment_id is None
        with pytest.raises(ReversedBefore):
            await submit(running, late)
        assert (await submit(running, refund(13, sale, 100))).approved
        with pytest.raises(InvalidTransaction):
            await submit(running, reversal(14, payment(13)))
    assert stand.points(ANNA) == 900 * COEFFICIENT


async def test_refund_is_answered_91_and_gets_into_no_batch_when_its_original_is_not_final_in_time(
    stand: Stand,
) -> None:
    stand.stop_mining()
    async with bridge_on(stand, answers={"deadline_ms": 300}) as running:
        sale = payment(1, member=ANNA, time=stand.now())
        await submit(running, sale)
        late = await submit(running, refund(11, sale, 100))
        assert (late.response_code, late.status) == ("91", Status.DECLINED)
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        assert (await submit(running, refund(11, sale, 100))).response_code == "91"
    assert stand.points(ANNA) == 1_000 * COEFFICIENT


async def test_refund_on_its_way_is_answered_91_until_its_repeat_finds_it_final(stand: Stand) -> None:
    async with bridge_on(stand, answers={"deadline_ms": 500}) as running:
        sale = payment(1, member=ANNA, time=stand.now())
        await submit(running, sale)
        await idle(running)
        stand.stop_mining()
        late = await submit(running, refund(11, sale, 100))
        assert (late.response_code, late.text) == ("91", "NOT KNOWN YET, REPEAT")
        assert (await submit(running, refund(11, sale, 100))).response_code == "91"
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        found = await submit(running, refund(11, sale, 100))
        assert (found.response_code, found.duplicate, found.facts) == ("00", True, ((Fact.EXTERNAL, "100"),))
        assert (await running.bridge.status(PaymentId("1-2"))) is not None
    assert stand.points(ANNA) == 900 * COEFFICIENT


async def test_refund_is_taken_up_when_the_bridge_starts_again(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        sale = payment(1, member=ANNA, time=stand.now())
        await submit(running, sale)
        await idle(running)
        stand.stop_mining()
        lost = asyncio.create_task(submit(running, refund(11, sale, 100)))

        async def sent() -> bool:
            return bool(running.stages.sender.pending)

        await until(sent, "the refund is on its way")
    lost.cancel()
    async with bridge_on(stand) as running:
        more = asyncio.create_task(submit(running, refund(12, sale, 900)))
        stand.mine_every(0)
        stand.mine()
        assert (await more).approved
        await idle(running)
        assert (await submit(running, refund(11, sale, 100))).response_code == "00"
        counts = await running.stages.journal.run(reading.counts)
    assert counts["final"] == 3 and stand.points(ANNA) == 0
