"""Gifts: their prices and windows, who may do what, coins that age while they are held, and what a signature binds."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Contract, Reverted
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId, MerchantId
from tests.contracts.conftest import EPOCH
from tests.contracts.suite.codes import CODES, signed
from tests.contracts.suite.guarantee import make_indebted, owed
from tests.contracts.suite.people import wait
from tests.contracts.suite.till import Act, at_till
from tests.contracts.twin import Twin, external

pytestmark = pytest.mark.anvil
SHOP, OTHER = MerchantId(1), MerchantId(2)
ANN, BOB = MemberId(1), MemberId(2)
MUG = SHOP << 32 | 1
NAME = b"mug".ljust(32, b"\0")
HOLD = 3_600
KEY = CODES[0]


class Shop:
    """Two merchants, a gift of 2.50 in coins and 1.00 in cash at the first, and Ann, who has coins, value and a key."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        self.gifts: Contract = self.world["Gifts"]
        for _ in (SHOP, OTHER):
            twin.base(twin.onboard(prepaid=10**6))
        twin.enrol(ANN, BOB)
        twin.recharge(ANN, 1_000)
        twin.pay(SHOP, ANN, external(100_000))
        self.merchant, self.key = self.world.merchant, self.world.chain.impersonate(KEY.address)
        self.world.give_key(ANN, self.key)
        self.publish()
        twin.now = twin.chain.now()

    def publish(self, **changed: int) -> None:
        self.gifts.send("publish", SHOP, NAME, terms(**changed), sender=self.merchant)

    def reserve(self, gift: int = MUG) -> int:
        receipt = self.gifts.send("reserve", gift, ANN, 0, b"", sender=self.key)
        (event,) = self.gifts.events(receipt)
        return int(event.args["reservation"])

    def coins(self, member: int = ANN) -> tuple[int, int]:
        account = self.world.ledger.view("account", member)
        return account["current"], account["previous"]

    def value(self) -> int:
        return int(self.world.ledger.view("account", ANN)["value"])

    def payable(self) -> int:
        return int(self.world.ledger.view("merchant", SHOP)["payable_"])

    def refused(self, name: str, *arguments: Any, sender: str) -> tuple[str, tuple[Any, ...]]:
        with pytest.raises(Reverted) as caught:
            self.gifts.view(name, *arguments, sender=sender)
        return caught.value.error, caught.value.values


def terms(**changed: int) -> tuple[int, ...]:
    """IGifts.Terms of the mug."""
    usual = {"price": 250, "cash": 100, "stock": 3, "starts": 0, "until": 0, "limit": 2, "hold": HOLD}
    return tuple((usual | changed).values())


@pytest.fixture(scope="module")
def opened_shop(chain: Chain, terms: Terms) -> Shop:
    return Shop(Twin(chain, terms, Suite))


@pytest.fixture
def shop(opened_shop: Shop) -> Iterator[Shop]:
    with opened_shop.twin.forgotten():
        yield opened_shop


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        ("BadPrice", {"price": 0, "cash": 0}),
        ("BadPrice", {"price": 2**48}),
        ("BadPrice", {"cash": 2**48}),
        ("BadPrice", {"price": 2**56 // 10_000 + 1}),
        ("BadWindow", {"starts": 2_000_000_000, "until": 2_000_000_000}),
        ("BadWindow", {"until": 1_600_000_000}),
        ("BadWindow", {"hold": 59}),
    ],
)
def test_publish_is_refused_by_name_when_terms_cannot_be(shop: Shop, error: str, changed: dict[str, int]) -> None:
    assert shop.refused("publish", SHOP, NAME, terms(**changed), sender=shop.merchant)[0] == error


def test_only_the_merchant_s_own_people_may_act(shop: Shop) -> None:
    number = shop.reserve()
    stranger = shop.world.stranger
    for name, arguments, group in (
        ("publish", (SHOP, NAME, terms()), 2),
        ("addStock", (MUG, 1), 2),
        ("withdraw", (MUG,), 2),
        ("confirm", (number,), 16),
        ("release", (number,), 16),
    ):
        assert shop.refused(name, *arguments, sender=stranger) == ("NotInGroup", (SHOP, stranger, group))
    shop.gifts.send("confirm", number, sender=shop.merchant)
    assert shop.refused("takeBack", number, sender=stranger) == ("NotInGroup", (SHOP, stranger, 32))
    # another merchant's person is a stranger here
    clerk = shop.world.holder
    shop.world.registry.send("setGroups", OTHER, clerk, 255, sender=shop.merchant)
    assert shop.refused("withdraw", MUG, sender=clerk)[0] == "NotInGroup"
    for call in (("applyAct", Act(merchant=SHOP, member=ANN, sequence=1).words(), b"\6"),):
        assert shop.refused(*call, sender=shop.world.operator) == ("NotLedger", (shop.world.operator,))


