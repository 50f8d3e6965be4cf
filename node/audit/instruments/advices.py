"""Sales offline that overdrew (interfaces/IAdvices.sol): each books one that the ledger skipped for want, once; pure.

The contract sees only that the sale's sequence was used up; that its lines had no effect is told by the ledger's logs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.audit.instruments.said import Said, Wrong

SHORT: Final = (14, 15)
"""The ledger's reasons for a sale that overdraws: stored value, coins (docs/batch.md)."""
FUND_VALUE, SHOP_VALUE, FUND_COINS, SHOP_COINS = 4, 5, 9, 10
"""Places of a booking's debts."""


@dataclass(kw_only=True, slots=True)
class Advices:
    """Follows all bookings. `short` are the sales that may be booked, `owed` all that members came to owe."""

    checked: Counter[str] = field(default_factory=Counter)
    short: set[tuple[int, int]] = field(default_factory=set)
    owed: int = 0

    @property
    def amounts(self) -> dict[str, int]:
        """What members came to owe by sales that overdrew, minor units."""
        return {"owed by advices": self.owed}

    def transaction(self, time: int, said: Sequence[Said]) -> list[Wrong]:
        """What of a transaction's events is not what the terms say."""
        wrong: list[Wrong] = []
        for each in said:
            match each.part, each.name:
                case "RewardToken", "Skipped":
                    if each.fields["reason"] in SHORT:
                        self.short.add((each.fields["stream"], each.fields["sequence"]))
                case "Advices", "AdviceBooked":
                    wrong += self._booked(each.fields)
                case "Advices", "AdviceUndone":
                    self.checked["advices undone"] += 1
        return wrong

    def _booked(self, it: Mapping[str, Any]) -> list[Wrong]:
        booking, sale = it["booking"], (it["stream"], it["original"])
        subject = f"payment {it['stream']}-{it['sequence']}"
        self.checked["advices"] += 1
        self.owed += sum(booking[at] for at in (FUND_VALUE, SHOP_VALUE, FUND_COINS, SHOP_COINS))
        wrong: list[Wrong] = []
        if sale not in self.short:
            wrong.append((subject, f"books sale {sale[0]}-{sale[1]}, which the ledger did not skip for want"))
        if it["due"] > booking[FUND_VALUE] + booking[FUND_COINS]:
            wrong.append((subject, f"{it['due']} are due to the merchant, more than was guaranteed"))
        self.short.discard(sale)
        return wrong
