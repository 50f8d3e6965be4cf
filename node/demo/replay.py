"""Sends baskets as a POS gateway sends them: ISO 8583 over TCP, a connection a merchant, and some by JSON-RPC.

Thrown in, as days bring them: repeats of a message, reversals of a sale, a wrong MAC and a card that nobody has.
Stage before: stand. Stage after: check.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final

from coincurve import PrivateKey

from node.demo.plan import Plan, Till
from node.demo.realdata import Basket, merchant_of
from node.demo.stand import BridgePorts
from node.domain.assignment import Item
from node.domain.errors import TillnetError, Unusable
from node.domain.ids import Address, MinorUnits, PaymentId
from node.domain.payment import Status
from node.iso8583.retail_mac import RetailMac
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal

CURRENCY: Final = "840"
HOST: Final = "127.0.0.1"
IN_FLIGHT: Final = 256
MOST_WAITING: Final = 4_000
"""Payments that may wait for a batch: beyond, the next one is sent when there are fewer."""
LOOK_EVERY: Final = 200
"""After so many messages it is asked how many wait."""
REPEAT_EVERY: Final = 29
REVERSE_EVERY: Final = 37
FOREIGN_CARD: Final = "9000000000000000018"
APPROVED: Final = "00"
SECOND_THOUGHTS: Final = 2.5
"""Seconds after which a customer cancels: the payment is final by then, and has to be undone on chain."""
SETTLE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one purchase message. `basket` is None for one that is no sale of the real data.

    `cancelled`: its reversal came before it was in a batch, so that neither of the two reached the chain.
    """

    basket: Basket | None
    terminal: str
    stan: str
    by: str
    response_code: str
    payment_id: PaymentId | None
    sent_at: float
    replied_at: float
    duplicates: int = 0
    reversal: PaymentId | None = None
    cancelled: bool = False

    @property
    def approved(self) -> bool:
        """Whether the till was told 00."""
        return self.response_code == APPROVED


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateways:
    iso: Mapping[int, PosConnection]
    rpc: RpcConnection


