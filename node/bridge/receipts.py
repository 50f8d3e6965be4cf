"""What an approved message is answered with beside its code: facts for the till, one line for the receipt; pure.

Part of answer: everything is read out of what the journal keeps, so a repeated message is told the same.
"""

from dataclasses import dataclass

from node.bridge.entry import Kind
from node.bridge.journal.reading import Stored
from node.domain.answer import Fact, Facts
from node.domain.currency import written
from node.domain.refund_split import RefundParts


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Facts, and one line of printable ASCII."""

    facts: Facts
    text: str


def tell(stored: Stored, currency: str) -> Told:
    """What an approved payment or refund is answered with."""
    if stored.kind is Kind.REFUND:
        return _refund(RefundParts.unpack(stored.packed), currency)
    return Told(facts=(), text="")


def _refund(parts: RefundParts, currency: str) -> Told:
    named = (
        (Fact.COIN, parts.coin, "IN COINS"),
        (Fact.STORED_VALUE, parts.stored_value, "TO THE CARD"),
        (Fact.EXTERNAL, parts.external, "BY THE CLERK"),
    )
    there = [(fact, amount, words) for fact, amount, words in named if amount]
    text = ", ".join([f"{written(amount, currency)} {words}" for _, amount, words in there])
    return Told(facts=tuple((fact, str(amount)) for fact, amount, _ in there), text=f"RETURNED {text}")
