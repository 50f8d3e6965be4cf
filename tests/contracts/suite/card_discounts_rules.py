"""What can happen to published discounts of cards: published, over, ended, vetoed, asked for."""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from benchmarks.suite import Suite
from node.domain.ids import MerchantId
from tests.contracts.model import Refused
from tests.contracts.twin import Twin
from tests.contracts.worlds import RICH, TIERED

DAY = 86_400
ALL, BREAD = bytes(32), b"\5" * 32
MOST = 32
SHOP_KIND = 7
"""A kind of card of this mixin alone."""
shops = st.sampled_from([RICH, RICH, TIERED])


@dataclass(kw_only=True)
class Discount:
    """ICardDiscounts.Terms, and its number."""

    number: int
    products: bytes
    kind: int
    bps: int
    starts: int
    until: int

    def applies(self, products: bytes, kind: int, time: int) -> bool:
        """Whether it is taken off such a sale."""
        fits = self.products in (ALL, products) and self.kind in (0, kind)
        return fits and self.starts <= time and (not self.until or time < self.until)


class CardDiscountsRules:
    """Two merchants' discounts."""

    twin: Twin

    def setup_card_discounts(self) -> None:
        """A kind of card, and one discount."""
        world = self.twin.world
        assert isinstance(world, Suite)
        self.card_discounts = world["CardDiscounts"]
        self.off: dict[int, list[Discount]] = {RICH: [], TIERED: []}
        self.off_count: dict[int, int] = {RICH: 0, TIERED: 0}
        self.off_ended: dict[int, set[int]] = {RICH: set(), TIERED: set()}
        self.twin.tick()
        world["MemberCards"].send("setKind", SHOP_KIND, 0, 0, 0, 0, sender=world.operator)
        self.publish_discount(shop=RICH, products=ALL, kind=0, bps=500, starts=0, lasts=None)

    def cash_owed_card_discounts(self) -> dict[str, int]:
        """Nothing ever."""
        return {"CardDiscounts": 0}

    @rule(
        shop=shops,
        products=st.sampled_from([ALL, BREAD]),
        kind=st.sampled_from([0, SHOP_KIND, SHOP_KIND, 99]),
        bps=st.sampled_from([0, 1, 500, 2_500, 10_000, 10_001]),
        starts=st.sampled_from([0, 0, 3_600, 40 * DAY]),
        lasts=st.sampled_from([None, None, 0, 1, DAY, 60 * DAY]),
    )
    def publish_discount(
        self, shop: MerchantId, products: bytes, kind: int, bps: int, starts: int, lasts: int | None
    ) -> None:
        first = self.twin.now + starts if starts else 0
        until = 0 if lasts is None else self.twin.now + starts + lasts

        def model() -> None:
            if not 0 < bps <= 10_000:
                raise Refused("BadDiscount")
            if until and (until <= first or until <= self.twin.now):
                raise Refused("BadWindow")
            if kind not in (0, SHOP_KIND):
                raise Refused("UnknownKind")
            standing = self._standing_off(shop)
            if len(standing) == MOST:
                raise Refused("TooManyTerms")
            self.off_count[shop] += 1
            its = Discount(
                number=self.off_count[shop], products=products, kind=kind, bps=bps, starts=first, until=until
            )
            self.off[shop] = [*standing, its]

        terms = (shop, products, kind, bps, first, until, "")
        self.twin.act(self.card_discounts, "publish", *terms, model=model, sender=self.twin.world.merchant)

    @rule(shop=shops, back=st.integers(0, 3), veto=st.booleans())
    def end_discount(self, shop: MerchantId, back: int, veto: bool) -> None:
        number = self.off_count[shop] - back

        def model() -> None:
            # one that is over by time is ended too, once
            if number < 1 or number in self.off_ended[shop]:
                raise Refused("UnknownTerms")
            self.off[shop] = [each for each in self._standing_off(shop) if each.number != number]
            self.off_ended[shop].add(number)

        world = self.twin.world
        if number >= 0:
            self.twin.act(
                self.card_discounts, "veto" if veto else "end", shop, number, model=model,
                sender=world.operator if veto else world.merchant,
            )  # fmt: skip

    @invariant()
    def the_largest_discount_is_told(self) -> None:
        """Of those that apply to a sale now."""
        now = self.twin.chain.now()
        for shop, terms in self.off.items():
            for products, kind in ((ALL, 0), (BREAD, SHOP_KIND)):
                bps, number = self.card_discounts.view("discountFor", shop, products, kind, now)
                fit = [each for each in terms if each.applies(products, kind, now)]
                assert bps == max((each.bps for each in fit), default=0)
                assert (number, bps) in {(each.number, each.bps) for each in fit} or not fit

    def _standing_off(self, shop: int) -> list[Discount]:
        """Those that are not over in the next block."""
        return [each for each in self.off[shop] if not each.until or each.until > self.twin.now]
