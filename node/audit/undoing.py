"""Refunds, voids, reversals and settled lines, recomputed (docs/batch.md, postRefunds): money, claw-back, arrears.

A refund is found in the calldata with the whole leaf of the line and its proof, so nothing of the original has to be
kept but the root. Stage before: follow. Pure.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.audit.state import COIN, STORED_VALUE, Replayed
from node.chain.ledger import LineRefund
from node.domain.ids import Hash32, MerchantId, StreamId
from node.domain.ids import Sequence as SequenceNumber
from node.domain.leaf import Leaf, leaf_in
from node.domain.ledger import Log, Reason
from node.domain.merkle import keccak, root_from_proof
from node.domain.words import IN_ARREARS, REGISTERED, Account

REFUND, REVERSAL = 1, 3
MAX_56: Final = 2**56 - 1
FULL: Final = 10**8
COPIED: Final = (
    "accounts", "merchants", "owed", "issued", "closed_epochs", "arrears", "deposits", "guaranteed", "refunded",
    "stream_refunds",
)  # fmt: skip
"""What a refund changes in place; the words beside them are replaced whole."""


class Refused(Exception):
    """The ledger skips the refund for this reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What undoing a line does to points, units."""

    points: int = 0
    set_off: int = 0
    clawed_back: int = 0
    arrears: int = 0


def replay_refunds(
    ledger: Replayed, stream: StreamId, refunds: Sequence[tuple[int, int, list[LineRefund]]], found: Sequence[Log]
) -> list[Log]:
    """Does what was sent, as far as the ledger looked at it; the logs that it must have written."""
    logs: list[Log] = []
    skipped = 0
    refused = {int(log.values[1]) for log in found if log.name == "Skipped"}
    for sequence, kind, lines in refunds:
        key = (stream, SequenceNumber(sequence))
        if key in ledger.posted:
            reason: Reason | None = Reason.ALREADY_POSTED
        else:
            ledger.posted.add(key)
            reason = _tried(ledger, (stream, sequence, kind), lines, logs, may_fail=sequence in refused)
        if reason is not None:
            skipped += 1
            logs.append(Log("Skipped", (stream, sequence, int(reason))))
    return [*logs, Log("RefundsPosted", (stream, len(refunds), skipped))]


def settle_line(ledger: Replayed, event: Log) -> list[Log]:
    """A line's points were taken back for good (ILedgerDoors.settleLine); its leaf stands in the calldata."""
    digest, part, amount, *_ = event.values
    leaf = leaf_in(ledger.calldata, bytes(digest))
    if leaf is None:
        return []
    logs: list[Log] = []
    member = ledger.survivor(leaf.member)
    ledger.touch(member, logs)
    ledger.roll_merchant(leaf.merchant, ledger.epoch)
    before, taken_before = ledger.refunded.get(leaf.hash, (0, 0))
    taken = Taken()
    if leaf.tender != COIN:
        taken = _take_points(ledger, leaf, before + int(amount), taken_before, logs)
    ledger.refunded[leaf.hash] = (before + int(amount), taken_before + taken.points)
    ledger.settled[leaf.hash] = ledger.settled.get(leaf.hash, 0) + int(amount)
    said = (digest, part, amount, taken.clawed_back, taken.set_off, taken.arrears)
    return [*logs, Log("LineSettled", said)]


def _tried(
    ledger: Replayed, refund: tuple[StreamId, int, int], lines: list[LineRefund], logs: list[Log], *, may_fail: bool
) -> Reason | None:
    saved = {name: copy.copy(getattr(ledger, name)) for name in COPIED} if may_fail else {}
    words = ledger.supply, ledger.totals
    noted = len(logs)
    try:
        _refund(ledger, refund, lines, logs)
    except Refused as refused:
        for name, value in saved.items():
            setattr(ledger, name, value)
        ledger.supply, ledger.totals = words
        del logs[noted:]
        return refused.reason
    return None


