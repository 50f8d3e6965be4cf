"""What can happen to sales that took place offline (interfaces/IAdvices.sol). Needs value_rules beside it."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.world import terminal_id
from node.domain.ids import MemberId
from tests.contracts.suite.advices_model import GUARANTEE, AdvicesModel, Owed
from tests.contracts.suite.till import Act, at_till
from tests.contracts.suite.value_rules import ADDRESS, some_members, some_shops
from tests.contracts.twin import STREAM, Twin, coins, stored

over = st.sampled_from([0, 0, 1, 500, 7_000])
OPEN_DAY = 10**9


class ValueAdvicesRules:
    """Rules of Advices on a furnished suite."""

    twin: Twin
    advice_book: AdvicesModel
    _value_operate: Any
    _value_send: Any
    _value_part: Any

    @rule(shop=some_shops, floor=st.sampled_from([0, 300, 5_000, 10**6]))
    def set_floor(self, shop: int, floor: int) -> None:
        """Of the shop's first terminal."""

        def model() -> None:
            self.advice_book.floors[shop, 0] = floor

        world = self.twin.world
        self.twin.act(world.registry, "setFloorLimit", terminal_id(shop, 0), floor, model=model)

    @rule(amount=st.sampled_from([0, 1, 900, 40_000, 40_000]), take=st.booleans())
    def change_guarantee(self, amount: int, take: bool) -> None:
        if take:
            self._value_operate(
                "Advices", "takeFromGuarantee", amount, ADDRESS, model=lambda: self.advice_book.take_out(amount)
            )
        else:
            self._value_operate("Advices", "payIntoGuarantee", amount, model=lambda: self.advice_book.pay_in(amount))

    @rule(shop=some_shops, member=some_members, value=over, of_coins=over, terminal=st.sampled_from([0, 0, 0, 1]))
    def advise_sale(self, shop: int, member: MemberId, value: int, of_coins: int, terminal: int) -> None:
        """Of a bit more than the member has; what the ledger skips for that is booked."""
        account = self.twin.model.touch(member)
        wanted = Owed(
            value=account.value + value if value else 0,
            coins=account.coins // self.twin.model.par + of_coins if of_coins else 0,
        )
        lines = [make(amount) for make, amount in ((stored, wanted.value), (coins, wanted.coins)) if amount]
        if not lines or any(line.amount > 10**8 for line in lines):
            return
        outcome = self.twin.post(self.twin.payment(shop, member, *lines, terminal=terminal))  # type: ignore[arg-type]
        if [reason for _, reason in outcome.skipped] in ([14], [15]):
            self._book_advice(self.twin.sequence, shop, member, wanted, terminal)

    @precondition(lambda self: self.advice_book.booked_as)
    @rule(data=st.data(), left=st.sampled_from([OPEN_DAY, 3]), known=st.booleans())
    def book_again(self, data: st.DataObject, left: int, known: bool) -> None:
        """What was booked, or never was a sale."""
        original = data.draw(st.sampled_from(sorted(self.advice_book.booked_as))) if known else 10**12
        shop, member = data.draw(some_shops), data.draw(some_members)
        self._book_advice(original, shop, member, Owed(value=data.draw(over)), 0, left=left)

    @precondition(lambda self: self.advice_book.booked_as)
    @rule(data=st.data(), wrong=st.sampled_from([0, 0, 0, 0, 1]))
    def reverse_advice(self, data: st.DataObject, wrong: int) -> None:
        """Be it booked still or not."""
        sequences = [*list(self.advice_book.bookings) * 4, *self.advice_book.booked_as.values()]
        sequence = data.draw(st.sampled_from(sequences))
        its = self.advice_book.bookings.get(sequence)
        shop, member = (its.merchant, its.member + wrong) if its else (1, 1)
        act = Act(merchant=shop, member=member, sequence=self.twin.next_sequence())
        at_till(self.twin, self._value_part("Advices"), act, b"\x89" + sequence.to_bytes(8, "big"),
                model=lambda: self.advice_book.undo(sequence, shop, member))  # fmt: skip

    @rule(shop=st.one_of(st.just(GUARANTEE), some_shops), member=some_members)
    def collect_advices(self, shop: int, member: MemberId) -> None:
        self._value_send("Advices", "collect", shop, member, sender=self.twin.world.stranger,
                         model=lambda: self.advice_book.collect(shop, member))  # fmt: skip

    @rule(shop=some_shops)
    def pay_guarantee_due(self, shop: int) -> None:
        self._value_send("Advices", "payGuaranteeDue", shop, sender=self.twin.world.stranger,
                         model=lambda: self.advice_book.pay_due(shop))  # fmt: skip

    @precondition(lambda self: self.advice_book.bookings)
    @rule(data=st.data(), guarantee=st.booleans(), more=st.sampled_from([0, 0, 0, 1]), share=st.integers(1, 3))
    def forgive_advice(self, data: st.DataObject, guarantee: bool, more: int, share: int) -> None:
        """Some or all of what is owed for a sale, or more than that."""
        sequence = data.draw(st.sampled_from(list(self.advice_book.bookings)))
        its = self.advice_book.bookings[sequence]
        owed, creditor = (its.fund, GUARANTEE) if guarantee else (its.shop, its.merchant)
        amount = Owed(value=owed.value // share + more, coins=owed.coins // share)
        words = (STREAM, sequence, amount.value, amount.coins)

        def model() -> None:
            self.advice_book.forgive(sequence, creditor, amount)

        if guarantee:
            self._value_operate("Advices", "forgiveGuarantee", *words, model=model)
        else:
            self._value_send("Advices", "forgive", *words, sender=self.twin.world.merchant, model=model)

    # --- what must hold ---

    @invariant()
    def advices_are_as_in_the_model(self) -> None:
        """The fund, what it owes, and every debt, which is none below zero."""
        contract, book = self._value_part("Advices"), self.advice_book
        assert (contract.view("guarantee"), contract.view("guaranteeDue", 0)) == (book.guarantee, book.due.total())
        assert all(each >= 0 for each in book.due.values())
        for (shop, member), owed in book.arrears.items():
            assert min(owed.value, owed.coins) >= 0
            found = contract.view("adviceArrears", shop, member)
            assert (found["value"], found["coins"]) == (owed.value, owed.coins)
            assert contract.view("owing", member) == book.owing(member)

    def cash_owed_value_advices(self) -> dict[str, int]:
        """The fund."""
        return {"Advices": self.advice_book.guarantee}

    def _book_advice(
        self, original: int, shop: int, member: MemberId, wanted: Owed, terminal: int, *, left: int = OPEN_DAY
    ) -> None:
        book, sequence = self.advice_book, self.twin.next_sequence()
        data = b"\x09" + original.to_bytes(8, "big") + wanted.value.to_bytes(6, "big") + wanted.coins.to_bytes(6, "big")
        before = self.twin.model.book.merchants.get(shop)  # type: ignore[call-overload]
        act = Act(merchant=shop, member=member, sequence=sequence, terminal=terminal, debit_left=left)
        done = at_till(self.twin, self._value_part("Advices"), act, data, model=lambda: book.book(
            sequence, original, shop, member, wanted, terminal=terminal, left=left))  # fmt: skip
        if done is None:
            return
        its = book.bookings[sequence]
        taken = its.value + (its.current + its.previous) // self.twin.model.par
        got = self.twin.model.book.merchants[shop].payable - before.payable  # type: ignore[index]
        assert got <= max(taken, min(wanted.sum, book.floors.get((shop, terminal), 0)))
        assert taken + its.fund.sum + its.shop.sum == wanted.sum
