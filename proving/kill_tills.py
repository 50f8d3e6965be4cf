"""The load of the kill matrix: tills that send each message until it is answered, and remember every answer.

Each message has an amount of its own, by which its effect is found on the chain (kill_ledger.py).
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from itertools import count, cycle
from typing import Final

from node.iso8583.retail_mac import RetailMac
from node.pos import messages
from node.pos.connection import ConnectionClosed, PosConnection, ReplyTimeout
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_out.stand import MEMBERS

MAC_KEY: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
CURRENCY: Final = "840"
REPLY_SECONDS: Final = 8.0
MOST_UNANSWERED: Final = 150
AGAIN: Final = "96"
"""The bridge took nothing: the message is sent again."""
SALES: Final = 10_000
OVERDRAFTS: Final = 5_000_000
"""Where amounts of sales and of overdrafts begin; those of debits, refunds and recharges begin at 1."""


class Act(Enum):
    """What a message asks for."""

    EARN = "sales that earn"
    DEBIT = "sales in stored value"
    OVERDRAFT = "sales beyond the stored value"
    RECHARGE = "recharges"
    REVERSAL = "reversals"
    REFUND = "refunds"
    EXCESS = "refunds of too much"


@dataclass(kw_only=True, eq=False)
class Sent:
    """A message and every answer that it got; `reversed` once its reversal was sent."""

    act: Act
    request: Request
    member: int
    amount: int
    about: "Sent | None" = None
    codes: list[str] = field(default_factory=list)
    reversed: bool = False

    @property
    def code(self) -> str:
        """The last answer."""
        return self.codes[-1]


class Tills:
    """One connection of many tills. `port` tells where a bridge listens now, 0 where none does."""

    def __init__(self, merchants: list[int], port: Callable[[], int], *, rate: float) -> None:
        self._port, self._rate = port, rate
        self._terminals = cycle(
            [PosTerminal(id=f"{each}T{n}", merchant=each, mac=RetailMac(MAC_KEY)) for each in merchants for n in (0, 1)]
        )
        self._members = cycle(MEMBERS)
        self._stan, self._sale, self._debit = count(1), count(SALES), count(1)
        self._part, self._charge, self._over = count(1), count(1), count(OVERDRAFTS)
        self._mix = self._messages()
        self._sold: deque[Sent] = deque(maxlen=200)
        self._due: deque[Sent] = deque()
        self.sent: list[Sent] = []
        self.unanswered: dict[str, Sent] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Sends for ever; after `stopping` only until everything is answered."""
        while not stopping.is_set() or self.unanswered:
            port = self._port()
            try:
                connection = await PosConnection.open("127.0.0.1", port, timeout=REPLY_SECONDS) if port else None
            except OSError:
                connection = None
            if connection is None:
                await asyncio.sleep(0.02)
                continue
            try:
                await self._talk(connection, port, stopping)
            finally:
                await connection.close()

    async def ask_again(self) -> None:
        """Sends every message once more, as it was."""
        connection = await PosConnection.open("127.0.0.1", self._port(), timeout=REPLY_SECONDS)
        for at in range(0, len(self.sent), MOST_UNANSWERED):
            asked = self.sent[at : at + MOST_UNANSWERED]
            replies = await asyncio.gather(*[connection.send(each.request) for each in asked])
            for each, reply in zip(asked, replies, strict=True):
                each.codes.append(reply.response_code)
        await connection.close()

    async def _talk(self, connection: PosConnection, port: int, stopping: asyncio.Event) -> None:
        """One connection's life, until another bridge listens: what is not answered, then new messages beside it."""
        tasks = {asyncio.create_task(self._send(connection, each)) for each in self.unanswered.values()}
        while not connection.closed.is_set() and (self.unanswered or not stopping.is_set()):
            if self._port() not in (0, port):
                break
            if not stopping.is_set() and len(self.unanswered) < MOST_UNANSWERED:
                for new in next(self._mix):
                    self.sent.append(new)
                    self.unanswered[new.request.key] = new
                    tasks.add(asyncio.create_task(self._send(connection, new)))
            await asyncio.sleep(1 / self._rate)
            for done in [each for each in tasks if each.done()]:
                tasks.remove(done)
                done.result()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, connection: PosConnection, message: Sent) -> None:
        """Sends until it is answered, or the connection is gone."""
        while True:
            try:
                reply = await connection.send(message.request)
            except ReplyTimeout:
                continue
            except ConnectionClosed:
                return
            if reply.response_code == AGAIN:
                await asyncio.sleep(0.1)
                continue
            message.codes.append(reply.response_code)
            with contextlib.suppress(KeyError):
                del self.unanswered[message.request.key]
            if reply.response_code == "00" and message.act is Act.EARN and not message.reversed:
                self._sold.append(message)
            if message.act is Act.OVERDRAFT:
                self._due.append(message)
            return

    def _messages(self) -> Iterator[list[Sent]]:
        """What is sent next, over and over."""
        while True:
            for _ in range(5):
                yield [self._new_sale()]
            yield [self._new_debit()]
            at_once = self._new_sale()
            yield [at_once, self._reversal_of(at_once)]
            if self._sold:
                yield [self._reversal_of(self._sold.popleft())]
            yield [self._recharge()]
            if self._sold:
                sale = self._sold.popleft()
                yield [self._refund(sale, next(self._part), Act.REFUND)]
                yield [self._refund(sale, sale.amount + 1, Act.EXCESS)]
            yield [self._overdraft()]
            if self._due:
                yield [self._reversal_of(self._due.popleft())]

    def _new_sale(self) -> Sent:
        return self._purchase(Act.EARN, next(self._sale))

    def _new_debit(self) -> Sent:
        amount = next(self._debit)
        return self._purchase(Act.DEBIT, amount, stored_value=amount)

    def _overdraft(self) -> Sent:
        amount = next(self._over)
        return self._purchase(Act.OVERDRAFT, amount, stored_value=amount)

    def _purchase(self, act: Act, amount: int, *, stored_value: int = 0) -> Sent:
        member, now = next(self._members), datetime.now(UTC)
        request = messages.purchase(
            next(self._terminals),
            stan=self._trace(),
            local=now,
            transmitted=now,
            card=card_of(member),
            amount=amount,
            currency=CURRENCY,
            stored_value=stored_value,
        )
        return Sent(act=act, request=request, member=member, amount=amount)

    def _recharge(self) -> Sent:
        member, now, amount = next(self._members), datetime.now(UTC), next(self._charge)
        request = messages.act(
            next(self._terminals),
            "0200",
            "210000",
            stan=self._trace(),
            local=now,
            transmitted=now,
            amount=amount,
            currency=CURRENCY,
            card=card_of(member),
        )
        return Sent(act=Act.RECHARGE, request=request, member=member, amount=amount)

    def _reversal_of(self, sale: Sent) -> Sent:
        sale.reversed, now = True, datetime.now(UTC)
        request = messages.reversal(sale.request, stan=self._trace(), local=now, transmitted=now)
        return Sent(act=Act.REVERSAL, request=request, member=sale.member, amount=sale.amount, about=sale)

    def _refund(self, sale: Sent, amount: int, act: Act) -> Sent:
        now = datetime.now(UTC)
        request = messages.refund(
            sale.request.terminal,
            stan=self._trace(),
            local=now,
            transmitted=now,
            amount=amount,
            currency=CURRENCY,
            original=sale.request,
        )
        return Sent(act=act, request=request, member=sale.member, amount=amount, about=sale)

    def _trace(self) -> str:
        return f"{next(self._stan):06d}"


def card_of(member: int) -> str:
    """The card of a member."""
    return f"90000{member:05d}"
