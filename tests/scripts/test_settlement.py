"""The scripts of settlement as a person runs them, in their order, with what goes wrong."""

import json
import re

import pytest
from eth_account import Account
from web3 import Web3

from scripts.session import DEVELOPMENT_KEY
from tests.scripts.conftest import Chain
from tests.scripts.test_run import shown, told, web3_of

pytestmark = pytest.mark.anvil
OPERATOR = Account.from_key(DEVELOPMENT_KEY).address
ACQUIRER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
PAYOUT = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
DAY = 86_400
NO_ID = "0x" + "12" * 32


@pytest.fixture(scope="module")
def shop(anvil: Chain) -> Chain:
    """A deployment with one merchant, a member with value, and cash in the operator's hands."""
    shown(anvil, "deploy")
    shown(anvil, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    shown(anvil, "fund_points", "main", "1", "1,000.00")
    shown(anvil, "enrol_members", "main", "7")
    as_operator(anvil, "Registry", "setMemberKey(uint64,address)", 7, OPERATOR)
    assert row(shown(anvil, "recharge_member", "main", "7", "500.00"), "stored value") == "500.00"
    shown(anvil, "deposit_cash", "main", OPERATOR, "100,000.00")
    return anvil


def address_of(chain: Chain, contract: str) -> str:
    found: str = json.loads((chain.folder / "deployment.json").read_text())["contracts"][contract]["address"]
    return found


def as_operator(chain: Chain, contract: str, signature: str, *arguments: object) -> None:
    """A call for which there is no script here."""
    web3 = web3_of(chain)
    types = signature[signature.index("(") + 1 : -1].split(",")
    values = [value.ljust(32, b"\0") if isinstance(value, bytes) else value for value in arguments]
    data = Web3.keccak(text=signature)[:4] + web3.codec.encode(types, values)
    web3.provider.make_request("anvil_impersonateAccount", [OPERATOR])  # type: ignore[arg-type]
    sent = web3.eth.send_transaction({"from": OPERATOR, "to": address_of(chain, contract), "data": data})
    assert web3.eth.wait_for_transaction_receipt(sent)["status"] == 1


def wait(chain: Chain, seconds: int) -> None:
    web3 = web3_of(chain)
    web3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
    web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]


def row(text: str, name: str) -> str:
    """The value behind a name in a printed table."""
    found = re.search(rf"│ {re.escape(name)} +│ +(\S.*?) +│", text)
    assert found, (name, text)
    return found[1]


def id_in(text: str) -> str:
    found = re.search(r"(?:payment|plan) (0x[0-9a-f]{64})", text)
    assert found, text
    return found[1]


def test_nothing_is_authorised_before_a_fee_is_agreed(shop: Chain) -> None:
    assert "No fee is agreed with merchant 1" in told(shop, "authorize_payment", "main", "1", "100.00")
    assert "No fee is agreed" in told(shop, "show_statement", "main", "1")
    assert "are not 100% together" in told(shop, "settle_merchant", "terms", "1", "1.5%", f"{ACQUIRER}=70%")
    assert "no percentage" in told(shop, "settle_merchant", "terms", "1", "150%", ACQUIRER)
    out = shown(shop, "settle_merchant", "terms", "1", "1.5%", f"{ACQUIRER}=70%,{OPERATOR}=30%")
    assert row(out, "fee") == "1.5%"


def test_payment_is_authorised_captured_refunded_and_settled(shop: Chain) -> None:
    dry = shown(shop, "authorize_payment", "main", "1", "120.00", "--dry-run")
    assert "PaymentAuthorized" in dry and "Nothing was sent" in dry
    out = shown(shop, "authorize_payment", "main", "1", "120.00")
    assert row(out, "may be captured") == "120.00"
    payment = id_in(out)
    out = shown(shop, "capture_payment", "main", payment, "80.00")
    assert (row(out, "captured"), row(out, "fee of it")) == ("80.00", "1.20")
    assert "ExceedsAuthorized" in told(shop, "capture_payment", "main", payment, "80.00")
    assert row(shown(shop, "refund_payment", "expected", payment), "goes back") == "80.00"
    assert row(shown(shop, "refund_payment", "main", payment, "20.00"), "of this refunded") == "20.00"
    assert row(shown(shop, "charge_back", "main", payment, "10.00", "broken"), "of this refunded") == "30.00"
    assert row(shown(shop, "void_payment", "main", payment), "may be captured") == "0.00"
    assert "NothingAuthorized" in told(shop, "void_payment", "main", payment)
    out = shown(shop, "show_statement", "main", "1")
    assert [row(out, name) for name in ("gross", "fees", "net")] == ["80.00", "1.20", "48.80"]
    assert "NotSettlementDay" in told(shop, "settle_merchant", "main", "1")
    wait(shop, DAY)
    assert row(shown(shop, "settle_merchant", "payout", "1", PAYOUT), "now") == PAYOUT
    out = shown(shop, "settle_merchant", "main", "1")
    assert row(out, "net") == "48.80" and PAYOUT in out
    assert "0.36" in shown(shop, "settle_merchant", "claim")
    assert row(shown(shop, "show_statement", "cash"), "difference") == "0.00"


