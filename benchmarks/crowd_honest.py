"""The honest part of a crowd: gateways that pay at a steady rate, and remember what each message was answered."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from node.demo.witness import Witness
from node.domain.ids import PaymentId
from node.pos.connection import ConnectionClosed, PosConnection, ReplyTimeout
from node.pos.messages import PosTerminal

HOST: Final = "127.0.0.1"
CURRENCY: Final = "840"
DEBITS_EVERY: Final = 10
"""One message of so many pays a cent in coins, of a member who has earned some: it is answered when it is final."""
COINS: Final = 1
LEAST: Final = 1_000
MOST: Final = 20_000
STANS: Final = 800_000
"""Trace numbers of sales; the ones above are the nuisances'."""
WAITS_BEYOND: Final = 10.0
"""Seconds that a reply is still waited for after its deadline, to tell late from never."""


@dataclass(kw_only=True)
class Answers:
    """What became of the messages: waits in seconds, of those that only earn and of those that debit."""

    sent: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    approved: list[PaymentId] = field(default_factory=list)
    earn_waits: list[float] = field(default_factory=list)
    debit_waits: list[float] = field(default_factory=list)
    late: int = 0
    unanswered: int = 0


class Honest:
    """Connections that share terminals; each message has a trace number of its own."""

    def __init__(
        self,
        terminals: Sequence[PosTerminal],
        cards: Sequence[str],
        seen: Witness,
        *,
        deadline: float,
        dice: random.Random,
    ) -> None:
        self._terminals, self._cards, self._seen = terminals, cards, seen
        self._deadline, self._dice = deadline, dice
        self._connections: list[PosConnection] = []
        self._earned: deque[tuple[PaymentId, str]] = deque(maxlen=10_000)
        self._tasks: set[asyncio.Task[None]] = set()
        self.answers = Answers()

    async def connect(self, port: int, count: int) -> None:
        """Opens so many connections."""
        patience = self._deadline + WAITS_BEYOND
        for _ in range(count):
            self._connections.append(await PosConnection.open(HOST, port, timeout=patience))

    async def pay(self, rate: float, until: float) -> None:
        """Sends `rate` messages a second, each over the next connection, until this moment of the monotonic clock; then
        waits for the last answers."""
        began, number = time.monotonic(), 0
        while time.monotonic() < until:
            while number < rate * (time.monotonic() - began):
                self._start(number)
                number += 1
            await asyncio.sleep(0.5 / rate)
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Closes all connections."""
        for connection in self._connections:
            await connection.close()

    @property
    def open(self) -> int:
        """Connections that the bridge has not closed."""
        return sum(not each.closed.is_set() for each in self._connections)

    def _start(self, number: int) -> None:
        task = asyncio.create_task(self._pay(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pay(self, number: int) -> None:
        answers, dice = self.answers, self._dice
        payer = self._rich() if number % DEBITS_EVERY == 0 else None
        card = payer or dice.choice(self._cards)
        answers.sent += 1
        try:
            reply = await self._connections[number % len(self._connections)].purchase(
                self._terminals[number % len(self._terminals)],
                card=card,
                amount=dice.randint(LEAST, MOST),
                currency=CURRENCY,
                coin=COINS if payer else 0,
                stan=f"{number % STANS + 1:06d}",
            )
        except (ReplyTimeout, ConnectionClosed):
            answers.unanswered += 1
            return
        wait = reply.received_at - reply.sent_at
        (answers.debit_waits if payer else answers.earn_waits).append(wait)
        answers.late += wait > self._deadline
        answers.codes[reply.response_code] += 1
        if reply.approved:
            answers.approved.append(PaymentId(reply.payment_id or ""))
            self._earned.append((answers.approved[-1], card))

    def _rich(self) -> str | None:
        """The card of a member whose sale is final, and who has coins for it; None as long as there is none."""
        while self._earned and self._earned[0][0] in self._seen.diary.sightings:
            return self._earned.popleft()[1]
        return None