def test_reserve_is_refused_by_name_when_it_cannot_be(shop: Shop) -> None:
    key = shop.key
    assert shop.refused("reserve", 7, ANN, 0, b"", sender=key) == ("UnknownGift", (7,))
    assert shop.refused("reserve", MUG, ANN, 0, b"", sender=shop.world.stranger)[0] == "NotMember"
    assert shop.refused("reserve", MUG, BOB, 0, b"", sender=key)[0] == "NotMember"
    shop.publish(price=50_000)
    assert shop.refused("reserve", MUG + 1, ANN, 0, b"", sender=key)[0] == "InsufficientCoins"
    shop.publish(cash=1_001)
    assert shop.refused("reserve", MUG + 2, ANN, 0, b"", sender=key)[0] == "InsufficientValue"
    shop.publish(stock=0)
    assert shop.refused("reserve", MUG + 3, ANN, 0, b"", sender=key) == ("OutOfStock", (MUG + 3,))
    shop.publish(starts=1_900_000_000)
    assert shop.refused("reserve", MUG + 4, ANN, 0, b"", sender=key)[0] == "NotOffered"
    for _ in range(2):
        shop.reserve()
    assert shop.refused("reserve", MUG, ANN, 0, b"", sender=key) == ("LimitReached", (MUG, ANN, 2))
    shop.gifts.send("withdraw", MUG, sender=shop.merchant)
    assert shop.refused("reserve", MUG, ANN, 0, b"", sender=key) == ("GiftClosed", (MUG,))
    shop.world.ledger.send("pause", sender=shop.world.operator)
    assert shop.refused("reserve", MUG, ANN, 0, b"", sender=key)[0] == "NetworkPaused"
    # what is reserved is handed over and released in a pause as well
    shop.gifts.send("confirm", 1, sender=shop.merchant)
    shop.gifts.send("cancel", 2, 0, b"", sender=key)


def test_reservation_cannot_be_confirmed_when_its_hold_is_over_and_anybody_releases_it(shop: Shop) -> None:
    number = shop.reserve()
    before = shop.coins(), shop.value()
    wait(shop.twin, HOLD)
    assert shop.refused("confirm", number, sender=shop.merchant)[0] == "ReservationOver"
    shop.gifts.send("release", number, sender=shop.world.stranger)
    assert (sum(shop.coins()), shop.value()) == (sum(before[0]) + 2_500_000, before[1] + 100)
    assert shop.refused("release", number, sender=shop.merchant) == ("WrongState", (number, 3))
    assert shop.gifts.view("gift", MUG)["stock"] == 3
    assert shop.gifts.view("takenBy", MUG, ANN) == 0


def test_coins_come_back_with_their_age_when_a_reservation_ends_in_the_next_epoch(shop: Shop) -> None:
    shop.publish(hold=2 * EPOCH)  # over long after the coins
    number = shop.reserve(MUG + 1)
    wait(shop.twin, EPOCH)
    shop.gifts.send("cancel", number, 0, b"", sender=shop.key)
    assert shop.coins() == (0, 10_000_000)


def test_coins_held_expire_as_they_would_have_and_are_never_handed_over_short(shop: Shop) -> None:
    shop.publish(hold=4 * EPOCH)
    number = shop.reserve(MUG + 1)
    terms = shop.twin.model.book.terms
    ends = terms.epoch_start + (shop.twin.model.epoch + 2) * terms.epoch_length
    assert shop.gifts.view("reservation", number)["expires"] == ends
    wait(shop.twin, ends - shop.twin.now)
    assert shop.refused("confirm", number, sender=shop.merchant)[0] == "ReservationOver"
    shop.gifts.send("release", number, sender=shop.world.stranger)
    # the cash part is all that is left of it
    assert shop.coins() == (0, 0)
    assert shop.value() == 1_000
    assert shop.world.ledger.view("totalSupply") == 0


