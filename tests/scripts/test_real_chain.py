"""The main scripts end to end on a network of a real validator, in their order, and what the chain says at the end.

Anvil mines when it is asked; here blocks come by themselves, one a second, and every answer is of a final one.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from web3 import Web3

from node.domain.assignment import Item
from node.domain.ids import MinorUnits
from node.domain.merkle import items_root
from scripts.deploy import VALUES
from scripts.session import read_key
from tests.scripts.conftest import TILL, Chain, Warm
from tests.scripts.test_loyalty import Poster, external
from tests.scripts.test_registry_acts import line
from tests.scripts.test_run import shown, told, web3_of
from tests.scripts.test_settlement import ACQUIRER, address_of, id_in, row

pytestmark = [pytest.mark.chain, pytest.mark.slow]
ANN, BOB = 7, 8
SALT = bytes(range(16))
ITEM = Item(product="4006381333931", quantity=1, amount=MinorUnits(1_299))
CAMPAIGN = """
face = "percentage"
value = "10%"
incentive = "5%"
[weights]
first = "20%"
member = "30%"
"""


@pytest.fixture(scope="module")
def network(validators: Chain, warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Deployed, with two merchants that have points, two members, and Ann's key, which is the operator's."""
    chain = Chain(network=validators.network, folder=validators.folder, warm=warm)
    values = tmp_path_factory.mktemp("values") / "values.toml"
    text = VALUES.read_text()
    assert "settlement_days = 1\n" in text
    # a period may be settled on the day on which it began: nobody can make this chain's days pass
    values.write_text(text.replace("settlement_days = 1\n", "settlement_days = 0\n"))
    shown(chain, "deploy", "main", str(values))
    operator = operator_of(chain)
    shown(chain, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    shown(chain, "onboard_merchant", "main", "Harbour Shop", "Quay=S0000201")
    shown(chain, "set_rule", "main", "1", "1%")
    shown(chain, "fund_points", "main", "1", "1,000.00")
    shown(chain, "fund_points", "main", "2", "1,000.00")
    shown(chain, "enrol_members", "main", f"{ANN},{BOB}")
    shown(chain, "enrol_members", "key", str(ANN), operator.address)
    shown(chain, "open_stream", "main", "1", operator.address, "50,000.00")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILLNET_MEMBER_KEY", str(chain.folder / "keys" / "operator.json"))
        yield chain


@pytest.fixture(scope="module")
def receipt(network: Chain) -> str:
    """The name of a payment of Ann's with a line item; she has paid once more, and has coins."""
    poster = Poster(network, operator_of(network))
    name = poster.pay(ANN, external(ITEM.amount), items_root=items_root((ITEM,), SALT))
    poster.pay(ANN, external(100_000))
    return name


def test_value_is_recharged_put_aside_captured_refunded_and_settled(network: Chain, receipt: str) -> None:
    assert row(shown(network, "recharge_member", "main", str(ANN), "500.00"), "stored value") == "500.00"
    shown(network, "settle_merchant", "terms", "1", "2%", f"{ACQUIRER}=100%")
    payment = id_in(shown(network, "authorize_payment", "member", "1", str(ANN), "100.00", "value", "1", "5%"))
    assert row(shown(network, "capture_payment", "main", payment, "80.00"), "fee of it") == "1.60"
    assert row(shown(network, "refund_payment", "main", payment, "20.00"), "of this refunded") == "20.00"
    assert row(shown(network, "void_payment", "main", payment), "may be captured") == "0.00"
    assert row(shown(network, "settle_merchant", "main", "1"), "net") == "58.40"


def test_accounts_are_listed_with_what_they_are(network: Chain) -> None:
    said = subprocess.run([TILL, "account", "list", network.folder], capture_output=True, text=True, check=True)
    rows = " ".join(said.stdout.split())
    assert f"{operator_of(network).address} send and create contracts operator, finance, " in rows
    for words in ("keeper, admin, merchant 1, merchant 2 ", "keys/bridge.json", "validator v1", "everybody else"):
        assert words in rows, words


def test_points_are_bought_and_a_gift_is_handed_over(network: Chain, receipt: str) -> None:
    shown(network, "buy_points", "main", "1", "30.00", "0", "payable")
    gift = re.search(r"Gift (\d+) Mug", shown(network, "publish_gift", "main", "1", "Mug", "2.50", "3"))
    assert gift is not None
    assert "Reservation 1" in shown(network, "redeem_gift", "main", str(ANN), gift[1])
    assert "handed over" in shown(network, "redeem_gift", "confirm", "1")
    assert f"member {BOB}" in shown(network, "sell_certificate", "main", "1", "10.00", str(BOB))


def test_coupon_goes_from_the_platform_to_a_claim(network: Chain, tmp_path: Path) -> None:
    terms = tmp_path / "terms.toml"
    terms.write_text(CAMPAIGN)
    shown(network, "issue_coupons", "campaign", str(terms))
    assert "1/0" in shown(network, "issue_coupons", "main", "1", "2")
    shown(network, "hand_coupons", "lot", "1/0", "1")
    assert f"member {BOB}" in shown(network, "hand_coupons", "give", "1", "1/0/0", str(BOB))
    assert "4.500000 coins" in shown(network, "write_off", "main", "2", "1/0/0", "100.00", "501")
    assert "1.350000" in shown(network, "claim_incentive", "main", str(BOB), "1/0/0")


def test_item_is_offered_for_resale(network: Chain, tmp_path: Path, receipt: str) -> None:
    file = tmp_path / "receipt.json"
    items = [{"product": ITEM.product, "quantity": ITEM.quantity, "amount": ITEM.amount}]
    file.write_text(json.dumps({"payment": receipt, "salt": SALT.hex(), "items": items}))
    assert row(shown(network, "offer_receipt", "main", str(file), "0", "9.00"), "state") == "offered"


def test_payment_is_charged_at_once_and_a_terminal_is_switched_off(network: Chain) -> None:
    shown(network, "deposit_cash", "main", operator_of(network).address, "10.00")
    assert row(shown(network, "charge_payment", "main", "1", "10.00"), "captured") == "10.00"
    shown(network, "manage_terminals", "add", "1", "0", "S0000102")
    assert line(shown(network, "manage_terminals", "off", "S0000102"), "S0000102")[2] == "no"


def test_key_is_proposed_and_waits_for_another_person(network: Chain) -> None:
    shown(network, "enrol_members", "propose_key", str(BOB), ACQUIRER)
    assert f"member {BOB} signs by {ACQUIRER}" in shown(network, "proposals")
    assert "SamePerson" in told(network, "proposals", "approve", f"key-{BOB}")


def test_chain_says_what_the_scripts_did(network: Chain) -> None:
    # by the scripts that read, then without any
    assert "Every contract holds what it owes." in shown(network, "check_backing")
    assert operator_of(network).address in shown(network, "set_role")
    assert "closing" in shown(network, "member_statement", "main", str(ANN))
    # 500.00 came in, 100.00 was put aside, of it 20.00 went back unused and 20.00 was refunded
    value, current, *_ = called(network, "account(uint64)", [ANN], ["uint56", "uint56"])
    assert (value, current) == (44_000, 10_129_900 - 2_500_000)
    assert called(network, "account(uint64)", [BOB], ["uint56", "uint56"]) == (0, 1_350_000)
    # 58.40 settled, 30.00 for points, 2.50 for the mug, 10.00 for the certificate
    assert called(network, "merchant(uint32)", [1], ["uint64", "uint64"])[1] == 5_840 - 3_000 + 250 - 1_000
    assert called(network, "cashOwed()", [], ["uint256"], contract="GiftCertificates") == (1_000,)
    assert called(network, "cashOwed()", [], ["uint256"], contract="SettlementEscrow") == (160 + 1_000,)
    # what was generated less what the member claimed
    assert called(network, "coinsOwed()", [], ["uint256"], contract="IncentivePools") == (4_500_000 - 1_350_000,)


def called(
    network: Chain, signature: str, arguments: list[Any], answer: list[str], contract: str = "RewardToken"
) -> tuple[Any, ...]:
    """The first values of what a view tells."""
    web3 = web3_of(network)
    types = [each for each in signature[signature.index("(") + 1 : -1].split(",") if each]
    data = Web3.keccak(text=signature)[:4] + web3.codec.encode(types, arguments)
    found = web3.eth.call({"to": Web3.to_checksum_address(address_of(network, contract)), "data": data})
    return tuple(web3.codec.decode(answer, found))


def operator_of(network: Chain) -> LocalAccount:
    """The key of the network's folder."""
    return read_key(network.folder / "keys" / "operator.json")
