"""What a refusal of an ISO 8583 request means where the same message came before: it was accepted, or refused already.

Part of the intake, for exchange.py. A message that is accepted pays for it with one look into a dictionary.
"""

from collections.abc import Collection
from typing import Final

from node.bridge.intake_ports import Ports
from node.bridge.journal.group import key_text
from node.bridge.journal.refusals import Refusal
from node.bridge.verify.iso8583 import Rules, body_of, card_of, key_of
from node.domain import errors
from node.domain.answer import Answer
from node.domain.directory import Terminal
from node.domain.errors import Declined
from node.domain.ids import Hash32, MemberId, MinorUnits
from node.domain.payment import PaymentKey
from node.iso8583.packager import Message
from node.iso8583.profile import Operation, Row

_REMEMBERED_ELSEWHERE: Final = (
    # by the gate, with the PIN or the code that was shown
    errors.WrongPin,
    errors.PinLocked,
    errors.CodeExpired,
    errors.CodeUsed,
    # by the journal
    errors.DuplicateOtherBody,
    errors.ReversedBefore,
)


class SecondLook:
    """Knows what became of the same message before. Its sender is proved by then."""

    def __init__(self, ports: Ports, rules: Rules) -> None:
        self._ports, self._rules = ports, rules

    def before(self, message: Message, terminal: Terminal, row: Row) -> None:
        """Raises what the same request was refused with before."""
        kept = self._ports.refusals
        if kept is None or row.advice:
            return
        found = kept.find(key_text(_key(message, terminal)))
        if found is not None and found.said == body_of(message, None):
            raise found.failure()

    async def after(
        self, message: Message, terminal: Terminal, row: Row, failure: Declined, *, proved: bool
    ) -> Answer | None:
        """The answer that the same message got when it was accepted; None if the failure stands, and is remembered.

        An advice is repeated until it is accepted, so nothing is remembered of it; nor of a message that is not
        `proved` to be of a terminal that has a key. Raises DuplicateOtherBody, JournalUnwritable.
        """
        if row.operation is Operation.INQUIRY or isinstance(failure, errors.WrongMac):
            return None
        key = _key(message, terminal)
        answer = await self._recalled(message, key)
        kept = self._ports.refusals
        final = not (row.advice or isinstance(failure, _REMEMBERED_ELSEWHERE))
        if answer is None and kept is not None and final and (proved or not self._rules.keys.of(terminal.id)):
            refusal = Refusal(body_of(message, None), type(failure).__name__, failure.detail)
            if kept.find(key_text(key)) != refusal:
                await kept.keep(key_text(key), refusal)
        return answer

    async def _recalled(self, message: Message, key: PaymentKey) -> Answer | None:
        if self._ports.recall is None:
            return None
        try:
            card = card_of(message.fields)
        except Declined:
            return None  # what cannot be read was never accepted
        now = self._rules.member_of(card) if card else None

        def bodies(member: MemberId) -> Collection[Hash32]:
            # a card that is nobody's now was the entry's member's; one that was nobody's then made the member 0
            members = {now} if now else {member, None} if card else {None}
            return {body_of(message, each) for each in (*members, MemberId(0))}

        return await self._ports.recall(key, bodies)


def _key(message: Message, terminal: Terminal) -> PaymentKey:
    return key_of(message, terminal, MinorUnits(int(message.fields.get(4, "0"))))
