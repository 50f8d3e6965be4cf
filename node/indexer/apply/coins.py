"""Transfers of the ledger's coin, by the age of what moves; before it the log, after it the holders' rows.

`Ages` is (of this epoch, of the one before). What the log alone does not say is looked up where the ledger does say it:
in the next log of the transaction, in the line that a refund undoes, or in what a contract holds for whom (held.py).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from node.chain.checked import CheckedLog
from node.indexer.apply.accounts import LEDGER, member_of, totals, touched
from node.indexer.apply.handling import Now
from node.indexer.apply.held import held_ages, noted_ages
from node.indexer.apply.lines import line_of
from node.indexer.decode import event_kind
from node.indexer.rows import Row
from node.indexer.tables import ledger

NOBODY: Final = bytes(20)
COIN: Final = 1
LAST_HOLDERS: Final = ("HolderEmigrated", "HolderImmigrated")


class Ages(NamedTuple):
    """Coins by the epoch they came in: the block's, and the one before; units."""

    current: int
    previous: int


def apply_coins(now: Now, log: CheckedLog, following: Sequence[CheckedLog]) -> None:
    """A Transfer of the coin; `following` are the logs of its transaction behind it."""
    sender, receiver = log.topics[1][12:], log.topics[2][12:]
    amount = int.from_bytes(log.data, "big")
    if sender == NOBODY:
        _give(touched(now, receiver), minted := _minted(now, receiver, amount, following))
        _give(totals(now), minted)
        return
    if receiver == NOBODY and _expired(now, sender, amount, following):
        return
    giver = touched(now, sender)
    if receiver == NOBODY:
        burnt = _burnt(now, giver, sender, amount, following)
        _take(giver, burnt)
        _take(totals(now), burnt)
        return
    if _name_of_next(now, following) == "MembersMerged":
        return  # MembersMerged moves both buckets whole
    moved = held_ages(now, sender, receiver, amount, following) or oldest_first(giver, amount)
    _take(giver, Ages(*moved))
    _give(touched(now, receiver), Ages(*moved))
    noted_ages(now, receiver, (moved[0], moved[1]))


def apply_cash(now: Now, log: CheckedLog) -> None:
    """E-money that goes with holders and merchants from one ledger to its successor; what is theirs says its event."""
    sender, receiver = log.topics[1][12:], log.topics[2][12:]
    if now.known.ledger not in (sender, receiver) or sender == receiver:
        return
    row = now.rows.find(ledger.ledgers, now.known.ledger)
    if row is None:
        return
    amount = int.from_bytes(log.data, "big")
    if receiver == row["successor"]:
        totals(now)["reserve"] -= amount
    elif sender == row["predecessor"]:
        totals(now)["reserve"] += amount


def oldest_first(row: Row, amount: int) -> Ages:
    """So many coins of a holder, those first that end first."""
    old = min(amount, row["previous"])
    return Ages(amount - old, old)


def newest_first(row: Row, amount: int) -> Ages:
    """So many coins of a holder, those last that end first."""
    recent = min(amount, row["current"])
    return Ages(recent, amount - recent)


def _expired(now: Now, holder: bytes, amount: int, following: Sequence[CheckedLog]) -> bool:
    """Whether a burn is coins that ended: the ledger says so before it does anything else with the holder."""
    row = now.rows.find(ledger.accounts, holder)
    if row is None or row["epoch"] == now.epoch:
        return False
    total = row["current"] + row["previous"]
    kept = row["current"] if row["epoch"] + 1 == now.epoch else 0
    if total - kept != amount:
        return False
    touched(now, holder)
    now.rows.add(ledger.point_moves, kind="Expired", member=member_of(holder), party=holder, points=amount)
    now.today()["points_expired"] += amount
    return True


def _minted(now: Now, receiver: bytes, amount: int, following: Sequence[CheckedLog]) -> Ages:
    name = _name_of_next(now, following)
    if name == "CoinsRestored":
        return Ages(_word(following[0], 0), _word(following[0], 1))
    if name == "Refunded":
        line = line_of(now, following[0].topics[3])
        if line is not None and line["tender"] == COIN:
            return _given_back(now, line, amount)
    return Ages(amount, 0)


def _given_back(now: Now, line: Row, amount: int) -> Ages:
    """Coins of a line that come back: those taken from the newer bucket first, in the age that they have now."""
    par = now.known.terms.units_per_minor_unit
    from_current = line["amount"] * par - line["last"]
    before = line["refunded"] * par
    old = max(before + amount - from_current, 0) - max(before - from_current, 0)
    recent = amount - old
    age = now.epoch - line["epoch"]
    if age == 0:
        return Ages(recent, old)
    return Ages(old, recent) if age == 1 else Ages(amount, 0)


def _burnt(now: Now, giver: Row, sender: bytes, amount: int, following: Sequence[CheckedLog]) -> Ages:
    name = _name_of_next(now, following)
    if name in ("Refunded", "LineSettled"):
        leaf = following[0].topics[3 if name == "Refunded" else 1]
        line = line_of(now, leaf)
        # the bucket that they were earned in first
        return newest_first(giver, amount) if line and line["epoch"] == now.epoch else oldest_first(giver, amount)
    if name == "PointsClawedBack":
        return newest_first(giver, amount)
    if name in LAST_HOLDERS:
        return Ages(giver["current"], giver["previous"])
    held = held_ages(now, sender, NOBODY, amount, following)
    return Ages(*held) if held is not None else oldest_first(giver, amount)


def _name_of_next(now: Now, following: Sequence[CheckedLog]) -> str:
    """The ledger's event that the next log is; empty for another one."""
    if not following or now.known.names.get(following[0].address) != LEDGER:
        return ""
    kind = event_kind(following[0])
    return kind.name if kind is not None else ""


def _word(log: CheckedLog, index: int) -> int:
    return int.from_bytes(log.data[32 * index : 32 * index + 32], "big")


def _give(row: Row, ages: Ages) -> None:
    row["current"] += ages.current
    row["previous"] += ages.previous


def _take(row: Row, ages: Ages) -> None:
    row["current"] -= ages.current
    row["previous"] -= ages.previous
