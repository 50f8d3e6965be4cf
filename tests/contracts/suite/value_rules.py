"""What can happen to cards, recharges and rebates (docs/value.md)."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.devchain import Contract
from benchmarks.suite import Suite
from node.domain.ids import MemberId
from tests.contracts.doors_model import holder_of
from tests.contracts.model import Refused
from tests.contracts.suite.advices_model import AdvicesModel
from tests.contracts.suite.cards_model import ACTIVE, CardsModel
from tests.contracts.suite.till import Act, ActDeclined, at_till
from tests.contracts.suite.value_model import MERCHANT, STORE, TERMINAL, ValueModel
from tests.contracts.twin import Twin
from tests.contracts.worlds import MEMBERS, POOR, RICH

SHOPPERS = [MemberId(m) for m in (901, 902, 903, 904)]
some_members = st.sampled_from([*SHOPPERS, *SHOPPERS, MEMBERS[0], MEMBERS[1]])
some_shops = st.sampled_from([RICH, RICH, RICH, POOR])
some_money = st.one_of(st.integers(1, 40_000), st.sampled_from([0, 1, 100_000, 2**48]))
some_kinds = st.sampled_from([1, 2])
REASONS = {
    "OtherAmount": 35,
    "ZeroAmount": 35,
    "NoLimit": 34,
    "LimitUsedUp": 36,
    "RebateTooSmall": 37,
    "MerchantShort": 37,
    "NothingToUndo": 32,
    "UndoTooLate": 33,
    "UnknownRecharge": 31,
}
ACT = 30
ADDRESS = "0x" + "77" * 20


class ValueRules:
    """Rules of MemberCards, Rebates and StoredValue on a furnished suite."""

    twin: Twin

    def setup_value(self) -> None:
        """Two kinds of cards, two programmes, a rich and a poor merchant with a restricted store."""
        world = self.twin.world
        assert isinstance(world, Suite)
        self.card_book = CardsModel(ledger=self.twin.model)
        holder = holder_of(self._value_part("Advices").address)
        self.advice_book = AdvicesModel(ledger=self.twin.model, holder=holder)
        self.value_book = ValueModel(ledger=self.twin.model, cards=self.card_book, advices=self.advice_book)
        self.next_card, self.value_turn = 1, 0
        for part in ("Rebates", "StoredValue", "Advices"):
            self._value_cash(part, self.twin.world.operator)
        self.twin.enrol(*SHOPPERS)
        for member in SHOPPERS:
            self.twin.give_key(member, self.twin.world.holder)
        model = self.twin.model
        for shop, deposit in ((RICH, 300_000), (POOR, 5_000)):
            self.twin.act(
                self.twin.ledger, "addDeposit", shop, deposit, model=lambda s=shop, d=deposit: model.add_deposit(s, d)
            )
            self._set_limit(shop, MERCHANT, 0, 500_000, 90_000)
        self._set_limit(RICH, STORE, 0, 200_000, 40_000)
        self.bind_clerk(store=1)
        self._set_kind(1, 500, 0, 10_000, 0)
        self._set_kind(2, 0, 60, 20_000, 3)
        self._value_operate("MemberCards", "setTierTerms", [10**6, 10**7], 1,
                      model=lambda: self.card_book.set_tier_terms([10**6, 10**7], 1))  # fmt: skip
        for bps, months, minimum in ((2_000, 5, 0), (1_000, 1, 5_000)):
            self._value_operate("Rebates", "defineProgramme", bps, months, minimum,
                          model=lambda b=bps, m=months, x=minimum: self.value_book.define(b, m, x))  # fmt: skip
        self.limit_counters(40_000)
        self._value_operate("Rebates", "chooseProgramme", 0, 1, model=lambda: self.value_book.choose(0, 1))
        self._value_operate("Rebates", "fundProgramme", 1, 50_000, model=lambda: self.value_book.fund(1, 50_000))
        self._value_operate("StoredValue", "fundStartingValues", 3_000, model=lambda: self.value_book.fund_start(3_000))
        self.issue_card(kind=1, shop=RICH, member=SHOPPERS[0])
        self.issue_card(kind=2, shop=0, member=SHOPPERS[1])

    def cash_owed_value(self) -> dict[str, int]:
        """Funds, and what is promised of them."""
        funds = sum(each.fund + each.promised for each in self.value_book.programmes.values())
        return {"Rebates": funds, "StoredValue": self.value_book.starting_fund, "MemberCards": 0}

    # --- recharges ---

    @rule(kind=some_kinds, shop=st.sampled_from([0, RICH]), member=st.sampled_from([None, *SHOPPERS]))
    def issue_card(self, kind: int, shop: int, member: MemberId | None) -> None:
        number, self.next_card = self.next_card, self.next_card + 1
        self._value_operate(
            "MemberCards", "issueCards", shop, kind, [number],
            model=lambda: self.card_book.issue_cards(shop, kind, [number]),
        )  # fmt: skip
        if member is not None:
            self._value_operate(
                "MemberCards", "activate", number, member, model=lambda: self.card_book.activate(number, member)
            )

    @rule(member=some_members, amount=some_money, at_least=st.sampled_from([0, 0, 0, 1, 100]))
    def recharge_by_finance(self, member: MemberId, amount: int, at_least: int) -> None:
        self._value_operate("StoredValue", "recharge", member, amount, at_least,
                      model=lambda: self.value_book.recharge(member, amount, at_least))  # fmt: skip

    @rule(shop=some_shops, member=some_members, amount=some_money)
    def recharge_at_counter(self, shop: int, member: MemberId, amount: int) -> None:
        account = self.twin.world.merchant
        self._value_send("StoredValue", "rechargeAt", shop, member, amount, 0, sender=account,
                   model=lambda: self.value_book.recharge_at(shop, member, amount, 0, account=account))  # fmt: skip

    @rule(store=st.sampled_from([0, 1, 1, None]))
    def bind_clerk(self, store: int | None) -> None:
        """The account of RICH's counter."""
        key, bound = (RICH, self.twin.world.merchant), self.value_book.limits.bound

        def model() -> None:
            if store is None:
                bound.pop(key, None)
            else:
                bound[key] = store

        self._value_operate("StoredValue", "bindAccount", *key, store or 0, store is not None, model=model)

    @rule(shop=some_shops, member=some_members, amount=some_money, at_least=st.sampled_from([0, 0, 50]))
    def recharge_at_a_till(self, shop: int, member: MemberId, amount: int, at_least: int) -> None:
        amount %= 2**48
        store = 0 if self.value_book.limits.restricts(shop) else None
        sequence, book = self.twin.next_sequence(), self.value_book
        data = b"\2\0" + amount.to_bytes(6, "big") + at_least.to_bytes(6, "big")
        self._recharge_act(shop, member, sequence, data, model=lambda: book.recharge_at(
            shop, member, amount, at_least, store=store, terminal=0, sequence=sequence))  # fmt: skip

    @precondition(lambda self: self.value_book.last)
    @rule(data=st.data(), till=st.booleans(), wrong=st.sampled_from([0, 0, 0, 1]))
    def undo_recharge(self, data: st.DataObject, till: bool, wrong: int) -> None:
        member = data.draw(st.sampled_from(sorted(self.value_book.last)))
        last = self.value_book.last[member]
        shop, amount = last.merchant, last.amount + wrong
        if till:
            data = b"\2\1" + amount.to_bytes(6, "big") + bytes(6)
            self._recharge_act(shop, member, self.twin.next_sequence(), data,
                               model=lambda: self.value_book.undo(shop, member, amount))  # fmt: skip
        else:
            self._value_send("StoredValue", "undoRecharge", shop, member, amount, sender=self.twin.world.merchant,
                       model=lambda: self.value_book.undo(shop, member, amount))  # fmt: skip

    @precondition(lambda self: any(self.value_book.posted_as.values()))
    @rule(data=st.data(), wrong=st.sampled_from([0, 0, 0, 1]))
    def reverse_recharge(self, data: st.DataObject, wrong: int) -> None:
        """By its sequence, be it the last or not."""
        posted = {member: sequence for member, sequence in self.value_book.posted_as.items() if sequence}
        member = data.draw(st.sampled_from(sorted(posted)))
        sequence = posted[member] + wrong
        last = self.value_book.last.get(member)
        shop = last.merchant if last else RICH
        self._recharge_act(shop, member, self.twin.next_sequence(), b"\x82" + sequence.to_bytes(8, "big"),
                           model=lambda: self.value_book.undo_posted(shop, member, sequence))  # fmt: skip

    @rule(shop=some_shops, member=some_members, amount=st.integers(1, 9_000))
    def recharge_and_undo(self, shop: int, member: MemberId, amount: int) -> None:
        self.recharge_at_counter(shop=shop, member=member, amount=amount)
        self._value_send("StoredValue", "undoRecharge", shop, member, amount, sender=self.twin.world.merchant,
                   model=lambda: self.value_book.undo(shop, member, amount))  # fmt: skip

    @rule(
        shop=some_shops,
        scope=st.sampled_from([MERCHANT, STORE, TERMINAL, 3]),
        number=st.sampled_from([0, 0, 1]),
        left=st.sampled_from([0, 10_000, 10**6]),
        how=st.sampled_from(["set", "raise", "remove", "thief"]),
    )
    def limit_recharges(self, shop: int, scope: int, number: int, left: int, how: str) -> None:
        if how == "set":
            self._set_limit(shop, scope, number, left, 30_000)
        elif how == "raise":
            self._value_operate("StoredValue", "raiseLimit", shop, scope, number, left,
                          model=lambda: self.value_book.limits.raise_by(shop, scope, number, left))  # fmt: skip
        elif how == "remove":
            self._value_operate("StoredValue", "removeLimit", shop, scope, number,
                          model=lambda: self.value_book.limits.remove(shop, scope, number))  # fmt: skip
        else:
            self._value_send("StoredValue", "raiseLimit", shop, scope, number, left, sender=self.twin.world.merchant,
                       model=_not_allowed)  # fmt: skip

    # --- rebates ---

    @rule(shop=st.sampled_from([0, RICH]), programme=st.sampled_from([0, 1, 2, 2, 9]))
    def choose_programme(self, shop: int, programme: int) -> None:
        self._value_operate(
            "Rebates", "chooseProgramme", shop, programme, model=lambda: self.value_book.choose(shop, programme)
        )

    @rule(programme=st.sampled_from([1, 2, 9]), amount=some_money, withdraw=st.booleans())
    def fund_programme(self, programme: int, amount: int, withdraw: bool) -> None:
        amount %= 2**48
        if withdraw:
            self._value_operate("Rebates", "withdrawFund", programme, amount, ADDRESS,
                          model=lambda: self.value_book.withdraw(programme, amount))  # fmt: skip
        else:
            self._value_operate("Rebates", "fundProgramme", programme, amount,
                          model=lambda: self.value_book.fund(programme, amount))  # fmt: skip

    @rule(days=st.sampled_from([1, 27, 31, 31, 92]))
    def months_pass(self, days: int) -> None:
        self.twin.tick(days * 86_400)
        self.twin.world.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)

    @precondition(lambda self: any(balance.promises for balance in self.value_book.balances.values()))
    @rule(data=st.data(), sweep=st.booleans(), ripe=st.booleans())
    def release_rebate(self, data: st.DataObject, sweep: bool, ripe: bool) -> None:
        self.twin.tick()
        having = [m for m, balance in self.value_book.balances.items() if balance.promises]
        member = data.draw(st.sampled_from(having))
        promises = self.value_book.balance(member).promises
        due = [i for i, each in enumerate(promises) if each is not None and self.value_book.due(each)]
        indexes = due if ripe and due else [data.draw(st.integers(0, len(promises)))]
        if sweep:
            self._value_send("Rebates", "sweepPromise", member, indexes[0], sender=self.twin.world.stranger,
                       model=lambda: self.value_book.sweep(member, indexes[0]))  # fmt: skip
        else:
            self._value_send("Rebates", "releaseRebates", member, indexes, sender=self.twin.world.stranger,
                       model=lambda: self.value_book.release(member, indexes))  # fmt: skip

    @rule(member=st.sampled_from(SHOPPERS), amount=st.integers(1_000, 60_000), months=st.integers(1, 6))
    def promise_and_release(self, member: MemberId, amount: int, months: int) -> None:
        before = len(self.value_book.balance(member).promises)
        self.recharge_by_finance(member=member, amount=amount, at_least=0)
        if len(self.value_book.balance(member).promises) == before:
            return
        self.months_pass(days=months * 31)
        self._value_send("Rebates", "releaseRebates", member, [before], sender=self.twin.world.stranger,
                         model=lambda: self.value_book.release(member, [before]))  # fmt: skip

    @rule(member=st.sampled_from(SHOPPERS), amount=st.integers(1_000, 20_000))
    def promise_and_forfeit(self, member: MemberId, amount: int) -> None:
        """All good cards of a member are given up after a recharge, and what was promised is swept."""
        self.recharge_by_finance(member=member, amount=amount, at_least=0)
        for card, its in list(self.card_book.cards.items()):
            if its.state == ACTIVE and self.card_book.survivor(its.member) == member:
                self._value_operate("StoredValue", "closeCardAt", card, RICH, b"\1" * 32,
                                    model=lambda c=card: self.value_book.close(c, RICH, by_operator=True))  # fmt: skip
        index = max(len(self.value_book.balance(member).promises) - 1, 0)
        self._value_send("Rebates", "sweepPromise", member, index, sender=self.twin.world.stranger,
                         model=lambda: self.value_book.sweep(member, index))  # fmt: skip

    # --- what must hold ---

    @invariant()
    def rebates_paid_are_rebates_promised(self) -> None:
        """And nothing is promised that is not there; nobody takes out more than was paid in."""
        value = self.value_book
        promised = sum(each.promised for each in value.programmes.values())
        assert value.promised_ever == value.paid_ever + value.forfeited_ever + promised
        for number, each in value.programmes.items():
            assert each.fund >= 0
            found = self._value_part("Rebates").view("programmeOf", number)
            assert (found["fund"], found["promised"]) == (each.fund, each.promised)
        for member, out in value.cash_out.items():
            # who never paid in can have value taken by a correction: that is of gifts, and nothing comes out for it
            assert out <= max(value.cash_in.get(member, 0), 0)

    @invariant()
    def members_are_as_in_the_model(self) -> None:
        """One after the other; all of them at the end of a life."""
        self.value_turn += 1
        self._compare_value([*SHOPPERS, MEMBERS[0]][self.value_turn % (len(SHOPPERS) + 1)])

    def close_value(self) -> None:
        """Cards' counts, what was paid in, and what may be paid out, of everybody."""
        for member in [*SHOPPERS, MEMBERS[0]]:
            self._compare_value(member)

    def _compare_value(self, member: MemberId) -> None:
        holder, balance = self.card_book.holder(member), self.value_book.balance(member)
        found = self._value_part("MemberCards").view("holderOf", member)
        assert (found["active"], found["locked"], found["kind"]) == (holder.active, holder.locked, holder.kind)
        assert found["bound"] == holder.bound
        assert found["lockedHere"] == holder.locked_here
        kept = self._value_part("Rebates").view("balanceOf", member)
        assert (kept["net"], kept["highWater"], kept["gifts"]) == (balance.net, balance.mark, balance.gifts)
        assert (kept["seen"], kept["left"]) == (balance.seen, balance.gone)
        assert kept["net"] <= kept["highWater"]
        assert self._value_part("Rebates").view("payoutOf", member) == self.value_book.payout(member)
        owed = self._value_part("StoredValue").view("valueArrears", 0, member)
        assert owed == self.value_book.arrears.get((0, member), 0)

    # --- inside ---

    def _some_card(self, *states: int) -> st.SearchStrategy[int]:
        """Mostly one in such a state."""
        fitting = [number for number, card in self.card_book.cards.items() if card.state in states]
        return st.sampled_from([*fitting * 4, *self.card_book.cards])

    def _set_kind(self, kind: int, *terms: int) -> None:
        self._value_operate("MemberCards", "setKind", kind, *terms, model=lambda: self.card_book.set_kind(kind, *terms))

    def _set_limit(self, shop: int, scope: int, number: int, left: int, per_day: int) -> None:
        self._value_operate("StoredValue", "setLimit", shop, scope, number, left, per_day,
                      model=lambda: self.value_book.limits.set(shop, scope, number, left, per_day))  # fmt: skip

    def _by_card_key(
        self, name: str, card: int, *arguments: Any, model: Callable[[], Any], part: str = "MemberCards"
    ) -> None:
        """The member's key sends by itself; MEMBERS have none."""

        def keyed() -> None:
            its = self.card_book.cards.get(card)
            if its is None or its.member == 0:
                raise Refused("BadState" if part == "MemberCards" else "NotMember")
            if self.card_book.survivor(its.member) not in SHOPPERS:
                raise Refused("NotMember")
            model()

        self._value_send(part, name, card, *arguments, 0, b"", sender=self.twin.world.holder, model=keyed)

    def _recharge_act(self, shop: int, member: int, sequence: int, data: bytes, *, model: Callable[[], Any]) -> None:
        """An act as the ledger hands it over; a refusal tells its reason."""

        def declining() -> int:
            try:
                return int(model() or 0)
            except Refused as refused:
                raise ActDeclined(REASONS.get(refused.error, ACT)) from None

        act = Act(merchant=shop, member=member, sequence=sequence)
        at_till(self.twin, self._value_part("StoredValue"), act, data, model=declining)

    def _value_operate(self, part: str, name: str, *arguments: Any, model: Callable[[], Any]) -> None:
        self._value_send(part, name, *arguments, sender=self.twin.world.operator, model=model)

    def _value_send(self, part: str, name: str, *arguments: Any, sender: str, model: Callable[[], Any]) -> None:
        self.twin.act(self._value_part(part), name, *arguments, sender=sender, model=model)

    def _value_part(self, name: str) -> Contract:
        world = self.twin.world
        assert isinstance(world, Suite)
        return world[name]

    def _value_cash(self, part: str, owner: str) -> None:
        self.twin.tick()
        self.twin.world.cash.send("approve", self._value_part(part).address, 2**256 - 1, sender=owner)


def _not_allowed() -> None:
    raise Refused("AccessManagedUnauthorized")
