"""How gifts, certificates, referrals and pending points end, and certificates bought with money, on anvil."""

import re
from pathlib import Path

import pytest

from scripts.dates import date_of
from tests.scripts.conftest import Chain
from tests.scripts.test_loyalty import ANN, BOB, DAY, OPERATOR, Poster, ann, external, poster, shop
from tests.scripts.test_run import shown, told
from tests.scripts.test_settlement import row

__all__ = ["ann", "poster", "shop"]  # fixtures: the same shop, on a chain of this file's own
pytestmark = [pytest.mark.anvil, pytest.mark.slow]
YEAR = 365 * DAY


def test_member_names_its_referrer_and_the_programme_ends(shop: Chain, ann: Path, poster: Poster) -> None:
    assert f"referred member {ANN}" in shown(shop, "refer_member", "sign", str(ANN), str(BOB))
    shown(shop, "refer_member", "programme", "1", "2%", "1,000", "1")
    today = poster.now() // DAY
    assert "BadDays" in told(shop, "refer_member", "end", "1", date_of(today - 1))
    assert date_of(today + 1) in shown(shop, "refer_member", "end", "1", date_of(today + 1))


def test_pending_points_end_on_a_day(shop: Chain, poster: Poster) -> None:
    shown(shop, "set_pending", "main", "1", "3%", "1", "500")
    until = date_of(poster.now() // DAY + 2)
    assert until in shown(shop, "set_pending", "end", "1", until)


def test_reservation_is_released_by_the_merchant(shop: Chain, ann: Path, poster: Poster) -> None:
    poster.pay(ANN, external(100_000))
    gift = re.search(r"Gift (\d+) Mug", shown(shop, "publish_gift", "main", "1", "Mug", "2.50", "3"))
    assert gift is not None
    assert row(shown(shop, "redeem_gift", "main", str(ANN), gift[1]), "state") == "reserved"
    assert row(shown(shop, "release_gift", "main", "1"), "state") == "released"


def test_certificates_of_cash_and_of_value_end_with_their_buyers(shop: Chain, ann: Path, poster: Poster) -> None:
    shown(shop, "recharge_member", "main", str(ANN), "30.00")
    shown(shop, "deposit_cash", "main", OPERATOR.address, "50.00")
    out = shown(shop, "sell_certificate", "cash", "50.00", str(BOB))
    assert "50.00" in out and f"member {BOB}" in out
    assert f"member {ANN}" in shown(shop, "sell_certificate", "value", str(ANN), "20.00", str(BOB))
    assert row(shown(shop, "show_member", "main", str(ANN)), "stored value") == "10.00"
    poster.wait(YEAR + DAY)
    shown(shop, "redeem_certificate", "expire", "2")
    assert row(shown(shop, "show_member", "main", str(ANN)), "stored value") == "30.00"
    before = cash_of_operator(shop)
    shown(shop, "redeem_certificate", "expire", "1")
    assert cash_of_operator(shop) == before + 50


def cash_of_operator(shop: Chain) -> float:
    """What it has, from its page."""
    return float(row(shown(shop, "deposit_cash", "show", OPERATOR.address), "has").replace(",", ""))