def test_member_pays_from_stored_value_and_reclaims(shop: Chain) -> None:
    out = shown(shop, "authorize_payment", "member", "1", "7", "50.00", "value", "1", "5%", "2.5")
    payment = id_in(out)
    assert row(out, "signed for at least") == "2,500,000 units"
    out = shown(shop, "capture_payment", "main", payment, "20.00")
    assert row(out, "coins") == "1.000000"
    assert "NotReclaimable" in told(shop, "void_payment", "reclaim", payment)
    wait(shop, DAY)
    assert row(shown(shop, "void_payment", "reclaim", payment), "may be captured") == "0.00"
    assert row(shown(shop, "show_member", "main", "7"), "stored value") == "480.00"


def test_wrong_input_is_told_in_a_sentence(shop: Chain) -> None:
    assert "is no id" in told(shop, "capture_payment", "main", "0x12", "1.00")
    assert "no payment" in told(shop, "refund_payment", "main", NO_ID, "1.00").lower()
    assert "There is no merchant 9" in told(shop, "authorize_payment", "main", "9", "1.00")
    assert "is not value or coins" in told(shop, "authorize_payment", "member", "1", "7", "1.00", "gold")
    assert "no plan" in told(shop, "plan_instalments", "collect", NO_ID).lower()


def test_instalments_are_planned_collected_and_paid_off(shop: Chain) -> None:
    out = shown(shop, "plan_instalments", "main", "1", "1,200.00", "4", "36.00")
    plan = id_in(out)
    assert row(out, "due now") == "309.00"
    assert row(shown(shop, "plan_instalments", "collect", plan), "paid") == "309.00"
    assert "NothingDue" in told(shop, "plan_instalments", "collect", plan)
    out = shown(shop, "plan_instalments", "pay_off", plan)
    # three quarters of the interest are saved
    assert (row(out, "paid"), row(out, "state")) == ("1,209.00", "closed")
    assert "out of bounds" in told(shop, "plan_instalments", "main", "1", "5.00", "61")


def test_discount_has_a_rate_a_bearer_and_a_fund(shop: Chain) -> None:
    assert "NoAllowance" in told(shop, "set_discount", "bearer", "1", "platform")
    assert row(shown(shop, "set_discount", "allowance", "1", "500.00"), "the platform may bear") == "500.00"
    assert row(shown(shop, "set_discount", "bearer", "1", "platform"), "borne at merchant 1 by") == "platform"
    out = shown(shop, "set_discount", "fund", "250.00")
    assert (row(out, "rate"), row(out, "platform's fund")) == ("5%", "250.00")
    assert row(shown(shop, "set_discount", "main", "4.5%"), "rate") == "4.5%"
    assert row(shown(shop, "set_discount", "show"), "rate") == "4.5%"
    assert "is not nobody, merchant or platform" in told(shop, "set_discount", "bearer", "1", "me")


def test_payable_is_paid_out(shop: Chain) -> None:
    # the instalments of the plan above
    assert row(shown(shop, "settle_merchant", "pay_out", "1", "9.00"), "paid out") == "9.00"
    assert "InsufficientPayable" in told(shop, "settle_merchant", "pay_out", "1", "1,000,000.00")


def test_member_s_plan_is_paid_refunded_and_shown(shop: Chain) -> None:
    plan = id_in(shown(shop, "plan_instalments", "member", "1", "7", "120.00", "3"))
    assert row(shown(shop, "plan_instalments", "collect", plan), "paid") == "40.00"
    out = shown(shop, "plan_instalments", "refund", plan, "20.00")
    assert row(out, "of the price given back") == row(out, "owed no more without payment") == "20.00"
    assert row(shown(shop, "plan_instalments", "show", plan), "to pay off now") == "60.00"


def test_plan_is_paid_by_a_funder_within_its_line(shop: Chain) -> None:
    arguments = ("main", "1", "100.00", "2", "0", "1", "0", OPERATOR)
    assert row(shown(shop, "plan_instalments", "line", "1", "150.00"), "merchant 1") == "150.00"
    assert row(shown(shop, "plan_instalments", *arguments), "due now") == "50.00"
    assert "LineTooShort" in told(shop, "plan_instalments", *arguments)


def test_plan_is_written_off_after_three_missed_instalments(shop: Chain) -> None:
    plan = id_in(shown(shop, "plan_instalments", "member", "1", "7", "30,000.00", "3"))
    for missed in ("1", "2", "3"):
        assert "NotDefaultable" in told(shop, "plan_instalments", "write_off", plan)
        assert row(shown(shop, "plan_instalments", "collect", plan), "last period missed") == missed
        wait(shop, 31 * DAY)
    assert row(shown(shop, "plan_instalments", "write_off", plan), "state") == "in default"
