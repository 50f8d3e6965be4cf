"""Which message a reversal, a refund or a completion may mean where nothing has the transmission time that it names.

Part of the journal, for group.py; pure. A terminal that repeats a message may give it another DE7, and whoever undoes
it names the one or the other: the copy that it names may be lost. Then the message with that trace number is meant
whose DE7 is near, and which is not newer than the reversal.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from node.domain.payment import Payment, Refund, Reversal

NO_TIME: Final = "0000000000"
"""The transmission time of a reversal that does not know its original's."""
REPEATS: Final = 6 * 3600
"""Seconds between the DE7 of a message and that of its last repeat, at most."""
SAME_DAY: Final = 12 * 3600
"""Seconds that the original of a reversal without a time is older, at most, by the terminal's own clock."""
_YEAR: Final = int(timedelta(days=366).total_seconds())


@dataclass(frozen=True, kw_only=True, slots=True)
class Tombstone:
    """A reversal whose original had not come. `amount` None is any; `time` (the reversal's, Unix seconds) None means
    that only the very reference is meant.
    """

    reference: str
    amount: int | None
    time: int | None

    @classmethod
    def of(cls, reference: str, reversal: Reversal) -> "Tombstone":
        """What a reversal leaves behind that names its original so."""
        if reversal.original.exact and time_in(reference) != NO_TIME:
            return cls(reference=reference, amount=None, time=None)
        amount = None if time_in(reference) == NO_TIME and not reversal.key.amount else int(reversal.key.amount)
        return cls(reference=reference, amount=amount, time=reversal.time)

    def means(self, reference: str, message: Payment | Refund) -> bool:
        """Whether this message, with this reference, is the original."""
        if reference == self.reference and time_in(reference) != NO_TIME:
            return True
        approved = message.approved if isinstance(message, Payment) else None
        return self.matches(reference, (message.key.amount, approved), message.time)

    def matches(self, reference: str, amounts: tuple[int | None, ...], time: int) -> bool:
        """Whether a message may be the original that has another reference: one of `amounts` is the reversal's, and
        `time`, its terminal's clock in Unix seconds, is not later.
        """
        if self.time is None or (self.amount is not None and self.amount not in amounts):
            return False
        named = time_in(self.reference)
        if named == NO_TIME:
            return 0 <= self.time - time <= SAME_DAY
        return time <= self.time and is_repeat(named, time_in(reference))


def is_repeat(one: str, other: str) -> bool:
    """Whether two transmission times (MMDDhhmmss) may be those of a message and its repeat; False for what are none."""
    try:
        # a leap year, for 29 February; the difference to the real year is a day, once a year
        first, second = (datetime.strptime("2000" + each, "%Y%m%d%H%M%S") for each in (one, other))
    except ValueError:
        return False
    between = abs(int((first - second).total_seconds()))
    return min(between, _YEAR - between) <= REPEATS


def time_in(reference: str) -> str:
    """The transmission time in a reference."""
    return reference.rpartition("|")[2]


def name_in(reference: str) -> str:
    """A reference without its transmission time."""
    return reference.rpartition("|")[0]
