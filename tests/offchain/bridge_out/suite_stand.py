"""A bridge's stand with the contracts beside the ledger, and with what each kind of act needs (offers.py)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.devchain import Chain, anvil
from benchmarks.suite import Suite
from tests.offchain.bridge_out.offers import Offers
from tests.offchain.bridge_out.stand import MEMBERS, Stand

HOLDER, BUYER = MEMBERS[0], MEMBERS[1]
MERCHANTS: Final = 2


class SuiteStand(Stand):
    """A stand whose first merchant sells, discounts, recharges and gives gifts; the other one may do nothing."""

    world: Suite

    def __init__(self, chain: Chain, folder: Path) -> None:
        super().__init__(chain, folder, world=Suite(chain))
        self.shop, self.other = self.merchants[:MERCHANTS]
        self.offers = Offers(
            chain=chain,
            parts=self.world.parts,
            ledger=self.world.ledger,
            cash=self.world.cash,
            operator=self.world.operator,
            admin=self.world.merchant,
            shop=self.shop,
            other=self.other,
            holder=HOLDER,
            buyer=BUYER,
            product_sets=folder / "product-sets",
        )
        self.offers.make()

    def part(self, name: str) -> Any:
        """A contract of the suite."""
        return self.world[name]

    def _contracts(self) -> dict[str, Any]:
        return super()._contracts() | self.world.parts


@contextmanager
def suite_stand_on(folder: Path) -> Iterator[SuiteStand]:
    """A stand with the whole suite, on a chain of its own."""
    with anvil() as chain:
        yield SuiteStand(chain, folder)
