"""Each kind of act, its whole way: terminal, TCP or JSON-RPC, bridge, a validator, the deployed suite, and back."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from coincurve import PrivateKey

from benchmarks.devchain import Contract, Interface, artifact
from node.demo.plan import Plan, Shop, Till, draw_card, draw_member
from node.demo.stand import Stand
from node.domain.assignment import Item
from node.domain.currency import coins
from node.domain.ids import Address, MinorUnits, PaymentId, TerminalId
from node.domain.terminal_terms import (
    AuthorizationTerms,
    CaptureTerms,
    CertificateTerms,
    CouponTerms,
    DiscountTerms,
    GiftTerms,
    RechargeTerms,
    Terms,
    VoidTerms,
    WriteOffTerms,
)
from node.iso8583.retail_mac import RetailMac
from node.network.keys import read_account
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Reply
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal
from tests.e2e.signing_chain import SigningChain
from tests.offchain.bridge_out.offers import EURO_OFF, GIFT_PRICE, PRODUCTS, TENTH_OFF, Offers

pytestmark = [pytest.mark.chain, pytest.mark.slow]
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


def small_plan() -> Plan:
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


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    stand, plan = Stand(tmp_path_factory.mktemp("stand")), small_plan()
    try:
        network = stand.start_network(1)
        stand.deploy()
        stand.onboard(plan)
        url = network.rpc_url(network.validators[0])
        key = read_account(stand.network_folder / "keys" / "operator.json").private_key
        chain = SigningChain(int(url.rpartition(":")[2].strip("/")), key)
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
        chain.close()
    finally:
        stand.stop()


@pytest.fixture
async def pos(world: World) -> AsyncIterator[PosConnection]:
    connection = await PosConnection.open("127.0.0.1", world.iso8583)
    connection.start_stans_at(int.from_bytes(os.urandom(2), "big"))
    yield connection
    await connection.close()


@pytest.fixture
async def rpc(world: World) -> AsyncIterator[RpcConnection]:
    ledger = Address(bytes.fromhex(world.offers.ledger.address[2:]))
    async with RpcConnection(f"http://127.0.0.1:{world.rpc}/", chain_id=world.chain_id, ledger=ledger) as connection:
        yield connection


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


@pytest.fixture
def signing_till(world: World) -> RpcTerminal:
    own = world.plan.shops[0].tills[1]
    assert own.signing_key is not None
    return RpcTerminal(id=own.id, key=PrivateKey(own.signing_key))


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


async def test_acts_over_json_rpc(world: World, rpc: RpcConnection, signing_till: RpcTerminal) -> None:
    stans = iter(range(1, 100))

    async def call(method: str, kind: type[Terms], **said: Any) -> RpcReply:
        now = world.chain.now()
        terms = kind(terminal=signing_till.id, stan=f"{next(stans):06d}", time=now, card=world.card(BERT), **said)
        reply = await rpc.send(method, signing_till, terms)
        assert reply.approved, reply.error or reply.result
        return reply

    paid = {"currency": CURRENCY, "coin": 0, "stored_value": 0, "pin_result": "1", "items": ""}
    await call("value_recharge", RechargeTerms, currency=CURRENCY, amount=RECHARGED, at_least=0)
    earned = await rpc.purchase(
        signing_till, stan="000900", card=world.card(BERT), amount=60_000, currency=CURRENCY, items=()
    )
    assert earned.approved and earned.payment_id is not None
    await until_final(rpc, earned.payment_id)
    made = await call(
        "authorization_create",
        AuthorizationTerms,
        currency=CURRENCY,
        amount=1_000,
        tender="storedValue",
        pin_result="1",
    )
    named = str(made.payment_id)
    assert made.facts == {"authorised": "1000", "authorization": named}
    await call(
        "authorization_capture", CaptureTerms, currency=CURRENCY, amount=400, authorization=named, reward="40000"
    )
    await call("authorization_void", VoidTerms, authorization=named)
    assert world.account(BERT)["value"] == RECHARGED - 400
    coupon = await call("coupon_redeem", CouponTerms, **paid, amount=500, coupon=str(TENTH_OFF + 2), coupon_discount="")
    assert coupon.facts == {"coupon": str(TENTH_OFF + 2), "discount": "50", "external": "450"}
    await call(
        "coupon_write_off",
        WriteOffTerms,
        currency=CURRENCY,
        amount=500,
        coupon=str(TENTH_OFF + 3),
        coupon_discount="50",
        sale="42",
        items="",
    )
    signature = "0x" + world.offers.redeem_by_code(2, 600).hex()
    certificate = await call(
        "certificate_redeem",
        CertificateTerms,
        **paid,
        amount=600,
        certificate="2",
        certificate_amount="600",
        code_signature=signature,
    )
    assert certificate.facts == {"certificateAmount": "600"}
    discounted = await call("payment_discounted", DiscountTerms, **{**paid, "coin": 200}, amount=300, discount="")
    assert discounted.facts == {"discount": "10", "coin": "190", "external": "100"}
    await call("gift_redeem", GiftTerms, gift=str(world.offers.gift), reservation="", pin_result="1")
    assert discounted.payment_id is not None
    back = await rpc.refund(
        signing_till, stan="000901", payment=discounted.payment_id, amount=290, currency=CURRENCY, card=world.card(BERT)
    )
    assert back.approved and back.facts == {"coin": "190", "external": "100"}


async def until_final(rpc: RpcConnection, payment: str) -> None:
    async def is_final() -> bool:
        reply = await rpc.status(PaymentId(payment))
        return reply.result is not None and reply.result["status"] == "final"

    await until(is_final)


async def until_value(world: World, rpc: RpcConnection, who: int, wanted: int) -> None:
    async def has_it() -> bool:
        return bool(world.account(who)["value"] == wanted)

    await until(has_it)


async def until(condition: Any) -> None:
    """Waits on a condition, 30 seconds at most."""
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.05)
