"""Holders' words: stored value, coins by age, tiers and flags, as the ledger changes them; and all coins together.

A Transfer says how many coins moved, not how old they were. Who gives, gives the oldest first, but for what the ledger
does in another order and says in the next log: refunds, claw-backs, restored coins; and for contracts that hold coins
for others and give them back as they are (apply/held.py).
"""

from typing import Final

from eth_abi.abi import decode

from node.domain.ids import MEMBER_PREFIX
from node.domain.merkle import keccak
from node.domain.words import IN_ARREARS
from node.indexer.apply.handling import Now, on
from node.indexer.decode import Event
from node.indexer.rows import Row
from node.indexer.tables import ledger

LEDGER: Final = "RewardToken"
REGISTERED: Final = 1
FROZEN: Final = 4
MAX_MERGES: Final = 8
MERGING: Final = {
    keccak(f"{name}({','.join(kinds)})".encode())[:4]: kinds
    for name, kinds in (
        ("merge", ("uint64", "uint64", "uint32[]", "uint256", "bytes", "bytes")),
        ("approveMerge", ("uint64", "uint64", "uint32[]")),
    )
}
"""Calls of MemberMerge that merge, with their arguments."""


def member_of(holder: bytes) -> int | None:
    """The member whose ledger account this is, if it is a member's."""
    return int.from_bytes(holder[12:], "big") if holder[:12] == MEMBER_PREFIX else None


def account_of(member: int) -> bytes:
    """The ledger account of a member."""
    return MEMBER_PREFIX + member.to_bytes(8, "big")


def touched(now: Now, holder: bytes) -> Row:
    """A holder's row, rolled to the block's epoch."""
    row = now.rows.at(ledger.accounts, holder)
    if row["member"] is None:
        row["member"] = member_of(holder)
    if row["epoch"] != now.epoch:
        row["previous"] = row["current"] if row["epoch"] + 1 == now.epoch else 0
        row["current"], row["epoch"] = 0, now.epoch
    return row


def expired_of(now: Now, holder: bytes) -> int:
    """Coins of a holder that ended since its row was touched last."""
    row = now.rows.find(ledger.accounts, holder)
    if row is None or row["epoch"] == now.epoch:
        return 0
    kept = row["current"] if row["epoch"] + 1 == now.epoch else 0
    return int(row["current"] + row["previous"] - kept)


def survivor_of(now: Now, member: int) -> int:
    """Who a member is now: what comes to one that was merged is the other's."""
    for _ in range(MAX_MERGES):
        row = now.rows.find(ledger.members, member)
        if row is None or row["merged_into"] is None:
            break
        member = row["merged_into"]
    return member


def of_member(now: Now, member: int) -> Row:
    """The touched row of whoever a member is now."""
    return touched(now, account_of(survivor_of(now, member)))


@on(LEDGER, "MemberEnrolled")
def enrolled(now: Now, event: Event) -> None:
    """A member is known."""
    member = event.args["member"]
    now.rows.at(ledger.members, member)
    touched(now, account_of(member))["flags"] |= REGISTERED


@on(LEDGER, "MemberFlagsSet")
def flags_set(now: Now, event: Event) -> None:
    """Locked, frozen, or free again; the account's epoch stays."""
    now.rows.at(ledger.accounts, account_of(event.args["member"]))["flags"] = event.args["flags"]


@on(LEDGER, "TierSet")
def tier_set(now: Now, event: Event) -> None:
    """A member's tier; the account's epoch stays."""
    member = event.args["member"]
    row = now.rows.at(ledger.accounts, account_of(member))
    now.tiers_before.setdefault(member, row["tier"])
    row["tier"] = event.args["tier"]


@on(LEDGER, "Recharged")
def recharged(now: Now, event: Event) -> None:
    """Stored value came in."""
    member, amount = event.args["member"], event.args["amount"]
    of_member(now, member)["value"] += amount
    totals(now)["value"] += amount
    now.today()["recharged"] += amount
    now.rows.add(ledger.money_moves, kind=event.name, member=member, party=event.args["payer"], amount=amount)


@on(LEDGER, "ValueTaken")
def value_taken(now: Now, event: Event) -> None:
    """Stored value went out, or into a contract of the suite."""
    member, amount = event.args["member"], event.args["amount"]
    touched(now, account_of(member))["value"] -= amount
    totals(now)["value"] -= amount
    now.rows.add(ledger.money_moves, kind=event.name, member=member, party=event.args["to"], amount=amount)


def debited(now: Now, event: Event) -> None:
    """Debited: a payment took stored value; its coins moved by their Transfer."""
    value = event.args["value"]
    if value:
        touched(now, account_of(event.args["member"]))["value"] -= value
        totals(now)["value"] -= value


@on(LEDGER, "MembersMerged")
def merged(now: Now, event: Event) -> None:
    """All that one member had is another's; the coins moved by their Transfer."""
    source, target = event.args["from"], event.args["into"]
    old, new = touched(now, account_of(source)), touched(now, account_of(target))
    new["value"] += event.args["value"]
    new["current"], new["previous"] = new["current"] + old["current"], new["previous"] + old["previous"]
    new["tier"] = max(new["tier"], old["tier"])
    old.update(value=0, current=0, previous=0, flags=REGISTERED | FROZEN)
    now.rows.at(ledger.members, source)["merged_into"] = target
    _merge_debts(now, source, target)


def totals(now: Now) -> Row:
    """The ledger's own row, rolled to the block's epoch."""
    row = now.rows.at(ledger.ledgers, now.known.ledger)
    if row["epoch"] != now.epoch:
        row["previous"] = row["current"] if row["epoch"] + 1 == now.epoch else 0
        row["current"], row["epoch"] = 0, now.epoch
    return row


def owe_arrears(now: Now, merchant: int, member: int, points: int) -> None:
    """A member owes a merchant so many points more, or (negative) fewer."""
    now.rows.at(ledger.debts, merchant, member)["arrears"] += points
    row = now.rows.at(ledger.accounts, account_of(member))
    row["arrears"] += points
    row["flags"] = row["flags"] | IN_ARREARS if row["arrears"] else row["flags"] & ~IN_ARREARS


def _merge_debts(now: Now, source: int, target: int) -> None:
    """Debts of both directions go over, of the merchants that the call named.

    The ledger refuses to merge who owes a merchant that is not named, so all arrears go over. What merchants owe goes
    over where they are named, and the calldata says which; a merge by the suite names all that the proposal named.
    """
    for merchant in merchants_named(now):
        row = now.rows.find(ledger.debts, merchant, source)
        if row is None:
            continue
        owed, arrears = row["owed"], row["arrears"]
        if owed:
            now.rows.at(ledger.debts, merchant, source)["owed"] = 0
            now.rows.at(ledger.debts, merchant, target)["owed"] += owed
        if arrears:
            owe_arrears(now, merchant, source, -arrears)
            owe_arrears(now, merchant, target, arrears)


def merchants_named(now: Now) -> tuple[int, ...]:
    """The merchants that a call to MemberMerge names; () for any other call."""
    to, data = now.transaction.receiver, now.transaction.input
    kinds = MERGING.get(data[:4])
    if to is None or now.known.names.get(to) != "MemberMerge" or kinds is None:
        return ()
    return tuple(decode(kinds, data[4:])[2])