def test_gift_taken_back_restores_the_ages_of_now(shop: Shop) -> None:
    shop.twin.tick(EPOCH)
    shop.twin.pay(SHOP, ANN, external(100_000))  # 10 coins of this epoch, 10 of the one before
    shop.publish(price=1_500)  # takes all of the older and 5 of the newer
    number = shop.reserve(MUG + 1)
    shop.gifts.send("confirm", number, sender=shop.merchant)
    assert shop.coins() == (5_000_000, 0)
    assert shop.payable() == 1_600
    supply = shop.world.ledger.view("totalSupply")
    wait(shop.twin, EPOCH)
    shop.gifts.send("takeBack", number, sender=shop.merchant)
    # the 5 newer ones have aged by an epoch; those of the closed epoch come back as current, as with any refund
    assert shop.coins() == (10_000_000, 10_000_000)
    assert shop.payable() == 0
    assert shop.world.ledger.view("totalSupply") == supply + 15_000_000
    assert shop.refused("takeBack", number, sender=shop.merchant) == ("WrongState", (number, 4))


def test_gift_is_taken_back_from_the_deposit_and_never_from_the_guarantee_fund(shop: Shop) -> None:
    """Else confirm, payOut, takeBack in a circle empties the fund."""
    shop.twin.now = shop.twin.chain.now()
    act = Act(merchant=SHOP, member=ANN, sequence=50)
    at_till(shop.twin, shop.gifts, act, bytes([6, 0]) + MUG.to_bytes(8, "big"), model=lambda: 350)
    number = shop.reserve()
    shop.gifts.send("confirm", number, sender=shop.merchant)
    ledger, operator = shop.world.ledger, shop.world.operator
    ledger.send("setDoors", shop.world.holder, 32, sender=operator)
    ledger.send("takePayable", SHOP, 700, shop.world.holder, sender=shop.world.holder)
    ledger.send("addDeposit", 0, 1_000, sender=operator)
    assert shop.refused("takeBack", number, sender=shop.merchant) == ("InsufficientFunds", (SHOP, 350))
    undo = (Act(merchant=SHOP, member=ANN, sequence=51).words(), b"\x86" + (50).to_bytes(8, "big"))
    at_ledger = shop.world.chain.impersonate(ledger.address)
    assert shop.refused("applyAct", *undo, sender=at_ledger) == ("ActRefused", (37,))
    ledger.send("addDeposit", SHOP, 700, sender=operator)
    shop.gifts.send("takeBack", number, sender=shop.merchant)
    shop.gifts.send("applyAct", *undo, sender=at_ledger)
    assert (ledger.view("guaranteed", SHOP), ledger.view("deposits", 0)) == (0, 1_000)
    assert shop.value() == 1_000


def test_gift_is_not_taken_back_with_what_the_merchant_owes_the_guarantee_fund(shop: Shop) -> None:
    """Its till undoes what it did today all the same: the member's reversal does not hang on the merchant's debts."""
    make_indebted(shop.world, SHOP, 1_000)
    shop.twin.now = shop.twin.chain.now()
    act = Act(merchant=SHOP, member=ANN, sequence=50)
    at_till(shop.twin, shop.gifts, act, bytes([6, 0]) + MUG.to_bytes(8, "big"), model=lambda: 350)
    number = shop.reserve()
    shop.gifts.send("confirm", number, sender=shop.merchant)
    assert owed(shop.world, SHOP) == (700, 1_000)
    assert shop.refused("takeBack", number, sender=shop.merchant) == ("InsufficientFunds", (SHOP, 350))
    shop.world.ledger.send("creditPayable", SHOP, 649, sender=shop.world.operator)
    assert shop.refused("takeBack", number, sender=shop.merchant) == ("InsufficientFunds", (SHOP, 350))
    undo = (Act(merchant=SHOP, member=ANN, sequence=51).words(), b"\x86" + (50).to_bytes(8, "big"))
    shop.gifts.send("applyAct", *undo, sender=shop.world.chain.impersonate(shop.world.ledger.address))
    assert owed(shop.world, SHOP) == (999, 1_000)
    shop.world.ledger.send("creditPayable", SHOP, 351, sender=shop.world.operator)
    shop.gifts.send("takeBack", number, sender=shop.merchant)
    assert owed(shop.world, SHOP) == (1_000, 1_000)
    assert shop.value() == 1_000


