"""What a bridge's stolen key cannot do by refunds, what an honest one always can, and what nobody gains by a void."""

import pytest

from node.domain.ids import MemberId, MerchantId
from node.domain.leaf import Leaf
from node.domain.ledger import Log
from tests.contracts.conftest import EPOCH
from tests.contracts.model import Refund, Undo
from tests.contracts.twin import ONE, Twin, coins, external, stored

pytestmark = pytest.mark.anvil
SHOPPER, OTHER = MemberId(71), MemberId(72)
DAY = 86_400
LIMIT_REACHED = 13


@pytest.fixture
def shop(twin: Twin) -> Twin:
    """One merchant that gives a point for a cent, a shopper with stored value."""
    twin.base(twin.onboard(prepaid=200_000), coefficient=10_000)
    twin.enrol(SHOPPER, OTHER)
    twin.recharge(SHOPPER, 10_000)
    return twin


def void(twin: Twin, *leaves: Leaf, part: int = 0) -> list[Log]:
    kind = 1 if part else 2
    lines = tuple(Undo(leaf=leaf, amount=part) for leaf in leaves)
    logs = twin.refund(Refund(sequence=twin.next_sequence(), kind=kind, lines=lines))
    twin.compare()
    twin.check_invariants()
    return logs


def reasons(logs: list[Log]) -> list[int | bytes]:
    return [log.values[2] for log in logs if log.name == "Skipped"]


def test_own_lines_of_the_day_are_undone_whatever_the_limits(shop: Twin) -> None:
    shop.set_limit(10_000, refunds=0)
    leaf = shop.pay(MerchantId(1), SHOPPER, stored(10_000))[0]
    assert reasons(void(shop, leaf)) == []
    shop.set_limit(0)
    leaf = shop.pay(MerchantId(1), SHOPPER, external(50_000))[0]
    shop.tick(60)
    assert reasons(void(shop, leaf)) == []
    assert shop.ledger.view("stream", ONE)["refundedToday"] == 0


@pytest.mark.parametrize("spent", [False, True])
def test_lines_of_another_day_are_bounded_by_the_refund_limit(shop: Twin, spent: bool) -> None:
    leaf = shop.pay(MerchantId(1), SHOPPER, external(50_000))[0]
    if spent:  # then the void makes a debt, which counts as much
        shop.pay(MerchantId(1), SHOPPER, coins(50_000))
    shop.tick(DAY)
    shop.set_limit(0, refunds=30_000)
    assert reasons(void(shop, leaf)) == [LIMIT_REACHED]
    assert reasons(void(shop, leaf, part=30_000)) == []
    assert shop.ledger.view("stream", ONE)["refundedToday"] == 30_000
    assert reasons(void(shop, leaf, part=1)) == [LIMIT_REACHED]
    shop.tick(DAY)
    assert reasons(void(shop, leaf)) == []
    assert shop.ledger.view("arrears", 1, SHOPPER) == (leaf.points if spent else 0)


def test_what_is_set_off_against_owed_points_counts_too(shop: Twin) -> None:
    poor = shop.onboard()
    shop.base(poor, coefficient=10_000)
    leaf = shop.pay(poor, SHOPPER, external(50_000))[0]
    shop.tick(DAY)
    shop.set_limit(0, refunds=49_999)
    assert reasons(void(shop, leaf)) == [LIMIT_REACHED]
    assert shop.ledger.view("owed", poor, SHOPPER) == 50_000 * 10_000


def test_another_stream_undoes_only_within_its_own_refund_limit(shop: Twin) -> None:
    leaf = shop.pay(MerchantId(1), SHOPPER, external(500))[0]
    world = shop.world
    for limit, skips in ((0, [LIMIT_REACHED]), (500, [])):
        shop.tick()
        world.open_stream(2, world.stranger, 10**9, limit)
        shop.tick()
        words = shop.refund_words(Refund(sequence=limit, kind=2, lines=(Undo(leaf=leaf),)))
        receipt = shop.ledger.send("postRefunds", 2, [words], sender=world.stranger)
        assert [event.args["reason"] for event in shop.events(receipt) if event.name == "Skipped"] == skips


def test_forgive_arrears_lets_a_member_off(shop: Twin) -> None:
    leaf = shop.pay(MerchantId(1), SHOPPER, external(5_000))[0]
    shop.pay(MerchantId(1), SHOPPER, coins(5_000))
    void(shop, leaf)
    model = shop.model
    for units in (leaf.points - 1, 2, 1, 1):
        shop.act(
            shop.ledger, "forgiveArrears", 1, SHOPPER, units,
            model=lambda units=units: model.forgive_arrears(MerchantId(1), SHOPPER, units),
        )  # fmt: skip
        shop.compare()
    assert shop.ledger.view("arrears", 1, SHOPPER) == shop.ledger.view("arrears", 0, SHOPPER) == 0
    assert shop.ledger.view("account", SHOPPER)["flags"] == 1


def test_void_of_what_was_settled_in_the_next_epoch_is_not_issued(shop: Twin) -> None:
    poor = shop.onboard()
    shop.base(poor, coefficient=10_000)
    leaf = shop.pay(poor, OTHER, external(10_000))[0]
    shop.tick(EPOCH)
    shop.pay(MerchantId(1), SHOPPER, external(10_000))
    shop.buy_points(poor, 10_000)
    shop.act(shop.ledger, "settleOwed", poor, OTHER, model=lambda: shop.model.settle_owed(poor, OTHER))
    assert shop.ledger.view("merchant", poor)["issued"] == leaf.last
    void(shop, leaf)
    assert shop.ledger.view("merchant", poor)["issued"] == 0
    assert shop.ledger.view("supply")["issued"] == 10_000 * 10_000


def test_collected_arrears_are_not_issued(shop: Twin) -> None:
    sale = shop.pay(MerchantId(1), SHOPPER, external(10_000))[0]
    bought = shop.pay(MerchantId(1), SHOPPER, coins(10_000))[0]
    void(shop, sale)
    void(shop, bought)
    model = shop.model
    shop.act(shop.ledger, "collectArrears", 1, SHOPPER, model=lambda: model.collect_arrears(MerchantId(1), SHOPPER))
    shop.compare()
    assert shop.ledger.view("merchant", 1)["issued"] == shop.ledger.view("supply")["issued"] == 0
