"""Merchants, terminals, members, their rules and streams after their onboarding, as the operator changes them."""

import re
from pathlib import Path

import pytest

from tests.scripts.conftest import Chain
from tests.scripts.test_loyalty import OPERATOR, Poster, external
from tests.scripts.test_run import OWNER, POSTER, SIGNER, shown, told
from tests.scripts.test_settlement import row

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


@pytest.fixture(scope="module")
def shop(anvil: Chain) -> Chain:
    """A merchant with a base and points, two members, and a stream that the operator posts."""
    shown(anvil, "deploy")
    shown(anvil, "open_stream", "main", "1", OPERATOR.address, "50,000.00")
    shown(anvil, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    shown(anvil, "set_rule", "main", "1", "1%")
    shown(anvil, "fund_points", "main", "1", "1,000.00")
    shown(anvil, "enrol_members", "main", "7,8")
    return anvil


def line(text: str, name: str) -> list[str]:
    """The columns of a printed table's row, by its first."""
    found = re.search(rf"^│ {re.escape(name)} +│(.*)│$", text, re.MULTILINE)
    assert found, (name, text)
    return [column.strip() for column in found[1].split("│")]


def test_terminals_are_added_switched_and_given_keys(shop: Chain) -> None:
    dry = shown(shop, "manage_terminals", "add", "1", "0", f"S0000102:{SIGNER},S0000103", "1", "20.00", "--dry-run")
    assert "TerminalAdded(" in dry and "Nothing was sent" in dry
    assert "S0000102" not in shown(shop, "manage_terminals", "main", "1")
    out = shown(shop, "manage_terminals", "add", "1", "0", f"S0000102:{SIGNER},S0000103", "1", "20.00")
    assert line(out, "S0000102") == ["0", "1", "yes", "20.00", SIGNER, "none"]
    assert line(shown(shop, "manage_terminals", "main", "1"), "S0000101") == ["0", "1", "yes", "0.00", "none", "none"]
    out = shown(shop, "manage_terminals", "off", "S0000102,S0000103")
    assert [line(out, each)[2] for each in ("S0000102", "S0000103")] == ["no", "no"]
    assert line(shown(shop, "manage_terminals", "on", "S0000102"), "S0000102")[2] == "yes"
    out = shown(shop, "manage_terminals", "key", "S0000102", OWNER)
    assert line(out, "S0000102")[4:] == [OWNER, SIGNER]
    assert "SameKey(id=S0000102)" in told(shop, "manage_terminals", "key", "S0000102", OWNER)
    assert line(shown(shop, "manage_terminals", "retire", "S0000102"), "S0000102")[4:] == [OWNER, "none"]
    assert line(shown(shop, "manage_terminals", "floor", "S0000103", "5.00"), "S0000103")[3] == "5.00"
    assert "UnknownTerminal(id=S9)" in told(shop, "manage_terminals", "off", "S9")
    assert "UnknownStore(merchant=1, store=4)" in told(shop, "manage_terminals", "add", "1", "4", "S0000104")


def test_terminals_go_to_a_stream_that_somebody_posts(shop: Chain) -> None:
    assert "Nobody posts stream 2" in told(shop, "manage_terminals", "hand_over", "S0000103", "2")
    shown(shop, "open_stream", "main", "2", POSTER, "1,000.00")
    assert line(shown(shop, "manage_terminals", "hand_over", "S0000103", "2"), "S0000103")[1] == "2"
    out = shown(shop, "open_stream", "show", "2")
    assert (row(out, "poster"), row(out, "daily limit"), row(out, "debited today")) == (POSTER, "1,000.00", "0.00")
    assert row(shown(shop, "open_stream", "close", "2"), "poster") == "nobody: it is closed"


def test_merchant_gets_stores_and_is_closed_and_reopened(shop: Chain) -> None:
    out = shown(shop, "manage_merchant", "add_stores", "1", "Harbour=S0000201;Quay=S0000202,S0000203")
    assert (row(out, "store 1"), row(out, "store 2"), row(out, "terminals")) == ("Harbour", "Quay", "6")
    assert row(out, OPERATOR.address).startswith("owner, offers")
    assert row(shown(shop, "manage_merchant", "close", "1"), "state") == "closed"
    assert row(shown(shop, "manage_merchant", "reopen", "1"), "state") == "open"
    assert row(shown(shop, "manage_merchant", "main", "1"), "state") == "open"
    assert "There is no merchant 9" in told(shop, "manage_merchant", "close", "9")


def test_member_is_locked_frozen_and_raised(shop: Chain) -> None:
    assert line(shown(shop, "manage_member", "lock", "7"), "7") == ["0", "locked"]
    assert line(shown(shop, "manage_member", "freeze", "7"), "7") == ["0", "locked, frozen"]
    assert line(shown(shop, "manage_member", "unlock", "7"), "7") == ["0", "frozen"]
    assert line(shown(shop, "manage_member", "unfreeze", "7"), "7") == ["0", "active"]
    out = shown(shop, "manage_member", "tier", "7,8", "3")
    assert [line(out, each) for each in ("7", "8")] == [["3", "active"], ["3", "active"]]
    assert line(shown(shop, "manage_member", "sync", "7"), "7") == ["3", "active"]
    assert "a tier lies between 0 and 15" in told(shop, "manage_member", "tier", "7", "16")
    assert "No member 99 is registered" in told(shop, "manage_member", "lock", "99")


def test_offers_are_listed_given_budget_and_vetoed(shop: Chain, tmp_path: Path) -> None:
    products = tmp_path / "products.txt"
    products.write_text("1001\n1002\n")
    for budget in ("500", "700"):
        shown(shop, "set_rule", "offer", "1", "5x", str(products), budget)
    listed = shown(shop, "set_rule", "show", "1")
    assert line(listed, "1")[0] == "base" and line(listed, "1")[-1] == "the base"
    assert line(listed, "2")[0] == "offer, 5x" and "500.000000" in line(listed, "2")
    assert "1,500.000000" in line(shown(shop, "raise_budget", "main", "1", "2", "1,000"), "2")
    assert "BadBudget(merchant=1, version=1)" in told(shop, "raise_budget", "main", "1", "1", "5")
    assert line(shown(shop, "veto_offer", "main", "1", "2", "not for children"), "2")[-1] == "vetoed"
    assert "BaseVersion" in told(shop, "veto_offer", "main", "1", "1", "too much")
    out = shown(shop, "veto_offer", "products", str(products), "recalled")
    assert (row(out, "offers ended, now or before"), row(out, "of merchants")) == ("2", "1")
    assert line(shown(shop, "set_rule", "show", "1"), "3")[-1] == "vetoed"
    assert "ProductSetNotAllowed" in told(shop, "set_rule", "offer", "1", "5x", str(products), "1")
    assert "is no root" in told(shop, "veto_offer", "products", "0x12", "recalled")
    assert "A veto has a reason" in told(shop, "veto_offer", "products", str(products), " ")


def test_budgets_of_programmes_and_pending_points_grow(shop: Chain) -> None:
    assert "has no pending points" in told(shop, "raise_budget", "pending", "1", "5")
    shown(shop, "set_pending", "main", "1", "3%", "1", "500")
    assert row(shown(shop, "raise_budget", "pending", "1", "50"), "budget left") == "550.000000"
    shown(shop, "refer_member", "programme", "1", "2%", "100")
    assert row(shown(shop, "raise_budget", "programme", "1", "11"), "budget left") == "111.000000"
    assert "There is no programme 9" in told(shop, "raise_budget", "programme", "9", "5")


def test_discount_is_vetoed_by_the_operator(shop: Chain) -> None:
    assert "10%" in shown(shop, "set_card_discount", "main", "1", "10%")
    assert "Ended: discount 1" in shown(shop, "veto_offer", "discount", "1", "1")
    assert "10%" not in shown(shop, "set_card_discount", "show", "1")
    assert "UnknownTerms(merchant=1, number=1)" in told(shop, "veto_offer", "discount", "1", "1")


def test_key_of_a_member_is_taken_away(shop: Chain) -> None:
    shown(shop, "enrol_members", "key", "8", OWNER)
    assert "Member 8 signs by no key." in shown(shop, "enrol_members", "key", "8", "none")


def test_admin_does_a_rare_act_at_once(shop: Chain) -> None:
    assert "Done: NetworkAccess.labelRole" in shown(shop, "schedule", "now", "NetworkAccess", "labelRole", "6,auditor")
    assert "no function nothing" in told(shop, "schedule", "now", "Gifts", "nothing")
    assert "that changes something" in told(shop, "schedule", "now", "RewardToken", "totalSupply")
    assert "which needs the role of" in told(shop, "schedule", "now", "RewardToken", "setTier", "[7],1")


def test_what_is_owed_is_paid_when_the_merchant_has_points_again(shop: Chain) -> None:
    shown(shop, "onboard_merchant", "main", "Poor Shop", "Alley=S0000301")
    shown(shop, "set_rule", "main", "2", "1%")
    poster = Poster(shop)
    poster.pay(7, external(100_00), merchant=2)
    assert line(shown(shop, "settle_debts", "show", "2"), "7") == ["1.000000", "0.000000", "0.00"]
    assert "has no prepaid points to pay with" in told(shop, "settle_debts", "main", "2")
    shown(shop, "fund_points", "main", "2", "0.60")
    assert line(shown(shop, "settle_debts", "main", "2"), "7")[0] == "0.400000"
    shown(shop, "fund_points", "main", "2", "5.00")
    assert line(shown(shop, "settle_debts", "main", "2", "7"), "7")[0] == "0.000000"
    assert "Merchant 2 owes no points" in told(shop, "settle_debts", "main", "2")
    assert "Nobody owes merchant 2 points" in told(shop, "settle_debts", "collect", "2")
