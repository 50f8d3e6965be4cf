"""What can happen to the discount of who pays in coins: asked for at a till, undone on its day, taken back later."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.suite import Suite
from node.domain.ids import MemberId, MerchantId
from node.domain.leaf import Leaf
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refund, Refused, Undo
from tests.contracts.suite.proofs import proven
from tests.contracts.suite.till import UNDO, Act, ActDeclined, at_till
from tests.contracts.twin import Twin, coins
from tests.contracts.worlds import MEMBERS, RICH, TIERED

FUND = 3_000
WHOLE = 10_000
KIND = 8
NOBODY, MERCHANT, PLATFORM = range(3)
sellers = st.sampled_from([RICH, RICH, RICH, TIERED])
days = st.sampled_from([0, 0, 1])


@dataclass(kw_only=True)
class Given:
    """A discount that the platform bore, and the coin lines that the ledger accepted with it."""

    merchant: MerchantId
    paid: int
    discount: int
    day: int
    version: int
    taken_back: int = 0
    leaves: list[Leaf] = field(default_factory=list)


@dataclass(kw_only=True)
class Discounts:
    """interfaces/ICoinDiscount.sol in plain Python."""

    ledger: DoorsModel
    rate: int = 500
    fund: int = 0
    allowance: dict[int, int] = field(default_factory=dict)
    version: dict[int, int] = field(default_factory=dict)
    bearer: dict[int, int] = field(default_factory=dict)
    given: dict[int, Given] = field(default_factory=dict)

    def give(self, act: Act, discount: int) -> int:
        merchant = MerchantId(act.merchant)
        bearer = self.bearer.get(merchant, NOBODY)
        if bearer == NOBODY or not act.coin_amount:
            raise ActDeclined(34)
        if not discount or discount > (act.coin_amount + discount) * self.rate // WHOLE:
            raise ActDeclined(35)
        if bearer == MERCHANT:
            return 0
        if discount > self.allowance.get(merchant, 0):
            raise ActDeclined(36)
        if discount > self.fund:
            raise ActDeclined(37)
        self.allowance[merchant] -= discount
        self.fund -= discount
        self.given[act.sequence] = Given(
            merchant=merchant,
            paid=act.coin_amount,
            discount=discount,
            day=self.ledger.day,
            version=self.version.get(merchant, 0),
        )
        self.ledger.credit_payable(merchant, discount)
        return 0

    def undo(self, act: Act, sequence: int) -> int:
        given = self.given.get(sequence)
        if given is None or given.merchant != act.merchant:
            raise ActDeclined(31)
        left = given.discount - given.taken_back
        if not left:
            raise ActDeclined(32)
        if given.day != self.ledger.day:
            raise ActDeclined(33)
        if left > self.ledger.own_funds(given.merchant):
            raise ActDeclined(37)
        self._return(given, left)
        return 0

    def take_back(self, sequence: int, leaves: list[Leaf]) -> None:
        given = self.given.get(sequence)
        if given is None:
            raise Refused("NoDiscount")
        back = self.ledger.refunded, self.ledger.settled
        undone = sum(back[0].get(leaf.hash, (0, 0))[0] - back[1].get(leaf.hash, 0) for leaf in leaves)
        amount = given.discount * undone // given.paid - given.taken_back
        if amount <= 0:
            raise Refused("NothingToTakeBack")
        if amount > self.ledger.free_funds(given.merchant):
            raise Refused("InsufficientFunds")
        self._return(given, amount)

    def set_allowance(self, merchant: int, amount: int) -> None:
        self.allowance[merchant] = amount
        self.version[merchant] = self.version.get(merchant, 0) + 1

    def set_bearer(self, merchant: int, bearer: int) -> None:
        if bearer == PLATFORM and not self.allowance.get(merchant, 0):
            raise Refused("NoAllowance")
        self.bearer[merchant] = bearer

    def set_rate(self, rate: int) -> None:
        if rate >= WHOLE:
            raise Refused("BadRate")
        self.rate = rate

    def move_fund(self, amount: int, *, fill: bool) -> None:
        if not amount:
            raise Refused("ZeroAmount")
        if not fill and amount > self.fund:
            raise Refused("FundUsedUp")
        self.fund += amount if fill else -amount

    def _return(self, given: Given, amount: int) -> None:
        given.taken_back += amount
        self.fund += amount
        if self.version.get(given.merchant, 0) == given.version:
            self.allowance[given.merchant] += amount
        self.ledger.draw_on(given.merchant, amount)


class CoinDiscountRules:
    """Two merchants; the platform bears the discounts of one of them at first."""

    twin: Twin

    def setup_coin_discount(self) -> None:
        """A fund, and an allowance for one merchant."""
        world = self.twin.world
        assert isinstance(world, Suite)
        self.coin_discount = world["CoinDiscount"]
        self.discounts = Discounts(ledger=self.twin.model)
        self.discounted_sales: list[tuple[int, list[Leaf]]] = []
        self.twin.tick()
        world.cash.send("approve", self.coin_discount.address, 2**256 - 1, sender=world.operator)
        self.move_discount_fund(amount=FUND, fill=True)
        self.allow_discounts(merchant=RICH, amount=2_000)
        self.choose_bearer(merchant=RICH, bearer=PLATFORM)

    def cash_owed_coin_discount(self) -> dict[str, int]:
        """The fund."""
        return {"CoinDiscount": self.discounts.fund}

    # --- terms ---

    @rule(bps=st.sampled_from([0, 300, 500, 500, 900, WHOLE - 1, WHOLE]))
    def set_coin_rate(self, bps: int) -> None:
        self._discount_act("setRate", bps, model=lambda: self.discounts.set_rate(bps))

    @rule(merchant=sellers, amount=st.sampled_from([0, 100, 2_000, 50_000]))
    def allow_discounts(self, merchant: MerchantId, amount: int) -> None:
        self._discount_act(
            "setAllowance", merchant, amount, model=lambda: self.discounts.set_allowance(merchant, amount)
        )

    @rule(merchant=sellers, bearer=st.sampled_from([NOBODY, MERCHANT, PLATFORM, PLATFORM, PLATFORM]))
    def choose_bearer(self, merchant: MerchantId, bearer: int) -> None:
        self.twin.act(
            self.coin_discount, "setBearer", merchant, bearer, sender=self.twin.world.merchant,
            model=lambda: self.discounts.set_bearer(merchant, bearer),
        )  # fmt: skip

    @rule(amount=st.sampled_from([0, 1, 500, 10**5]), fill=st.booleans())
    def move_discount_fund(self, amount: int, fill: bool) -> None:
        name, more = ("fillFund", ()) if fill else ("withdrawFund", (self.twin.world.holder,))
        self._discount_act(name, *more, amount, model=lambda: self.discounts.move_fund(amount, fill=fill))

    # --- sales ---

    @rule(
        paid=st.one_of(st.integers(0, 20_000), st.sampled_from([1, 19, 950])),
        less=st.sampled_from([0, 0, 0, 1, -1]),
        merchant=sellers,
        member=st.sampled_from(MEMBERS),
        lines=st.integers(1, 3),
    )
    def give_discount(self, paid: int, less: int, merchant: MerchantId, member: MemberId, lines: int) -> None:
        rate = self.discounts.rate
        discount = max(paid * rate // (WHOLE - rate) - less, 0) % 2**48
        act = Act(
            merchant=merchant, member=member, sequence=self.twin.next_sequence(), time=self.twin.now, amount=paid,
            coin_amount=paid,
        )  # fmt: skip
        body = bytes([KIND]) + discount.to_bytes(6, "big")
        sent = at_till(self.twin, self.coin_discount, act, body, model=lambda: self.discounts.give(act, discount))
        if sent is None:
            return
        # the lines of the same payment, which the ledger posts after the act
        parts = [paid // lines] * (lines - 1)
        wanted = [part for part in (*parts, paid - sum(parts)) if part]
        payment = self.twin.payment(merchant, member, *map(coins, wanted), sequence=act.sequence)  # type: ignore[arg-type]
        leaves = list(self.twin.post(payment).leaves)
        if act.sequence in self.discounts.given:
            self.discounts.given[act.sequence].leaves = leaves
        if leaves:
            self.discounted_sales.append((act.sequence, leaves))

    @precondition(lambda self: self.discounts.given)
    @rule(data=st.data(), wrong=st.sampled_from([False] * 5 + [True]), days=days)
    def undo_discount(self, data: Any, wrong: bool, days: int) -> None:
        sequence = data.draw(st.sampled_from(sorted(self.discounts.given)[-6:]))
        if days:
            self.twin.tick(86_400)
            self.twin.world.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)
        merchant = TIERED if wrong else self.discounts.given[sequence].merchant
        act = Act(merchant=merchant, member=0, sequence=self.twin.next_sequence(), time=self.twin.now)
        body = bytes([UNDO | KIND]) + sequence.to_bytes(8, "big")
        at_till(self.twin, self.coin_discount, act, body, model=lambda: self.discounts.undo(act, sequence))

    @precondition(lambda self: self.discounted_sales)
    @rule(data=st.data(), share=st.sampled_from([0, 1, 1, 2, 3]), some=st.booleans())
    def take_discount_back(self, data: Any, share: int, some: bool) -> None:
        sequence, leaves = data.draw(st.sampled_from(self.discounted_sales[-6:]))
        for leaf in leaves[:1] if some else leaves:
            left = leaf.amount - self.twin.model.refunded.get(leaf.hash, (0, 0))[0]
            if share and left // share:
                undo = Undo(leaf=leaf, amount=left // share)
                self.twin.refund(Refund(sequence=self.twin.next_sequence(), kind=1, lines=(undo,)))
        self.twin.act(
            self.coin_discount, "takeBack", [proven(self.twin, leaf) for leaf in leaves],
            sender=self.twin.world.stranger, model=lambda: self.discounts.take_back(sequence, leaves),
        )  # fmt: skip

    # --- what must hold ---

    @invariant()
    def discounts_are_what_the_model_says(self) -> None:
        """Fund and allowances; never more comes back than the platform bore."""
        model = self.discounts
        assert self.coin_discount.view("fund") == model.fund
        for merchant in (RICH, TIERED):
            found = self.coin_discount.view("ruleOf", merchant)
            assert found["allowance"] == model.allowance.get(merchant, 0)
        for sequence, given in list(model.given.items())[-2:]:
            assert 0 <= given.taken_back <= given.discount
            found = self.coin_discount.view("givenOn", 1, sequence)
            assert (found["discount"], found["takenBack"]) == (given.discount, given.taken_back)

    def _discount_act(self, name: str, *arguments: Any, model: Any) -> None:
        self.twin.act(self.coin_discount, name, *arguments, model=model)
