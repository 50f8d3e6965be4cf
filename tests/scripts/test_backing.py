"""`check_backing` on a network where every kind of holder holds something, and where somebody took what was owed."""

import json
import re
from collections.abc import Iterator

import pytest
from web3 import Web3

from benchmarks.devchain import BUILD
from node.network.keys import make_account, write_account
from scripts.suite import PARTS
from tests.scripts.conftest import Chain
from tests.scripts.test_loyalty import OPERATOR, Poster, coin, external
from tests.scripts.test_run import shown, told, web3_of
from tests.scripts.test_settlement import ACQUIRER, address_of, as_operator, row

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
ANN = 7
THIEF = "0x" + "7e" * 20


@pytest.fixture(scope="module")
def network(anvil: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Ann's coins, value and reserved gift; an authorised payment, funds, an offer, a token in the gateway."""
    key, file = make_account(), tmp_path_factory.mktemp("ann") / "key.json"
    write_account(file, key)
    shown(anvil, "deploy")
    shown(anvil, "open_stream", "main", "1", OPERATOR.address, "50,000.00")
    shown(anvil, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    shown(anvil, "set_rule", "main", "1", "1%")
    shown(anvil, "fund_points", "main", "1", "1,000.00")
    shown(anvil, "enrol_members", "main", str(ANN))
    shown(anvil, "enrol_members", "key", str(ANN), key.address)
    as_operator(anvil, "CashToken", "deposit(address,uint256,bytes32)", OPERATOR.address, 10**7, b"")
    as_operator(anvil, "CashToken", "approve(address,uint256)", address_of(anvil, "RewardToken"), 2**256 - 1)
    as_operator(anvil, "RewardToken", "recharge(uint64,uint64)", ANN, 50_000)
    as_operator(anvil, "RewardToken", "addDeposit(uint32,uint64)", 0, 7_000)
    poster = Poster(anvil)
    poster.pay(ANN, external(100_000))
    poster.pay(ANN, coin(123))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILLNET_MEMBER_KEY", str(file))
        shown(anvil, "publish_gift", "main", "1", "Mug", "2.50", "3", "1.25")
        shown(anvil, "redeem_gift", "main", str(ANN), "4294967297")
        yield anvil


def backing(text: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """(part, of what) -> holds, owes, free, as printed."""
    rows = re.findall(r"│ (\w+) +│ +(\S.*?) +│ +(\S+) +│ +(\S+) +│ +(\S+) +│", text)
    return {(part, what): (holds, owes, free) for part, what, holds, owes, free in rows if part != "part"}


def test_check_backing_finds_everything_held_and_owed(network: Chain) -> None:
    shown(network, "settle_merchant", "terms", "1", "1.5%", f"{ACQUIRER}=100%")
    shown(network, "authorize_payment", "main", "1", "120.00")
    shown(network, "set_rebate", "main", "20%", "5", "300.00")
    shown(network, "fund_value", "main", "bonus", "40.00")
    shown(network, "fund_gateway", "main", "500.00")
    out = shown(network, "check_backing")
    assert "Every contract holds what it owes." in out
    found = backing(out)
    assert found["SettlementEscrow", "cash"] == ("120.00", "120.00", "0.00")
    assert found["Rebates", "cash"] == ("300.00", "300.00", "0.00")
    assert found["PointSale", "cash"] == ("40.00", "40.00", "0.00")
    assert found["AssetGateway", "cash"] == ("500.00", "500.00", "0.00")
    assert found["Gifts", "coins"] == ("2.500000", "2.500000", "0.000000")
    assert found["Gifts", "cash"] == ("1.25", "1.25", "0.00")
    # 500.00 value less the gift's part, 1,000.00 of points with what was redeemed of them, 70.00 in the guarantee fund
    assert found["RewardToken", "cash"] == ("1,568.75", "1,568.75", "0.00")
    assert re.search(r"guarantee fund +│ +70\.00", out)
    # each part that can say what it owes has its row
    cash = {part.name for part in PARTS if "cashOwed" in abi_of(part.name)}
    coins = {part.name for part in PARTS if "coinsOwed" in abi_of(part.name)}
    assert {name for name, what in found if what == "cash"} == cash | {"RewardToken"}
    assert {name for name, what in found if what == "coins"} == coins
    assert len(cash) == 13 and len(coins) == 4


def test_check_backing_counts_what_was_sent_without_a_call_as_free(network: Chain) -> None:
    as_operator(network, "CashToken", "transfer(address,uint256)", address_of(network, "CoinDiscount"), 333)
    assert backing(shown(network, "check_backing"))["CoinDiscount", "cash"] == ("3.33", "0.00", "3.33")


def test_check_backing_knows_assets(network: Chain) -> None:
    token = row(shown(network, "make_test_token", "main", "WBTC", "8", "10"), "address")
    shown(network, "fund_gateway", "list_asset", token, "5,000.00", "20,000.00")
    shown(network, "offer_coins", "list_token", token)
    shown(network, "fund_gateway", "add_asset", "WBTC", "0.5")
    shown(network, "offer_coins", "make", "WBTC", "0.25", "cash", "5.00")
    found = backing(shown(network, "check_backing"))
    assert found["AssetGateway", "WBTC"] == ("0.50000000", "0.50000000", "0.00000000")
    assert found["PeerExchange", "WBTC"] == ("0.25000000", "0.25000000", "0.00000000")


def test_check_backing_fails_when_cash_or_coins_are_gone(network: Chain) -> None:
    take(network, "SettlementEscrow", "CashToken", 1)
    take(network, "Gifts", "RewardToken", 2_500_000)
    take(network, "RewardToken", "CashToken", 5_000)
    out = told(network, "check_backing")
    assert out == (
        "The network is not backed: RewardToken lacks 50.00 of cash, SettlementEscrow lacks 0.01 of cash, "
        "Gifts lacks 2.500000 of coins."
    )


def abi_of(name: str) -> set[str]:
    """The functions of a contract, as the compiler wrote them down."""
    return {entry.get("name") for entry in json.loads((BUILD / f"{name}.json").read_text())["abi"]}


def take(chain: Chain, part: str, token: str, amount: int) -> None:
    """A development chain lets anybody act as a contract."""
    web3, source = web3_of(chain), address_of(chain, part)
    data = Web3.keccak(text="transfer(address,uint256)")[:4]
    data += web3.codec.encode(["address", "uint256"], [THIEF, amount])
    web3.provider.make_request("anvil_impersonateAccount", [source])  # type: ignore[arg-type]
    web3.provider.make_request("anvil_setBalance", [source, hex(10**18)])  # type: ignore[arg-type]
    sent = web3.eth.send_transaction(
        {"from": Web3.to_checksum_address(source), "to": address_of(chain, token), "data": data}
    )
    assert web3.eth.wait_for_transaction_receipt(sent)["status"] == 1
