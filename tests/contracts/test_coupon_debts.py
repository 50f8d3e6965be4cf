"""Incentive that a merchant cannot pay when a coupon is written off: a debt, never a declined sale."""

import pytest

from node.domain.acts.coupon import WriteOff
from node.domain.coupons import lone_use_id, use_id
from node.domain.ids import MinorUnits
from node.domain.ids import Sequence as SequenceNumber
from tests.contracts.suite.coupon_desk import ANN, BOB, OFF, OTHER, PAID, POOR, Desk
from tests.contracts.test_coupons_undone import acting, posted
from tests.contracts.twin import STREAM, stored

pytestmark = pytest.mark.anvil
DOOR_TAKE_PAYABLE = 32
DEBT, PAYABLE = 600, 1_000  # minor units


@pytest.fixture
def indebted(desk: Desk) -> Desk:
    """The guarantee fund paid for the other merchant, which has sold more since than it owes."""
    owes(desk, DEBT)
    sells(desk, PAYABLE)
    return desk


def owes(desk: Desk, debt: int) -> None:
    """The guarantee fund pays all that it has for the other merchant."""
    twin, ledger, part = desk.twin, desk.world.ledger, desk.world.stranger
    twin.act(ledger, "addDeposit", 0, debt, model=lambda: twin.model.add_deposit(0, debt))
    ledger.send("setDoors", part, DOOR_TAKE_PAYABLE, sender=desk.world.operator)
    twin.act(ledger, "drawOn", OTHER, debt, part, model=lambda: twin.model.draw_on(OTHER, debt), sender=part)
    assert fund(desk) == (0, debt, 0)


def sells(desk: Desk, amount: int) -> None:
    """The other merchant's payable is this much more."""
    desk.twin.now = desk.twin.chain.now()
    if amount:
        desk.twin.recharge(BOB, amount)
        desk.twin.pay(OTHER, BOB, stored(amount))


def fund(desk: Desk) -> tuple[int, int, int]:
    """What the merchant has in its payable, what it owes the guarantee fund, and what that has."""
    ledger = desk.world.ledger
    return ledger.view("merchant", OTHER)["payable_"], ledger.view("guaranteed", OTHER), ledger.view("deposits", 0)


def in_cash(desk: Desk, incentive: int) -> int:
    """Ann's coupon of a campaign that brings this much cash."""
    return desk.given(ANN, campaign=desk.campaign(cash=True, share=False, incentive=incentive))


def test_sale_is_not_declined_when_the_merchant_cannot_pay(desk: Desk) -> None:
    coupon = desk.given(ANN)
    desk.write_off(coupon, POOR)
    use = lone_use_id(coupon, 0)
    assert desk.statistics.view("poolOf", coupon)["owed"] == 4_500_000
    assert desk.statistics.view("ofMerchant", POOR)["points"]["owed"] == 4_500_000
    assert desk.refused("IncentivePools", "claim", ANN, [coupon]) == ("NothingToClaim", ())
    desk.twin.now = desk.twin.chain.now()
    desk.twin.buy_points(POOR, 449)
    assert desk.refused("IncentivePools", "settle", use) == ("StillUnfunded", (POOR, 4_490_000, 4_500_000))
    desk.twin.buy_points(POOR, 1)
    desk.pools.send("settle", use, sender=desk.world.stranger)
    assert desk.refused("IncentivePools", "settle", use) == ("NotOwed", (use,))
    assert desk.refused("IncentivePools", "settle", 5) == ("UnknownUse", (5,))
    assert desk.claim(ANN, coupon) == (1_350_000, 0)
    assert desk.statistics.view("ofMerchant", POOR)["points"]["owed"] == 0


def test_cash_that_a_merchant_owes_the_guarantee_fund_pays_no_incentive(indebted: Desk) -> None:
    own = PAYABLE - DEBT
    coupon = in_cash(indebted, own + 1)
    indebted.write_off(coupon)
    use = lone_use_id(coupon, 0)
    assert not indebted.pools.view("useOf", use)["funded"]
    assert indebted.statistics.view("ofMerchant", OTHER)["cash"]["owed"] == own + 1
    assert fund(indebted) == (PAYABLE, DEBT, 0)
    assert indebted.refused("IncentivePools", "settle", use) == ("StillUnfunded", (OTHER, own, own + 1))
    sells(indebted, 1)
    indebted.pools.send("settle", use, sender=indebted.world.stranger)
    assert fund(indebted) == (0, 0, DEBT)
    assert indebted.pools.view("cashOwed") == own + 1 == indebted.world.cash.view("balanceOf", indebted.pools.address)


def test_cash_beyond_what_a_merchant_owes_the_guarantee_fund_pays_incentive(indebted: Desk) -> None:
    coupon = in_cash(indebted, PAYABLE - DEBT)
    indebted.write_off(coupon)
    assert indebted.pools.view("useOf", lone_use_id(coupon, 0))["funded"]
    assert fund(indebted) == (0, 0, DEBT)


@pytest.mark.parametrize("lacking", [DEBT, DEBT - 1, 1])
def test_till_is_not_refused_when_all_that_the_merchant_has_is_the_guarantee_fund_s(desk: Desk, lacking: int) -> None:
    owes(desk, DEBT)
    sells(desk, DEBT - lacking)
    coupon = in_cash(desk, 1)
    act = WriteOff(coupon=coupon, discount=MinorUnits(OFF), sale=1, amount=MinorUnits(PAID)).act()
    sold = acting(desk, OTHER, act.data)
    assert posted(desk, sold) == []
    assert not desk.pools.view("useOf", use_id(STREAM, SequenceNumber(sold.sequence)))["funded"]
    assert desk.statistics.view("poolOf", coupon)["owed"] == 1
    assert fund(desk) == (DEBT - lacking, DEBT, 0)
