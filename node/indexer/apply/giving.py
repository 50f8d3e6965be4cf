"""What a batch gave, added up before it is booked: by rule version, by merchant, for the day."""

from node.indexer.apply.handling import Now
from node.indexer.apply.purses import add_payable, add_prepaid, add_reserve
from node.indexer.tables import ledger


class Given:
    """Sums over the lines and payments of one batch."""

    def __init__(self) -> None:
        self._rules: dict[tuple[int, int], list[int]] = {}
        self._merchants: dict[int, list[int]] = {}
        self._payments = self._redeemed = self._in_coins = 0

    def line(self, merchant: int, version: int, amount: int, points: int, owed: int) -> None:
        """A line that earned."""
        sums = self._rules.setdefault((merchant, version), [0, 0, 0, 0])
        sums[0] += 1
        sums[1] += amount
        sums[2] += points
        sums[3] += owed

    def payment(
        self, merchant: int, lines: int, amount: int, points: int, coins: int, *, paid_in: tuple[int, int]
    ) -> None:
        """A payment, with the coins that it took, and what was paid from stored value and in coins at par."""
        sums = self._merchants.setdefault(merchant, [0, 0, 0, 0])
        sums[3] += sum(paid_in)
        self._in_coins += paid_in[1]
        sums[0] += lines
        sums[1] += amount
        sums[2] += points
        self._payments += 1
        self._redeemed += coins

    def book(self, now: Now) -> None:
        """Adds the sums to the rows."""
        for key, (lines, amount, points, owed) in self._rules.items():
            rule = now.rows.at(ledger.rule_versions, *key)
            rule["lines"] += lines
            rule["amount"] += amount
            rule["points"] += points
            rule["owed"] += owed
        today = now.today()
        for merchant, (lines, amount, points, debited) in self._merchants.items():
            row = now.rows.at(ledger.merchants, merchant)
            row["lines"] += lines
            row["turnover"] += amount
            row["points_given"] += points
            add_prepaid(now, merchant, -points)
            add_payable(now, merchant, debited)
            today["lines"] += lines
            today["amount"] += amount
            today["points_given"] += points
        add_reserve(now, -self._in_coins)
        today["payments"] += self._payments
        today["points_redeemed"] += self._redeemed
