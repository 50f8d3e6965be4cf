"""Advices of sales that took place without the bridge (offline, stand-in), whichever way they came.

Part of verify. They are refused for technical reasons only: what the ledger then declines, people settle
(docs/bridge.md, "Exceptions"). A card that nobody has becomes member 0, whom the ledger does not know.
"""

from dataclasses import replace
from typing import Final

from node.bridge.verify.lookup import MemberOf, Verified
from node.domain.directory import Directory
from node.domain.errors import InvalidAmount
from node.domain.ids import MemberId
from node.domain.payment import Payment

APPROVED_OFFLINE: Final = frozenset({"00", "08", "10", "11", "16", "Y1", "Y3"})
"""DE39 of a sale that took place: approved by stand-in or by the terminal (Y1, Y3: EMV, book 4, annex A6)."""

NOTHING_TO_POST: Final = "NOTHING TO POST"
"""The receipt's line where whoever decided declined the sale."""
REVERSED_BEFORE: Final = "REVERSED BEFORE, NOTHING POSTED"
"""The receipt's line where the reversal came first: both were taken, and undo each other."""


def check_told(directory: Directory, amount: int, currency: str) -> None:
    """Raises InvalidAmount; a limit that the amount passes is for the ledger to say: the goods are gone."""
    if currency != directory.currency or not amount:
        raise InvalidAmount("it is zero, or not in the network's currency")


def member_or_nobody(member_of: MemberOf, card: str) -> MemberId:
    """The member with this card, 0 where it is nobody's."""
    return (member_of(card) if card else None) or MemberId(0)


def advised(verified: Verified) -> Verified:
    """The payment as one that nobody waits for."""
    assert isinstance(verified.entry, Payment)
    return replace(verified, entry=replace(verified.entry, advice=True))
