"""Cash for accounts, deposits and payables of merchants, as a person puts them in; and what is told without a role."""

from pathlib import Path

import pytest
from web3 import Web3

from node.network.keys import make_account, write_account
from tests.scripts.conftest import Chain
from tests.scripts.test_run import shown, told, web3_of
from tests.scripts.test_settlement import OPERATOR, as_operator, row

pytestmark = pytest.mark.anvil


@pytest.fixture(scope="module")
def shop(anvil: Chain) -> Chain:
    """A deployment with one merchant and one member."""
    shown(anvil, "deploy")
    shown(anvil, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    shown(anvil, "enrol_members", "main", "7")
    return anvil


@pytest.fixture(scope="module")
def buyer(shop: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key file of an account without any role, which has coin for gas."""
    file, account = tmp_path_factory.mktemp("buyer") / "buyer.json", make_account()
    write_account(file, account)
    web3_of(shop).provider.make_request("anvil_setBalance", [account.address, hex(10**20)])  # type: ignore[arg-type]
    return file


def test_finance_gives_cash_that_its_holder_takes_off_again(
    shop: Chain, buyer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = shown(shop, "deposit_cash", "main", str(buyer), "1,000.00", "--dry-run")
    assert "Deposited(" in dry and "Nothing was sent" in dry
    assert row(shown(shop, "deposit_cash", "show", str(buyer)), "has") == "0.00"
    out = shown(shop, "deposit_cash", "main", str(buyer), "1,000.00", "transfer 17")
    assert (row(out, "has"), row(out, "all cash there is")) == ("1,000.00", "1,000.00")
    monkeypatch.setenv("TILLNET_OPERATOR_KEY", str(buyer))
    assert row(shown(shop, "deposit_cash", "withdraw", "400.00"), "has") == "600.00"
    assert "ERC20InsufficientBalance" in told(shop, "deposit_cash", "withdraw", "600.01")
    assert "is nothing: it must be more than zero" in told(shop, "deposit_cash", "withdraw", "0")


def test_role_that_is_missing_is_named(shop: Chain, buyer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLNET_OPERATOR_KEY", str(buyer))
    finance = "which needs the role of finance (brownie run set_role shows who has it)."
    assert told(shop, "deposit_cash", "main", OPERATOR, "1.00").endswith(finance)
    # in a dry run too, and where a script mints what somebody lacks
    assert told(shop, "deposit_cash", "main", OPERATOR, "1.00", "--dry-run").endswith(finance)
    lacking = told(shop, "add_deposit", "main", "1", "600.01")
    assert lacking.startswith("Could not deposit the 0.01 of cash that ") and lacking.endswith(finance)
    # NetworkAccess says the role's number itself
    assert "which needs the role of keeper" in told(shop, "set_role", "give", "auditor", OPERATOR)
    # not of the network, but of the merchant
    assert "NotInOffersGroup" in told(shop, "set_rule", "main", "1", "1%")


def test_deposit_payable_and_guarantee_fund_are_paid_in(shop: Chain) -> None:
    assert "There is no merchant 2" in told(shop, "add_deposit", "main", "2", "5.00")
    assert row(shown(shop, "add_deposit", "main", "1", "5.00"), "deposit") == "5.00"
    assert row(shown(shop, "add_deposit", "fund", "20.00"), "holds") == "20.00"
    part = Web3.to_checksum_address("0x" + "77" * 20)
    as_operator(shop, "RewardToken", "setDoors(address,uint256)", OPERATOR, 32)
    as_operator(shop, "RewardToken", "drawOn(uint32,uint64,address)", 1, 1_200, part)
    out = shown(shop, "add_deposit", "show", "1")
    assert [row(out, name) for name in ("payable", "deposit", "owed to the guarantee fund")] == ["0.00", "0.00", "7.00"]
    out = shown(shop, "add_deposit", "main", "1", "10.00")
    assert [row(out, name) for name in ("payable", "deposit", "owed to the guarantee fund")] == ["0.00", "3.00", "0.00"]


def test_merchant_sells_a_certificate_from_the_payable_that_was_put_in(shop: Chain) -> None:
    assert "InsufficientPayable(merchant=1, held=0, amount=5000)" in told(
        shop, "sell_certificate", "main", "1", "50.00", "7"
    )
    assert row(shown(shop, "add_deposit", "payable", "1", "60.00"), "payable") == "60.00"
    shown(shop, "sell_certificate", "main", "1", "50.00", "7")
    assert row(shown(shop, "add_deposit", "show", "1"), "payable") == "10.00"


def test_dry_run_shows_words_and_hex_of_what_is_in_structs(shop: Chain, tmp_path: Path) -> None:
    products = tmp_path / "products.txt"
    products.write_text("4006381333931\n")
    shown(shop, "set_rule", "main", "1", "1%")
    dry = shown(shop, "set_rule", "offer", "1", "5x", str(products), "--dry-run")
    assert "b'" not in dry and "\\x" not in dry
    assert "0x" in dry and "Nothing was sent" in dry
