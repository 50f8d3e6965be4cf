"""Answers a message that is refused now and was accepted before: from the journal, as it was answered then.

Between verify, which looks at what is true today, and the journal. A card, a merchant or a terminal that is no more
does not change what a repeat is told.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from node.bridge.journal import reading
from node.bridge.journal.group import key_text
from node.bridge.stages import Stages
from node.domain.answer import Answer
from node.domain.errors import DuplicateOtherBody
from node.domain.ids import Hash32, MemberId
from node.domain.payment import PaymentKey

Bodies = Callable[[MemberId], Collection[Hash32]]
"""The digests that a message may have had when it came first, if it was this member's."""


class Recall:
    """The payments and refunds of one stream, by the keys of their messages."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    async def __call__(self, key: PaymentKey, bodies: Bodies) -> Answer | None:
        """The answer to the message with this key; None when it was never accepted.

        Raises DuplicateOtherBody, JournalUnwritable.
        """
        stages, name = self._stages, key_text(key)
        known = await stages.journal.run(lambda connection: reading.recorded(connection, name))
        if known is None:
            return None
        if known.body not in bodies(known.member):
            raise DuplicateOtherBody()
        if known.response_code is None and known.sequence in stages.waiting:
            return replace(await stages.waiting.answer(known.sequence), duplicate=True)
        found = await stages.journal.run(lambda connection: reading.stored(connection, [known.sequence]))
        return stages.answer_of(found[known.sequence], duplicate=True)
