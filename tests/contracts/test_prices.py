"""Prices of assets: the median of reports, when there is none, and every refusal by its name."""

from typing import Any

import pytest

from tests.contracts.suite.market_world import refusal
from tests.contracts.suite.stall import COIN_PRICE, NOBODY, Stall

pytestmark = pytest.mark.anvil


def test_price_is_the_median_when_three_reporters_tell(stall: Stall) -> None:
    stall.report(stall.bitcoin, COIN_PRICE + 9, COIN_PRICE - 500, COIN_PRICE + 100)
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE + 9
    fourth = stall.bazaar.thief
    stall.send(stall.twin.world.access, "grantRole", 7, fourth, 0)
    stall.send(stall.oracle, "report", [stall.bitcoin], [COIN_PRICE + 14], sender=fourth)
    # the mean of the two in the middle, rounded down
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE + 11
    assert len(stall.oracle.view("reports", stall.bitcoin)) == 4


def test_price_is_refused_when_too_few_reports_are_fresh(stall: Stall) -> None:
    until = stall.oracle.view("feed", stall.bitcoin)["freshUntil"]
    stall.wait(901)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin))[0] == "StalePrice"
    stall.report(stall.bitcoin, COIN_PRICE, COIN_PRICE)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin)) == ("StalePrice", (stall.bitcoin, until))
    stall.report(stall.bitcoin, COIN_PRICE)
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE


def test_feed_halts_when_the_median_moved_beyond_the_bound_until_it_is_reset(stall: Stall) -> None:
    far = COIN_PRICE * 12 // 10
    stall.report(stall.bitcoin, far, COIN_PRICE, COIN_PRICE)
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE  # one alone moves nothing
    stall.report(stall.bitcoin, far, far)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin)) == ("FeedIsHalted", (stall.bitcoin,))
    stall.report(stall.bitcoin, COIN_PRICE)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin))[0] == "FeedIsHalted"
    again = ("reset", stall.bitcoin)
    found = refusal(lambda: stall.send(stall.oracle, *again, far, "looked"))
    assert found == ("MovedTooFar", (stall.bitcoin, far, COIN_PRICE))
    assert refusal(lambda: stall.send(stall.oracle, *again, COIN_PRICE, ""))[0] == "NoReason"
    stall.send(stall.oracle, *again, COIN_PRICE, "a mistyped price")
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE


def test_price_moves_by_the_bound_at_most_in_a_period_when_all_reporters_walk_it(stall: Stall) -> None:
    for step in (10_500, 10_900, 11_000):
        stall.report(stall.bitcoin, COIN_PRICE * step // 10_000)
        assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE * step // 10_000
    stall.report(stall.bitcoin, COIN_PRICE * 11_100 // 10_000)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin))[0] == "FeedIsHalted"


def test_dropped_report_no_longer_counts(stall: Stall) -> None:
    reporter = stall.bazaar.reporters[0]
    stall.send(stall.oracle, "drop", stall.bitcoin, reporter)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin)) == ("StalePrice", (stall.bitcoin, 0))
    assert refusal(lambda: stall.send(stall.oracle, "drop", stall.bitcoin, reporter))[0] == "NoReport"


def test_sixteen_reporters_fill_a_feed_until_one_is_stale(stall: Stall) -> None:
    names = ["0x" + bytes([0xE0 + i]).hex() * 20 for i in range(14)]
    for name in names:
        stall.send(stall.twin.world.access, "grantRole", 7, name, 0)
    for name in names[:13]:
        stall.send(stall.oracle, "report", [stall.bitcoin], [COIN_PRICE], sender=name)
    last = ("report", [stall.bitcoin], [COIN_PRICE])
    found = refusal(lambda: stall.send(stall.oracle, *last, sender=names[13]))
    assert found == ("TooManyReporters", (stall.bitcoin,))
    stall.wait(900 - 5)
    stall.send(stall.oracle, *last, sender=names[13])
    assert len(stall.oracle.view("reports", stall.bitcoin)) == 16


@pytest.mark.parametrize(
    ("error", "name", "arguments", "who"),
    [
        ("BadFeed", "setFeed", ("bitcoin", 1, 2, 900, 100), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 17, 900, 100), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 3, 59, 100), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 3, 86_401, 100), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 3, 900, 0), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 3, 900, 5_001), "operator"),
        ("ZeroPrice", "setFeed", ("bitcoin", 0, 3, 900, 100), "operator"),
        ("UnknownFeed", "reset", (NOBODY, 1, "why"), "operator"),
        ("UnknownFeed", "report", ([NOBODY], [1]), "reporter"),
        ("ZeroPrice", "report", (["bitcoin"], [0]), "reporter"),
        ("LengthsDiffer", "report", ([], [1]), "reporter"),
        ("AccessManagedUnauthorized", "report", ([], []), "operator"),
        ("AccessManagedUnauthorized", "setFeed", ("bitcoin", 1, 3, 900, 100), "reporter"),
        ("AccessManagedUnauthorized", "reset", ("bitcoin", 1, "why"), "reporter"),
        ("AccessManagedUnauthorized", "drop", ("bitcoin", NOBODY), "reporter"),
    ],
)
def test_oracle_refuses_by_name(stall: Stall, error: str, name: str, arguments: Any, who: str) -> None:
    words = [_named(stall, word) for word in arguments]
    sender = stall.twin.world.operator if who == "operator" else stall.bazaar.reporters[0]
    assert refusal(lambda: stall.oracle.view(name, *words, sender=sender))[0] == error


def _named(stall: Stall, word: Any) -> Any:
    if isinstance(word, list):
        return [_named(stall, each) for each in word]
    return stall.bitcoin if word == "bitcoin" else word
