"""Coupons by hand, on anvil: a campaign from its file to claims, and what a person may type wrong."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from node.chain.deployment import load_deployment
from node.domain.ids import MinorUnits, RuleVersion
from node.domain.payment import Line, Tender
from scripts.proofs import _prove
from tests.scripts.conftest import Chain
from tests.scripts.test_loyalty import DAY, Poster
from tests.scripts.test_run import shown, told
from tests.scripts.test_settlement import ACQUIRER, OPERATOR, as_operator, row, wait

pytestmark = [pytest.mark.anvil, pytest.mark.slow]

TERMS = """
face = "percentage"
value = "10%"
incentive = "5%"
minimum_basket = "20.00"
products = "list.txt"
[weights]
first = "20%"
member = "30%"
"""


@pytest.fixture(scope="module")
def shop(anvil: Chain) -> Chain:
    """Two merchants with points, three members."""
    shown(anvil, "deploy")
    shown(anvil, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    shown(anvil, "onboard_merchant", "main", "Harbour Shop", "Quay=S0000201")
    shown(anvil, "fund_points", "main", "2", "1,000.00")
    shown(anvil, "enrol_members", "main", "7,8,9")
    return anvil


def test_coupon_goes_from_the_platform_to_a_claim(shop: Chain, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("1001\n1002\n1003\n")
    terms = tmp_path / "terms.toml"
    terms.write_text(TERMS)
    assert "Campaign 1" in shown(shop, "issue_coupons", "campaign", str(terms), "https://example.org/spring")
    assert "1/0" in shown(shop, "issue_coupons", "main", "1", "4")
    assert "coupons" in shown(shop, "hand_coupons", "lot", "1/0", "1")
    assert "member 8" in shown(shop, "hand_coupons", "give", "1", "1/0/0-1", "7,8")
    assert "member 9" in shown(shop, "hand_coupons", "pass_on", "1/0/0", "7", "9")

    products = str(tmp_path / "list.txt")
    out = shown(shop, "write_off", "main", "2", "1/0/0", "100.00", "501", "1002", products)
    assert re.search(r"discount\s+│\s+10\.00", out) and re.search(r"incentive\s+│\s+4\.500000 coins", out)
    # 30% of 4.5 coins to the member that used it, 20% to the first merchant, the rest to the platform
    assert "1.350000" in shown(shop, "show_coupon", "main", "1/0/0")
    assert re.search(r"coins\s+│\s+1\.350000", shown(shop, "claim_incentive", "main", "9", "1/0/0"))
    assert "1.350000" in shown(shop, "show_member", "main", "9")
    assert "0.900000" in shown(shop, "claim_incentive", "merchant", "1")
    assert "nothing to claim" in told(shop, "claim_incentive", "main", "9", "1/0/0")
    assert "4.500000" in shown(shop, "show_coupon", "campaign", "1")
    assert "4.500000" in shown(shop, "show_coupon", "merchant", "2")

    shown(shop, "write_off", "main", "2", "1/0/1", "50.00", "502", "1003", products)
    assert "CouponUsedUp" in told(shop, "write_off", "main", "2", "1/0/1", "50.00", "503", "1003", products)
    assert re.search(r"uses that stand\s+│\s+0", shown(shop, "write_off", "cancel", "1/0/1"))
    assert "TooLate" in told(shop, "write_off", "cancel", "1/0/1")


def test_merchant_without_points_owes_and_settles_later(shop: Chain, tmp_path: Path) -> None:
    # more than what the merchant got back from its coupons so far
    terms = tmp_path / "terms.toml"
    terms.write_text(
        'face = "sum"\nvalue = "5.00"\nincentive = "1.50"\nuses = 2\nstackable = true\n[weights]\nmember="50%"\n'
    )
    shown(shop, "issue_coupons", "campaign", str(terms))
    shown(shop, "issue_coupons", "main", "2", "1")
    shown(shop, "hand_coupons", "main", "2/0/0", "2")
    shown(shop, "hand_coupons", "on", "2", "2/0/0", "1")
    shown(shop, "hand_coupons", "give", "1", "2/0/0", "7")
    assert "which owes it" in shown(shop, "write_off", "main", "1", "2/0/0", "12.00", "1")
    assert "StillUnfunded" in told(shop, "claim_incentive", "settle", "2/0/0")
    shown(shop, "fund_points", "main", "1", "1.00")
    assert "1.500000" in shown(shop, "claim_incentive", "settle", "2/0/0")
    assert "Nothing is owed" in told(shop, "claim_incentive", "settle", "2/0/0")
    assert "nobody said where the platform's share goes" in told(shop, "claim_incentive", "platform").lower()
    as_operator(shop, "IncentivePools", "setTreasury(address)", ACQUIRER)
    # half of the 4.5 coins of the campaign before, and of the 1.5 coins of this one
    assert re.search(r"coins\s+│\s+3\.000000", shown(shop, "claim_incentive", "platform"))
    assert "The platform has nothing to claim" in told(shop, "claim_incentive", "platform")
    shown(shop, "write_off", "main", "2", "2/0/0", "12.00", "2")
    assert "NoReason" in told(shop, "write_off", "annul", "2/0/0", "")
    assert row(shown(shop, "write_off", "annul", "2/0/0", "was not there"), "uses that stand") == "1"
    assert "TooLate" in told(shop, "write_off", "annul", "2/0/0", "was not there")


def test_dry_run_sends_nothing(shop: Chain) -> None:
    before = shown(shop, "show_coupon", "campaign", "1")
    assert "Dry run" in shown(shop, "issue_coupons", "main", "1", "3", "--dry-run")
    assert shown(shop, "show_coupon", "campaign", "1") == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("issue_coupons", "main", "9", "1"), "There is no campaign 9"),
        (("issue_coupons", "main", "1", "200000"), "may be issued in this period still"),
        (("issue_coupons", "campaign", "nowhere.toml"), "cannot be read"),
        (("hand_coupons", "main", "1/0", "1"), "is not a coupon such as 1/0/5"),
        (("hand_coupons", "lot", "10", "1"), "is not a lot such as 1/0"),
        (("hand_coupons", "lot", "1/0", "1"), "LotOpened"),
        (("hand_coupons", "main", "1/0/3", "1"), "NotHolder"),
        (("hand_coupons", "give", "1", "1/0/2-3", "7"), "do not go to 1 members"),
        (("hand_coupons", "give", "1", "1/0/2", "77"), "UnknownMember(member=77)"),
        (("hand_coupons", "pass_on", "1/0/0", "9", "8"), "CouponUsed"),
        (("write_off", "main", "2", "1/0/9", "30.00", "5"), "There is no coupon 1/0/9"),
        (("write_off", "main", "2", "1/0/3", "30.00", "5"), "NotHolder"),
        (("write_off", "main", "2", "1/0/0", "much", "5"), "is not an amount of money"),
        (("show_coupon", "main", "1/0/9"), "There is no coupon 1/0/9"),
        (("show_coupon", "campaign", "77"), "There is no campaign 77"),
        (("claim_incentive", "merchant", "2"), "has nothing to claim"),
        (("close_period",), "PeriodOpen"),
        (("close_period", "count", "nowhere.json"), "cannot be read"),
    ],
)
def test_scripts_tell_what_is_wrong(shop: Chain, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in told(shop, *arguments)


def test_terms_tell_what_is_wrong(shop: Chain, tmp_path: Path) -> None:
    terms = tmp_path / "terms.toml"
    for text, sentence in (
        ('face = "half"\nvalue = "1"\nincentive = "0"', "face is 'half'"),
        ('face = "sum"\nvalue = "1.00"', "incentive is missing"),
        ('face = "percentage"\nvalue = "120%"\nincentive = "0"', "100% at most"),
        ('face = "sum"\nvalue = "1.00"\nincentive = "0"\ncolour = "red"', "nobody knows 'colour'"),
        ('face = "sum"\nvalue = "1.00"\nincentive = "0"\n[weights]\nfirst = "80%"\nmember = "30%"', "BadWeights"),
    ):
        terms.write_text(text)
        assert sentence in told(shop, "issue_coupons", "campaign", str(terms))


def test_period_is_shown_and_counts_only_lines(shop: Chain, tmp_path: Path) -> None:
    assert "100,000" in shown(shop, "close_period", "show")
    lines = tmp_path / "lines.json"
    lines.write_text("[{}]")
    assert "is no list of lines" in told(shop, "close_period", "count", str(lines))
    word = "0x" + "11" * 32
    line = dict.fromkeys(("head", "body", "items_root", "authorisation", "root"), word) | {"proof": []}
    lines.write_text(json.dumps([line]))
    assert "NotProven" in told(shop, "close_period", "count", str(lines))


def test_sale_of_a_closed_period_counts_for_the_next(shop: Chain, tmp_path: Path) -> None:
    shown(shop, "open_stream", "main", "1", OPERATOR, "50,000.00")
    shown(shop, "set_rule", "main", "1", "1%")
    shown(shop, "recharge_member", "main", "7", "600.00")
    payment = Poster(shop).pay(
        7, Line(amount=MinorUnits(60_000), rule_version=RuleVersion(1), tender=Tender.STORED_VALUE)
    )
    wait(shop, 31 * DAY)
    assert "Period 1 is closed" in shown(shop, "close_period")
    deployment = load_deployment(shop.folder / "deployment.json")
    (line,) = asyncio.run(_prove(shop.network, deployment, [payment]))
    *words, proof = line.words
    names = ("head", "body", "items_root", "authorisation", "root")
    file = tmp_path / "sold.json"
    hexes = {name: f"0x{word.hex()}" for name, word in zip(names, words, strict=True)}
    file.write_text(json.dumps([hexes | {"proof": [f"0x{each.hex()}" for each in proof]}]))
    out = shown(shop, "close_period", "count", str(file))
    assert (row(out, "lines counted now"), row(out, "merchants that sold")) == ("1", "1")
    assert row(shown(shop, "close_period", "count", str(file)), "counted before") == "1"