def _refund(ledger: Replayed, refund: tuple[StreamId, int, int], lines: list[LineRefund], logs: list[Log]) -> None:
    stream, _, kind = refund
    if not REFUND <= kind <= REVERSAL or not lines:
        raise Refused(Reason.KIND)
    moved = undone = 0
    for line in lines:
        if line.leaf[1:13] != lines[0].leaf[1:13] or line.leaf[:1] != lines[0].leaf[:1]:
            raise Refused(Reason.KIND)
        stored = ledger.roots.get(bytes(line.root))
        digest = keccak(line.leaf)
        if stored is None or root_from_proof(digest, line.proof) != line.root:
            raise Refused(Reason.PROOF)
        leaf = Leaf.unpack(line.leaf)
        part = _part(ledger, leaf, digest, kind, line.amount)
        if not part:
            continue
        undone += part
        money = _undo(ledger, refund, leaf, part, logs)
        moved += 0 if leaf.stream == stream and stored[0] == ledger.day else money
    if not undone:
        raise Refused(Reason.NOTHING)
    _count_against_limit(ledger, stream, moved)


def _part(ledger: Replayed, leaf: Leaf, digest: Hash32, kind: int, amount: int) -> int:
    if not ledger.account(ledger.survivor(leaf.member)).flags & REGISTERED:
        raise Refused(Reason.MEMBER)
    left = leaf.amount - ledger.refunded.get(digest, (0, 0))[0]
    if (not 1 <= amount <= left) if kind == REFUND else amount:
        raise Refused(Reason.EXCEEDS)
    return amount if kind == REFUND else left