def signed_reserve(shop: Shop, *, nonce: int = 0, deadline: int = 2**40, **domain: Any) -> bytes:
    """Ann's signature of a reservation of the mug."""
    fields = [("member", "uint64", ANN), ("gift", "uint64", MUG), ("nonce", "uint256", nonce)]
    fields.append(("deadline", "uint256", deadline))
    return signed(shop.gifts, KEY, "Reserve", fields, **({"name": "Tillnet Gifts"} | domain))


def test_signature_reserves_once_and_only_what_it_names(shop: Shop) -> None:
    stranger, deadline = shop.world.stranger, 2**40
    signature = signed_reserve(shop)
    shop.publish()
    assert shop.refused("reserve", MUG + 1, ANN, deadline, signature, sender=stranger)[0] == "NotMember"
    assert shop.refused("reserve", MUG, ANN, deadline + 1, signature, sender=stranger)[0] == "NotMember"
    wrong_chain = signed_reserve(shop, chain_id=1)
    assert shop.refused("reserve", MUG, ANN, deadline, wrong_chain, sender=stranger)[0] == "NotMember"
    over = shop.twin.chain.now() - 1
    expired = signed_reserve(shop, deadline=over)
    assert shop.refused("reserve", MUG, ANN, over, expired, sender=stranger) == ("SignatureExpired", (over,))
    shop.gifts.send("reserve", MUG, ANN, deadline, signature, sender=stranger)
    assert shop.refused("reserve", MUG, ANN, deadline, signature, sender=stranger)[0] == "NotMember"
    assert shop.gifts.view("reservation", 1)["member"] == ANN


def test_act_is_refused_as_unknown_when_its_bytes_are_no_gift_s(shop: Shop) -> None:
    ledger = shop.world.chain.impersonate(shop.world.ledger.address)
    act = Act(merchant=SHOP, member=ANN, sequence=9).words()
    for data in (b"\6", b"\6\0", bytes([6, 2]) + bytes(8), bytes([6, 0]) + bytes(9), b"\x86" + bytes(7)):
        assert shop.refused("applyAct", act, data, sender=ledger) == ("ActRefused", (31,))
    # what would be a gift, under the kind that no pause stops, is none
    for data in (b"\x86\0" + MUG.to_bytes(8, "big"), b"\x86\1" + bytes(16), b"\6" + bytes(8)):
        assert shop.refused("applyAct", act, data, sender=ledger) == ("ActRefused", (31,))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(prices=st.lists(st.integers(1, 250), min_size=1, max_size=4), back=st.booleans())
def test_taking_and_giving_back_in_any_order_changes_no_sum(shop: Shop, prices: list[int], back: bool) -> None:
    mark = shop.twin.chain.snapshot()
    before = (sum(shop.coins()), shop.value(), shop.payable(), shop.world.ledger.view("totals"))
    numbers = []
    for price in prices:
        shop.publish(price=price, cash=price % 3)
        count = shop.gifts.view("giftCount", SHOP)
        numbers.append(shop.reserve(SHOP << 32 | count))
        shop.gifts.send("confirm", numbers[-1], sender=shop.merchant)
    assert sum(shop.coins()) == before[0] - sum(prices) * 10_000
    assert shop.payable() == before[2] + sum(prices) + sum(price % 3 for price in prices)
    for number in reversed(numbers) if back else numbers:
        shop.gifts.send("takeBack", number, sender=shop.merchant)
    assert (sum(shop.coins()), shop.value(), shop.payable(), shop.world.ledger.view("totals")) == before
    shop.twin.chain.revert(mark)


def test_gift_at_a_till_is_one_act_and_its_undoing_another(shop: Shop) -> None:
    act = Act(merchant=SHOP, member=ANN, sequence=50)
    before = sum(shop.coins()), shop.value()
    done = at_till(shop.twin, shop.gifts, act, bytes([6, 0]) + MUG.to_bytes(8, "big"), model=lambda: 350)
    assert done is not None
    assert [event.name for event in shop.gifts.events(done)] == ["GiftReserved", "GiftHandedOver"]
    assert shop.payable() == 350
    undo = Act(merchant=SHOP, member=ANN, sequence=51)
    at_till(shop.twin, shop.gifts, undo, b"\x86" + (50).to_bytes(8, "big"), model=lambda: 0)
    assert (sum(shop.coins()), shop.value()) == before
