"""What merchants have and owe, and what the ledger's cash is for, as its words have them after each event.

Before it the ledger's events; after it the rows of `merchants` and `ledgers`. The arithmetic is that of the ledger
(interfaces/IRewardToken.sol, ILedgerDoors.sol): who pays for a refund is its merchant's payable, then its deposit, then
the guarantee fund, and no event says how much of each.
"""

from typing import Final

from node.domain.payment import Tender
from node.indexer.apply.accounts import totals
from node.indexer.apply.handling import Now
from node.indexer.rows import Row
from node.indexer.tables import ledger

FUND: Final = 0
"""The guarantee fund, among merchants."""


def add_prepaid(now: Now, merchant: int, points: int) -> None:
    """A merchant may give so many points more."""
    if points:
        _purse(now, merchant)["prepaid"] += points


def add_payable(now: Now, merchant: int, amount: int) -> None:
    """A merchant is to be paid so much more."""
    if amount:
        _purse(now, merchant)["payable"] += amount
        totals(now)["payable"] += amount


def add_reserve(now: Now, amount: int) -> None:
    """So much more stands behind points."""
    if amount:
        totals(now)["reserve"] += amount


def add_deposit(now: Now, merchant: int, amount: int) -> None:
    """A merchant, or the guarantee fund, has put up so much more."""
    if not amount:
        return
    totals(now)["deposits"] += amount
    if merchant == FUND:
        totals(now)["fund"] += amount
    else:
        _purse(now, merchant)["deposit"] += amount


def guarantee(now: Now, merchant: int, amount: int) -> None:
    """The fund paid for a merchant, or (negative) got it back from it."""
    if amount:
        _purse(now, merchant)["guaranteed"] += amount
        add_deposit(now, FUND, -amount)


def pay_back(now: Now, merchant: int, tender: int, amount: int) -> None:
    """A merchant's money for a line that is undone; the fund's part has an event of its own (Guaranteed)."""
    if tender == Tender.EXTERNAL:
        return
    purse = _purse(now, merchant)
    payable = min(amount, purse["payable"])
    deposit = min(amount - payable, purse["deposit"])
    add_payable(now, merchant, -payable)
    add_deposit(now, merchant, -deposit)
    if tender == Tender.COIN:
        add_reserve(now, amount)


def _purse(now: Now, merchant: int) -> Row:
    return now.rows.at(ledger.merchants, merchant)
