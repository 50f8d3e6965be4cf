"""The discount for coins: what a till may ask, who bears it, and what comes back after a refund."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Reverted
from benchmarks.suite import Suite
from benchmarks.world import STREAM
from node.domain.ids import MemberId, MerchantId
from node.domain.leaf import Leaf
from node.domain.merkle import proof_of
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.guarantee import make_indebted, owed
from tests.contracts.suite.people import wait
from tests.contracts.twin import Twin, coins, external

pytestmark = [pytest.mark.anvil, pytest.mark.usefixtures("forgotten")]
SHOP, ANN = MerchantId(1), MemberId(1)
NOBODY, MERCHANT, PLATFORM = 0, 1, 2
SEQUENCE = 7_000


class Counter:
    """A shop whose discounts the platform bears up to 1,000, a fund of 800, and Ann with coins."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.world: Suite = twin.world  # type: ignore[assignment]
        self.discount = self.world["CoinDiscount"]
        twin.base(twin.onboard(prepaid=10**6))
        twin.onboard()
        twin.enrol(ANN)
        twin.pay(SHOP, ANN, external(10_000_000))
        operator = self.world.operator
        self.world.cash.send("approve", self.discount.address, 2**256 - 1, sender=operator)
        self.discount.send("fillFund", 800, sender=operator)
        self.discount.send("setAllowance", SHOP, 1_000, sender=operator)
        self.discount.send("setBearer", SHOP, PLATFORM, sender=self.world.merchant)
        twin.now = self.world.chain.now()

    def act(self, discount: int, paid: int, *, sequence: int = SEQUENCE, merchant: int = SHOP) -> None:
        """As the ledger hands it over, with `paid` of a payment in coins."""
        body = bytes([8]) + discount.to_bytes(6, "big")
        self.apply(body, paid, sequence=sequence, merchant=merchant)

    def apply(self, body: bytes, paid: int = 0, *, sequence: int = SEQUENCE, merchant: int = SHOP) -> None:
        act = (STREAM, sequence, merchant, 0, ANN, self.world.chain.now(), paid, paid, 10**6, b"\1" * 32)
        ledger = self.world.chain.impersonate(self.world.ledger.address)
        self.discount.send("applyAct", act, body, sender=ledger)

    def reason(self, discount: int, paid: int, **named: Any) -> int:
        with pytest.raises(Reverted) as caught:
            self.act(discount, paid, **named)
        assert caught.value.error == "ActRefused"
        return int(caught.value.values[0])

    def payable(self) -> int:
        return int(self.world.ledger.view("merchant", SHOP)["payable_"])

    def proven(self, *leaves: Leaf) -> list[tuple[Any, ...]]:
        words = []
        for leaf in leaves:
            root = self.twin.root_of_leaf[leaf.hash]
            hashes = [each.hash for each in self.twin.trees[root]]
            words.append((*leaf.words(), root, proof_of(hashes, hashes.index(leaf.hash))))
        return words

    def paid_with_discount(self, discount: int, *amounts: int) -> list[Leaf]:
        """A payment of coin lines, with the act of its discount before."""
        self.act(discount, sum(amounts), sequence=self.twin.sequence + 1)
        # the model knows what the act put there
        self.twin.now = self.world.chain.now()
        return self.twin.pay(SHOP, ANN, *map(coins, amounts))


def test_platform_tops_up_what_the_member_saves(counter: Counter) -> None:
    # 5 % of 10.00: the member pays 9.50 in coins
    assert counter.discount.view("priceUp", 1_000) == 950
    assert counter.discount.view("discountDown", 950) == 50
    before = counter.payable()
    counter.act(50, 950)
    assert counter.payable() == before + 50
    assert counter.discount.view("fund") == 750
    assert counter.discount.view("ruleOf", SHOP)["allowance"] == 950


