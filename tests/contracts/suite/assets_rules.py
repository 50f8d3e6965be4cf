"""Prices and payments in other assets, in any order, by honest and by hostile tokens."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from node.domain.ids import MerchantId
from tests.contracts.model import Refused
from tests.contracts.suite.assets_model import DAY, Asset, GatewayModel, OracleModel, Sale
from tests.contracts.suite.market_world import (
    FALSE,
    FEE,
    NOTHING,
    PRETENDS,
    RE_ENTERS,
    REFUSES,
    REVERTS,
    STUCK,
    bazaar_of,
    check_pull,
    undone_if_refused,
)
from tests.contracts.twin import Twin
from tests.contracts.worlds import POOR, RICH

PRICES = (6_500_000 * 10**6, 250_000 * 10**6, 100 * 10**6)
BOUND = 1_000
LIMIT, DAY_LIMIT = 500_000, 800_000
takers = st.sampled_from([RICH, POOR])
sums = st.one_of(st.integers(1, 60_000), st.sampled_from([0, 1, 7, LIMIT, LIMIT + 1]))
which = st.sampled_from([0, 1, 2])
often = st.sampled_from([True, True, True, False])
seldom = st.sampled_from([False, False, False, True])
shares = st.sampled_from([0, 1, 2, 2, 3, 3, 4])
drifts = st.sampled_from([-300, 0, 700])


class AssetsRules:
    """The oracle's and the gateway's rules. Two merchants take three assets; three reporters, two payers."""

    twin: Twin

    def setup_assets(self) -> None:
        """Feeds, listings, some cash in the inventory."""
        market = bazaar_of(self)
        self.oracle_model = OracleModel()
        ledger = self.twin.model
        self.gateway_model = GatewayModel(
            ledger=ledger,
            oracle=self.oracle_model,
            lock_time=900,
            refund_window=2_592_000,
            deposit_bps=100,
            max_locks=3,
        )
        self.assets_sold: list[Sale] = []
        self.assets_habit = 0
        world = self.twin.world
        market.send(world.cash, "approve", market.gateway.address, 2**256 - 1)
        self.assets = list(market.tokens)
        for asset, decimals, price in zip(self.assets, (8, 18, 6), PRICES, strict=True):
            self._assets_act(market.oracle, "setFeed", asset, price, 3, 900, BOUND, model=self._feed(asset, price))
            market.send(market.gateway, "setAsset", asset, decimals, LIMIT, DAY_LIMIT)
            self.gateway_model.assets[asset] = Asset(decimals=decimals, payment_limit=LIMIT, day_limit=DAY_LIMIT)
            for merchant, refunds in ((RICH, 1), (POOR, 2)):
                market.send(market.gateway, "setMerchantTerms", merchant, asset, refunds, sender=world.merchant)
                self.gateway_model.terms[merchant, asset] = refunds
        self.tell_all_prices(0)
        self._assets_act(market.gateway, "fund", 10**6, model=lambda: self.gateway_model.fund(10**6))

    def cash_owed_assets(self) -> dict[str, int]:
        """The inventory, free and reserved."""
        return {"AssetGateway": self.gateway_model.free + self.gateway_model.reserved}

    # --- prices ---

    @rule(drift=st.sampled_from([0, 0, 0, -400, 600, -999, 1_001]))
    def tell_all_prices(self, drift: int) -> None:
        for asset, price in zip(self.assets, PRICES, strict=True):
            for place in range(3):
                self._tell(asset, place, price * (10_000 + drift) // 10_000 + place)

    @rule(asset=which, place=st.integers(0, 2), bps=st.sampled_from([9_000, 9_700, 10_000, 10_400, 11_200, 0]))
    def tell_price(self, asset: int, place: int, bps: int) -> None:
        self._tell(self.assets[asset], place, PRICES[asset] * bps // 10_000)

    @rule(asset=which, reason=st.sampled_from(["looked", "looked", ""]))
    def reset_feed(self, asset: int, reason: str) -> None:
        name, anchor = self.assets[asset], PRICES[asset]
        self._assets_act(
            bazaar_of(self).oracle, "reset", name, anchor, reason,
            model=lambda: self.oracle_model.reset(name, anchor, reason, self.gateway_model.now),
        )  # fmt: skip

    @rule(asset=which, place=st.integers(0, 2))
    def drop_report(self, asset: int, place: int) -> None:
        market = bazaar_of(self)
        name, reporter = self.assets[asset], market.reporters[place]
        self._assets_act(
            market.oracle, "drop", name, reporter,
            model=lambda: self.oracle_model.drop(name, reporter, self.gateway_model.now),
        )  # fmt: skip

    # --- payers ---

    @rule(data=st.data(), merchant=takers, asset=which, amount=sums, lock=st.booleans(), fresh=often, tight=seldom)
    def pay_in_asset(
        self, data: Any, merchant: MerchantId, asset: int, amount: int, lock: bool, fresh: bool, tight: bool
    ) -> None:
        payer = data.draw(st.sampled_from(bazaar_of(self).payers))
        name, model = self.assets[asset], self.gateway_model
        if fresh:
            for place in range(3):
                self._tell(name, place, PRICES[asset])
        most = PRICES[2] * 10**15 if not tight else amount * 10**10
        terms = (payer, name, merchant, amount, most, bytes(32))
        found: list[Sale] = []

        def follow() -> None:
            with undone_if_refused(self.twin.model, model):
                sale = (model.lock if lock else model.pay)(payer, name, merchant, amount, most)
                check_pull(self._habit_of(name), sale.deposit or sale.asset_amount)
                found.append(sale)

        contract, call = bazaar_of(self).gateway, "lockRate" if lock else "pay"
        receipt = self.twin.act(contract, call, terms, 0, b"", model=follow, sender=payer)
        if receipt is not None:
            told = contract.events(receipt)[-1].args["sale"]
            assert tuple(told.values()) == found[0].words()
            self.assets_sold.append(found[0])

    @precondition(lambda self: self.assets_sold)
    @rule(data=st.data(), thief=st.sampled_from([False] * 5 + [True]))
    def pay_at_locked_rate(self, data: Any, thief: bool) -> None:
        sale = self._drawn_sale(data)
        sender = bazaar_of(self).thief if thief else sale.payer
        model = self.gateway_model

        def follow() -> None:
            with undone_if_refused(self.twin.model, model):
                if thief and model.states[sale.id] == 1 and not self.twin.model.book.supply.flags:
                    raise Refused("NotPayer")
                model.pay_locked(sale)
                if sale.asset_amount > sale.deposit:
                    check_pull(self._habit_of(sale.asset), sale.asset_amount - sale.deposit)

        self.twin.act(bazaar_of(self).gateway, "payLocked", sale.words(), 0, b"", model=follow, sender=sender)

    @precondition(lambda self: self.assets_sold)
    @rule(data=st.data(), wait=st.booleans())
    def lapse_lock(self, data: Any, wait: bool) -> None:
        sale = self._drawn_sale(data)
        if wait:
            self.twin.now += 900
        self._assets_act(bazaar_of(self).gateway, "lapse", sale.words(), model=lambda: self.gateway_model.lapse(sale))

    # --- merchants and the operator ---

    @precondition(lambda self: self.assets_sold)
    @rule(
        data=st.data(), share=st.sampled_from([0, 1, 2, 2, 3, 3, 4]), paid=often, drift=st.sampled_from([-300, 0, 700])
    )
    def refund_in_asset(self, data: Any, share: int, paid: bool, drift: int) -> None:
        model = self.gateway_model
        sales = [sale for sale in self.assets_sold if model.states[sale.id] == 2] if paid else []
        sale = sales[-1] if sales else self._drawn_sale(data)
        for place in range(3):
            price = PRICES[self.assets.index(sale.asset)] * (10_000 + drift) // 10_000
            self._tell(sale.asset, place, price)
        amount = [0, 1, sale.amount // 3, sale.amount, sale.amount + 1][share]

        def follow() -> None:
            with undone_if_refused(self.twin.model, model):
                back = model.refund(sale, amount)
                habit = self._habit_of(sale.asset)
                if back and (habit in STUCK or (habit == REFUSES and sale.payer == bazaar_of(self).payers[0])):
                    key = (sale.asset, sale.payer)
                    model.claims[key] = model.claims.get(key, 0) + back

        merchant = self.twin.world.merchant
        self.twin.act(bazaar_of(self).gateway, "refund", sale.words(), amount, model=follow, sender=merchant)

    @rule(amount=st.sampled_from([0, 1, 1_000, 50_000, 10**6]), put=st.booleans())
    def move_inventory(self, amount: int, put: bool) -> None:
        gateway, model = bazaar_of(self).gateway, self.gateway_model
        if put:
            self._assets_act(gateway, "fund", amount, model=lambda: model.fund(amount))
        else:
            to = bazaar_of(self).thief
            self._assets_act(gateway, "takeInventory", amount, to, model=lambda: model.take_inventory(amount))

    @rule(asset=which, amount=st.sampled_from([0, 1, 10**5, 10**16]))
    def take_asset(self, asset: int, amount: int) -> None:
        name = self.assets[asset]

        def follow() -> None:
            with undone_if_refused(self.gateway_model):
                self.gateway_model.take_asset(name, amount)
                if (habit := self._habit_of(name)) in STUCK:
                    raise Refused(STUCK[habit])

        self._assets_act(bazaar_of(self).gateway, "takeAsset", name, amount, self.twin.world.holder, model=follow)

    @rule(asset=which, amount=st.sampled_from([0, 1, 10**4, 10**15]))
    def add_asset(self, asset: int, amount: int) -> None:
        name, model = self.assets[asset], self.gateway_model

        def follow() -> None:
            if not amount:
                raise Refused("NothingToDo")
            check_pull(self._habit_of(name), amount)
            model.assets[name].free += amount

        payer = bazaar_of(self).payers[0]
        self.twin.act(bazaar_of(self).gateway, "addAsset", name, amount, model=follow, sender=payer)

    @precondition(lambda self: self.assets_sold)
    @rule(data=st.data())
    def release_day(self, data: Any) -> None:
        sale = self._drawn_sale(data)
        self._assets_act(
            bazaar_of(self).gateway, "releaseDay", sale.asset, sale.time // DAY,
            model=lambda: self.gateway_model.release_day(sale.asset, sale.time // DAY),
        )  # fmt: skip

    @rule(merchant=takers, asset=which, refunds=st.integers(0, 2))
    def set_asset_terms(self, merchant: MerchantId, asset: int, refunds: int) -> None:
        name, model = self.assets[asset], self.gateway_model
        bazaar_of(self).send(
            bazaar_of(self).gateway, "setMerchantTerms", merchant, name, refunds, sender=self.twin.world.merchant
        )
        model.terms[merchant, name] = refunds

    @rule(
        habit=st.sampled_from([0, 0, 0, FEE, FALSE, NOTHING, RE_ENTERS, RE_ENTERS, REFUSES, PRETENDS, REVERTS]),
        into_gateway=st.booleans(),
    )
    def misbehave(self, habit: int, into_gateway: bool) -> None:
        market = bazaar_of(self)
        self.called_back = market.gateway if into_gateway else market.exchange
        self.habit_since = int(self.twin.chain.request("eth_blockNumber"), 16) + 1
        market.behave(habit, refused=market.payers[0], into=self.called_back)
        self.habit = habit

    @invariant()
    def nobody_is_entered_again(self) -> None:
        """A token that calls back while it moves finds the contract locked that moves it."""
        if self.habit == RE_ENTERS:
            bazaar_of(self).check_calls_back(self.called_back, self.habit_since)

    @invariant()
    def gateway_keeps_its_books(self) -> None:
        market, model = bazaar_of(self), self.gateway_model
        assert market.gateway.view("inventory") == (model.free, model.reserved, model.sales)
        for name, its in model.assets.items():
            assert market.gateway.view("vault", name) == {"free": its.free, "held": its.held}
            claims = sum(amount for (asset, _), amount in model.claims.items() if asset == name)
            held = market.tokens[name].view("balanceOf", market.gateway.address)
            owed = its.free + its.held + claims
            assert market.gateway.view("assetOwed", name) == owed
            # a token that pretends to move leaves more behind
            assert held == owed or (name == market.dollar.address and held > owed)
            feed, found = self.oracle_model.feeds[name], market.oracle.view("feed", name)
            assert (found["price"], found["anchor"], found["halted"]) == (feed.price, feed.anchor, feed.halted)
            open_ones = [s for s in self.assets_sold if s.asset == name and model.states[s.id] == 1]
            assert its.held == sum(its.of_day.values()) + sum(sale.deposit for sale in open_ones)

    # --- inside ---

    def _feed(self, asset: str, price: int) -> Callable[[], None]:
        return lambda: self.oracle_model.set_feed(asset, price, 3, 900, BOUND, self.gateway_model.now)

    def _tell(self, asset: str, place: int, price: int) -> None:
        market = bazaar_of(self)
        reporter = market.reporters[place]
        self.twin.act(
            market.oracle, "report", [asset], [price], sender=reporter,
            model=lambda: self.oracle_model.report(asset, reporter, price, self.gateway_model.now),
        )  # fmt: skip

    def _habit_of(self, asset: str) -> int:
        habit: int = self.habit if asset == bazaar_of(self).dollar.address else 0
        return habit

    def _drawn_sale(self, data: Any) -> Sale:
        # by its number, which is the same when a life is replayed
        return self.assets_sold[data.draw(st.integers(0, len(self.assets_sold) - 1))]

    def _assets_act(self, contract: Any, name: str, *arguments: Any, model: Callable[[], None]) -> None:
        self.twin.act(contract, name, *arguments, model=model)
