"""Each kind of act over ISO 8583, its whole way: terminal, TCP, bridge, a validator, the deployed suite, and back."""

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.domain.assignment import Item
from node.domain.currency import coins
from node.domain.ids import MinorUnits
from node.iso8583.retail_mac import RetailMac
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Reply
from node.pos.rpc import RpcConnection
from tests.e2e.acts_world import (
    ANNA,
    COEFFICIENT,
    CURRENCY,
    PAR,
    RECHARGED,
    World,
    until,
    until_final,
    until_value,
)
from tests.offchain.bridge_out.offers import EURO_OFF, GIFT_PRICE, PRODUCTS, TENTH_OFF

pytestmark = [pytest.mark.chain, pytest.mark.slow]


@pytest.fixture
async def pos(world: World) -> AsyncIterator[PosConnection]:
    connection = await PosConnection.open("127.0.0.1", world.iso8583)
    connection.start_stans_at(int.from_bytes(os.urandom(2), "big"))
    yield connection
    await connection.close()


@pytest.fixture
def till(world: World) -> PosTerminal:
    return terminal_of(world, 0)


@pytest.fixture
def other_till(world: World) -> PosTerminal:
    """Of the merchant that offers nothing."""
    return terminal_of(world, 1)


def terminal_of(world: World, shop: int) -> PosTerminal:
    own = world.plan.shops[shop].tills[0]
    assert own.mac_key is not None
    return PosTerminal(id=own.id, merchant=shop + 1, mac=RetailMac(own.mac_key))


def approved(reply: Reply, text: str) -> Reply:
    assert reply.approved and reply.mac_right, (reply.response_code, reply.text)
    earned = [f"{coins(reply.points)} POINTS EARNED"] if reply.points else []
    assert reply.text == ", ".join([text] * bool(text) + earned) and reply.payment_id is not None
    return reply


async def sell(pos: PosConnection, till: PosTerminal, world: World, who: int, amount: int, **more: Any) -> Reply:
    return await pos.purchase(till, card=world.card(who), amount=amount, currency=CURRENCY, **more)


async def do(pos: PosConnection, till: PosTerminal, world: World, who: int, mti: str, code: str, **more: Any) -> Reply:
    said = {"card": world.card(who) if who else "", "currency": CURRENCY, **more}
    return await pos.act(till, mti, code, **said)


