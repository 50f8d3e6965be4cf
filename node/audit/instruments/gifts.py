"""Gifts of the catalogue, recomputed (docs/gifts.md): stock, what a reservation holds, what a merchant is paid; pure.

Coins in units, cash in minor units. A gift costs its published price in coins at par and its cash part; what is handed
over pays the merchant just that, and what is released or taken back returns to the stock.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.audit.instruments.said import Said, Wrong

PART: Final = "Gifts"


@dataclass(kw_only=True, slots=True)
class Offer:
    """A gift of the catalogue; `stock` is what is left."""

    price: int = 0
    cash_part: int = 0
    stock: int = 0


@dataclass(kw_only=True, slots=True)
class Gifts:
    """Recomputes one catalogue. `par` are units of a minor unit."""

    par: int
    checked: Counter[str] = field(default_factory=Counter)
    offers: dict[int, Offer] = field(default_factory=dict)
    reserved: dict[int, tuple[int, int]] = field(default_factory=dict)
    """What reservations hold: coins, cash."""

    @property
    def amounts(self) -> dict[str, int]:
        """What stands reserved."""
        coins = sum(coins for coins, _ in self.reserved.values())
        return {"coins reserved for gifts": coins, "cash reserved for gifts": sum(c for _, c in self.reserved.values())}

    def transaction(self, time: int, said: Sequence[Said]) -> list[Wrong]:
        """What of a transaction's events is not what the catalogue says."""
        wrong: list[Wrong] = []
        for each in said:
            if each.part == PART:
                text = self._change(each.name, each.fields)
                wrong += [(f"gift {each.fields.get('gift')}", text)] if text else []
        return wrong

    def _change(self, event: str, it: Mapping[str, Any]) -> str:
        """Books an event; what is wrong with it, empty for nothing."""
        match event:
            case "GiftPublished":
                price, cash_part, stock, *_ = it["terms"]
                self.offers[it["gift"]] = Offer(price=price, cash_part=cash_part, stock=stock)
            case "StockAdded":
                offer = self._offer(it)
                offer.stock += it["units"]
                if offer.stock != it["stock"]:
                    return f"{it['stock']} are in stock on the chain, {offer.stock} by what was added and taken"
            case "GiftReserved":
                return self._reserved(it)
            case "GiftHandedOver":
                return self._handed_over(it)
            case "GiftReleased":
                self._offer(it).stock += 1
                coins, cash = self.reserved.pop(it["reservation"], (0, 0))
                if it["current"] + it["previous"] > coins or it["cashPart"] != cash:
                    return f"more went back than the {coins} coins and {cash} of cash that were reserved"
            case "GiftTakenBack":
                self._offer(it).stock += 1
                self.checked["gifts taken back"] += 1
        return ""

    def _reserved(self, it: Mapping[str, int]) -> str:
        offer, coins = self._offer(it), it["current"] + it["previous"]
        self.checked["gifts"] += 1
        offer.stock -= 1
        self.reserved[it["reservation"]] = (coins, it["cashPart"])
        if offer.stock < 0:
            return "one was reserved, and none was in stock"
        due = (offer.price * self.par, offer.cash_part)
        if (coins, it["cashPart"]) != due:
            return f"{coins} coins and {it['cashPart']} of cash were taken, its price is {due[0]} and {due[1]}"
        return ""

    def _handed_over(self, it: Mapping[str, int]) -> str:
        coins, cash = self.reserved.pop(it["reservation"], (0, 0))
        due = coins // self.par + cash
        self.checked["gifts handed over"] += 1
        return "" if it["amount"] == due else f"the merchant was paid {it['amount']}, {due} were reserved"

    def _offer(self, it: Mapping[str, int]) -> Offer:
        return self.offers.setdefault(it["gift"], Offer())
