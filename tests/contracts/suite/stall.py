"""A shop that sells for bitcoin, ether and dollars, for the tests of single calls."""

from typing import Any

from benchmarks.devchain import Contract
from node.domain.ids import MerchantId
from node.domain.merkle import keccak
from tests.contracts.suite.assets_model import Sale
from tests.contracts.suite.market_world import Bazaar
from tests.contracts.twin import Twin

SHOP = MerchantId(1)
COIN_PRICE = 6_500_000 * 10**6  # a bitcoin at 65,000.00
ETHER_PRICE = 250_000 * 10**6
DOLLAR_PRICE = 100 * 10**6
LIMIT, DAY_LIMIT = 10_000_000, 30_000_000
INVENTORY = 20_000_000
NOBODY = "0x" + "00" * 20
KEY = keccak(b"a payer's key")
MOST = 2**100


class Stall:
    """A shop that takes bitcoin (refunds at the sale's rate), ether and dollars (at the current one)."""

    def __init__(self, twin: Twin) -> None:
        self.twin, self.bazaar = twin, Bazaar(twin)
        self.oracle, self.gateway, self.cash = self.bazaar.oracle, self.bazaar.gateway, twin.world.cash
        self.payer, self.other = self.bazaar.payers
        self.bitcoin, self.ether, self.dollar = (t.address for t in self.bazaar.tokens.values())
        self.bazaar.appoint()
        self.bazaar.give(self.gateway, self.payer, self.other)
        twin.onboard(prepaid=1_000)
        self.send(self.cash, "approve", self.gateway.address, 2**256 - 1)
        self.send(self.gateway, "fund", INVENTORY)
        prices = (COIN_PRICE, ETHER_PRICE, DOLLAR_PRICE)
        for asset, decimals, price, refunds in zip(self.bazaar.tokens, (8, 18, 6), prices, (1, 2, 2), strict=True):
            self.send(self.oracle, "setFeed", asset, price, 3, 900, 1_000)
            self.send(self.gateway, "setAsset", asset, decimals, LIMIT, DAY_LIMIT)
            self.send(self.gateway, "setMerchantTerms", SHOP, asset, refunds, sender=twin.world.merchant)
            self.report(asset, price)

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> Any:
        return self.bazaar.send(contract, name, *arguments, sender=sender)

    def report(self, asset: str, *prices: int) -> None:
        """Each reporter its price; all the same if there is only one."""
        told = prices * 3 if len(prices) == 1 else prices
        for reporter, price in zip(self.bazaar.reporters, told, strict=False):
            self.send(self.oracle, "report", [asset], [price], sender=reporter)

    def terms(self, amount: int, *, asset: str = "", payer: str = "", most: int = MOST) -> tuple[Any, ...]:
        return (payer or self.payer, asset or self.bitcoin, SHOP, amount, most, bytes(32))

    def pay(self, amount: int, *, asset: str = "", most: int = MOST) -> Sale:
        return self._sale("pay", amount, asset, most)

    def lock(self, amount: int, *, asset: str = "", most: int = MOST) -> Sale:
        return self._sale("lockRate", amount, asset, most)

    def _sale(self, name: str, amount: int, asset: str, most: int) -> Sale:
        terms = self.terms(amount, asset=asset, most=most)
        receipt = self.send(self.gateway, name, terms, 0, b"", sender=self.payer)
        return sale_of(self.gateway.events(receipt)[-1].args["sale"])

    def refund(self, sale: Sale, amount: int, sender: str | None = None) -> Any:
        return self.send(self.gateway, "refund", sale.words(), amount, sender=sender or self.twin.world.merchant)

    def held(self, owner: str, asset: str = "") -> int:
        return int(self.bazaar.tokens[asset or self.bitcoin].view("balanceOf", owner))

    def payable(self) -> int:
        return int(self.twin.ledger.view("merchant", SHOP)["payable_"])

    def wait(self, seconds: int) -> None:
        self.twin.tick(seconds)
        self.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)


def sale_of(found: dict[str, Any]) -> Sale:
    return Sale(**{name: found[word] for name, word in zip(Sale.__dataclass_fields__, found, strict=True)})
