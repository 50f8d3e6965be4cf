"""One payment's whole way, nothing replaced: terminal, TCP, bridge, four validators, contracts, and back.

The operator's own scripts deploy and onboard; `till bridge run` is the process that answers.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from coincurve import PrivateKey

from node.chain.deployment import load_deployment
from node.chain.ledger import Ledger
from node.chain.rpc import Rpc
from node.demo.plan import Plan, Shop, Till, draw_card, draw_member
from node.demo.stand import BridgePorts, Stand
from node.domain.assignment import Item
from node.domain.ids import Address, MemberId, MinorUnits, PaymentId, TerminalId
from node.iso8583.retail_mac import RetailMac
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Reply
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal

pytestmark = [pytest.mark.chain, pytest.mark.slow]

VALIDATORS = 4
CURRENCY = "840"
COEFFICIENT, MULTIPLIER = 100, 5
PAR = 10_000
PROMOTED, ORDINARY = "1000001", "2000002"
BASKET = (
    Item(product=PROMOTED, quantity=1, amount=MinorUnits(500)),
    Item(product=ORDINARY, quantity=2, amount=MinorUnits(700)),
)
AMOUNT = 1_200
POINTS = 500 * COEFFICIENT * MULTIPLIER + 700 * COEFFICIENT
ANNA, BERT, CARL = 1, 2, 3


@dataclass(frozen=True)
class World:
    """Everything that runs, and who is in it."""

    stand: Stand
    plan: Plan
    ports: BridgePorts
    chain_id: int
    ledger: Address
    rpc_url: str

    def member(self, who: int) -> MemberId:
        return self.plan.members[who]

    def card(self, who: int) -> str:
        return self.plan.cards[who]


def small_plan() -> Plan:
    def till(store: int, *, signs: bool) -> Till:
        return Till(
            id=TerminalId(f"S{store:05d}01"),
            store=store,
            mac_key=None if signs else os.urandom(16),
            signing_key=os.urandom(32) if signs else None,
        )

    def shop(number: int) -> Shop:
        return Shop(
            name=f"Shop {number}",
            coefficient=COEFFICIENT,
            multiplier=MULTIPLIER,
            budget=10**12,
            prepaid_cents=1_000_000,
            tills=(till(10 * number, signs=False), till(10 * number + 1, signs=True)),
        )

    people = (ANNA, BERT, CARL)
    return Plan(
        shops=(shop(1), shop(2)),
        members={who: draw_member(os.urandom) for who in people},
        cards={who: draw_card(os.urandom) for who in people},
        product_set=(PROMOTED, "1000007"),
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    stand, plan = Stand(tmp_path_factory.mktemp("stand")), small_plan()
    try:
        network = stand.start_network(VALIDATORS)
        stand.deploy()
        stand.onboard(plan)
        ports = stand.start_bridge(network, plan)
        ledger = load_deployment(stand.network_folder / "deployment.json").ledger
        yield World(
            stand=stand,
            plan=plan,
            ports=ports,
            chain_id=network.chain_id,
            ledger=ledger,
            rpc_url=network.rpc_url(network.validators[-1]),
        )
    finally:
        stand.stop()


@pytest.fixture
async def pos(world: World) -> AsyncIterator[PosConnection]:
    connection = await PosConnection.open("127.0.0.1", world.ports.iso8583)
    # another connection's trace numbers would make another message of the same second the same message
    connection.start_stans_at(int.from_bytes(os.urandom(2), "big"))
    yield connection
    await connection.close()


@pytest.fixture
async def signing(world: World) -> AsyncIterator[RpcConnection]:
    url = f"http://127.0.0.1:{world.ports.rpc}/"
    async with RpcConnection(url, chain_id=world.chain_id, ledger=world.ledger) as connection:
        yield connection


@pytest.fixture
async def ledger(world: World) -> AsyncIterator[Ledger]:
    # the last validator, not the one that the bridge talks to first
    async with Rpc([world.rpc_url]) as rpc:
        yield Ledger(rpc, world.ledger)


@pytest.fixture
def till(world: World) -> PosTerminal:
    own = world.plan.shops[0].tills[0]
    assert own.mac_key is not None
    return PosTerminal(id=own.id, merchant=1, mac=RetailMac(own.mac_key))


@pytest.fixture
def signing_till(world: World) -> RpcTerminal:
    own = world.plan.shops[1].tills[1]
    assert own.signing_key is not None
    return RpcTerminal(id=own.id, key=PrivateKey(own.signing_key))


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def final(signing: RpcConnection, payment: str | None) -> RpcReply:
    """The payment's status once it is final."""
    assert payment is not None
    reply = await signing.status(PaymentId(payment))

    async def settled() -> bool:
        nonlocal reply
        reply = await signing.status(PaymentId(payment))
        return reply.result is not None and reply.result["status"] in ("final", "declined")

    await until(settled)
    return reply