async def replay(
    baskets: Sequence[Basket],
    plan: Plan,
    ports: BridgePorts,
    *,
    chain_id: int,
    ledger: Address,
    rate: float,
    progress: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Sends every basket, in order, `rate` a second or as fast as the bridge takes them, and two messages that must be
    refused.

    Raises Unusable when a till may not sign on, or a reply that must be is missing.
    """
    gate = asyncio.Semaphore(IN_FLIGHT)
    start = time.monotonic()
    async with AsyncExitStack() as stack:
        gateways = await _connect(stack, plan, baskets, ports, chain_id, ledger)

        outcomes: dict[int, Outcome] = {}

        async def one(number: int, basket: Basket) -> None:
            try:
                outcomes[number] = await _sell(number, basket, plan, gateways)
            finally:
                gate.release()
            progress()

        try:
            async with asyncio.TaskGroup() as group:
                for number, basket in enumerate(baskets, start=1):
                    await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
                    if number % LOOK_EVERY == 0:
                        await _wait_for_room(gateways.rpc)
                    await gate.acquire()
                    group.create_task(one(number, basket))
        except* TillnetError as failures:
            raise Unusable(f"a till got no proper answer: {failures.exceptions[0]}") from None
        settled = [await _settle(outcomes[number], gateways.rpc) for number in range(1, len(baskets) + 1)]
        return settled + await _refused(baskets, plan, gateways)


async def _connect(
    stack: AsyncExitStack,
    plan: Plan,
    baskets: Iterable[Basket],
    ports: BridgePorts,
    chain_id: int,
    ledger: Address,
) -> Gateways:
    rpc = RpcConnection(f"http://{HOST}:{ports.rpc}", chain_id=chain_id, ledger=ledger)
    await stack.enter_async_context(rpc)
    iso: dict[int, PosConnection] = {}
    gateways = Gateways(iso=iso, rpc=rpc)
    for store in sorted({basket.store for basket in baskets}):
        till, merchant = plan.till_of(store), merchant_of(store) + 1
        if till.mac_key is None:
            continue
        if merchant not in iso:
            iso[merchant] = await PosConnection.open(HOST, ports.iso8583)
            stack.push_async_callback(iso[merchant].close)
        reply = await iso[merchant].sign_on(_iso_terminal(till, merchant))
        if not reply.approved:
            raise Unusable(f"till {till.id} may not sign on: {reply.response_code}")
    return gateways


async def _wait_for_room(rpc: RpcConnection) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while ((await rpc.health()).result or {}).get("waiting", 0) > MOST_WAITING:
        if time.monotonic() > deadline:
            raise Unusable(f"more than {MOST_WAITING:,} payments have been waiting for {SETTLE_SECONDS:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


async def _sell(number: int, basket: Basket, plan: Plan, gateways: Gateways) -> Outcome:
    till, merchant = plan.till_of(basket.store), merchant_of(basket.store) + 1
    card = plan.cards[basket.household]
    items = [Item(product=item.product, quantity=item.quantity, amount=MinorUnits(item.cents)) for item in basket.items]
    if till.signing_key is not None:
        return await _sell_by_rpc(number, basket, till, card, items, gateways)
    connection = gateways.iso[merchant]
    terminal = _iso_terminal(till, merchant)
    reply = await connection.purchase(
        terminal, card=card, amount=basket.cents, currency=CURRENCY, items=items, stan=f"{number:06d}"
    )
    if not reply.mac_right:
        raise Unusable(f"the reply to {till.id} {number:06d} has a wrong MAC")
    duplicates, reversal = 0, None
    assert reply.request is not None
    if reply.approved and number % REPEAT_EVERY == 0:
        # a gateway that got no answer in time: half of them keep the message type, as jPOS does
        again = await connection.repeat(reply.request, same_mti=number % 2 == 0)
        duplicates += again.duplicate and again.payment_id == reply.payment_id
    if reply.approved and number % REVERSE_EVERY == 0:
        # a time-out is reversed at once, before its batch; a customer takes a moment to change her mind
        timed_out = number % (2 * REVERSE_EVERY) == 0
        if not timed_out:
            await asyncio.sleep(SECOND_THOUGHTS)
        undone = await connection.reverse(reply.request, mti="0420" if timed_out else "0400", timed_out=timed_out)
        reversal = PaymentId(undone.payment_id or "")
    return Outcome(
        basket=basket,
        terminal=till.id,
        stan=f"{number:06d}",
        by="ISO 8583",
        response_code=reply.response_code,
        payment_id=PaymentId(reply.payment_id) if reply.payment_id else None,
        sent_at=reply.sent_at,
        replied_at=reply.received_at,
        duplicates=duplicates,
        reversal=reversal,
    )


async def _sell_by_rpc(
    number: int, basket: Basket, till: Till, card: str, items: list[Item], gateways: Gateways
) -> Outcome:
    assert till.signing_key is not None
    terminal = RpcTerminal(id=till.id, key=PrivateKey(till.signing_key))
    reply: RpcReply = await gateways.rpc.purchase(
        terminal, stan=f"{number:06d}", card=card, amount=basket.cents, currency=CURRENCY, items=items
    )
    duplicates, reversal = 0, None
    if reply.approved and number % REPEAT_EVERY == 0:
        again = await gateways.rpc.repeat(reply)
        duplicates += again.duplicate and again.payment_id == reply.payment_id
    if reply.approved and number % REVERSE_EVERY == 0:
        await asyncio.sleep(SECOND_THOUGHTS)
        undone = await gateways.rpc.reverse(terminal, stan=f"{number + 500_000:06d}", original=reply)
        reversal = PaymentId(undone.payment_id or "")
    return Outcome(
        basket=basket,
        terminal=till.id,
        stan=f"{number:06d}",
        by="JSON-RPC",
        response_code=reply.response_code,
        payment_id=reply.payment_id,
        sent_at=reply.sent_at,
        replied_at=reply.received_at,
        duplicates=duplicates,
        reversal=reversal,
    )


async def _settle(outcome: Outcome, rpc: RpcConnection) -> Outcome:
    """The same outcome, once the bridge knows whether the reversed payment went to the chain before its reversal."""
    if outcome.reversal is None or outcome.payment_id is None:
        return outcome
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        answer = (await rpc.status(outcome.payment_id)).result or {}
        if answer.get("status") in (Status.FINAL.value, Status.DECLINED.value):
            return replace(outcome, cancelled=answer["status"] == Status.DECLINED.value)
        await asyncio.sleep(POLL_SECONDS)
    raise Unusable(f"payment {outcome.payment_id} is neither final nor declined after {SETTLE_SECONDS:.0f} s")


async def _refused(baskets: Sequence[Basket], plan: Plan, gateways: Gateways) -> list[Outcome]:
    """A message with a wrong MAC, and one with a card that nobody has; each has to be refused by its own code."""
    basket = next(basket for basket in baskets if plan.till_of(basket.store).mac_key is not None)
    till, merchant = plan.till_of(basket.store), merchant_of(basket.store) + 1
    honest = _iso_terminal(till, merchant)
    forged = PosTerminal(id=till.id, merchant=merchant, mac=RetailMac(bytes(range(16))))
    cases = ((forged, plan.cards[basket.household], "97"), (honest, FOREIGN_CARD, "14"))
    outcomes = []
    for place, (terminal, card, code) in enumerate(cases):
        stan = f"{900_001 + place:06d}"
        reply = await gateways.iso[merchant].purchase(terminal, card=card, amount=100, currency=CURRENCY, stan=stan)
        if reply.response_code != code:
            raise Unusable(f"a message that must be answered {code} was answered {reply.response_code}")
        outcomes.append(
            Outcome(
                basket=None,
                terminal=till.id,
                stan=stan,
                by="ISO 8583",
                response_code=reply.response_code,
                payment_id=None,
                sent_at=reply.sent_at,
                replied_at=reply.received_at,
            )
        )
    return outcomes


def _iso_terminal(till: Till, merchant: int) -> PosTerminal:
    assert till.mac_key is not None
    return PosTerminal(id=till.id, merchant=merchant, mac=RetailMac(till.mac_key))
