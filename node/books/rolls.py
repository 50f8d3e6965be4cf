"""The roll-forward of each account: opening + issued - redeemed - expired +- adjusted = closing; pure.

Of what is owed, what makes it more is issued and what makes it less redeemed; of an asset likewise what came and went.
What undoes something, or moves it without anybody having been given or paid anything, is an adjustment.
"""

from dataclasses import dataclass
from typing import Final

from node.books.entry import Place

OPENING: Final = "opening"
EXPIRING: Final = "expire"
ADJUSTING: Final = frozenset(
    {
        "refund", "ArrearsCollected", "ArrearsForgiven", "CoinsRestored", "ExpiredClaimed", "FundRepaid", "LineSettled",
        "MembersMerged", "PointsClawedBack", "PointsReturned",
    }
)  # fmt: skip


@dataclass(kw_only=True, slots=True)
class Roll:
    """How an account came from its opening to its closing; smallest units, all but `adjusted` 0 or more."""

    opening: int = 0
    issued: int = 0
    redeemed: int = 0
    expired: int = 0
    adjusted: int = 0

    @property
    def closing(self) -> int:
        """What it comes to."""
        return self.opening + self.issued - self.redeemed - self.expired + self.adjusted

    def add(self, cause: str, more: int) -> None:
        """Counts a change: how much more it is for this cause."""
        if cause == EXPIRING and more < 0:
            self.expired -= more
        elif cause in ADJUSTING:
            self.adjusted += more
        elif more >= 0:
            self.issued += more
        else:
            self.redeemed -= more


def is_owed(place: Place) -> bool:
    """Whether an account's balance is a credit: a liability, or what stands against a claim."""
    return not place[0].startswith("Assets:")
