"""A network with live balances moves to a new ledger by hand: deployed, named, moved in parts, adopted."""

import json
from collections.abc import Iterator

import pytest

from node.network.keys import make_account, write_account
from tests.scripts.conftest import Chain
from tests.scripts.test_loyalty import OPERATOR, Poster, coin, external
from tests.scripts.test_run import shown, told, web3_of
from tests.scripts.test_settlement import address_of, as_operator, row

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
ANN, BOB, CARL = 7, 8, 9
MUG = "4294967297"


@pytest.fixture(scope="module")
def network(anvil: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Two merchants with points, payable and deposit; Ann's value, coins and reserved gift; Bob's coins; the fund."""
    key, file = make_account(), tmp_path_factory.mktemp("ann") / "key.json"
    write_account(file, key)
    shown(anvil, "deploy")
    shown(anvil, "open_stream", "main", "1", OPERATOR.address, "50,000.00")
    shown(anvil, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101;Harbour=S0000102,S0000103")
    shown(anvil, "onboard_merchant", "main", "Harbour Shop", "Quay=S0000201")
    shown(anvil, "set_rule", "main", "1", "1%")
    shown(anvil, "fund_points", "main", "1", "1,000.00")
    shown(anvil, "enrol_members", "main", f"{ANN},{BOB},{CARL}")
    shown(anvil, "enrol_members", "key", str(ANN), key.address)
    as_operator(anvil, "CashToken", "deposit(address,uint256,bytes32)", OPERATOR.address, 10**7, b"")
    as_operator(anvil, "CashToken", "approve(address,uint256)", address_of(anvil, "RewardToken"), 2**256 - 1)
    as_operator(anvil, "RewardToken", "recharge(uint64,uint64)", ANN, 50_000)
    as_operator(anvil, "RewardToken", "addDeposit(uint32,uint64)", 0, 7_000)
    as_operator(anvil, "RewardToken", "addDeposit(uint32,uint64)", 2, 300)
    poster = Poster(anvil)
    poster.pay(ANN, external(100_000))
    poster.pay(BOB, external(55_555))
    poster.pay(ANN, coin(123))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILLNET_MEMBER_KEY", str(file))
        shown(anvil, "publish_gift", "main", "1", "Mug", "2.50", "3")
        shown(anvil, "redeem_gift", "main", str(ANN), MUG)
        yield anvil


def test_succeed_tells_what_comes_first(network: Chain) -> None:
    assert told(network, "succeed") == "No successor is deployed: first brownie run succeed deploy."
    assert "no successor is deployed" in told(network, "succeed", "move").lower()


def test_succeed_deploys_beside_the_network(network: Chain) -> None:
    before = (network.folder / "deployment.json").read_bytes()
    out = shown(network, "succeed", "deploy")
    assert "2 merchants and 1 members' keys brought over" in out
    assert (network.folder / "deployment.json").read_bytes() == before
    new = json.loads((network.folder / "successor" / "deployment.json").read_text())["contracts"]
    old = json.loads(before)["contracts"]
    assert {name for name in old if old[name]["address"] == new[name]["address"]} == {"NetworkAccess", "CashToken"}
    assert "0 merchants and 0 members' keys brought over" in shown(network, "succeed", "deploy")
    assert "has no successor yet" in told(network, "succeed", "move")
    assert "not begun" in shown(network, "succeed")


def test_succeed_names_once_and_ends_earning(network: Chain) -> None:
    dry = " ".join(shown(network, "succeed", "name", "--dry-run").split())
    assert "PredecessorSet" in dry and "SuccessorSet" in dry and "Nothing was sent" in dry
    assert "earning has ended" in shown(network, "succeed", "name")
    assert "earning has ended" in shown(network, "succeed", "name")
    assert "Succeeded(" in told(network, "unpause")


def test_succeed_moves_in_parts_and_goes_on_where_it_ended(network: Chain) -> None:
    assert "lies between 1 and 60" in told(network, "succeed", "move", "0")
    # Ann, Bob, Carl and the two merchants with the guarantee fund, one at a time
    out = shown(network, "succeed", "move", "1", "2")
    assert "run it again" in out
    assert row(out, "accounts to send") == "1" and row(out, "merchants to send") == "3"
    assert "is still left" in told(network, "succeed", "adopt")
    out = shown(network, "succeed", "move", "2")
    assert "Everything that can go has gone." in out
    assert row(out, "contracts that hold coins") == "1"  # the mug's
    assert both(out, "stored value") == ("0.00", "500.00")
    assert both(out, "guarantee fund") == ("0.00", "70.00")
    assert both(out, "deposits") == ("0.00", "3.00")
    assert both(out, "payable to merchants") == ("0.00", "1.23")
    # 10.00 + 5.5555 coins earned, 1.23 spent, 2.50 in the mug's reservation
    assert both(out, "coins") == ("2.500000", "11.825500")
    assert both(out, "prepaid points") == ("0.000000", "984.444500")
    assert "Everything that can go has gone." in shown(network, "succeed", "move")


def test_what_a_contract_gives_back_later_is_moved_later(network: Chain) -> None:
    assert "released" in shown(network, "release_gift", "cancel", "1")
    out = shown(network, "succeed", "move")
    assert both(out, "coins") == ("0.000000", "14.325500")
    assert row(out, "contracts that hold coins") == "0"


def test_succeed_adopts_a_network_that_is_backed_and_works(network: Chain) -> None:
    assert "Adopted" in shown(network, "succeed", "adopt")
    assert "Every contract holds what it owes." in shown(network, "check_backing")
    out = shown(network, "show_member", "main", str(ANN))
    assert (row(out, "coins"), row(out, "stored value")) == ("8.770000", "500.00")
    shown(network, "set_rule", "main", "1", "2%")
    shown(network, "open_stream", "main", "1", OPERATOR.address, "50,000.00")
    Poster(network).pay(BOB, external(10_000))
    assert row(shown(network, "show_member", "main", str(BOB)), "coins") == "7.555500"
    assert told(network, "succeed") == "No successor is deployed: first brownie run succeed deploy."


def test_succeed_is_the_admin_s(network: Chain, tmp_path_factory: pytest.TempPathFactory) -> None:
    key, file = make_account(), tmp_path_factory.mktemp("other") / "key.json"
    write_account(file, key)
    web3_of(network).provider.make_request("anvil_setBalance", [key.address, hex(10**18)])  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILLNET_OPERATOR_KEY", str(file))
        assert "network's admin's to do" in told(network, "succeed", "deploy")


def both(text: str, name: str) -> tuple[str, str]:
    """The two values of a row."""
    line = next(line for line in text.splitlines() if line.startswith(f"│ {name} "))
    _, _, old, new, _ = (cell.strip() for cell in line.split("│"))
    return old, new
