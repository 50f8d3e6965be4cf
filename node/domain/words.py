"""The ledger's packed words (docs/batch.md, "Words") as dataclasses, to and from their 256 bits; pure.

Used by rewards (the mirror of the contracts), by tests that compare storage, and by whoever reads storage with a proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

REGISTERED: Final = 1
LOCKED: Final = 2
FROZEN: Final = 4
IN_ARREARS: Final = 8
ACTIVE: Final = 1
KNOWN: Final = 2
EXISTS: Final = 1
BUDGETED: Final = 2
CAPPED: Final = 4
TIERED: Final = 8
VETOED: Final = 16
PAUSED: Final = 1
EARNED_MAX: Final = 2**48 - 1
TURNOVER_MAX: Final = 2**48 - 1
ISSUED_MAX: Final = 2**56 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A holder: `value` in minor units, coins in units by the epoch they came in."""

    value: int = 0
    current: int = 0
    previous: int = 0
    earned: int = 0
    epoch: int = 0
    tier: int = 0
    flags: int = 0

    def pack(self) -> int:
        return _pack(
            (self.value, 56), (self.current, 56), (self.previous, 56), (self.earned, 48),
            (self.epoch, 16), (self.tier, 8), (self.flags, 16),
        )  # fmt: skip

    @staticmethod
    def unpack(word: int) -> "Account":
        value, current, previous, earned, epoch, tier, flags = _unpack(word, (56, 56, 56, 48, 16, 8, 16))
        return Account(
            value=value, current=current, previous=previous, earned=earned, epoch=epoch, tier=tier, flags=flags
        )

    @property
    def coins(self) -> int:
        """What the holder can spend."""
        return self.current + self.previous

    def rolled(self, epoch: int) -> tuple["Account", int]:
        """The account in `epoch`, and the coins that expired on the way."""
        if epoch == self.epoch:
            return self, 0
        aged = self.current if epoch == self.epoch + 1 else 0
        rolled = replace(self, current=0, previous=aged, earned=0, epoch=epoch)
        return rolled, self.coins - aged

    def without_coins(self, units: int) -> tuple["Account", int]:
        """After taking coins, those of the previous epoch first; and how many came from there."""
        old = min(units, self.previous)
        return replace(self, previous=self.previous - old, current=self.current - (units - old)), old

    def with_points(self, units: int) -> "Account":
        """After earning."""
        return replace(self, current=self.current + units, earned=min(self.earned + units, EARNED_MAX))


@dataclass(frozen=True, kw_only=True, slots=True)
class Merchant:
    """A merchant: `prepaid` and `issued` in units, `payable` and `turnover` in minor units."""

    prepaid: int = 0
    payable: int = 0
    turnover: int = 0
    issued: int = 0
    epoch: int = 0
    flags: int = ACTIVE | KNOWN

    def pack(self) -> int:
        return _pack(
            (self.prepaid, 64), (self.payable, 64), (self.turnover, 48), (self.issued, 56),
            (self.epoch, 16), (self.flags, 8),
        )  # fmt: skip

    @staticmethod
    def unpack(word: int) -> "Merchant":
        prepaid, payable, turnover, issued, epoch, flags = _unpack(word, (64, 64, 48, 56, 16, 8))
        return Merchant(prepaid=prepaid, payable=payable, turnover=turnover, issued=issued, epoch=epoch, flags=flags)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A rule version; rates in units for 10,000 minor units. `tiers` and `veto_block` lie beside the word."""

    rate: int = 0
    base_rate: int = 0
    starts: int = 0
    until: int = 0
    budget_left: int = 0
    day_cap: int = 0
    flags: int = 0
    tiers: tuple[int, ...] = ()
    veto_block: int = 0

    def pack(self) -> int:
        return _pack(
            (self.rate, 40), (self.base_rate, 40), (self.starts, 32), (self.until, 32),
            (self.budget_left, 56), (self.day_cap, 48), (self.flags, 8),
        )  # fmt: skip

    @staticmethod
    def unpack(word: int, tiers: tuple[int, ...] = (), veto_block: int = 0) -> "Rule":
        rate, base_rate, starts, until, budget_left, day_cap, flags = _unpack(word, (40, 40, 32, 32, 56, 48, 8))
        return Rule(
            rate=rate, base_rate=base_rate, starts=starts, until=until, budget_left=budget_left, day_cap=day_cap,
            flags=flags, tiers=tiers, veto_block=veto_block,
        )  # fmt: skip

    def in_force(self, time: int, block: int) -> bool:
        """Whether it applies at this time, in this block."""
        vetoed = bool(self.flags & VETOED) and block > self.veto_block
        return not vetoed and self.starts <= time and (self.until == 0 or time < self.until)

    def tier_bps(self, tier: int) -> int:
        """Basis points of a tier."""
        return self.tiers[tier] if self.flags & TIERED and tier else 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A stream: `limit` and `debited` in minor units."""

    poster: int = 0
    limit: int = 0
    day: int = 0
    debited: int = 0

    def pack(self) -> int:
        return _pack((self.poster, 160), (self.limit, 40), (self.day, 16), (self.debited, 40))

    def left(self, day: int) -> int:
        """What it may still debit on this day."""
        return max(self.limit - (self.debited if day == self.day else 0), 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Supply:
    """All coins by age, what was issued in this epoch, units."""

    current: int = 0
    previous: int = 0
    issued: int = 0
    epoch: int = 0
    flags: int = 0

    def pack(self) -> int:
        return _pack(
            (self.current, 64), (self.previous, 64), (self.issued, 64), (self.epoch, 16), (self.flags, 8), (0, 40)
        )

    @staticmethod
    def unpack(word: int) -> "Supply":
        current, previous, issued, epoch, flags, _ = _unpack(word, (64, 64, 64, 16, 8, 40))
        return Supply(current=current, previous=previous, issued=issued, epoch=epoch, flags=flags)

    def coins_in(self, epoch: int) -> int:
        """All coins in `epoch`: those of the epoch before are the old ones then, and what is older has expired."""
        if epoch == self.epoch:
            return self.current + self.previous
        return self.current if epoch == self.epoch + 1 else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """What the cash is for, minor units."""

    stored_value: int = 0
    payable: int = 0
    reserve: int = 0
    deposits: int = 0

    def pack(self) -> int:
        return _pack((self.stored_value, 64), (self.payable, 64), (self.reserve, 64), (self.deposits, 64))

    @staticmethod
    def unpack(word: int) -> "Totals":
        stored_value, payable, reserve, deposits = _unpack(word, (64, 64, 64, 64))
        return Totals(stored_value=stored_value, payable=payable, reserve=reserve, deposits=deposits)


def _pack(*fields: tuple[int, int]) -> int:
    word = 0
    for value, bits in fields:
        if not 0 <= value < 1 << bits:
            raise OverflowError(f"{value} does not fit {bits} bits")
        word = word << bits | value
    return word


def _unpack(word: int, widths: Sequence[int]) -> list[int]:
    values = []
    for bits in reversed(widths):
        values.append(word & ((1 << bits) - 1))
        word >>= bits
    return values[::-1]
