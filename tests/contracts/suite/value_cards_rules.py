"""What can happen to members' cards (docs/value.md). Needs value_rules beside it."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from node.domain.ids import MemberId
from tests.contracts.model import Refused
from tests.contracts.suite.cards_model import ACTIVE, EXPIRED, HELD, ISSUED, MINE, CardsModel
from tests.contracts.suite.value_model import ValueModel, sound
from tests.contracts.suite.value_rules import ADDRESS, some_members
from tests.contracts.twin import Twin
from tests.contracts.worlds import POOR, RICH


class ValueCardsRules:
    """Rules of MemberCards, and of what StoredValue pays out when a card is given up."""

    twin: Twin
    card_book: CardsModel
    value_book: ValueModel
    _some_card: Any
    _by_card_key: Any
    _value_operate: Any
    _value_send: Any

    @rule(data=st.data(), member=some_members, clerk=st.booleans())
    def activate_card(self, data: st.DataObject, member: MemberId, clerk: bool) -> None:
        card = data.draw(self._some_card(ISSUED))
        if not clerk:
            self._value_operate(
                "MemberCards", "activate", card, member, model=lambda: self.card_book.activate(card, member)
            )
            return

        def by_clerk() -> None:
            if card not in self.card_book.cards or self.card_book.cards[card].merchant != RICH:
                raise Refused("NotMerchantsCard")
            self.card_book.activate(card, member, locks=False)

        self._value_send(
            "MemberCards", "activateAt", RICH, card, member, sender=self.twin.world.merchant, model=by_clerk
        )

    @rule(data=st.data(), what=st.sampled_from(["hold", "release", "lock", "unlock"]))
    def lock_card(self, data: st.DataObject, what: str) -> None:
        card = data.draw(self._some_card(*((MINE, HELD) if what in ("release", "unlock") else (ACTIVE,))))
        if what in ("hold", "release"):
            change = self.card_book.lock if what == "hold" else self.card_book.unlock
            named = {"held": True} if what == "hold" else {"operator": True}
            self._value_operate("MemberCards", what, card, model=lambda: change(card, **named))
            return
        change = self.card_book.lock if what == "lock" else self.card_book.unlock
        named = {"held": False} if what == "lock" else {"operator": False}
        self._by_card_key(f"{what}Mine", card, model=lambda: change(card, **named))

    @rule(data=st.data(), mine=st.booleans())
    def replace_card(self, data: st.DataObject, mine: bool) -> None:
        card, following = data.draw(self._some_card(ACTIVE, MINE, EXPIRED)), data.draw(self._some_card(ISSUED))
        if mine:
            self._by_card_key("replaceMine", card, following,
                            model=lambda: self.card_book.replace(card, following, operator=False))  # fmt: skip
        else:
            self._value_operate("MemberCards", "replace", card, following,
                          model=lambda: self.card_book.replace(card, following))  # fmt: skip

    @rule(data=st.data())
    def expire_card(self, data: st.DataObject) -> None:
        card = data.draw(self._some_card(ACTIVE, MINE))
        self._value_send(
            "MemberCards", "expire", card, sender=self.twin.world.stranger, model=lambda: self.card_book.expire(card)
        )

    @rule(member=some_members)
    def review_tier(self, member: MemberId) -> None:
        self._value_send(
            "MemberCards",
            "review",
            member,
            sender=self.twin.world.stranger,
            model=lambda: self.card_book.review(member),
        )

    @rule(data=st.data(), counter=st.sampled_from([0, RICH]), member=st.booleans())
    def give_up_card(self, data: st.DataObject, counter: int, member: bool) -> None:
        card = data.draw(self._some_card(ACTIVE, EXPIRED))
        if member:
            self._by_card_key("closeCard", card, ADDRESS if not counter else "0x" + "00" * 20, counter,
                            model=lambda: self.value_book.close(card, counter), part="StoredValue")  # fmt: skip
        else:
            self._value_operate("StoredValue", "closeCardAt", card, RICH, b"\1" * 32,
                          model=lambda: self.value_book.close(card, RICH, by_operator=True))  # fmt: skip

    @rule(per_day=st.sampled_from([0, 500, 40_000, 40_000]))
    def limit_counters(self, per_day: int) -> None:
        """What the operator may pay out a day without members' keys."""

        def model() -> None:
            self.value_book.counters_a_day = per_day

        self._value_operate("StoredValue", "setCounterLimit", per_day, model=model)
        assert self._value_part("StoredValue").view("counterLeft") == self.value_book.counters_left()

    @rule(amount=st.sampled_from([0, 1, 900, 10**6]))
    def withdraw_starting_fund(self, amount: int) -> None:
        def model() -> None:
            sound(amount)
            if amount > self.value_book.starting_fund:
                raise Refused("FundTooSmall")
            self.value_book.starting_fund -= amount

        self._value_operate("StoredValue", "withdrawStartingFund", amount, ADDRESS, model=model)

    @rule(
        shop=st.sampled_from([RICH, POOR]),
        member=some_members,
        more=st.sampled_from([0, 0, 0, 1]),
        share=st.integers(1, 3),
    )
    def forgive_value_arrears(self, shop: int, member: MemberId, more: int, share: int) -> None:
        owed = self.value_book.arrears.get((shop, member), 0)
        amount = owed // share + more

        def model() -> None:
            if not 0 < amount <= owed:
                raise Refused("NothingDue")
            self.value_book._owe(shop, member, -amount)

        self._value_send(
            "StoredValue", "forgiveValueArrears", shop, member, amount, sender=self.twin.world.merchant, model=model
        )

    @rule(data=st.data())
    def pay_starting_value(self, data: st.DataObject) -> None:
        card = data.draw(self._some_card(ACTIVE))
        self._value_send("StoredValue", "payStartingValue", card, sender=self.twin.world.stranger,
                   model=lambda: self.value_book.pay_start(card))  # fmt: skip
