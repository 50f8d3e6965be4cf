"""Purchased goods offered, paid for, handed over, disputed and returned, in any order, while lines are refunded."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from node.domain.assignment import Item
from node.domain.ids import MemberId
from node.domain.merkle import items_root
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.market_world import bazaar_of, proven, undone_if_refused
from tests.contracts.suite.resale_model import OFFERED, PAID, Purchase, ResaleModel
from tests.contracts.twin import Twin, external, stored
from tests.contracts.worlds import RICH

SHOPPERS = (MemberId(9_002), MemberId(9_003))  # of this mixin alone
WINDOW = 604_800
people = st.integers(0, 2)
prices = st.sampled_from([0, 5, 900, 900])
mostly_new = st.sampled_from([0, 0, 0, 1, 2, 3])


class ResaleRules:
    """Two members with keys and a thief; receipts of three items on one line."""

    twin: Twin

    def setup_resale(self) -> None:
        """Members' keys; nothing bought yet."""
        market = bazaar_of(self)
        self.resale_model = ResaleModel(ledger=self.twin.model, window=WINDOW)
        self.goods_bought: list[Purchase] = []
        self.twin.enrol(*SHOPPERS)
        for member, key in zip(SHOPPERS, market.payers, strict=True):
            self.twin.give_key(member, key)
            self.resale_model.keys[member] = key
        self.resale_people = [*market.payers, market.thief]
        self.buy_goods([1_000, 250, 1], 0, False)
        self.buy_goods([70, 30], 1, True)

    def cash_owed_resale(self) -> dict[str, int]:
        """What buyers paid and sellers have not got yet."""
        return {"ReceiptMarket": self.resale_model.held()}

    @rule(
        amounts=st.lists(st.integers(1, 400), min_size=1, max_size=4),
        shopper=st.integers(0, 1),
        from_value=st.booleans(),
    )
    def buy_goods(self, amounts: list[int], shopper: int, from_value: bool) -> None:
        """A payment with line items, all on one line."""
        items = tuple(Item(product=f"P{place}", amount=amount, quantity=1) for place, amount in enumerate(amounts))
        salt = len(self.goods_bought).to_bytes(16, "big")
        line = (stored if from_value else external)(sum(amounts), 1)
        payment = self.twin.payment(RICH, SHOPPERS[shopper], line, items_root=items_root(items, salt))
        outcome = self.twin.post(payment)
        for leaf in outcome.leaves:
            self.goods_bought += [Purchase(leaf=leaf, items=items, salt=salt, index=i) for i in range(len(items))]

    @rule(
        data=st.data(), who=st.sampled_from([0, 1, 1, 2]), price=st.sampled_from([0, 5, 900]), days=st.integers(0, 40)
    )
    def offer_goods(self, data: Any, who: int, price: int, days: int) -> None:
        found = self._drawn_goods(data)
        if found is None:
            return
        # mostly its own
        member = found.leaf.member if who else SHOPPERS[0]
        key = self.resale_people[2] if who == 2 else self.resale_model.keys[member]
        until = self.twin.now + 1 + days * 86_400
        model = self.resale_model
        self._resale_act(
            "offer", member, proven(self.twin, found.leaf), found.words(), price, until, 0, b"", sender=key,
            model=lambda: model.offer(key, member, found, price, until),
        )  # fmt: skip

    @precondition(lambda self: self.resale_model.listings)
    @rule(data=st.data(), who=people, low=st.sampled_from([0, 0, 0, 1]))
    def buy_receipt(self, data: Any, who: int, low: int) -> None:
        token, sender = self._drawn_listing(data, OFFERED), self.resale_people[who]
        most = self.resale_model.listings[token].price - low
        self._resale_act("buy", token, most, sender=sender, model=lambda: self.resale_model.buy(sender, token, most))

    @precondition(lambda self: self.resale_model.listings)
    @rule(data=st.data(), who=people, wait=st.sampled_from([False, False, True]))
    def hand_over(self, data: Any, who: int, wait: bool) -> None:
        token = self._drawn_listing(data, PAID)
        its = self.resale_model.listings[token]
        sender = its.buyer if who == 0 and its.buyer else self.resale_people[who]
        if wait:
            self.twin.now += WINDOW
        self._resale_act(
            "handOver", token, proven(self.twin, its.purchase.leaf), sender=sender,
            model=lambda: self.resale_model.hand_over(sender, token),
        )  # fmt: skip

    @precondition(lambda self: self.resale_model.listings)
    @rule(data=st.data(), what=st.sampled_from(["withdraw", "unwind", "dispute"]), who=people, reason=st.booleans())
    def change_mind(self, data: Any, what: str, who: int, reason: bool) -> None:
        token = self._drawn_listing(data, PAID)
        its, model = self.resale_model.listings[token], self.resale_model
        parties = [model.keys[its.purchase.leaf.member], its.buyer or self.resale_people[2], self.resale_people[2]]
        sender = parties[who]
        if what == "dispute":
            text = "empty box" if reason else ""
            self._resale_act(what, token, text, sender=sender, model=lambda: model.dispute(sender, token, text))
        else:
            self._resale_act(what, token, sender=sender, model=lambda: getattr(model, what)(sender, token))

    @precondition(lambda self: any(its.status == 3 for its in self.resale_model.listings.values()))
    @rule(sold=st.booleans())
    def decide_dispute(self, sold: bool) -> None:
        token = next(token for token, its in self.resale_model.listings.items() if its.status == 3)
        leaf = self.resale_model.listings[token].purchase.leaf
        self._resale_act(
            "resolve", token, sold, proven(self.twin, leaf), "looked at it", sender=self.twin.world.operator,
            model=lambda: self.resale_model.resolve(token, sold, "looked at it"),
        )  # fmt: skip

    @rule(shopper=st.integers(0, 1), frozen=st.sampled_from([False, False, True]))
    def freeze_shopper(self, shopper: int, frozen: bool) -> None:
        """What a frozen member sells waits."""
        self.twin.set_state(SHOPPERS[shopper], frozen=frozen)

    @rule(data=st.data(), mark=st.booleans())
    def return_goods(self, data: Any, mark: bool) -> None:
        """The merchant takes goods back; sometimes it forgets to mark the item."""
        found = self._drawn_goods(data)
        if found is None:
            return
        undo = Undo(leaf=found.leaf, amount=found.amount)
        self.twin.refund(Refund(sequence=self.twin.next_sequence(), kind=1, lines=(undo,)))
        if mark:
            self._resale_act(
                "markReturned", proven(self.twin, found.leaf), found.words(), sender=self.twin.world.merchant,
                model=lambda: self.resale_model.mark_returned(found),
            )  # fmt: skip

    @invariant()
    def market_keeps_its_books(self) -> None:
        market, model = bazaar_of(self).receipts, self.resale_model
        for token, its in list(model.listings.items())[-4:]:
            found = market.view("listing", token)
            assert (found["status"], found["price"], found["until"]) == (its.status, its.price, its.until)
            assert market.view("ownerOf", token) == model.owners[token]
        for found_one in self.goods_bought[-6:]:
            settled = [p for p in self.goods_bought if p.leaf.hash == found_one.leaf.hash and self._sold(p)]
            # nobody is refunded for what was sold on
            assert sum(p.amount for p in settled) <= model.ledger.refunded.get(found_one.leaf.hash, (0, 0))[0]

    # --- inside ---

    def _sold(self, purchase: Purchase) -> bool:
        listing = self.resale_model.listings.get(purchase.token)
        return listing is not None and listing.status == 4

    def _drawn_goods(self, data: Any) -> Purchase | None:
        if not self.goods_bought:
            return None
        return self.goods_bought[data.draw(st.integers(0, len(self.goods_bought) - 1))]

    def _drawn_listing(self, data: Any, *statuses: int) -> int:
        listings = self.resale_model.listings
        fitting = [token for token, its in listings.items() if its.status in statuses]
        tokens = fitting if fitting and data.draw(st.sampled_from([True, True, False])) else list(listings)
        return tokens[-1 - data.draw(mostly_new) % len(tokens)]

    def _resale_act(self, name: str, *arguments: Any, model: Callable[[], Any], sender: str) -> None:
        def follow() -> None:
            with undone_if_refused(self.twin.model, self.resale_model):
                model()

        self.twin.act(bazaar_of(self).receipts, name, *arguments, model=follow, sender=sender)
