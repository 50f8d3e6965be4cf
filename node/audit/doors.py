"""What each event of the ledger's doors did to it (interfaces/ILedgerDoors.sol, IRewardToken.sol).

`DOORS` has a function for each: it recomputes the effect on the replayed ledger, and says which logs the ledger must
have written for it, in their order. Whatever an event says that follows from the ledger's own words is computed and
compared, not taken over. Stage before: follow, which found the event. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from node.audit.money_doors import MONEY
from node.audit.state import FUND, Replayed
from node.domain.ids import MemberId, MerchantId
from node.domain.ledger import Log
from node.domain.words import EARNED_MAX, FROZEN, REGISTERED, Account

Door = Callable[..., list[Log]]
MAX_64: Final = 2**64 - 1
SELECTOR, WORD = 4, 32
MERGE_WORDS: Final = 4
"""From whom, into whom, where the list of merchants begins, and how long it is."""


def _mint(ledger: Replayed, logs: list[Log], holder: int, current: int, previous: int = 0) -> None:
    account = ledger.touch(holder, logs)
    ledger.change_supply(current=current, previous=previous)
    logs.append(Log("Transfer", (0, holder, current + previous)))
    ledger.store(holder, replace(account, current=account.current + current, previous=account.previous + previous))


def _burn(ledger: Replayed, logs: list[Log], holder: int, current: int, previous: int) -> None:
    account = ledger.account(holder)
    ledger.change_supply(current=-current, previous=-previous)
    logs.append(Log("Transfer", (holder, 0, current + previous)))
    ledger.store(holder, replace(account, current=account.current - current, previous=account.previous - previous))


def _burn_by_age(ledger: Replayed, logs: list[Log], holder: int, units: int) -> None:
    """Coins that a contract gave up by ages which only it knows."""
    account = ledger.touch(holder, logs)
    if ledger.blur(holder, account, units):
        ledger.vague_supply = True
    _, old = account.without_coins(units)
    _burn(ledger, logs, holder, units - old, old)


def _points_bought(ledger: Replayed, logs: list[Log], merchant: int, payer: int, amount: int, _: int) -> None:
    units = amount * ledger.par
    _add_prepaid(ledger, merchant, units)
    ledger.change_totals(reserve=amount)
    logs.append(Log("PointsBought", (merchant, payer, amount, units)))


def _redeemed(ledger: Replayed, logs: list[Log], holder: int, units: int, _: int) -> None:
    _burn_by_age(ledger, logs, holder, units)
    amount = units // ledger.par
    ledger.change_totals(reserve=-amount)
    logs.append(Log("Redeemed", (holder, units, amount)))


def _coins_restored(
    ledger: Replayed, logs: list[Log], member: int, part: int, current: int, previous: int, _: int
) -> None:
    _mint(ledger, logs, ledger.survivor(member), current, previous)
    amount = (current + previous) // ledger.par
    ledger.change_totals(reserve=amount)
    logs.append(Log("CoinsRestored", (member, part, current, previous, amount)))


def _points_issued(ledger: Replayed, logs: list[Log], merchant: int, to: int, _part: int, units: int) -> None:
    holder = ledger.survivor(to) if to < 2**64 else to
    _give(ledger, merchant, units)
    _mint(ledger, logs, holder, units)
    account = ledger.account(holder)
    if account.flags & REGISTERED:
        ledger.store(holder, replace(account, earned=min(account.earned + units, EARNED_MAX)))


def _points_returned(ledger: Replayed, logs: list[Log], merchant: int, holder: int, units: int) -> None:
    _burn_by_age(ledger, logs, holder, units)
    _add_prepaid(ledger, merchant, units)
    ledger.unissue_newest(MerchantId(merchant), units)


def _points_clawed_back(
    ledger: Replayed, logs: list[Log], merchant: int, member: int, part: int, clawed_back: int, arrears: int
) -> None:
    wanted = clawed_back + arrears
    account = ledger.touch(member, logs)
    account = replace(account, earned=max(account.earned - wanted, 0))
    ledger.store(member, account)
    clawed = min(wanted, account.coins)
    if clawed:
        ledger.vague_supply |= member in ledger.vague
        recent = min(clawed, account.current)
        _burn(ledger, logs, member, recent, clawed - recent)
        _add_prepaid(ledger, merchant, clawed)
        ledger.unissue_newest(MerchantId(merchant), clawed)
    if wanted - clawed:
        ledger.add_arrears(merchant, member, wanted - clawed)
    logs.append(Log("PointsClawedBack", (merchant, member, part, clawed, wanted - clawed)))


def _owed_settled(ledger: Replayed, logs: list[Log], merchant: int, member: int, _: int) -> None:
    place, holder = (MerchantId(merchant), MemberId(member)), ledger.survivor(member)
    owed = ledger.owed.get(place, 0)
    points = min(owed, ledger.roll_merchant(MerchantId(merchant), ledger.epoch).prepaid)
    ledger.owed[place] = owed - points
    _give(ledger, merchant, points)
    _mint(ledger, logs, holder, points)
    account = ledger.account(holder)
    ledger.store(holder, replace(account, earned=min(account.earned + points, EARNED_MAX)))
    logs.append(Log("OwedSettled", (merchant, member, min(points, MAX_64))))


def _arrears_collected(ledger: Replayed, logs: list[Log], merchant: int, member: int, _: int) -> None:
    account = ledger.touch(member, logs)
    points = min(ledger.arrears.get((merchant, member), 0), account.coins)
    ledger.vague_supply |= member in ledger.vague and points < account.coins
    of_old = min(points, account.previous)
    _burn(ledger, logs, member, points - of_old, of_old)
    ledger.reduce_arrears(merchant, member, points)
    _add_prepaid(ledger, merchant, points)
    ledger.unissue_now(MerchantId(merchant), points)
    logs.append(Log("ArrearsCollected", (merchant, member, points)))


def _arrears_forgiven(ledger: Replayed, logs: list[Log], merchant: int, member: int, units: int) -> None:
    ledger.reduce_arrears(merchant, member, units)


def _expired_claimed(ledger: Replayed, logs: list[Log], merchant: int, epoch: int, said: int) -> None:
    ledger.roll_supply(ledger.epoch)
    issued, expired = ledger.closed_epochs.get(epoch, (0, 0))
    if not merchant:
        amount = (said if ledger.vague_supply else expired) // ledger.par
        points = amount * ledger.par
        ledger.closed_epochs[epoch] = (issued, expired - points)
        ledger.add_deposit(FUND, amount)
        ledger.change_totals(reserve=-amount, deposits=amount)
    else:
        ledger.roll_merchant(MerchantId(merchant), ledger.epoch)
        mine = ledger.issued.get((MerchantId(merchant), epoch), 0)
        points = said if ledger.vague_supply else expired * mine // issued if issued else 0
        ledger.issued[MerchantId(merchant), epoch] = 0
        ledger.claimed += points
        _add_prepaid(ledger, merchant, points)
    logs.append(Log("ExpiredClaimed", (merchant, epoch, points)))


def _members_merged(ledger: Replayed, logs: list[Log], source: int, into: int, _value: int, _coins: int) -> None:
    old, new = ledger.touch(source, logs), ledger.touch(into, logs)
    owing = _merge_debts(ledger, source, into)
    ledger.store(source, Account(epoch=ledger.epoch, tier=old.tier, flags=REGISTERED | FROZEN))
    ledger.merged[source] = MemberId(into)
    new = ledger.account(into) if owing else new
    ledger.store(
        into,
        replace(
            new,
            value=new.value + old.value,
            current=new.current + old.current,
            previous=new.previous + old.previous,
            earned=min(new.earned + old.earned, EARNED_MAX),
            tier=max(new.tier, old.tier),
        ),
    )
    if source in ledger.vague:
        ledger.vague.add(into)
        ledger.vague.discard(source)
    if old.coins:
        logs.append(Log("Transfer", (source, into, old.coins)))
    logs.append(Log("MembersMerged", (source, into, old.value, old.coins)))


def _merge_debts(ledger: Replayed, source: int, into: int) -> bool:
    """Moves what the source owes (all, or the merge is refused), and what merchants that the call named owe it."""
    owing = False
    named = _named(ledger.calldata, source, into)
    for key in [key for key, units in ledger.owed.items() if key[1] == source and units]:
        if named is None or key[0] in named:
            place = key[0], MemberId(into)
            ledger.owed[place] = ledger.owed.get(place, 0) + ledger.owed[key]
            ledger.owed[key] = 0
    for merchant in [key[0] for key, units in ledger.arrears.items() if key[1] == source and key[0] and units]:
        units = ledger.arrears[merchant, source]
        ledger.arrears[merchant, source] = 0
        ledger.arrears[0, source] -= units
        ledger.add_arrears(merchant, into, units)
        owing = True
    return owing


def _named(calldata: bytes, source: int, into: int) -> frozenset[int] | None:
    """The merchants that a call for a merge names (IMemberMerge, ILedgerDoors); None when it is no such call."""
    words = [int.from_bytes(calldata[at : at + WORD], "big") for at in range(SELECTOR, len(calldata), WORD)]
    if words[:2] != [source, into] or len(words) < MERGE_WORDS or words[2] % WORD:
        return None
    start = words[2] // WORD
    if start >= len(words) or start + words[start] >= len(words) + 1:
        return None
    return frozenset(words[start + 1 : start + 1 + words[start]])


def _add_prepaid(ledger: Replayed, merchant: int, units: int) -> None:
    word = ledger.roll_merchant(MerchantId(merchant), ledger.epoch)
    ledger.merchants[MerchantId(merchant)] = replace(word, prepaid=word.prepaid + units)


def _give(ledger: Replayed, merchant: int, units: int) -> None:
    word = ledger.roll_merchant(MerchantId(merchant), ledger.epoch)
    ledger.merchants[MerchantId(merchant)] = replace(word, prepaid=word.prepaid - units, issued=word.issued + units)
    ledger.change_supply(issued=units)


def move_coins(ledger: Replayed, giver: int, taker: int, units: int) -> list[Log]:
    """Coins go from one holder to another, those of the previous epoch first; the logs of that.

    A contract may choose their ages (moveCoins); no log says how, and then both holders' are not known.
    """
    logs: list[Log] = []
    account = ledger.touch(giver, logs)
    left, old = account.without_coins(units)
    unclear = giver in ledger.vague if giver < 2**64 else ledger.blur(giver, account, units)
    ledger.store(giver, left)
    if not left.coins:
        ledger.vague.discard(giver)
    to = ledger.touch(taker, logs)
    ledger.store(taker, replace(to, current=to.current + units - old, previous=to.previous + old))
    if unclear and units:
        ledger.vague.add(taker)
    logs.append(Log("Transfer", (giver, taker, units)))
    return logs


_EFFECTS: Final[Mapping[str, Callable[..., None]]] = {
    **MONEY,
    "PointsBought": _points_bought,
    "Redeemed": _redeemed,
    "CoinsRestored": _coins_restored,
    "PointsIssued": _points_issued,
    "PointsReturned": _points_returned,
    "PointsClawedBack": _points_clawed_back,
    "OwedSettled": _owed_settled,
    "ArrearsCollected": _arrears_collected,
    "ArrearsForgiven": _arrears_forgiven,
    "ExpiredClaimed": _expired_claimed,
    "MembersMerged": _members_merged,
}
DOORS: Final = frozenset(_EFFECTS)
"""Events of the doors."""


def apply_door(ledger: Replayed, event: Log) -> list[Log]:
    """Does what the event says was done; the logs that the ledger must have written for it, itself the last."""
    logs: list[Log] = []
    values: tuple[Any, ...] = event.values
    _EFFECTS[event.name](ledger, logs, *values)
    if not logs or logs[-1].name != event.name:
        logs.append(event)
    return logs
