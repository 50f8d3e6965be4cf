"""The scripts of cards, stored value and points for merchants as a person runs them, in their order."""

import json
import re
from pathlib import Path

import pytest
from eth_account import Account

from scripts.dates import date_of
from scripts.parties import read_percent
from scripts.trouble import Trouble
from tests.contracts.suite.value_model import months_later
from tests.scripts.conftest import Chain
from tests.scripts.test_run import shown, told, web3_of
from tests.scripts.test_settlement import OPERATOR, as_operator, row, wait

pytestmark = pytest.mark.anvil
DAY = 86_400
SECOND = Account.from_key(b"\x33" * 32)
ELSEWHERE = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


@pytest.fixture(scope="module")
def shop(anvil: Chain) -> Chain:
    """A deployment with a merchant of 5,000.00 deposit, members 7 and 8, and a second account of finance."""
    shown(anvil, "deploy")
    shown(anvil, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    shown(anvil, "fund_points", "main", "1", "1,000.00")
    shown(anvil, "enrol_members", "main", "7,8")
    shown(anvil, "deposit_cash", "main", OPERATOR, "100,000.00")
    shown(anvil, "add_deposit", "main", "1", "5,000.00")
    as_operator(anvil, "NetworkAccess", "grantRole(uint64,address,uint32)", 2, SECOND.address, 0)
    web3 = web3_of(anvil)
    web3.provider.make_request("anvil_setBalance", [SECOND.address, hex(10**20)])  # type: ignore[arg-type]
    return anvil


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The key file of the second account."""
    file = tmp_path / "second.json"
    file.write_text(json.dumps({"private_key": SECOND.key.to_0x_hex(), "address": SECOND.address}))
    file.chmod(0o600)
    return str(file)


def test_cards_from_issue_to_replacement(shop: Chain) -> None:
    assert row(shown(shop, "manage_card", "kind", "1", "5.00", "365", "100%", "2"), "begins with") == "5.00"
    assert "Issued: 2 cards." in shown(shop, "manage_card", "issue", "1", "101,102", "1")
    assert "CardExists(card=101)" in told(shop, "manage_card", "issue", "1", "101")
    assert row(shown(shop, "manage_card", "activate", "101", "7", "1"), "state") == "active"
    assert "FundTooSmall(held=0, amount=500)" in told(shop, "manage_card", "start", "101")
    assert row(shown(shop, "fund_value", "main", "starting", "100.00"), "starting") == "100.00"
    shown(shop, "manage_card", "start", "101")
    assert row(shown(shop, "manage_card", "lock", "101"), "good at a till") == "no"
    assert row(shown(shop, "manage_card", "unlock", "101"), "good at a till") == "yes"
    assert row(shown(shop, "manage_card", "lock", "101"), "state") == "held"
    out = shown(shop, "manage_card", "replace", "101", "102")
    assert (row(out, "state"), row(out, "member")) == ("active", "7")
    assert row(shown(shop, "manage_card", "show", "101"), "replaced by") == "102"
    assert "There is no card 103" in told(shop, "manage_card", "show", "103")
    assert "No member 9 is registered" in told(shop, "manage_card", "activate", "102", "9")


def test_recharge_promises_and_release_pays(shop: Chain) -> None:
    out = shown(shop, "set_rebate", "main", "20%", "5", "1,000.00")
    assert (row(out, "comes back"), row(out, "fund, free")) == ("20% in 5 months", "1,000.00")
    assert "NoLimit(merchant=1)" in told(shop, "recharge_member", "at", "1", "7", "100.00")
    out = shown(shop, "set_limits", "recharge", "1", "2,000.00", "1,500.00")
    assert row(out, "may be done now") == "1,500.00"
    assert "LimitUsedUp" in told(shop, "recharge_member", "at", "1", "7", "1,500.01")
    out = shown(shop, "recharge_member", "at", "1", "7", "1,000.00", "200.00")
    assert (row(out, "stored value"), row(out, "newest rebate")) == ("1,005.00", "200.00 in 5 months")
    assert row(out, "of it may be paid out") == "1,000.00"
    assert "Nothing is due." in shown(shop, "release_rebates")
    today = int(web3_of(shop).eth.get_block("latest")["timestamp"]) // DAY
    promised = [(date_of(months_later(today, n)), f"{n} of 5", "40.00") for n in range(1, 6)]
    assert rebates_of(shop, "7") == promised
    wait(shop, 63 * DAY)
    assert rebates_of(shop, "7") == promised
    assert "80.00" in shown(shop, "release_rebates")
    assert rebates_of(shop, "7") == promised[2:]
    assert row(shown(shop, "show_member", "main", "7"), "stored value") == "1,085.00"
    assert "is not a share such as 20%" in told(shop, "set_rebate", "main", "much", "5", "1.00")


def rebates_of(shop: Chain, member: str) -> list[tuple[str, ...]]:
    """The rows of a member's rebates to come: date, which instalment, amount."""
    out = shown(shop, "member_statement", "main", member)
    return re.findall(r"│ (\d{4}-\d\d-\d\d) +│ +(\d+ of \d+) +│ +(\S+) +│", out)


def test_dry_run_recharges_nobody(shop: Chain) -> None:
    out = shown(shop, "recharge_member", "main", "8", "10.00", "--dry-run")
    assert "Nothing was sent" in out
    assert row(shown(shop, "show_member", "main", "8"), "stored value") == "0.00"


def test_recharge_is_undone_and_limits_are_raised(shop: Chain) -> None:
    assert row(shown(shop, "recharge_member", "main", "8", "10.00"), "stored value") == "10.00"
    shown(shop, "recharge_member", "at", "1", "8", "20.00")
    assert "OtherAmount" in told(shop, "recharge_member", "undo", "1", "8", "19.00")
    assert row(shown(shop, "recharge_member", "undo", "1", "8", "20.00"), "stored value") == "10.00"
    assert row(shown(shop, "set_limits", "raised", "recharge", "1", "500.00"), "left") == "1,500.00"
    assert "Merchant 1 has no store 5" in told(shop, "set_limits", "recharge", "1", "1.00", "1.00", "store", "5")
    shown(shop, "set_limits", "recharge", "1", "50.00", "5.00", "store", "0")
    assert "counts against store 0" in shown(shop, "set_limits", "bind", "recharge", "1", ELSEWHERE, "0")
    assert "Removed" in shown(shop, "set_limits", "remove", "recharge", "1", "store", "0")


def test_points_are_bought_with_a_bonus_and_on_credit(shop: Chain) -> None:
    assert "2%" in shown(shop, "buy_points", "steps", "100.00=2%")
    shown(shop, "fund_value", "main", "bonus", "5.00")
    assert "NoLimit" in told(shop, "buy_points", "main", "1", "100.00")
    shown(shop, "set_limits", "points", "1", "1,000.00", "1,000.00")
    assert row(shown(shop, "buy_points", "main", "1", "100.00"), "bonus") == "2.00"
    assert "BonusTooSmall" in told(shop, "buy_points", "main", "1", "400.00", "5.00")
    assert "is neither cash nor payable" in told(shop, "buy_points", "main", "1", "1.00", "0", "card")
    assert "CreditUsedUp" in told(shop, "buy_points", "credit", "1", "50.00")
    shown(shop, "set_limits", "credit", "1", "80.00", "30", "50%")
    shown(shop, "fund_value", "main", "credit", "500.00")
    assert row(shown(shop, "buy_points", "credit", "1", "50.00"), "owed") == "50.00 of 80.00"
    assert "NotDueYet" in told(shop, "settle_points", "collect", "1")
    assert row(shown(shop, "settle_points", "main", "1", "20.00"), "owed") == "30.00"
    wait(shop, 30 * DAY)
    assert row(shown(shop, "settle_points", "collect", "1"), "owed") == "0.00"
    assert row(shown(shop, "settle_points", "show", "1"), "term") == "30 days"
    assert "Merchant 1 owes nothing" in told(shop, "settle_points", "main", "1", "all")
    assert row(shown(shop, "fund_value", "take", "credit", "100.00", ELSEWHERE), "credit") == "400.00"
    assert row(shown(shop, "fund_value", "show"), "credit") == "400.00"


def test_corrections_take_two_people(shop: Chain, second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown(shop, "set_limits", "correct", "give", "50.00")
    shown(shop, "fund_value", "main", "corrections", "30.00")
    out = shown(shop, "correct_points", "propose", "give", "8", "3.00", "till was down")
    assert row(out, "status") == "open"
    assert any("till was down" in file.read_text() for file in (shop.folder / "reasons").glob("*.txt"))
    assert "SamePerson" in told(shop, "proposals", "approve", "correction-1")
    assert "a grant is of one merchant" in told(shop, "correct_points", "propose", "grant", "8", "3", "why").lower()
    monkeypatch.setenv("TILLNET_OPERATOR_KEY", second)
    assert "Approved: give 3.00: member 8." in shown(shop, "proposals", "approve", "correction-1")
    assert row(shown(shop, "correct_points", "show", "1"), "status") == "done"
    assert row(shown(shop, "show_member", "main", "8"), "stored value") == "13.00"
    monkeypatch.delenv("TILLNET_OPERATOR_KEY")
    shown(shop, "correct_points", "propose", "give", "8", "1.00", "again")
    assert "give 1.00: member 8" in shown(shop, "proposals")
    assert "Cancelled: give 1.00: member 8." in shown(shop, "proposals", "cancel", "correction-2")
    assert "correction-2" not in shown(shop, "proposals")


def test_tiers_discounts_and_closing(shop: Chain) -> None:
    shown(shop, "review_tiers", "terms", "100,500", "1")
    assert row(shown(shop, "review_tiers", "main", "7"), "7")
    out = shown(shop, "set_card_discount", "main", "1", "10%", "1")
    assert "10%" in out
    assert "10%" in shown(shop, "set_card_discount", "show", "1")
    assert "UnknownKind(kind=9)" in told(shop, "set_card_discount", "main", "1", "10%", "9")
    assert "10%" not in shown(shop, "set_card_discount", "end", "1", "1")
    consent = "I give up my card. 7"
    assert "CounterLimitUsedUp" in told(shop, "manage_card", "close", "102", "1", consent)
    assert row(shown(shop, "set_limits", "counters", "1,500.00"), "left today") == "1,500.00"
    out = shown(shop, "manage_card", "close", "102", "1", consent)
    assert "Merchant 1 hands out 1,000.00." in out
    assert row(out, "state") == "closed"
    # what was promised to the last card's member goes back to its fund
    assert rebates_of(shop, "7") == []
    assert row(shown(shop, "show_member", "main", "7"), "stored value") == "85.00"


def test_members_are_merged_by_two_people(shop: Chain, second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not merged into itself" in told(shop, "merge_members", "propose", "7", "7", "signed")
    assert "There is no open proposal merge-7-8" in told(shop, "proposals", "approve", "merge-7-8")
    shown(shop, "merge_members", "propose", "7", "8", "both are mine, signed")
    monkeypatch.setenv("TILLNET_OPERATOR_KEY", second)
    assert "Approved" in shown(shop, "proposals", "approve", "merge-7-8")
    assert row(shown(shop, "show_member", "main", "8"), "stored value") == "98.00"


@pytest.mark.parametrize(("text", "points"), [("20%", 2_000), ("0.25%", 25), ("100%", 10_000), ("0%", 0)])
def test_read_percent_gives_basis_points(text: str, points: int) -> None:
    assert read_percent(text) == points


@pytest.mark.parametrize("text", ["20", "%", "0.001%", "101%", "-1%", "NaN%", "1e9%", "much%", "Infinity%"])
def test_read_percent_refuses_what_is_no_share(text: str) -> None:
    with pytest.raises(Trouble):
        read_percent(text)


def test_key_and_groups_are_given_by_two(shop: Chain, second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, later = SECOND.address, OPERATOR
    shown(shop, "enrol_members", "main", "9")
    assert f"Member 9 signs by {first}" in shown(shop, "enrol_members", "key", "9", first)
    assert "NeedsApproval" in told(shop, "enrol_members", "key", "9", later)
    assert "when finance has approved" in shown(shop, "enrol_members", "propose_key", "9", later)
    assert "SamePerson" in told(shop, "proposals", "approve", "key-9")
    assert "cannot be taken back" in told(shop, "proposals", "cancel", "key-9")
    assert "NeedsApproval" in told(shop, "grant_groups", "reset", "1", first, "finance")
    assert "when finance has approved" in shown(shop, "grant_groups", "propose", "1", first, "finance")
    monkeypatch.setenv("TILLNET_OPERATOR_KEY", second)
    assert f"Approved: member 9 signs by {later}." in shown(shop, "proposals", "approve", f"key-9-{later}"[:24] + "..")
    assert "NotMemberKey" in told(shop, "enrol_members", "change_key", "9", first)
    assert f"{first} is in merchant 1's groups: finance." in shown(shop, "proposals", "approve", "groups-1")
    assert row(shown(shop, "manage_merchant", "main", "1"), first) == "finance"
    assert "There is no open proposal groups-1" in told(shop, "proposals", "approve", "groups-1")
    monkeypatch.delenv("TILLNET_OPERATOR_KEY")
    assert f"Member 9 signs by {first}" in shown(shop, "enrol_members", "change_key", "9", first)


def test_merchant_s_person_proposes_points(shop: Chain) -> None:
    shown(shop, "enrol_members", "main", "10")
    shown(shop, "set_limits", "correct", "grant", "50", "1")
    propose = ("correct_points", "propose_as_merchant")
    assert "a merchant proposes a grant or a clawback" in told(shop, *propose, "give", "10", "1", "why", "1").lower()
    out = shown(shop, "correct_points", "propose_as_merchant", "grant", "10", "2.5", "waited long", "1")
    assert (row(out, "what"), row(out, "amount"), row(out, "status")) == ("grant", "2.500000", "open")
    number = re.search(r"Correction (\d+)", out)
    assert number is not None
    shown(shop, "proposals", "cancel", f"correction-{number[1]}")
    assert row(shown(shop, "correct_points", "show", number[1]), "status") == "cancelled"


def test_card_expires_when_its_days_are_over(shop: Chain) -> None:
    shown(shop, "enrol_members", "main", "11")
    shown(shop, "manage_card", "kind", "2", "0", "1", "100%", "0")
    shown(shop, "manage_card", "issue", "2", "201")
    assert row(shown(shop, "manage_card", "activate", "201", "11"), "good at a till") == "yes"
    assert "NotExpiredYet" in told(shop, "manage_card", "expire", "201")
    wait(shop, 2 * DAY)
    assert row(shown(shop, "manage_card", "expire", "201"), "state") == "expired"


def test_limit_and_programme_are_shown_and_stopped(shop: Chain) -> None:
    assert row(shown(shop, "set_limits", "show", "recharge", "1"), "a day") == "1,500.00"
    assert "no programme of their own" in shown(shop, "set_rebate", "choose", "1", "0")
    assert row(shown(shop, "set_rebate", "show", "1"), "promises") == "yes"
    assert row(shown(shop, "set_rebate", "stop", "1"), "promises") == "no more"
