"""Coins that contracts hold for somebody, by age: they go back, or are spent, in the ages they have, not oldest first.

The escrow, the gifts, the exchange and the pools keep what they took apart from their other coins. Their events say
whose they are, and their rows how old; before it the events, after it apply/coins.py.
"""

from collections.abc import Sequence
from typing import Final

from node.chain.checked import CheckedLog
from node.indexer.apply.handling import Now
from node.indexer.decode import event_kind
from node.indexer.rows import Row
from node.indexer.tables import settlement

NOBODY: Final = bytes(20)
ESCROW: Final = "SettlementEscrow"
POOLS: Final = "IncentivePools"
EXCHANGE: Final = "PeerExchange"
GIVEN_BACK: Final = ("PaymentVoided", "PaymentReclaimed")
Ages = tuple[int, int]


def held_ages(now: Now, sender: bytes, receiver: bytes, amount: int, following: Sequence[CheckedLog]) -> Ages | None:
    """Ages of coins that leave a contract of the suite; None where the oldest go first."""
    name = now.known.names.get(sender)
    if name is None:
        return None
    found = _found(now, name, receiver, following)
    # whatever was reckoned, as many move as the ledger says
    return found if found is not None and sum(found) == amount else None


def noted_ages(now: Now, receiver: bytes, ages: Ages) -> None:
    """Coins came to a contract of the suite, for somebody; the exchange passes on what is no fee of its own."""
    now.held.came = ages
    fee = now.held.fee
    if fee is not None and now.known.names.get(receiver) == EXCHANGE:
        now.held.fee = None
        old = min(fee, ages[1])
        now.held.send(EXCHANGE, ages[0] - (fee - old), ages[1] - old)


def put_aside(now: Now, row: Row) -> None:
    """The coins that came last are those of this row."""
    row["held_current"], row["held_previous"] = now.held.came
    row["held_epoch"] = now.epoch


def take_held(now: Now, row: Row, amount: int | None) -> Ages:
    """So many of a row's coins, those first that end first (None: all), rolled; they are its coins no more."""
    current, previous = row["held_current"], row["held_previous"]
    if row["held_epoch"] != now.epoch:
        current, previous = 0, current if row["held_epoch"] + 1 == now.epoch else 0
    old = previous if amount is None else min(amount, previous)
    recent = current if amount is None else min(amount - old, current)
    row.update(held_current=current - recent, held_previous=previous - old, held_epoch=now.epoch)
    return recent, old


def _found(now: Now, name: str, receiver: bytes, following: Sequence[CheckedLog]) -> Ages | None:
    if name == POOLS and receiver != NOBODY and now.held.claim is not None:
        claim, now.held.claim = now.held.claim, None
        return claim
    if name == ESCROW and receiver != NOBODY and following:
        kind = event_kind(following[0])
        if kind is not None and kind.name in GIVEN_BACK:
            return take_held(now, now.rows.at(settlement.escrow_payments, following[0].topics[1]), None)
    waiting = now.held.leaving.get(name)
    return waiting.pop(0) if waiting else None