def test_discount_that_the_merchant_bears_is_written_down(counter: Counter) -> None:
    counter.discount.send("setBearer", SHOP, MERCHANT, sender=counter.world.merchant)
    before = counter.payable()
    counter.act(50, 950)
    assert (counter.payable(), counter.discount.view("fund")) == (before, 800)


@given(price=st.integers(1, 2**40))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_price_and_discount_agree_for_every_price(counter: Counter, price: int) -> None:
    paid = counter.discount.view("priceUp", price)
    assert price - paid == price * 500 // 10_000
    # the till may ask just that, and no more than the rate
    most = counter.discount.view("discountDown", paid)
    assert price - paid <= most
    assert most <= (paid + most) * 500 // 10_000 < most + 1


def test_discount_is_refused_by_reason(counter: Counter) -> None:
    assert counter.reason(51, 950) == 35
    assert counter.reason(0, 950) == 35
    assert counter.reason(50, 0) == 34
    assert counter.reason(50, 950, merchant=2) == 34
    assert counter.reason(801, 100_000) == 37
    assert counter.reason(1_001, 100_000) == 36
    with pytest.raises(Reverted) as caught:
        counter.apply(b"\x08\0\0")
    assert caught.value.values == (30,)


@pytest.mark.parametrize(
    ("name", "arguments", "who", "error"),
    [
        ("setRate", (10_000,), "operator", "BadRate"),
        ("setRate", (5,), "merchant", "AccessManagedUnauthorized"),
        ("setAllowance", (1, 5), "merchant", "AccessManagedUnauthorized"),
        ("setAllowance", (9, 5), "operator", "UnknownMerchant"),
        ("withdrawFund", ("0x" + "11" * 20, 5), "merchant", "AccessManagedUnauthorized"),
        ("withdrawFund", ("0x" + "11" * 20, 801), "operator", "FundUsedUp"),
        ("withdrawFund", ("0x" + "11" * 20, 0), "operator", "ZeroAmount"),
        ("fillFund", (0,), "operator", "ZeroAmount"),
        ("fillFund", (2**64 - 1,), "operator", "TooMuch"),
        ("setBearer", (1, 1), "operator", "NotInGroup"),
        ("setBearer", (2, 2), "merchant", "NoAllowance"),
        ("takeBack", ([],), "stranger", "BadLines"),
    ],
)
def test_call_is_refused_by_name(counter: Counter, name: str, arguments: Any, who: str, error: str) -> None:
    with pytest.raises(Reverted) as caught:
        counter.discount.view(name, *arguments, sender=getattr(counter.world, who))
    assert caught.value.error == error


def test_platform_s_share_comes_back_in_parts_as_at_once(counter: Counter) -> None:
    ends = []
    for parts in ([100, 333, 67], [500]):
        with counter.twin.forgotten():
            first, second = counter.paid_with_discount(50, 400, 550)
            for part in parts:
                undo = Undo(leaf=second, amount=part)
                counter.twin.ledger.send(
                    "postRefunds", STREAM,
                    [counter.twin.refund_words(
                        Refund(sequence=counter.twin.next_sequence(), kind=1, lines=(undo,))
                    )],
                    sender=counter.world.poster,
                )  # fmt: skip
                counter.discount.send("takeBack", counter.proven(first, second), sender=counter.world.stranger)
            ends.append((counter.payable(), counter.discount.view("fund"), counter.discount.view("ruleOf", SHOP)))
    assert ends[0] == ends[1]
    # 500 of 950 were given back: 26 of the 50
    assert ends[0][1] == 800 - 50 + 26


