"""Offers of coin, cash and assets, in any order, with coins that age inside them and tokens that misbehave."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from node.domain.ids import MemberId
from tests.contracts.doors_model import holder_of
from tests.contracts.model import Refused
from tests.contracts.suite.exchange_model import NOBODY, Coins, ExchangeModel, Offer
from tests.contracts.suite.market_world import (
    REFUSES,
    STUCK,
    bazaar_of,
    check_pull,
    undone_if_refused,
)
from tests.contracts.twin import Twin, member_address
from tests.contracts.worlds import MEMBERS

TRADER = MemberId(9_001)
"""The member whose key is the first trader's; of this mixin alone."""
parts = st.sampled_from([0, 1, 2, 3, 4, 5])
amounts = st.one_of(st.integers(1, 10**9), st.sampled_from([0, 1, 3, 10_000, 2**56]))


class ExchangeRules:
    """Two traders with keys; the first one's key is also a member's."""

    twin: Twin

    def setup_exchange(self) -> None:
        """Tokens listed, traders with coins of both ages."""
        market = bazaar_of(self)
        world = self.twin.world
        self.exchange_tokens = [world.ledger.address, world.cash.address, *market.tokens]
        self.exchange_model = ExchangeModel(
            ledger=self.twin.model,
            address=market.exchange.address,
            coin=world.ledger.address,
            cash=world.cash.address,
            fee_bps=5,
            listed=set(self.exchange_tokens),
        )
        self.exchange_offers: list[Offer] = []
        for token in market.tokens:
            market.send(market.exchange, "setToken", token, True)
        self.traders = market.payers
        self.twin.enrol(TRADER)
        self.twin.give_key(TRADER, self.traders[0])
        self.exchange_model.keys[TRADER] = self.traders[0]
        for trader, member in zip(self.traders, MEMBERS[1:3], strict=True):
            self._coins_to(trader, member, 5 * 10**7)
        self._coins_to(member_address(TRADER), MEMBERS[0], 5 * 10**7)

    def cash_owed_exchange(self) -> dict[str, int]:
        """Offers, fees and claims in cash."""
        model = self.exchange_model
        return {"PeerExchange": model.holds(model.cash, self.exchange_offers)}

    # --- offers ---

    @rule(
        sides=st.sampled_from([(0, 1), (0, 1), (1, 0), (0, 2), (2, 0), (3, 4), (4, 3), (4, 0), (0, 4), (1, 1)]),
        amounts=st.tuples(amounts, amounts),
        trader=st.integers(0, 1),
        life=st.sampled_from([-1, 60, 10**6, 10**8, 10**8]),
        private=st.sampled_from([False, False, False, True]),
        member=st.booleans(),
    )
    def make_offer(
        self,
        sides: tuple[int, int],
        amounts: tuple[int, int],
        trader: int,
        life: int,
        private: bool,
        member: bool,
    ) -> None:
        model, maker = self.exchange_model, self.traders[trader]
        sell, buy = (self.exchange_tokens[side] for side in sides)
        expiry = self.twin.now + 1 + life
        partner = self.traders[1 - trader] if private else NOBODY
        account = TRADER if member and sell == model.coin and trader == 0 else 0
        made: list[Offer] = []

        def follow() -> None:
            with undone_if_refused(self.twin.model, model):
                made.append(model.make(maker, account, sell, buy, amounts, expiry, partner))
                if sell != model.coin:
                    self._check_pull(sell, maker, amounts[0])

        contract = bazaar_of(self).exchange
        words: tuple[Any, ...] = (*amounts, expiry, partner)
        if account:
            call, words = "makeForMember", (account, buy, *words, 0, b"")
        else:
            call, words = "make", (sell, buy, *words)
        receipt = self.twin.act(contract, call, *words, model=follow, sender=maker)
        if receipt is not None:
            assert tuple(contract.events(receipt)[-1].args["offer"].values()) == made[-1].words()
            self.exchange_offers.append(made[-1])

    @precondition(lambda self: self.exchange_offers)
    @rule(data=st.data(), taker=st.sampled_from([0, 1, 1, 2]), part=parts, fresh=st.sampled_from([0, 0, 1]))
    def take_offer(self, data: Any, taker: int, part: int, fresh: int) -> None:
        offer, model = self._drawn_offer(data), self.exchange_model
        sender = [*self.traders, bazaar_of(self).thief][taker]
        left = model.left(offer)
        amount = [0, 1, left // 3, left // 2 + 1, left, left + 1][part]
        as_member = bool(data.draw(st.booleans())) and offer.buy == model.coin and taker == 0
        member = TRADER if as_member else 0

        def follow() -> None:
            with undone_if_refused(self.twin.model, model):
                paid, fee = model.take(offer, sender, member, amount, 0 if member else fresh)
                if offer.buy != model.coin:
                    self._check_pull(offer.buy, sender, paid)
                    self._sent(offer.buy, offer.maker, paid - fee)
                if offer.sell != model.coin:
                    self._sent(offer.sell, sender, amount)

        contract = bazaar_of(self).exchange
        if member:
            words: tuple[Any, ...] = (member, offer.words(), amount, 0, b"")
            self.twin.act(contract, "takeForMember", *words, model=follow, sender=sender)
        else:
            self.twin.act(contract, "take", offer.words(), amount, fresh, sender, model=follow, sender=sender)

    @precondition(lambda self: self.exchange_offers)
    @rule(data=st.data(), sender=st.sampled_from([0, 0, 1, 2]))
    def cancel_offer(self, data: Any, sender: int) -> None:
        offer, model = self._drawn_offer(data), self.exchange_model
        account = [*self.traders, bazaar_of(self).thief][sender]

        def follow() -> None:
            with undone_if_refused(self.twin.model, model):
                tokens = model.cancel(offer, account)
                if tokens:
                    self._sent(offer.sell, offer.maker, tokens)

        contract = bazaar_of(self).exchange
        self.twin.act(contract, "cancel", offer.words(), model=follow, sender=account)

    @precondition(lambda self: any(offer.member for offer in self.exchange_offers))
    @rule(data=st.data(), sender=st.sampled_from([0, 0, 1]))
    def cancel_offer_for_member(self, data: Any, sender: int) -> None:
        offers = [offer for offer in self.exchange_offers if offer.member]
        offer = offers[data.draw(st.integers(0, len(offers) - 1))]

        def follow() -> None:
            if self.traders[sender] != self.exchange_model.keys[TRADER]:
                raise Refused("NotMember")
            with undone_if_refused(self.twin.model, self.exchange_model):
                self.exchange_model.cancel(offer, offer.maker)

        contract = bazaar_of(self).exchange
        self.twin.act(contract, "cancelForMember", offer.words(), 0, b"", model=follow, sender=self.traders[sender])

    @rule(key=st.sampled_from([0, 0, 1]), frozen=st.sampled_from([False, False, True]))
    def change_trader(self, key: int, frozen: bool) -> None:
        """The member gets another key, or its old one again, and is frozen or not."""
        self.twin.set_state(TRADER, frozen=frozen)
        self.twin.give_key(TRADER, self.traders[key])
        self.exchange_model.keys[TRADER] = self.traders[key]

    @rule(token=st.integers(0, 4))
    def take_exchange_fees(self, token: int) -> None:
        name, to = self.exchange_tokens[token], self.twin.world.holder

        def follow() -> None:
            with undone_if_refused(self.twin.model, self.exchange_model):
                self.exchange_model.take_fees(name, to)
                if (habit := self._habit(name)) in STUCK:
                    raise Refused(STUCK[habit])

        self._exchange_act("takeFees", name, to, model=follow)

    @rule(bps=st.sampled_from([0, 1, 10, 10, 11]))
    def set_exchange_fee(self, bps: int) -> None:
        self._exchange_act("setFee", bps, model=lambda: self.exchange_model.set_fee(bps))

    @rule(token=st.integers(2, 4), listed=st.sampled_from([True, True, False]))
    def list_token(self, token: int, listed: bool) -> None:
        name, model = self.exchange_tokens[token], self.exchange_model
        change = model.listed.add if listed else model.listed.discard
        self._exchange_act("setToken", name, listed, model=lambda: change(name))

    @invariant()
    def exchange_holds_what_it_owes(self) -> None:
        market, model = bazaar_of(self), self.exchange_model
        account = self.twin.ledger.view("accountOf", market.exchange.address)
        coins = model.coins()
        assert (account["current"], account["previous"]) == (coins.current, coins.previous)
        assert market.exchange.view("coinsOwed") == coins.current + coins.previous
        for name, token in market.tokens.items():
            held, owed = token.view("balanceOf", market.exchange.address), model.holds(name, self.exchange_offers)
            assert market.exchange.view("assetOwed", name) == owed
            assert held == owed or (name == market.dollar.address and held > owed)
        for offer in self.exchange_offers[-3:]:
            left, current = market.exchange.view("leftOf", offer.words())
            assert left == model.left(offer)
            if offer.sell == model.coin:
                assert current == model.coins_left.get(offer.id, Coins()).rolled(self.twin.model.epoch).current

    # --- inside ---

    def _coins_to(self, trader: str, member: MemberId, units: int) -> None:
        """A member's coins to a trader."""
        sender = self.twin.chain.impersonate(member_address(member))
        model = self.twin.model
        to = TRADER if trader == member_address(TRADER) else holder_of(trader)
        self.twin.act(
            self.twin.ledger, "transfer", trader, units, sender=sender,
            model=lambda: model.transfer(member, to, units),
        )  # fmt: skip

    def _check_pull(self, token: str, owner: str, amount: int) -> None:
        if token == self.exchange_model.cash:
            if self.twin.world.cash.view("balanceOf", owner) < amount:
                raise Refused("ERC20InsufficientBalance")
        else:
            check_pull(self._habit(token), amount)

    def _sent(self, token: str, owner: str, amount: int) -> None:
        """What a send of the exchange becomes: gone, or a claim."""
        habit = self._habit(token)
        if amount and (habit in STUCK or (habit == REFUSES and owner == bazaar_of(self).payers[0])):
            claims = self.exchange_model.claims
            claims[token, owner] = claims.get((token, owner), 0) + amount

    def _habit(self, token: str) -> int:
        habit: int = self.habit if token == bazaar_of(self).dollar.address else 0
        return habit

    def _drawn_offer(self, data: Any) -> Offer:
        return self.exchange_offers[data.draw(st.integers(0, len(self.exchange_offers) - 1))]

    def _exchange_act(self, name: str, *arguments: Any, model: Callable[[], None]) -> None:
        self.twin.act(bazaar_of(self).exchange, name, *arguments, model=model)
