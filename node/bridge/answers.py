"""Who waits for the chain's word on a payment that debits, until when, and what they are told."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from node.bridge.journal.reading import Stored
from node.bridge.receipts import Told, tell
from node.domain import ids
from node.domain.answer import Answer
from node.domain.ids import MinorUnits, Sequence, StreamId, Units, payment_id
from node.domain.packed_leaves import leaf_points, leaves_of
from node.domain.payment import Status

TEXTS: Final[Mapping[int, str]] = {
    4: "MERCHANT NOT ACTIVE",
    5: "TERMINAL NOT ACTIVE",
    6: "UNKNOWN MEMBER",
    7: "CARD FROZEN",
    8: "AMOUNT NOT ALLOWED",
    11: "CARD LOCKED",
    12: "NOT AUTHORISED",
    13: "LIMIT OF THE DAY REACHED",
    14: "NOT ENOUGH STORED VALUE",
    15: "NOT ENOUGH COINS",
    20: "PAYMENT NOT KNOWN",
    21: "MORE THAN IS LEFT OF THE PAYMENT",
    22: "MERCHANT HAS NOT ENOUGH FUNDS",
    23: "NOTHING IS LEFT OF THE PAYMENT",
    30: "NOT POSSIBLE NOW",
    31: "NOT FOUND",
    32: "USED OR CLOSED",
    33: "NOT VALID AT THIS TIME",
    34: "NOT VALID FOR THIS SALE",
    35: "AMOUNT NOT ALLOWED",
    36: "LIMIT REACHED",
    37: "NONE LEFT",
    38: "NOT THIS MEMBER'S",
}
"""For the receipt, by the ledger's reason."""
APPROVED: Final = "00"
PARTLY_APPROVED: Final = "10"
TOO_LATE: Final = "91"


class Waiting:
    """Payments whose answer waits for finality, each with its deadline in milliseconds."""

    def __init__(self, stream: StreamId, patience_ms: int) -> None:
        self._stream = stream
        self.patience_ms: Final = patience_ms
        self._futures: dict[Sequence, asyncio.Future[Answer]] = {}
        # when it came, and until when somebody waits
        self._times: dict[Sequence, tuple[int, int]] = {}

    def __contains__(self, sequence: object) -> bool:
        return sequence in self._futures

    def __len__(self) -> int:
        return len(self._futures)

    def expect(self, sequence: Sequence, received_at: int) -> None:
        """A payment that debits was journaled."""
        if sequence not in self._futures:
            self._futures[sequence] = asyncio.get_running_loop().create_future()
            self._times[sequence] = (received_at, received_at + self.patience_ms)

    def wait_until(self, sequence: Sequence, deadline: int) -> None:
        """Whoever asks for this one waits until then, not as long as others do."""
        found = self._times.get(sequence)
        if found is not None:
            self._times[sequence] = (found[0], deadline)

    async def answer(self, sequence: Sequence) -> Answer:
        """The answer, once there is one; many may wait for the same."""
        return await asyncio.shield(self._futures[sequence])

    def expired(self, now: int, *, since: int = 0) -> list[Sequence]:
        """Payments that came since then and whose deadline has passed; each is named once."""
        late = [sequence for sequence, (came, deadline) in self._times.items() if since <= came and deadline <= now]
        for sequence in late:
            del self._times[sequence]
        return late

    def resolve(self, answer: Answer, sequence: Sequence) -> None:
        """Tells whoever waits."""
        self._times.pop(sequence, None)
        future = self._futures.pop(sequence, None)
        if future is not None and not future.done():
            future.set_result(answer)


def answer_of(stream: StreamId, stored: Stored, *, currency: str, duplicate: bool) -> Answer:
    """The answer to the message of a journaled payment or refund that has one; a refund under way has 91 for now."""
    points: Units | None = None
    if stored.status is Status.FINAL and stored.leaves:
        points = Units(sum(leaf_points(leaf) for _, leaf in leaves_of(stored.leaves, stored.sequence)))
    code = stored.response_code or TOO_LATE
    told = tell(stream, stored, currency) if code == APPROVED else Told(facts=(), text=_text(stored, code))
    part = MinorUnits(stored.approved) if code == APPROVED and stored.approved is not None else None
    return Answer(
        response_code=code if part is None else PARTLY_APPROVED,
        payment_id=payment_id(stream, ids.Sequence(stored.sequence)),
        status=stored.status,
        points=points,
        balance=None,
        duplicate=duplicate,
        text=told.text,
        facts=told.facts,
        amount=part,
    )


def journaled_answer(stream: StreamId, sequence: Sequence | None, status: Status, *, duplicate: bool) -> Answer:
    """The answer 00 to what is only journaled: a payment that earns, or a reversal."""
    return Answer(
        response_code=APPROVED,
        payment_id=None if sequence is None else payment_id(stream, sequence),
        status=status,
        points=None,
        balance=None,
        duplicate=duplicate,
        text="",
    )


def taken_without_effect(text: str) -> Answer:
    """The answer 00 to an advice that posts nothing, with the reason for the receipt."""
    return replace(journaled_answer(StreamId(0), None, Status.DECLINED, duplicate=False), text=text)


def _text(stored: Stored, code: str) -> str:
    if stored.response_code is None:
        return "NOT KNOWN YET, REPEAT"
    return TEXTS.get(stored.reason or 0, "NOT POSTED IN TIME" if code == TOO_LATE else "")