async def test_acts_over_iso8583_from_the_recharge_to_the_last_refund(
    world: World, pos: PosConnection, rpc: RpcConnection, till: PosTerminal, other_till: PosTerminal
) -> None:
    # recharge: cash at the counter becomes stored value, within the merchant's limit
    recharged = await do(pos, till, world, ANNA, "0200", messages.RECHARGE, amount=RECHARGED)
    approved(recharged, "RECHARGED 50.00")
    assert world.account(ANNA)["value"] == RECHARGED
    assert recharged.request is not None
    again = await pos.repeat(recharged.request)
    assert again.approved and again.duplicate and again.text == recharged.text
    assert world.account(ANNA)["value"] == RECHARGED
    elsewhere = await do(pos, other_till, world, ANNA, "0200", messages.RECHARGE, amount=100)
    assert elsewhere.response_code == "58", elsewhere.text

    # stored value: what is paid with it earns
    approved(await sell(pos, till, world, ANNA, 1_000, processing_code=messages.ALL_STORED_VALUE), "")
    assert world.account(ANNA) == {"value": 4_000, "coins": 1_000 * COEFFICIENT}

    # authorise, capture a part by its approval code, void the rest
    put_aside = await do(pos, till, world, ANNA, "0100", messages.PURCHASE, amount=2_000)
    approved(put_aside, "AUTHORISED 20.00")
    assert world.account(ANNA)["value"] == 2_000 and put_aside.request is not None
    captured = await do(
        pos, till, world, 0, "0220", messages.PURCHASE, amount=500, approval_code=put_aside.approval_code
    )
    approved(captured, "CAPTURED 5.00")
    too_much = await do(pos, till, world, 0, "0220", messages.PURCHASE, amount=1_501, original=put_aside.request)
    assert too_much.response_code == "13", too_much.text
    assert (await pos.reverse(put_aside.request)).approved
    await until_value(world, rpc, ANNA, 3_500)

    # coupons: with a sale, for its products, alone
    tenth = await sell(pos, till, world, ANNA, 2_000, asks={"CP": str(TENTH_OFF)})
    approved(tenth, "COUPON 2.00 OFF, TO PAY 18.00")
    used = await sell(pos, till, world, ANNA, 2_000, asks={"CP": str(TENTH_OFF)})
    assert used.response_code == "57", used.text
    basket = (Item(product=PRODUCTS[0], quantity=1, amount=MinorUnits(900)),)
    approved(
        await sell(pos, till, world, ANNA, 900, items=basket, asks={"CP": str(EURO_OFF)}),
        "COUPON 1.00 OFF, TO PAY 8.00",
    )
    alone = {"CP": str(TENTH_OFF + 1), "SR": "4711"}
    approved(
        await do(pos, till, world, ANNA, "0200", messages.WRITE_OFF, amount=1_000, objects=alone),
        "COUPON 1.00 OFF, 9.00 TO PAY AT THE TILL",
    )

    # earn enough coins for the rest: 300 for the gift, and what is spent at a discount
    approved_sale = await sell(pos, till, world, ANNA, 70_000)
    assert approved_sale.approved and approved_sale.payment_id is not None
    await until_final(rpc, approved_sale.payment_id)
    coins = world.account(ANNA)["coins"]
    discounted = await sell(pos, till, world, ANNA, 400, processing_code=messages.ALL_COIN, asks={"DI": ""})
    approved(discounted, "3.80 PAID IN COINS, 0.20 OFF, NOTHING TO PAY")
    assert world.account(ANNA)["coins"] == coins - 380 * PAR

    # a gift, of the merchant that has it
    gift = {"GF": str(world.offers.gift)}
    nowhere = await do(pos, other_till, world, ANNA, "0200", messages.GIFT, objects=gift)
    assert nowhere.response_code == "58", nowhere.text
    taken = await do(pos, till, world, ANNA, "0200", messages.GIFT, objects=gift)
    approved(taken, "GIFT 1 OF MERCHANT 1: HAND IT OVER")
    assert world.account(ANNA)["coins"] == coins - (380 + GIFT_PRICE) * PAR

    # a certificate pays a part, the rest comes from stored value
    sale = await sell(pos, till, world, ANNA, 1_000, stored_value=300, asks={"CE": "1", "CA": "700"})
    approved(sale, "CERTIFICATE PAID 7.00, NOTHING TO PAY")
    assert sale.facts["SV"] == "300"

    # refunds, in parts, until nothing is left
    back = await pos.refund(till, amount=500, currency=CURRENCY, payment_id=tenth.payment_id)
    approved(back, "RETURNED 5.00 BY THE CLERK")
    assert back.facts["XT"] == "500"
    assert (await pos.refund(till, amount=1_301, currency=CURRENCY, original=tenth.request)).response_code == "61"
    rest = await pos.refund(till, amount=1_300, currency=CURRENCY, approval_code=tenth.approval_code)
    approved(rest, "RETURNED 13.00 BY THE CLERK")
    nothing = await pos.refund(till, amount=1, currency=CURRENCY, approval_code=tenth.approval_code)
    assert nothing.response_code == "25", nothing.text

    # the gift comes back: the act is undone, and its coins are there again
    assert taken.request is not None and (await pos.reverse(taken.request)).approved
    wanted = world.account(ANNA)["coins"] + GIFT_PRICE * PAR

    async def has_its_coins() -> bool:
        return bool(world.account(ANNA)["coins"] == wanted)

    await until(has_its_coins)