def _undo(ledger: Replayed, refund: tuple[StreamId, int, int], leaf: Leaf, part: int, logs: list[Log]) -> int:
    """Undoes a part of a line; money that went back and points taken, at par, minor units."""
    stream, sequence, kind = refund
    before, taken_before = ledger.refunded.get(leaf.hash, (0, 0))
    member = ledger.survivor(leaf.member)
    account = ledger.touch(member, logs)
    ledger.roll_merchant(leaf.merchant, ledger.epoch)
    moved = 0
    if leaf.tender:
        _collect_money(ledger, leaf, part, logs)
        moved = part
        if leaf.tender == STORED_VALUE:
            ledger.store(member, replace(account, value=account.value + part))
        else:
            _remint(ledger, member, account, leaf, before, part, logs)
    taken = Taken()
    if leaf.tender != COIN:
        taken = _take_points(ledger, leaf, before + part, taken_before, logs)
        moved += -(-(taken.clawed_back + taken.set_off + taken.arrears) // ledger.par)
    ledger.refunded[leaf.hash] = (before + part, taken_before + taken.points)
    said = (stream, sequence, bytes(leaf.hash), kind, part, taken.clawed_back, taken.set_off, taken.arrears)
    logs.append(Log("Refunded", said))
    return moved


def _collect_money(ledger: Replayed, leaf: Leaf, part: int, logs: list[Log]) -> None:
    """The merchant's payable pays, then its deposit, then the guarantee fund."""
    word = ledger.merchants[leaf.merchant]
    payable = min(part, word.payable)
    deposit = min(part - payable, ledger.deposits.get(leaf.merchant, 0))
    fund = part - payable - deposit
    full = leaf.tender == COIN and (ledger.totals.reserve + part) * ledger.par > MAX_56
    if full or fund > ledger.deposits.get(0, 0):
        raise Refused(Reason.FUNDS)
    ledger.merchants[leaf.merchant] = replace(word, payable=word.payable - payable)
    ledger.add_deposit(leaf.merchant, -deposit)
    if fund:
        ledger.add_deposit(0, -fund)
        ledger.guaranteed[leaf.merchant] = ledger.guaranteed.get(leaf.merchant, 0) + fund
        logs.append(Log("Guaranteed", (leaf.merchant, fund)))
    value = leaf.tender == STORED_VALUE
    ledger.change_totals(
        payable=-payable, deposits=-deposit - fund, stored_value=part * value, reserve=part * (not value)
    )


def _remint(
    ledger: Replayed, member: int, account: Account, leaf: Leaf, before: int, part: int, logs: list[Log]
) -> None:
    """Coins come back: those that were taken of the newer ones first, at the age that they have now."""
    from_current = leaf.amount * ledger.par - leaf.last
    low, high = before * ledger.par, (before + part) * ledger.par
    recent = max(min(high, from_current) - low, 0)
    old = high - low - recent
    age = ledger.epoch - leaf.epoch
    current, previous = {0: (recent, old), 1: (old, recent)}.get(age, (recent + old, 0))
    ledger.change_supply(current=current, previous=previous)
    logs.append(Log("Transfer", (0, member, current + previous)))
    ledger.store(member, replace(account, current=account.current + current, previous=account.previous + previous))


def _take_points(ledger: Replayed, leaf: Leaf, refunded: int, taken_before: int, logs: list[Log]) -> Taken:
    """What the line no longer entitles to: set off against what is owed, then taken, the rest a debt."""
    due = leaf.points + leaf.last
    keep = (leaf.amount - refunded) * leaf.rate * leaf.tier_bps // FULL
    taken = max(due - keep, 0)
    points = taken - taken_before
    expired = ledger.epoch > leaf.epoch + 1
    of_owed = min(taken, leaf.last) - min(taken_before, leaf.last) if expired else points
    member = ledger.survivor(leaf.member)
    key = (leaf.merchant, member)
    set_off = min(of_owed, ledger.owed.get(key, 0))
    if set_off:
        ledger.owed[key] -= set_off
    wanted = 0 if expired else points - set_off
    clawed = _claw_back(ledger, leaf, member, wanted, logs)
    if wanted - clawed:
        account = ledger.account(member)
        ledger.store(member, replace(account, flags=account.flags | IN_ARREARS))
        ledger.add_arrears(leaf.merchant, member, wanted - clawed)
    return Taken(points=points, set_off=set_off, clawed_back=clawed, arrears=wanted - clawed)


def _claw_back(ledger: Replayed, leaf: Leaf, member: int, wanted: int, logs: list[Log]) -> int:
    """Takes points from the member, the bucket that they were earned in first, back to the merchant."""
    if not wanted:
        return 0
    account = ledger.account(member)
    clawed = min(wanted, account.coins)
    if leaf.epoch == ledger.epoch:
        account = replace(account, earned=max(account.earned - wanted, 0))
        recent = min(clawed, account.current)
    else:
        recent = clawed - min(clawed, account.previous)
    old = clawed - recent
    ledger.store(member, replace(account, current=account.current - recent, previous=account.previous - old))
    if clawed:
        ledger.vague_supply |= member in ledger.vague and clawed < account.coins
        ledger.change_supply(current=-recent, previous=-old)
        logs.append(Log("Transfer", (member, 0, clawed)))
        _unissue(ledger, leaf.merchant, leaf.epoch, clawed)
    return clawed


def _unissue(ledger: Replayed, merchant: MerchantId, epoch: int, units: int) -> None:
    word = ledger.merchants[merchant]
    ledger.merchants[merchant] = replace(word, prepaid=word.prepaid + units)
    closed = ledger.unissue_closed(merchant, epoch, units) if word.epoch != epoch else 0
    ledger.unissue_now(merchant, units - closed)


def _count_against_limit(ledger: Replayed, stream: StreamId, moved: int) -> None:
    if not moved:
        return
    day, used = ledger.stream_refunds.get(stream, (0, 0))
    used = used if day == ledger.day else 0
    if used + moved > ledger.refund_limits.get(stream, 0):
        raise Refused(Reason.STREAM_LIMIT)
    ledger.stream_refunds[stream] = (ledger.day, used + moved)
