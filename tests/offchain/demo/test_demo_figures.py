"""The demonstration's own arithmetic: recomputation, plan and report."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from node.demo.expected import MULTIPLIER, base_coefficient, expected_points
from node.demo.plan import draw_card, real_plan, write_onboarding
from node.demo.realdata import DEFAULT_DAY, Basket, baskets, merchant_of, promoted_products
from node.demo.report import percentile
from node.explorer.tables import money, points


@pytest.fixture(scope="module")
def day() -> list[Basket]:
    return baskets(DEFAULT_DAY, 1)


def test_baskets_are_a_real_day_in_its_order(day: list[Basket]) -> None:
    assert len(day) == 443
    assert [basket.time for basket in day] == sorted(basket.time for basket in day)
    assert {basket.time.date() for basket in day} == {DEFAULT_DAY}
    assert sum(basket.cents for basket in day) == 1_326_508


def test_expected_points_equal_a_count_item_by_item(day: list[Basket]) -> None:
    promoted = set(promoted_products())
    counted: Counter[int] = Counter()
    for basket in day:
        rate = base_coefficient(merchant_of(basket.store))
        for item in basket.items:
            counted[basket.household] += item.cents * rate * (MULTIPLIER if item.product in promoted else 1)
    assert expected_points(DEFAULT_DAY, 1, without=()) == {who: points for who, points in counted.items() if points}


def test_expected_points_leave_out_a_basket_when_told(day: list[Basket]) -> None:
    gone = max(day, key=lambda basket: basket.cents)
    whole, less = expected_points(DEFAULT_DAY, 1, without=()), expected_points(DEFAULT_DAY, 1, without={gone.id})
    lost = sum(whole.values()) - sum(less.values())
    assert lost >= gone.cents * base_coefficient(merchant_of(gone.store))
    assert {who for who in whole if whole[who] != less.get(who, 0)} == {gone.household}


def test_draw_card_has_a_right_check_digit() -> None:
    for _ in range(200):
        digits = [int(digit) for digit in draw_card(os.urandom)]
        assert len(digits) == 19
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
        assert (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def test_write_onboarding_tells_neither_cards_nor_keys(tmp_path: Path) -> None:
    plan = real_plan(stores=[7, 335], households=[1, 2], product_set=["B", "A"], random=os.urandom)
    write_onboarding(plan, tmp_path / "plan.json", posters={1: "0x" + "11" * 20})
    text = (tmp_path / "plan.json").read_text()
    document = json.loads(text)
    assert [till.id for shop in plan.shops for till in shop.tills] == [
        terminal["id"]
        for merchant in document["merchants"]
        for store in merchant["stores"]
        for terminal in store["terminals"]
    ]
    secrets = [
        key.hex() for shop in plan.shops for till in shop.tills for key in (till.mac_key, till.signing_key) if key
    ]
    assert len(secrets) == 2
    assert not [secret for secret in (*secrets, *plan.cards.values()) if secret in text]


@pytest.mark.parametrize(("share", "value"), [(0, 1.0), (1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)])
def test_percentile_is_the_smallest_that_covers_the_share(share: int, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == value


def test_percentile_of_nothing_is_zero() -> None:
    assert percentile([], 99) == 0.0


def test_points_have_six_decimals_and_money_two() -> None:
    assert (points(1_234_567_890_123), points(1), points(0)) == ("1,234,567.890123", "0.000001", "0.000000")
    assert (money(123_450), money(7)) == ("1,234.50", "0.07")
