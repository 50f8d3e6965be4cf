"""Accounts and entries of the books; pure.

Two commodities: money in minor units, points in units of 10^-6; they meet in no entry but side by side. Amounts are
debits above 0 and credits below, and those of one commodity come to 0 in every entry.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Commodity(StrEnum):
    """What is counted."""

    MONEY = "CASH"
    POINTS = "POINT"


DECIMALS: Final[Mapping[Commodity, int]] = {Commodity.MONEY: 2, Commodity.POINTS: 6}

Place = tuple[str, Commodity]
"""An account, and what of."""

OWN_ACCOUNTS: Final[Mapping[str, str]] = {
    "GiftCertificates": "Liabilities:Certificates",
    "IncentivePools": "Liabilities:Pools",
}
"""Contracts whose money is one kind of debt."""
VAULT: Final = ("Assets:Vault", Commodity.MONEY)
OUTSIDE: Final = ("Liabilities:EMoney:Outside", Commodity.MONEY)
STORED_VALUE: Final = ("Liabilities:StoredValue", Commodity.MONEY)
RESERVE: Final = ("Liabilities:RedemptionReserve", Commodity.MONEY)
FUND: Final = ("Liabilities:GuaranteeFund", Commodity.MONEY)
FEES: Final = ("Liabilities:Fees", Commodity.MONEY)
UNASSIGNED: Final = ("Liabilities:Unassigned", Commodity.MONEY)
COVER: Final = ("Assets:ReserveForPoints", Commodity.POINTS)
MEMBERS: Final = ("Liabilities:Points:Circulating", Commodity.POINTS)
EXPIRED: Final = ("Liabilities:Points:ExpiredUnclaimed", Commodity.POINTS)
GUARANTEED: Final = ("Equity:GuaranteesPaid", Commodity.MONEY)
OWED: Final = ("Liabilities:PointsOwed", Commodity.POINTS)
ARREARS: Final = ("Equity:ArrearsOfMembers", Commodity.POINTS)


def payable(merchant: int) -> Place:
    """What a merchant is to be paid."""
    return f"Liabilities:Payable:M{merchant}", Commodity.MONEY


def deposit(merchant: int) -> Place:
    """What a merchant has put up; merchant 0 is the guarantee fund."""
    return (f"Liabilities:Deposits:M{merchant}", Commodity.MONEY) if merchant else FUND


def prepaid(merchant: int) -> Place:
    """Points that a merchant bought and has not given."""
    return f"Liabilities:Points:Prepaid:M{merchant}", Commodity.POINTS


def owed_by(merchant: int) -> Place:
    """Points that a merchant owes members: their claim on it."""
    return f"Assets:PointsOwedBy:M{merchant}", Commodity.POINTS


def arrears_to(merchant: int) -> Place:
    """Points that members owe a merchant."""
    return f"Assets:Arrears:M{merchant}", Commodity.POINTS


def guaranteed_for(merchant: int) -> Place:
    """What a merchant owes the guarantee fund."""
    return f"Assets:OwedToFund:M{merchant}", Commodity.MONEY


def held_by(part: str) -> Place:
    """What a contract beside the ledger holds for others."""
    return OWN_ACCOUNTS.get(part, f"Liabilities:Held:{part}"), Commodity.MONEY


def points_held_by(part: str) -> Place:
    """Points that a contract beside the ledger holds for others."""
    return f"Liabilities:Points:Held:{part}", Commodity.POINTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What one transaction did to the books, of `cause`; `amounts` by account, none of them 0."""

    time: int
    block: int
    transaction: str
    cause: str
    amounts: Mapping[Place, int]

    def __post_init__(self) -> None:
        sums: Counter[Commodity] = Counter()
        for (_, commodity), amount in self.amounts.items():
            sums[commodity] += amount
        if any(sums.values()):
            raise Unbalanced(f"{self.cause} in block {self.block}: {dict(sums)} too much")


class Unbalanced(ArithmeticError):
    """An entry that does not come to 0: the replay, or the ledger, made something of nothing."""