async def coins(ledger: Ledger, member: MemberId) -> int:
    return (await ledger.account(member)).coins


async def until_coins(ledger: Ledger, member: MemberId, wanted: int) -> None:
    """Waits until the last validator says so: what is final on one may be a moment away on another."""
    has = -1

    async def as_wanted() -> bool:
        nonlocal has
        has = await coins(ledger, member)
        return has == wanted

    try:
        await until(as_wanted)
    except TimeoutError:
        raise AssertionError(f"member {member} has {has} units, not {wanted}") from None


async def buy(pos: PosConnection, till: PosTerminal, world: World, who: int, **changes: object) -> Reply:
    known = {"card": world.card(who), "amount": AMOUNT, "currency": CURRENCY, "items": BASKET}
    return await pos.purchase(till, **{**known, **changes})


async def test_a_purchase_becomes_final_points_and_a_reversal_takes_them_back(
    world: World, pos: PosConnection, signing: RpcConnection, ledger: Ledger, till: PosTerminal
) -> None:
    assert (await pos.sign_on(till)).approved
    reply = await buy(pos, till, world, ANNA)
    assert (reply.mti, reply.response_code) == ("0210", "00"), reply.text
    assert reply.mac_right and reply.request is not None
    again = await pos.repeat(reply.request)
    assert again.approved and again.duplicate and again.payment_id == reply.payment_id
    told = await final(signing, reply.payment_id)
    assert told.result is not None and told.result["points"] == str(POINTS)
    await until_coins(ledger, world.member(ANNA), POINTS)

    undone = await pos.reverse(reply.request, mti="0420", timed_out=True)
    repeated = await pos.repeat(undone.request)
    assert undone.approved and repeated.approved and repeated.mti == "0430"

    async def nothing_left() -> bool:
        return await coins(ledger, world.member(ANNA)) == 0

    await until(nothing_left)


async def test_a_signed_purchase_earns_and_its_coins_pay_at_another_merchant(
    world: World,
    pos: PosConnection,
    signing: RpcConnection,
    ledger: Ledger,
    till: PosTerminal,
    signing_till: RpcTerminal,
) -> None:
    earned = await signing.purchase(
        signing_till, stan="000001", card=world.card(BERT), amount=AMOUNT, currency=CURRENCY, items=BASKET
    )
    assert earned.approved, earned.error
    await final(signing, earned.payment_id)
    await until_coins(ledger, world.member(BERT), POINTS)

    paid = await buy(pos, till, world, BERT, amount=1_000, items=(), coin=20)
    # what debits is answered when it is final
    assert paid.approved, paid.text
    await until_coins(ledger, world.member(BERT), POINTS - 20 * PAR + 980 * COEFFICIENT)
    too_much = await buy(pos, till, world, BERT, amount=1_000_000, items=(), coin=999_999)
    assert too_much.response_code == "51", too_much.text


async def test_a_reversal_that_comes_first_keeps_its_original_from_taking_effect(
    world: World, pos: PosConnection, signing: RpcConnection, ledger: Ledger, till: PosTerminal
) -> None:
    now = datetime.now(UTC)
    original = messages.purchase(
        till,
        stan="777777",
        local=now,
        transmitted=now,
        card=world.card(CARL),
        amount=AMOUNT,
        currency=CURRENCY,
        items=BASKET,
    )
    assert (await pos.reverse(original, timed_out=True)).approved
    late = await pos.send(original)
    assert late.response_code == "94", late.text
    # a later one counts, and counts alone
    later = await buy(pos, till, world, CARL)
    await final(signing, later.payment_id)
    await until_coins(ledger, world.member(CARL), POINTS)


async def test_bad_messages_do_not_disturb_good_ones(
    world: World, pos: PosConnection, signing: RpcConnection, till: PosTerminal
) -> None:
    thief = PosTerminal(id=till.id, merchant=1, mac=RetailMac(os.urandom(16)))
    assert (await buy(pos, thief, world, CARL)).response_code == "97"
    assert (await buy(pos, till, world, CARL, card="9000000000000000018")).response_code == "14"
    assert (await buy(pos, till, world, CARL, amount=0, items=())).response_code == "13"
    bad = await PosConnection.open("127.0.0.1", world.ports.iso8583)
    bad.send_raw(b"\xff\xff" + b"0" * 1_000_000)
    async with asyncio.timeout(5):
        await bad.closed.wait()
    good = await buy(pos, till, world, CARL)
    assert good.approved
    assert (await final(signing, good.payment_id)).result["status"] == "final"
