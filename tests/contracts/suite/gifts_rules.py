"""What can happen to gifts: published, reserved, handed over, released, taken at a till, given back."""

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.suite import Suite
from node.domain.ids import MemberId
from tests.contracts.doors_model import holder_of
from tests.contracts.suite.gifts_model import AT_A_TILL, Gift, GiftsModel, Reservation
from tests.contracts.suite.people import key_of, survivor_of
from tests.contracts.suite.till import UNDO, Act, at_till
from tests.contracts.twin import Twin
from tests.contracts.worlds import CLOSED, FROZEN, LOCKED, MEMBERS, POOR, RICH, STRANGER

members = st.sampled_from([*MEMBERS * 3, LOCKED, FROZEN, STRANGER])
published = st.builds(
    Gift,
    price=st.sampled_from([0, 1, 1, 250, 250, 1_000, 2**43, 2**48]),
    cash=st.sampled_from([0, 0, 5, 300]),
    stock=st.integers(0, 4),
    limit=st.sampled_from([0, 1, 2]),
    hold=st.sampled_from([59, 60, 86_400, 10**6, 10**7]),
)
STATES = ["None", "Reserved", "HandedOver", "Released", "TakenBack"]


class GiftsRules:
    """Gifts on a furnished suite."""

    twin: Twin

    def setup_gifts(self) -> None:
        """A few gifts to begin with."""
        assert isinstance(self.twin.world, Suite)
        self.gifts_contract = self.twin.world["Gifts"]
        self.gift_book = GiftsModel(
            ledger=self.twin.model,
            holder=holder_of(self.gifts_contract.address),
            survivor=lambda member: survivor_of(self.twin, member),
        )
        for merchant, price, cash in ((RICH, 250, 0), (RICH, 1_000, 300), (POOR, 400, 0), (POOR, 0, 5)):
            self._publish_gift(merchant, Gift(price=price, cash=cash, stock=3, limit=2, hold=10**6))

    def cash_owed_gifts(self) -> dict[str, int]:
        """Cash parts of what is reserved."""
        return {"Gifts": self.gift_book.held}

    def _publish_gift(self, merchant: int, gift: Gift) -> None:
        self.twin.act(
            self.gifts_contract, "publish", merchant, b"mug".ljust(32, b"\0"), gift.terms(),
            model=lambda: self.gift_book.publish(merchant, gift), sender=self.twin.world.merchant,
        )  # fmt: skip

    @rule(
        merchant=st.sampled_from([RICH, CLOSED]), gift=published, days=st.sampled_from([None, (0, 9), (-9, 0), (9, 8)])
    )
    def publish_gift(self, merchant: int, gift: Gift, days: tuple[int, int] | None) -> None:
        if days:
            starts, until = (self.twin.now + 86_400 * day for day in days)
            gift = Gift(**{**gift.__dict__, "starts": starts, "until": until})
        self._publish_gift(merchant, gift)

    @rule(data=st.data(), units=st.sampled_from([0, 1, 3, 2**32 - 1]))
    def add_stock(self, data: st.DataObject, units: int) -> None:
        gift = data.draw(st.sampled_from([*self.gift_book.gifts, RICH << 32 | 999]))
        model = self.gift_book
        self.twin.act(
            self.gifts_contract, "addStock", gift, units, model=lambda: model.add_stock(gift, units),
            sender=self.twin.world.merchant,
        )  # fmt: skip

    @rule(data=st.data(), sure=st.sampled_from([True, False, False]))
    def withdraw_gift(self, data: st.DataObject, sure: bool) -> None:
        gift = data.draw(st.sampled_from([*self.gift_book.gifts, RICH << 32 | 999]))
        if sure:
            self.twin.act(
                self.gifts_contract, "withdraw", gift, model=lambda: self.gift_book.withdraw(gift),
                sender=self.twin.world.merchant,
            )  # fmt: skip

    def _some_gift(self, data: st.DataObject, merchant: int | None = None) -> int:
        """Mostly one that can be had."""
        gifts = self.gift_book.gifts
        good = [
            number
            for number, gift in gifts.items()
            if gift.open and gift.stock and number >> 32 == (merchant or number >> 32)
        ]
        return int(data.draw(st.sampled_from([*good * 6, *gifts, 7])))

    @rule(data=st.data(), member=members)
    def reserve_gift(self, data: st.DataObject, member: MemberId) -> None:
        gift = self._some_gift(data)
        self.twin.act(
            self.gifts_contract, "reserve", gift, member, 0, b"",
            model=lambda: self.gift_book.reserve(gift, member), sender=key_of(self.twin, member),
        )  # fmt: skip

    @rule(data=st.data(), member=st.sampled_from(MEMBERS), end=st.sampled_from(["confirm", "cancel", "release"]))
    def reserve_gift_and_end_it(self, data: st.DataObject, member: MemberId, end: str) -> None:
        self.reserve_gift(data, member)
        self._end_gift(self.gift_book.count, end, True)

    @precondition(lambda self: self.gift_book.reservations)
    @rule(
        data=st.data(),
        how=st.sampled_from(["confirm", "cancel", "release", "takeBack"]),
        allowed=st.sampled_from([True] * 5 + [False]),
    )
    def end_reservation(self, data: st.DataObject, how: str, allowed: bool) -> None:
        wanted = "HandedOver" if how == "takeBack" else "Reserved"
        standing = [number for number, it in self.gift_book.reservations.items() if it.state == wanted]
        some = [*standing * 6, *list(self.gift_book.reservations)[-3:], 10**6]
        self._end_gift(data.draw(st.sampled_from(some)), how, allowed)

    def _end_gift(self, number: int, how: str, allowed: bool) -> None:
        model, world = self.gift_book, self.twin.world
        sender = world.merchant if allowed else world.stranger
        if how == "cancel":
            it = model.reservations.get(number)
            sender = self._holder_key(it) if it and allowed else world.stranger
            self.twin.act(
                self.gifts_contract,
                "cancel",
                number,
                0,
                b"",
                model=lambda: model.cancel(number, key=allowed),
                sender=sender,
            )
            return
        ends = {"confirm": model.confirm, "release": model.release, "takeBack": model.take_back}
        self.twin.act(self.gifts_contract, how, number, model=lambda: ends[how](number, clerk=allowed), sender=sender)

    def _holder_key(self, it: Reservation) -> str:
        return key_of(self.twin, MemberId(survivor_of(self.twin, it.member)))

    # --- at a till ---

    @rule(
        data=st.data(),
        merchant=st.sampled_from([RICH, RICH, POOR]),
        member=members,
        fault=st.sampled_from([*[{}] * 9, {"amount": 5}, {"debit_left": 200}, {"authorisation": bytes(32)}]),
    )
    def take_gift_at_till(self, data: st.DataObject, merchant: int, member: MemberId, fault: dict[str, object]) -> None:
        gift = self._some_gift(data, merchant)
        act = self._gift_act(merchant, member, **fault)
        what = bytes([6, 0]) + gift.to_bytes(8, "big")
        at_till(self.twin, self.gifts_contract, act, what, model=lambda: self.gift_book.take_at_till(act, gift))

    @precondition(lambda self: self.gift_book.reservations)
    @rule(data=st.data(), merchant=st.sampled_from([None, None, POOR]), member=st.sampled_from([None, None, STRANGER]))
    def hand_over_at_till(self, data: st.DataObject, merchant: int | None, member: MemberId | None) -> None:
        standing = [number for number, it in self.gift_book.reservations.items() if it.state == "Reserved"]
        number = data.draw(st.sampled_from([*standing * 6, *self.gift_book.reservations, 10**6]))
        it = self.gift_book.reservations.get(number)
        holder = MemberId(survivor_of(self.twin, it.member)) if it else STRANGER
        act = self._gift_act(merchant or (it.gift >> 32 if it else RICH), member or holder)
        what = bytes([6, 1]) + number.to_bytes(16, "big")
        at_till(self.twin, self.gifts_contract, act, what, model=lambda: self.gift_book.hand_over_at_till(act, number))

    @precondition(lambda self: any(number >= AT_A_TILL for number in self.gift_book.reservations))
    @rule(data=st.data(), merchant=st.sampled_from([None, None, POOR]))
    def undo_gift_at_till(self, data: st.DataObject, merchant: int | None) -> None:
        number = data.draw(st.sampled_from([n for n in self.gift_book.reservations if n >= AT_A_TILL][-3:]))
        it = self.gift_book.reservations[number]
        holder = MemberId(survivor_of(self.twin, it.member))
        act, sequence = self._gift_act(merchant or it.gift >> 32, holder), number & (2**64 - 1)
        what = bytes([6 | UNDO]) + sequence.to_bytes(8, "big")
        at_till(self.twin, self.gifts_contract, act, what, model=lambda: self.gift_book.undo_at_till(act, sequence))

    def _gift_act(self, merchant: int, member: MemberId, **fields: object) -> Act:
        return Act(merchant=merchant, member=member, sequence=self.twin.next_sequence(), **fields)  # type: ignore[arg-type]

    @invariant()
    def gifts_agree(self) -> None:
        """Stock, reservations by age, and coins held = coins reserved."""
        book = self.gift_book
        for number, gift in book.gifts.items():
            found = self.gifts_contract.view("gift", number)
            assert (found["stock"], found["open"]) == (gift.stock, gift.open)
        epoch, held = self.twin.model.epoch, [0, 0]
        for number, it in list(book.reservations.items())[-8:]:
            found = self.gifts_contract.view("reservation", number)
            assert (STATES[found["state"]], found["expires"]) == (it.state, it.expires)
            assert found["coins"] == {"current": it.current, "previous": it.previous, "epoch": it.epoch}
        for it in book.reservations.values():
            if it.state == "Reserved":
                held = [a + b for a, b in zip(held, it.rolled(epoch), strict=True)]
        account = self.twin.ledger.view("accountOf", self.gifts_contract.address)
        # the newest block's epoch and the model's are the same: both ticked last
        assert [account["current"], account["previous"]] == held
