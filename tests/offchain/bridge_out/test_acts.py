"""Every kind of act through the bridge on the real contracts: done once, answered when final, refused, undone.

The messages are made as verify makes them (tests/offchain/bridge_in has these); anvil carries the whole suite.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from node.bridge.assembly import Running
from node.bridge.verify.acts import SaleAsks, sale_act, write_off
from node.domain.act import Act
from node.domain.acts.authorization import Void
from node.domain.acts.gift import TakeGift
from node.domain.acts.recharge import Recharge
from node.domain.answer import Answer, Fact
from node.domain.assignment import Item, TenderSplit, assign_lines
from node.domain.ids import MerchantId, MinorUnits, Sequence, StreamId
from node.domain.payment import Entry, Payment, Status
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import act, authorize, capture, debit, payment, refund, reversal
from tests.offchain.bridge_out.offers import EURO_OFF, PRODUCTS, TENTH_OFF
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE
from tests.offchain.bridge_out.suite_stand import BUYER, HOLDER, SuiteStand, suite_stand_on

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
PAR = 10_000
STANS = count(1)
SPENDER = MEMBERS[20]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteStand]:
    """One chain and one journal for all tests of this file: each works on what is its own."""
    with suite_stand_on(tmp_path_factory.mktemp("suite")) as made:
        yield made


async def submit(running: Running, message: Entry) -> Answer:
    return await running.bridge.submit(message, b"")


def alone(stand: SuiteStand, data: Act, *, member: int = HOLDER, merchant: int = 0) -> Payment:
    """An act without a sale."""
    return act(next(STANS), data, member=member, merchant=merchant or stand.shop, time=stand.now())


def sale(
    stand: SuiteStand,
    running: Running,
    asks: SaleAsks,
    *,
    amount: int = 1_000,
    member: int = HOLDER,
    coin: int = 0,
    items: tuple[Item, ...] = (),
) -> Payment:
    """A sale with an act, its lines as verify lays them out."""
    directory = running.directory.current
    split, data = sale_act(
        asks,
        amount=MinorUnits(amount),
        split=TenderSplit(coin=MinorUnits(coin)),
        items=items,
        sale=next(STANS),
        directory=directory,
    )
    assert data is not None
    lines = assign_lines(
        amount=MinorUnits(amount),
        items=items,
        split=split,
        merchant=directory.merchants[MerchantId(stand.shop)],
        product_sets=directory.product_sets,
        time=stand.now(),
    )
    return act(next(STANS), data, member=member, merchant=stand.shop, lines=lines, time=stand.now())


async def refused(running: Running, message: Payment, code: str) -> None:
    answer = await submit(running, message)
    assert (answer.response_code, answer.status) == (code, Status.DECLINED), answer
    again = await submit(running, message)
    assert (again.response_code, again.duplicate, again.text) == (code, True, answer.text)


async def earn(running: Running, stand: SuiteStand, coins: int, *, member: int = HOLDER) -> None:
    """Gives a member coins to pay with, minor units."""
    amount = coins * PAR // COEFFICIENT
    await submit(running, payment(next(STANS), member=member, amount=amount, time=stand.now(), merchant=stand.shop))
    await idle(running)


async def test_a_gift_is_taken_once_and_taken_back(stand: SuiteStand) -> None:
    async with bridge_on(stand) as running:
        await earn(running, stand, 700)
        before = stand.points(HOLDER)
        message = alone(stand, TakeGift(gift=stand.offers.gift).act())
        answer = await submit(running, message)
        assert (answer.response_code, answer.status) == ("00", Status.FINAL), answer
        assert answer.text == f"GIFT 1 OF MERCHANT {stand.shop}: HAND IT OVER"
        assert stand.points(HOLDER) == before - 300 * PAR
        again = await submit(running, message)
        assert (again.duplicate, again.facts) == (True, answer.facts)
        await refused(running, alone(stand, TakeGift(gift=stand.offers.gift).act()), "61")  # one a member
        await refused(running, alone(stand, TakeGift(gift=stand.offers.gift + 1).act()), "25")
        await refused(running, alone(stand, TakeGift(gift=stand.offers.gift).act(), merchant=stand.other), "58")
        await refused(running, alone(stand, TakeGift(gift=stand.offers.gift).act(), member=BUYER), "51")
        assert (await submit(running, reversal(next(STANS), message))).approved
        await idle(running)
    assert stand.points(HOLDER) == before


async def test_a_certificate_pays_a_part_of_a_sale_and_gets_it_back(stand: SuiteStand) -> None:
    certificates = stand.part("GiftCertificates")
    async with bridge_on(stand) as running:
        before = stand.points(HOLDER)
        message = sale(stand, running, SaleAsks(certificate="1", certificate_amount="600"))
        answer = await submit(running, message)
        assert answer.approved and answer.text == "CERTIFICATE PAID 6.00, TO PAY 4.00", answer
        assert answer.points == 400 * COEFFICIENT
        assert int(certificates.view("certificate", 1)["value"]) == 400
        await refused(running, sale(stand, running, SaleAsks(certificate="1")), "13")  # 4.00 are left of it
        await refused(running, sale(stand, running, SaleAsks(certificate="1"), amount=100, member=BUYER), "57")
        await refused(running, sale(stand, running, SaleAsks(certificate="99")), "25")
        assert (await submit(running, reversal(next(STANS), message))).approved
        await idle(running)
        assert int(certificates.view("certificate", 1)["value"]) == 1_000
        signature = stand.offers.redeem_by_code(2, 1_000).hex()
        by_code = sale(stand, running, SaleAsks(certificate="2", certificate_signature=signature), member=BUYER)
        paid = await submit(running, by_code)
        assert paid.approved and paid.text == "CERTIFICATE PAID 10.00, NOTHING TO PAY", paid
        again = sale(stand, running, SaleAsks(certificate="2", certificate_signature=signature), member=BUYER)
        assert not (await submit(running, again)).approved
    assert stand.points(HOLDER) == before and int(certificates.view("certificate", 2)["value"]) == 0


async def test_coins_pay_less_with_the_discount_and_come_back_as_they_were(stand: SuiteStand) -> None:
    async with bridge_on(stand) as running:
        assert running.directory.current.discount_bps == 500
        await earn(running, stand, 600)
        before = stand.points(HOLDER)
        message = sale(stand, running, SaleAsks(discount=""), coin=500)
        answer = await submit(running, message)
        assert answer.approved and answer.text == "4.75 PAID IN COINS, 0.25 OFF, TO PAY 5.00", answer
        assert answer.facts == ((Fact.DISCOUNT, "25"), (Fact.COIN, "475"), (Fact.EXTERNAL, "500"))
        assert stand.points(HOLDER) == before - 475 * PAR + 500 * COEFFICIENT
        await refused(running, sale(stand, running, SaleAsks(discount="26"), coin=500), "13")
        back = await submit(running, refund(next(STANS), message, 100, merchant=stand.shop))
        assert back.text == "RETURNED 1.00 IN COINS", back
        assert (await submit(running, reversal(next(STANS), message))).approved
        await idle(running)
    assert stand.points(HOLDER) == before


async def test_an_authorisation_is_captured_in_parts_and_the_rest_voided(stand: SuiteStand) -> None:
    payable = stand.world.ledger.view("merchant", stand.shop)["payable_"]
    async with bridge_on(stand) as running:
        first = authorize(next(STANS), member=BUYER, time=stand.now())
        answer = await submit(running, first)
        assert answer.approved and answer.text == "AUTHORISED 5.00", answer
        assert stand.value(BUYER) == VALUE - 500
        part = capture(next(STANS), first, time=stand.now())
        assert (await submit(running, part)).text == "CAPTURED 2.00"
        assert (await submit(running, part)).duplicate
        await refused(running, capture(next(STANS), first, amount=301, time=stand.now()), "13")
        undone = capture(next(STANS), first, amount=100, time=stand.now())
        assert (await submit(running, undone)).approved
        assert (await submit(running, reversal(next(STANS), undone))).approved
        await idle(running)
        assert (await submit(running, reversal(next(STANS), first))).approved
        await idle(running)
        assert stand.value(BUYER) == VALUE - 200
        assert stand.world.ledger.view("merchant", stand.shop)["payable_"] == payable + 200
        await refused(
            running,
            alone(stand, Void(stream=StreamId(1), sequence=Sequence(4_711)).act(), member=BUYER),
            "25",
        )
        too_much = authorize(next(STANS), member=BUYER, amount=VALUE, time=stand.now())
        await refused(running, too_much, "51")


async def test_an_act_that_is_not_final_in_time_is_answered_91_and_undone(stand: SuiteStand) -> None:
    async with bridge_on(stand, answers={"deadline_ms": 300}) as running:
        stand.stop_mining()
        before = stand.value(BUYER)
        late = await submit(running, authorize(next(STANS), member=BUYER, time=stand.now()))
        assert (late.response_code, late.text) == ("91", "NOT POSTED IN TIME")
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert stand.value(BUYER) == before


async def test_acts_and_payments_of_many_members_share_batches(stand: SuiteStand) -> None:
    async with bridge_on(stand, batch={"max_wait_ms": 200}) as running:
        sent = stand.sent()
        messages: list[Payment] = []
        for member in range(10, 22):
            if member % 3:
                messages.append(payment(next(STANS), member=member, merchant=stand.shop, time=stand.now()))
            else:
                messages.append(authorize(next(STANS), member=member, time=stand.now()))
        answers = await asyncio.gather(*[submit(running, each) for each in messages])
        await idle(running)
    assert all(answer.approved for answer in answers) and stand.sent() - sent <= 3
    assert [stand.value(member) for member in (12, 15, 18, 21)] == [VALUE - 500] * 4


async def test_a_recharge_that_was_spent_becomes_arrears_when_it_is_reversed(stand: SuiteStand) -> None:
    member, value = SPENDER, stand.value(SPENDER)
    async with bridge_on(stand) as running:
        order = alone(stand, Recharge(amount=MinorUnits(4_000)).act(), member=member)
        assert (await submit(running, order)).approved
        spent = debit(next(STANS), member=member, amount=value + 3_000)
        spent = replace(spent, merchant=MerchantId(stand.shop), time=stand.now())
        assert (await submit(running, spent)).approved
        assert (await submit(running, reversal(next(STANS), order))).response_code == "00"
        await idle(running)
        # what was left of it is taken back, the rest is owed to whoever took the money at its counter
        assert stand.value(member) == 0
        assert stand.part("StoredValue").view("valueArrears", stand.shop, member) == 3_000
        again = alone(stand, Recharge(amount=MinorUnits(3_500)).act(), member=member)
        assert (await submit(running, again)).approved
        await idle(running)
    assert stand.value(member) == 500
    assert stand.part("StoredValue").view("valueArrears", stand.shop, member) == 0


async def test_a_recharge_becomes_value_within_the_merchants_limit_and_is_undone(stand: SuiteStand) -> None:
    async with bridge_on(stand) as running:
        before = stand.value(HOLDER)
        message = alone(stand, Recharge(amount=MinorUnits(5_000)).act())
        answer = await submit(running, message)
        assert answer.approved and answer.text == "RECHARGED 50.00", answer
        assert stand.value(HOLDER) == before + 5_000
        await refused(running, alone(stand, Recharge(amount=MinorUnits(10**6)).act()), "61")
        await refused(running, alone(stand, Recharge(amount=MinorUnits(1)).act(), merchant=stand.other), "58")
        assert (await submit(running, reversal(next(STANS), message))).approved
        await idle(running)
    assert stand.value(HOLDER) == before


async def test_a_coupon_takes_off_what_it_is_worth_and_is_written_off_once(stand: SuiteStand) -> None:
    coupons = stand.part("Coupons")
    product = (Item(product=PRODUCTS[0], quantity=1, amount=MinorUnits(1_000)),)
    other = (Item(product="77", quantity=1, amount=MinorUnits(1_000)),)
    async with bridge_on(stand) as running:
        assert set(running.directory.current.campaigns) == {1, 2}
        message = sale(stand, running, SaleAsks(coupon=str(TENTH_OFF)))
        answer = await submit(running, message)
        assert answer.approved and answer.text == "COUPON 1.00 OFF, TO PAY 9.00", answer
        await refused(running, sale(stand, running, SaleAsks(coupon=str(TENTH_OFF))), "57")
        await refused(running, sale(stand, running, SaleAsks(coupon=str(TENTH_OFF + 2))), "57")
        await refused(running, sale(stand, running, SaleAsks(coupon=str(TENTH_OFF + 1), coupon_discount="101")), "13")
        assert (await submit(running, reversal(next(STANS), message))).approved
        await idle(running)
        assert int(coupons.view("couponOf", TENTH_OFF)["live"]) == 0
        chosen = await submit(running, sale(stand, running, SaleAsks(coupon=str(EURO_OFF)), items=product))
        assert chosen.approved and chosen.text == "COUPON 1.00 OFF, TO PAY 9.00", chosen
        directory = running.directory.current
        told = write_off(str(TENTH_OFF + 1), "", basket=500, sale=next(STANS), items=other, directory=directory)
        written = await submit(running, alone(stand, told.act()))
        assert written.approved and written.text == "COUPON 0.50 OFF, 4.50 TO PAY AT THE TILL", written


async def test_a_new_campaign_is_known_when_its_block_is(stand: SuiteStand) -> None:
    async with bridge_on(stand) as running:
        before = len(running.directory.current.campaigns)
        terms: Any = (0, 0, 0, 2, 7, 1, True, False, False, 0, 0, 0, 0, 0, 0, 0, b"\0" * 32)
        stand.world.as_operator(stand.part("Coupons"), "defineCampaign", terms, "")

        async def known() -> bool:
            return len(running.directory.current.campaigns) == before + 1

        await until(known, "the new campaign is in the directory")
