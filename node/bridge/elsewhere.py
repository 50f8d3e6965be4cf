"""Messages that concern another stream: answered from its journal, and taken in from the bridges that forwarded them.

Between journal and answer, for streams that share a database (journal/handed.py). A terminal that was handed over
keeps its history: its new bridge answers repeats from the old journal, and puts reversals and refunds down for the old
stream's bridge, which takes them in as if they had come to itself.
"""

import asyncio
from typing import Final

from node.bridge.answers import answer_of, journaled_answer
from node.bridge.entry import Admitted
from node.bridge.journal import handed
from node.bridge.journal.admission import Admission
from node.bridge.journal.group import key_text
from node.bridge.journal.reading import Stored
from node.bridge.stages import Stages, log
from node.domain.answer import Answer
from node.domain.errors import Retryable, TillnetError
from node.domain.ids import StreamId, payment_id
from node.domain.payment import Entry, Reversal, Status

LOOK_SECONDS: Final = 0.25
"""How often the other journal, and what was forwarded, is looked at."""
TOO_LATE: Final = "91"


class Elsewhere:
    """One stream's bridge among others."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    async def answer(self, entry: Entry, admitted: Admitted, deadline: int) -> Answer:
        """The answer to a message that concerns an entry of the stream that `admitted` names, by a deadline in
        milliseconds.
        """
        stream = admitted.stream
        assert stream is not None
        if isinstance(entry, Reversal):
            return journaled_answer(stream, admitted.sequence, admitted.status, duplicate=admitted.duplicate)
        key = key_text(entry.key)
        while True:
            found = await self._stages.journal.run(lambda connection: handed.outcome(connection, stream, key))
            late = self._stages.clock() >= deadline
            if isinstance(found, Stored) and (found.response_code is not None or late):
                currency = self._stages.currency
                return answer_of(stream, found, currency=currency, duplicate=admitted.duplicate)
            if isinstance(found, str) or late:
                return _without_entry(found if isinstance(found, str) else TOO_LATE)
            await asyncio.sleep(LOOK_SECONDS)

    async def take_in(self) -> None:
        """Takes in what other bridges put down for this stream, for ever."""
        stream, journal = self._stages.stream, self._stages.journal
        while True:
            for each in await journal.insist(lambda connection: handed.forwarded(connection, stream)):
                await self._take(stream, each)
            await asyncio.sleep(LOOK_SECONDS)

    async def _take(self, stream: StreamId, each: handed.Forwarded) -> None:
        code = handed.TAKEN
        try:
            admitted = await self._stages.journal.admit(Admission(each.message, b"", each.received_at, forwarded=True))
            if admitted.sequence is not None:
                log.info("taken over from another bridge", payment_id=payment_id(stream, admitted.sequence))
        except Retryable as failure:
            log.warning("not taken over yet", reason=str(failure))
            return
        except TillnetError as failure:
            code = failure.response_code
        await self._stages.journal.insist(lambda connection: handed.note_taken(connection, stream, each.key, code))


def _without_entry(code: str) -> Answer:
    """The answer where the other stream's journal holds nothing: refused there, or not looked at yet."""
    return Answer(
        response_code=code,
        payment_id=None,
        status=Status.JOURNALED if code == TOO_LATE else Status.DECLINED,
        points=None,
        balance=None,
        duplicate=False,
        text="NOT KNOWN YET, REPEAT" if code == TOO_LATE else "",
        facts=(),
    )