def test_platform_s_share_comes_back_after_what_the_merchant_owes_the_guarantee_fund(counter: Counter) -> None:
    """Its till undoes today's discount all the same."""
    make_indebted(counter.world, SHOP, 300)
    (leaf,) = counter.paid_with_discount(50, 950)
    undo = Undo(leaf=leaf, amount=950)
    refund = counter.twin.refund_words(Refund(sequence=counter.twin.next_sequence(), kind=1, lines=(undo,)))
    counter.twin.ledger.send("postRefunds", STREAM, [refund], sender=counter.world.poster)
    assert owed(counter.world, SHOP) == (50, 300)
    with pytest.raises(Reverted) as caught:
        counter.discount.view("takeBack", counter.proven(leaf))
    assert (caught.value.error, caught.value.values) == ("InsufficientFunds", (SHOP, 50))
    with counter.twin.forgotten():
        counter.world.ledger.send("creditPayable", SHOP, 300, sender=counter.world.operator)
        counter.discount.send("takeBack", counter.proven(leaf), sender=counter.world.stranger)
        assert owed(counter.world, SHOP) == (300, 300)
    sequence = counter.twin.sequence - 1
    counter.apply(bytes([136]) + sequence.to_bytes(8, "big"))
    assert owed(counter.world, SHOP) == (0, 300)


def test_discount_stays_when_what_was_bought_is_sold_on(counter: Counter) -> None:
    (leaf,) = counter.paid_with_discount(50, 950)
    ledger, part = counter.world.ledger, counter.world.stranger
    ledger.send("setDoors", part, 128, sender=counter.world.operator)
    ledger.send("settleLine", counter.proven(leaf)[0], 950, sender=part)
    assert ledger.view("refunded", leaf.hash)[0] == ledger.view("settled", leaf.hash) == 950
    with pytest.raises(Reverted) as caught:
        counter.discount.view("takeBack", counter.proven(leaf))
    assert caught.value.error == "NothingToTakeBack"


def test_take_back_is_refused_without_a_refund_and_counts_no_line_twice(counter: Counter) -> None:
    first, second = counter.paid_with_discount(50, 400, 550)

    def refused(*leaves: Leaf) -> str:
        with pytest.raises(Reverted) as caught:
            counter.discount.view("takeBack", counter.proven(*leaves))
        return caught.value.error

    assert refused(first, second) == "NothingToTakeBack"
    assert refused(first, first) == "BadLines"
    assert refused(second, first) == "BadLines"
    (plain,) = counter.twin.pay(SHOP, ANN, external(5))
    assert refused(plain) == "BadLines"
    (other,) = counter.twin.pay(SHOP, ANN, coins(5))
    assert refused(other) == "NoDiscount"
    assert refused(first, other) == "BadLines"


@pytest.mark.parametrize(("allowance", "after"), [(10, 10), (2**64 - 1, 2**64 - 1)])
def test_allowance_that_was_set_anew_is_not_raised_by_what_comes_back(
    counter: Counter, allowance: int, after: int
) -> None:
    counter.act(50, 950)
    counter.discount.send("setAllowance", SHOP, allowance, sender=counter.world.operator)
    counter.apply(bytes([136]) + SEQUENCE.to_bytes(8, "big"))
    assert counter.discount.view("ruleOf", SHOP)["allowance"] == after
    assert counter.discount.view("fund") == 800


def test_discount_is_undone_on_its_day_and_on_no_other(counter: Counter) -> None:
    counter.act(50, 950)
    wait(counter.twin, 86_400)
    with pytest.raises(Reverted) as caught:
        counter.apply(bytes([136]) + SEQUENCE.to_bytes(8, "big"))
    assert caught.value.values == (33,)


def test_undone_discount_gives_all_of_it_back_once(counter: Counter) -> None:
    counter.act(50, 950)
    before = counter.payable()
    undo = bytes([136]) + SEQUENCE.to_bytes(8, "big")
    for merchant, reason in ((2, 31), (SHOP, None), (SHOP, 32)):
        if reason is None:
            counter.apply(undo, merchant=merchant)
            continue
        with pytest.raises(Reverted) as caught:
            counter.apply(undo, merchant=merchant)
        assert caught.value.values == (reason,)
    assert (counter.payable(), counter.discount.view("fund")) == (before - 50, 800)
