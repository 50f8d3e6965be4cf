"""Tokens that refuse, lie, keep a part or call back: nothing is lost to them."""

from typing import Any

import pytest

from tests.contracts.suite.market_world import FALSE, FEE, NOTHING, PRETENDS, RE_ENTERS, REFUSES, REVERTS, refusal
from tests.contracts.suite.stall import DAY_LIMIT, LIMIT, Stall

pytestmark = pytest.mark.anvil


@pytest.mark.parametrize(
    ("habit", "error"),
    [
        (FEE, "NotReceived"),
        (FALSE, "SafeERC20FailedOperation"),
        (PRETENDS, "NotReceived"),
        (REVERTS, "0x"),  # it gives no reason
    ],
)
def test_token_with_a_bad_habit_is_refused_and_nothing_moves(stall: Stall, habit: int, error: str) -> None:
    lock = stall.lock(65_000, asset=stall.dollar)
    stall.bazaar.behave(habit)
    before = stall.gateway.view("inventory"), stall.payable(), stall.held(stall.payer, stall.dollar)
    assert refusal(lambda: stall.pay(65_000, asset=stall.dollar))[0] == error
    assert refusal(lambda: stall.lock(65_000, asset=stall.dollar))[0] == error
    again = ("payLocked", lock.words(), 0, b"")
    assert refusal(lambda: stall.send(stall.gateway, *again, sender=stall.payer))[0] == error
    assert refusal(lambda: stall.send(stall.gateway, "addAsset", stall.dollar, 500, sender=stall.payer))[0] == error
    assert (stall.gateway.view("inventory"), stall.payable(), stall.held(stall.payer, stall.dollar)) == before


def test_token_that_returns_nothing_is_taken(stall: Stall) -> None:
    stall.bazaar.behave(NOTHING)
    sale = stall.pay(65_000, asset=stall.dollar)
    before = stall.held(stall.payer, stall.dollar)
    stall.refund(sale, 65_000)
    assert stall.held(stall.payer, stall.dollar) - before == sale.asset_amount


@pytest.mark.parametrize("name", ["pay", "lockRate", "payLocked", "claim", "fund", "takeAsset", "refund"])
def test_token_that_calls_back_finds_the_door_shut(stall: Stall, name: str) -> None:
    lock = stall.lock(65_000, asset=stall.dollar)
    terms = stall.terms(5, asset=stall.dollar, payer=stall.dollar)
    arguments: dict[str, tuple[Any, ...]] = {
        "pay": (terms, 0, b""),
        "lockRate": (terms, 0, b""),
        "payLocked": (lock.words(), 0, b""),
        "claim": (stall.dollar, stall.payer),
        "fund": (1,),
        "takeAsset": (stall.dollar, 1, stall.payer),
        "refund": (lock.words(), 1),
    }
    stall.bazaar.behave(RE_ENTERS)
    data = stall.gateway.interface.encode(name, *arguments[name])
    stall.send(stall.bazaar.dollar, "setCall", stall.gateway.address, bytes.fromhex(data[2:]))
    stall.pay(65_000, asset=stall.dollar)
    assert stall.bazaar.dollar.view("worked") is False
    errors = stall.gateway.interface.errors
    answer = "0x" + stall.bazaar.dollar.view("answer").hex()
    # who takes assets out must have a role first
    expected = "AccessManagedUnauthorized" if name == "takeAsset" else "ReentrancyGuardReentrantCall"
    assert errors[answer[:10]]["name"] == expected


@pytest.mark.parametrize("habit", [REFUSES, FALSE, REVERTS])
def test_refund_waits_for_its_owner_when_it_cannot_be_sent(stall: Stall, habit: int) -> None:
    sale = stall.pay(65_000, asset=stall.dollar)
    stall.bazaar.behave(habit, refused=stall.payer)
    stall.refund(sale, 65_000)
    assert stall.payable() == 0
    assert stall.gateway.view("claimable", stall.dollar, stall.payer) == sale.asset_amount
    stall.bazaar.behave(REFUSES)
    assert refusal(lambda: stall.send(stall.gateway, "claim", stall.dollar, stall.payer, sender=stall.payer))[0] == (
        "Refused"
    )
    before = stall.held(stall.other, stall.dollar)
    stall.send(stall.gateway, "claim", stall.dollar, stall.other, sender=stall.payer)
    assert stall.held(stall.other, stall.dollar) - before == sale.asset_amount
    assert refusal(lambda: stall.send(stall.gateway, "claim", stall.dollar, stall.other, sender=stall.payer))[0] == (
        "NothingToDo"
    )


def test_asset_whose_decimals_change_is_refused_when_it_is_set_again(stall: Stall) -> None:
    stall.send(stall.bazaar.dollar, "behave", 0, 2)
    found = refusal(lambda: stall.send(stall.gateway, "setAsset", stall.dollar, 6, LIMIT, DAY_LIMIT))
    assert found == ("WrongDecimals", (stall.dollar, 6, 2))
    stall.send(stall.bazaar.dollar, "behave", 0, 19)
    found = refusal(lambda: stall.send(stall.gateway, "setAsset", stall.dollar, 19, LIMIT, DAY_LIMIT))
    assert found == ("WrongDecimals", (stall.dollar, 19, 19))
