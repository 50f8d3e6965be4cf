"""The benchmark's load: POS gateways that keep a number of payments on their way, or send at a steady rate.

Over ISO 8583, a connection a merchant, or over JSON-RPC with signed messages.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coincurve import PrivateKey

from node.demo.plan import Plan
from node.demo.report import percentile
from node.demo.witness import Witness
from node.domain.errors import TillnetError, Unusable
from node.domain.ids import Address, PaymentId
from node.iso8583.retail_mac import RetailMac
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Reply
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal

HOST: Final = "127.0.0.1"
CURRENCY: Final = "840"
POLL_SECONDS: Final = 0.02
MILLISECONDS: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One run: latencies in milliseconds, from the message's sending."""

    final: int
    per_second: float
    to_final_p50: int
    to_final_p99: int
    to_reply_p50: float
    to_reply_p99: float


Answered = Reply | RpcReply


class Load:
    """Terminals of a plan that speak ISO 8583, a connection a merchant."""

    def __init__(self, plan: Plan, port: int, seen: Witness) -> None:
        self._port = port
        self._seen = seen
        self._cards = list(plan.cards.values())
        self._connections: list[PosConnection] = []
        self._terminals = [
            [
                PosTerminal(id=till.id, merchant=merchant, mac=RetailMac(till.mac_key))
                for till in shop.tills
                if till.mac_key is not None
            ]
            for merchant, shop in enumerate(plan.shops, start=1)
        ]
        self._dice = random.Random(1)
        self._stan = 0

    async def run(self, *, seconds: float, in_flight: int, patience: float, rate: float | None = None) -> Measured:
        """Sends for `seconds`, never with more than `in_flight` payments that are not final, and waits for the last.

        `rate` payments a second, or as many as that allows. Raises Unusable when one is declined or never final.
        """
        await self._open()
        known = len(self._seen.diary.sightings)
        tasks: list[asyncio.Task[Answered]] = []
        try:
            start = time.monotonic()
            while (passed := time.monotonic() - start) < seconds:
                room = in_flight - (len(tasks) - (len(self._seen.diary.sightings) - known))
                wanted = room if rate is None else min(room, int(rate * passed) - len(tasks))
                for _ in range(wanted):
                    tasks.append(asyncio.create_task(self._sell()))
                await asyncio.sleep(POLL_SECONDS)
            replies = await asyncio.gather(*tasks)
        finally:
            await self._close()
        return await self._measure(replies, patience)

    async def _open(self) -> None:
        self._connections = [await PosConnection.open(HOST, self._port) for _ in self._terminals]

    async def _close(self) -> None:
        for connection in self._connections:
            await connection.close()

    async def _sell(self) -> Answered:
        self._stan += 1
        merchant = self._stan % len(self._connections)
        return await self._connections[merchant].purchase(
            self._dice.choice(self._terminals[merchant]),
            card=self._dice.choice(self._cards),
            amount=self._dice.randint(100, 20_000),
            currency=CURRENCY,
            stan=f"{self._stan % 1_000_000:06d}",
        )

    async def _measure(self, replies: Sequence[Answered], patience: float) -> Measured:
        refused = [reply for reply in replies if not reply.approved]
        if refused:
            raise Unusable(f"{len(refused)} payments were declined, the first with {refused[0].response_code}")
        sent = {PaymentId(reply.payment_id or ""): reply for reply in replies}
        missing = await self._seen.wait_for(set(sent), seconds=patience)
        sightings = self._seen.diary.sightings
        if missing:
            raise NotFinal(f"{len(missing)} of {len(sent)} after {patience:.0f} s")
        if any(sightings[name].skipped for name in sent):
            raise Unusable("the ledger skipped a payment of the load")
        waits = [(sightings[name].seen_at - reply.sent_at) * MILLISECONDS for name, reply in sent.items()]
        answers = [(reply.received_at - reply.sent_at) * MILLISECONDS for reply in replies]
        first = min(reply.sent_at for reply in replies)
        took = max(sightings[name].seen_at for name in sent) - first
        return Measured(
            final=len(sent),
            per_second=len(sent) / took,
            to_final_p50=round(percentile(waits, 50)),
            to_final_p99=round(percentile(waits, 99)),
            to_reply_p50=round(percentile(answers, 50), 1),
            to_reply_p99=round(percentile(answers, 99), 1),
        )


class RpcLoad(Load):
    """Terminals of a plan that sign their messages, all over one client with connections kept open."""

    def __init__(self, plan: Plan, port: int, seen: Witness, *, chain_id: int, ledger: Address) -> None:
        super().__init__(plan, port, seen)
        self._rpc = RpcConnection(f"http://{HOST}:{port}", chain_id=chain_id, ledger=ledger)
        self._signing = [
            RpcTerminal(id=till.id, key=PrivateKey(till.signing_key))
            for shop in plan.shops
            for till in shop.tills
            if till.signing_key is not None
        ]

    async def _open(self) -> None:
        await self._rpc.__aenter__()

    async def _close(self) -> None:
        await self._rpc.__aexit__(None, None, None)

    async def _sell(self) -> Answered:
        self._stan += 1
        return await self._rpc.purchase(
            self._signing[self._stan % len(self._signing)],
            stan=f"{self._stan % 1_000_000:06d}",
            card=self._dice.choice(self._cards),
            amount=self._dice.randint(100, 20_000),
            currency=CURRENCY,
        )


class NotFinal(TillnetError):
    """Payments were approved, and are not final."""
