"""Payments in other assets, recomputed (docs/assets.md): cash for each sale, and refunds within it; pure.

Minor units. A sale's amount leaves the gateway's inventory for the ledger, and a refund's comes back; no sale is
refunded by more than it was. What the price oracle said is taken as said.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from node.audit.instruments.said import Said, Wrong, net_cash

PART: Final = "AssetGateway"
AMOUNT: Final = 4
"""Of a sale, in IAssetGateway.Sale."""


@dataclass(kw_only=True, slots=True)
class Assets:
    """Recomputes one gateway. `address` is the contract's, as a number."""

    address: int
    checked: Counter[str] = field(default_factory=Counter)
    left: dict[int, int] = field(default_factory=dict)
    sums: Counter[str] = field(default_factory=Counter)

    @property
    def amounts(self) -> dict[str, int]:
        """What was sold and refunded."""
        return dict(self.sums)

    def transaction(self, time: int, said: Sequence[Said]) -> list[Wrong]:
        """What of a transaction's events is not what the sales say."""
        wrong: list[Wrong] = []
        due = 0
        told = [each for each in said if each.part == PART]
        for each in told:
            it = each.fields
            match each.name:
                case "AssetPaid":
                    amount = int(it["sale"][AMOUNT])
                    self.checked["asset sales"] += 1
                    self.sums["paid in other assets"] += amount
                    self.left[it["id"]] = amount
                    due -= amount
                case "AssetRefunded":
                    self.checked["asset refunds"] += 1
                    self.sums["refunded in other assets"] += it["amount"]
                    self.left[it["id"]] = self.left.get(it["id"], 0) - it["amount"]
                    due += it["amount"]
                    if self.left[it["id"]] < 0:
                        wrong.append(
                            (f"sale {it['id']}", f"it was refunded by {-self.left[it['id']]} more than it was")
                        )
                case "InventoryFunded":
                    due += it["amount"]
                case "InventoryTaken":
                    due -= it["amount"]
        moved = net_cash(said, self.address)
        if told and moved != due:
            wrong.append(("the gateway's cash", f"{moved} came in on the chain, {due} by its sales and refunds"))
        return wrong
