"""Refunds of payments in other assets, at either rate, and what rounding may not do."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.world import Terms
from tests.contracts.suite.assets_model import DAY, GatewayModel, OracleModel
from tests.contracts.suite.guarantee import make_indebted, owed
from tests.contracts.suite.market_world import refusal
from tests.contracts.suite.stall import COIN_PRICE, ETHER_PRICE, INVENTORY, SHOP, Stall

pytestmark = pytest.mark.anvil


def test_refund_at_the_rate_of_the_sale_gives_back_what_was_paid(stall: Stall) -> None:
    before = stall.held(stall.payer)
    sale = stall.pay(12_345)
    stall.report(stall.bitcoin, COIN_PRICE * 109 // 100)
    for amount in (45, 300, 12_000):
        stall.refund(sale, amount)
    assert stall.held(stall.payer) == before
    assert stall.payable() == 0
    assert stall.gateway.view("inventory")[0] == INVENTORY
    assert stall.gateway.view("vault", stall.bitcoin) == {"free": 0, "held": 0}
    assert refusal(lambda: stall.refund(sale, 1)) == ("OverSale", (1, 1, 0))


def test_refund_at_the_current_rate_needs_what_is_free_beyond_what_was_paid(stall: Stall) -> None:
    sale = stall.pay(100_000, asset=stall.ether)
    assert sale.asset_amount == 4 * 10**17
    stall.report(stall.ether, ETHER_PRICE * 19 // 20)
    needed = 100_000 * 10**18 * 10**6 // (ETHER_PRICE * 19 // 20)
    found = refusal(lambda: stall.refund(sale, 100_000))
    assert found == ("VaultShort", (stall.ether, needed, sale.asset_amount))
    stall.send(stall.gateway, "addAsset", stall.ether, needed - sale.asset_amount, sender=stall.other)
    before = stall.held(stall.payer, stall.ether)
    stall.refund(sale, 100_000)
    assert stall.held(stall.payer, stall.ether) - before == needed
    assert stall.gateway.view("vault", stall.ether) == {"free": 0, "held": 0}


def test_refund_at_a_higher_rate_leaves_the_rest_to_the_operator(stall: Stall) -> None:
    sale = stall.pay(100_000, asset=stall.ether)
    stall.report(stall.ether, ETHER_PRICE * 11 // 10)
    stall.refund(sale, 100_000)
    back = 100_000 * 10**18 * 10**6 // (ETHER_PRICE * 11 // 10)
    assert stall.gateway.view("vault", stall.ether) == {"free": sale.asset_amount - back, "held": 0}


def test_refund_is_refused_when_the_merchant_is_short_and_never_touches_the_guarantee_fund(stall: Stall) -> None:
    sale = stall.pay(500)
    world = stall.twin.world
    stall.send(world.ledger, "setDoors", stall.other, 32)
    stall.send(world.ledger, "takePayable", SHOP, 400, stall.other, sender=stall.other)
    stall.send(world.ledger, "addDeposit", 0, 10_000)
    assert refusal(lambda: stall.refund(sale, 101)) == ("MerchantShort", (SHOP, 101, 100))
    stall.send(world.ledger, "addDeposit", SHOP, 1)
    stall.refund(sale, 101)
    assert world.ledger.view("deposits", 0) == 10_000


def test_refund_leaves_what_the_merchant_owes_the_guarantee_fund(stall: Stall) -> None:
    make_indebted(stall.twin.world, SHOP, 400)
    sale = stall.pay(500)
    assert refusal(lambda: stall.refund(sale, 101)) == ("MerchantShort", (SHOP, 101, 100))
    stall.refund(sale, 100)
    assert owed(stall.twin.world, SHOP) == (400, 400)


def test_refund_is_the_merchants_own(stall: Stall) -> None:
    sale = stall.pay(500)
    assert refusal(lambda: stall.refund(sale, 5, sender=stall.payer))[0] == "NotInGroup"
    assert refusal(lambda: stall.refund(sale, 5, sender=stall.twin.world.operator))[0] == "NotInGroup"
    lock = stall.lock(500)
    assert refusal(lambda: stall.refund(lock, 5)) == ("WrongStatus", (2, 1))
    assert refusal(lambda: stall.refund(sale, 0))[0] == "NothingToDo"


def test_vault_is_held_until_the_refund_window_has_passed(stall: Stall) -> None:
    sale = stall.pay(65_000)
    day = sale.time // DAY
    found = refusal(lambda: stall.send(stall.gateway, "takeAsset", stall.bitcoin, 1, stall.other))
    assert found == ("VaultShort", (stall.bitcoin, 1, 0))
    until = (day + 1) * DAY + 2_592_000
    assert refusal(lambda: stall.send(stall.gateway, "releaseDay", stall.bitcoin, day))[0] == "RefundWindowOpen"
    stall.wait(until - stall.twin.now)
    found = refusal(lambda: stall.refund(sale, 5))
    assert found == ("RefundWindowOver", (1, sale.time + 2_592_000))
    stall.send(stall.gateway, "releaseDay", stall.bitcoin, day)
    stall.send(stall.gateway, "takeAsset", stall.bitcoin, sale.asset_amount, stall.other)
    assert stall.gateway.view("vault", stall.bitcoin) == {"free": 0, "held": 0}


# --- properties of the arithmetic, which the machine holds against the contract ---


def model_with(price: int, decimals: int, refunds: int) -> GatewayModel:
    """A gateway with one asset, open to every amount."""
    from node.domain.ledger import Block, Ledger
    from node.domain.words import Supply
    from tests.contracts.doors_model import DoorsModel
    from tests.contracts.suite.assets_model import Asset, Feed

    network = Terms().network()
    ledger = DoorsModel(book=Ledger(terms=network, supply=Supply()), block=Block(number=0, time=10**9))
    ledger.set_merchant(SHOP, True)
    feed = Feed(anchor=price, anchor_since=0, minimum=3, max_age=900, bound_bps=1, price=price, fresh_until=2**32)
    oracle = OracleModel(feeds={"a": feed})
    model = GatewayModel(
        ledger=ledger, oracle=oracle, lock_time=900, refund_window=DAY, deposit_bps=100, max_locks=3, free=2**50
    )
    model.assets["a"] = Asset(decimals=decimals, payment_limit=2**48, day_limit=2**49)
    model.terms[SHOP, "a"] = refunds
    return model


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    amount=st.integers(1, 2**47),
    price=st.integers(1, 2**64 - 1),
    decimals=st.integers(0, 18),
    parts=st.lists(st.integers(1, 10_000), min_size=1, max_size=12),
    refunds=st.sampled_from([1, 2]),
)
def test_rounding_creates_no_value_and_parts_give_what_the_whole_gives(
    amount: int, price: int, decimals: int, parts: list[int], refunds: int
) -> None:
    model = model_with(price, decimals, refunds)
    sale = model.pay("p", "a", SHOP, amount, 2**140)
    # what the payer gave is worth the amount at least, and less than a base unit more
    assert sale.asset_amount * price >= amount * 10**6 * 10**decimals > (sale.asset_amount - 1) * price
    cuts = sorted({amount * sum(parts[: i + 1]) // sum(parts) for i in range(len(parts))})
    back, before = 0, 0
    for cut in cuts:
        if cut > before:
            back += model.refund(sale, cut - before)
            before = cut
    assert before == amount
    assert back == sale.asset_amount if refunds == 1 else back <= sale.asset_amount
    assert (model.assets["a"].held, model.free) == (0, 2**50)
    assert model.assets["a"].free + back == sale.asset_amount
