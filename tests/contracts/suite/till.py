"""An act as the ledger hands it to its target, sent in the ledger's name, beside the reason that a model predicts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.devchain import Contract, Receipt, Reverted
from node.domain.words import PAUSED
from tests.contracts.model import Refused
from tests.contracts.twin import AUTHORISATION, STREAM, Twin

UNDO = 0x80


class ActDeclined(Refused):
    """The target refuses an act for this reason."""

    def __init__(self, reason: int) -> None:
        super().__init__("ActRefused")
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Act:
    """IActTarget.Act. A payment without lines, authorised, unless said otherwise."""

    merchant: int
    member: int
    sequence: int
    stream: int = STREAM
    terminal: int = 0
    time: int = 0
    amount: int = 0
    coin_amount: int = 0
    debit_left: int = 10**9
    authorisation: bytes = AUTHORISATION

    def words(self) -> tuple[Any, ...]:
        """In the order of the struct."""
        return (
            self.stream,
            self.sequence,
            self.merchant,
            self.terminal,
            self.member,
            self.time,
            self.amount,
            self.coin_amount,
            self.debit_left,
            self.authorisation,
        )


def at_till(twin: Twin, contract: Contract, act: Act, data: bytes, *, model: Callable[[], int]) -> Receipt | None:
    """Sends the act; `model` says what it debits, or refuses. None when it was refused, by both for one reason.

    In a pause the ledger hands over only what undoes, and so no other is sent.
    """
    if twin.model.book.supply.flags & PAUSED and not data[0] & UNDO:
        return None
    twin.tick()
    ledger = twin.chain.impersonate(twin.ledger.address)
    try:
        debited = model()
    except Refused as refused:
        try:
            contract.send("applyAct", act.words(), data, sender=ledger)
        except Reverted as reverted:
            assert reverted.error == refused.error, (act, data.hex())
            if isinstance(refused, ActDeclined):
                assert reverted.values == (refused.reason,), (act, data.hex())
            return None
        raise AssertionError(f"the act {data.hex()} should have been refused: {refused.error}") from None
    mark = twin.chain.snapshot()
    twin.chain.set_next_time(twin.now)
    assert contract.view("applyAct", act.words(), data, sender=ledger) == debited
    twin.chain.revert(mark)
    twin.chain.set_next_time(twin.now)
    return contract.send("applyAct", act.words(), data, sender=ledger)
