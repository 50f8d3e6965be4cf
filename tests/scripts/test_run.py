"""The scripts as a person runs them, on anvil and on a real validator: each command's effect, or its one sentence."""

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest
from web3 import Web3

from scripts import brownie_shim
from scripts.suite import PARTS
from tests.scripts.conftest import BIN, Chain

SIGNER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
POSTER = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
OWNER = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"
MEMBERS = [7, 2**64 - 1, *range(1000, 1300)]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("anvil", marks=pytest.mark.anvil),
        # the main acts run on real validators in test_real_chain.py each time
        pytest.param("validators", marks=[pytest.mark.chain, pytest.mark.long]),
    ],
)
def chain(request: pytest.FixtureRequest) -> Chain:
    """A chain on which nothing is deployed yet; the tests below run in their order on it."""
    found: Chain = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def typed(chain: Chain) -> Chain:
    """The same chain, by the command itself: it loads brownie and the project anew."""
    return dataclasses.replace(chain, warm=None)


def told(chain: Chain, *arguments: str) -> str:
    """What a script that fails tells: one sentence on stderr, exit code 1, no traceback."""
    ended = chain.brownie(*arguments)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    # brownie itself writes `File "...", line ...` for what escapes a script
    assert 'File "' not in ended.stderr
    sentence = ended.stderr.strip().splitlines()[-1]
    assert sentence.endswith(".")
    return sentence


def web3_of(chain: Chain) -> Web3:
    """The chain, asked without the scripts."""
    url = chain.network
    if not url.startswith("http"):
        url, _ = brownie_shim.gateway_of_folder(chain.folder)
    return Web3(Web3.HTTPProvider(url))


def shown(chain: Chain, *arguments: str) -> str:
    """What a script that works prints."""
    ended = chain.brownie(*arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_scripts_tell_what_is_missing_when_nothing_is_deployed(chain: Chain) -> None:
    assert f"first brownie run deploy --network {chain.network}." in told(chain, "show_member", "main", "7")


def test_deploy_tells_what_is_wrong_when_the_values_cannot_be_read(chain: Chain, tmp_path: Path) -> None:
    values = tmp_path / "values.toml"
    assert "cannot be read" in told(chain, "deploy", "main", str(values))
    values.write_text("[cash]\nname = 'Cash'\n")
    assert "lacks symbol in [cash]" in told(chain, "deploy", "main", str(values))
    assert not (chain.folder / "deployment.json").exists()


def test_deploy_sends_nothing_when_its_folder_cannot_be_written(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    before = web3_of(chain).eth.block_number
    blocked = Chain(network=chain.network, folder=tmp_path / "file" / "folder")
    if chain.network.startswith("http"):  # a network's own folder stands in --network
        assert "cannot be written to" in told(blocked, "deploy")
        assert web3_of(chain).eth.block_number == before


def test_deploy_can_be_tried_out_first(chain: Chain) -> None:
    if chain.network.startswith("http"):  # anvil's eth_simulateV1 takes no creation
        assert "cannot try a transaction out" in told(chain, "deploy", "main", "--dry-run")
    else:
        dry = shown(chain, "deploy", "main", "--dry-run")
        assert "deploy RewardToken" in dry and "Nothing was sent" in dry
    assert not (chain.folder / "deployment.json").exists()


def test_deploy_writes_where_everything_is(chain: Chain, typed: Chain) -> None:
    out = shown(typed, "deploy")
    deployment = json.loads((chain.folder / "deployment.json").read_text())
    core = {"NetworkAccess", "CashToken", "Succession", "RewardToken", "Registry", "RewardRules"}
    assert set(deployment["contracts"]) == core | {part.name for part in PARTS}
    assert all(Web3.is_checksum_address(entry["address"]) for entry in deployment["contracts"].values())
    assert all(entry["address"] in out for entry in deployment["contracts"].values())
    assert deployment["block"] <= min(entry["block"] for entry in deployment["contracts"].values())


def test_deploy_refuses_when_there_is_a_deployment(typed: Chain) -> None:
    assert "has a deployment" in told(typed, "deploy")


@pytest.mark.anvil
def test_scripts_write_no_list_that_another_script_reads(anvil: Chain, tmp_path: Path) -> None:
    def listed() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (brownie_shim.ROOT / "build" / "deployments").rglob("*")}

    before = listed()
    shown(dataclasses.replace(anvil, folder=tmp_path), "deploy")
    assert listed() == before


@pytest.mark.anvil
def test_deploy_works_again_when_anvil_has_forgotten_everything(tmp_path: Path) -> None:
    # brownie's own anvil lives as long as the script
    forgetful = Chain(network="development", folder=tmp_path)
    first = shown(forgetful, "deploy")
    assert "Written to" in first and "name a network to keep it" in first
    assert "Written to" in shown(forgetful, "deploy")


def test_onboard_merchant_prints_its_number(chain: Chain) -> None:
    stores = f"Main Street=S0000101,S0000102:{SIGNER};Harbour=S0000201"
    assert "Merchant 1: Corner Shop" in shown(chain, "onboard_merchant", "main", "Corner Shop", stores)


def test_onboard_merchant_tells_the_contract_s_error_when_a_terminal_exists(chain: Chain) -> None:
    told_it = told(chain, "onboard_merchant", "main", "Other Shop", "Quay=S0000101")
    assert "Could not onboard Other Shop: TerminalExists(id=S0000101)" in told_it


def test_dry_run_shows_every_step_and_sends_nothing(chain: Chain, typed: Chain) -> None:
    web3 = web3_of(chain)
    operator = json.loads((chain.folder / "deployment.json").read_text())["operator"]
    before = web3.eth.get_transaction_count(operator)
    out = " ".join(shown(typed, "fund_points", "main", "1", "500", "--dry-run").split())
    # the purchase sees the approval that was tried before it
    assert "PointsBought(merchant=1" in out and "Approval(" in out and "Nothing was sent" in out
    assert web3.eth.get_transaction_count(operator) == before


def test_dry_run_tells_the_contract_s_error(chain: Chain) -> None:
    found = told(chain, "onboard_merchant", "main", "Other Shop", "Quay=S0000101", "--dry-run")
    assert "Could not onboard Other Shop: TerminalExists(id=S0000101)" in found


def test_set_rule_prints_the_version(chain: Chain, tmp_path: Path) -> None:
    assert "100" in shown(chain, "set_rule", "main", "1", "1%")
    products = tmp_path / "products.txt"
    products.write_text("1001\n1002\n")
    out = shown(chain, "set_rule", "offer", "1", "5x", str(products), "50,000")
    assert "50,000.000000" in out
    assert list((chain.folder / "product-sets").glob("*.txt"))


def test_set_rule_tells_what_is_wrong(chain: Chain) -> None:
    assert "There is no merchant 9" in told(chain, "set_rule", "main", "9", "1%")
    assert "a rate such as 1.5%" in told(chain, "set_rule", "main", "1", "much%")


def test_fund_points_buys_at_par(chain: Chain) -> None:
    assert "10,000.000000" in shown(chain, "fund_points", "main", "1", "10,000.00")


def test_fund_points_sends_nothing_when_the_ledger_has_no_room(chain: Chain) -> None:
    assert "the ledger has room for" in told(chain, "fund_points", "main", "1", "700,000,000,000.00")
    assert "is too much: it may be" in told(chain, "fund_points", "main", "1", "7,000,000,000,000,000.00")
    address = json.loads((chain.folder / "deployment.json").read_text())["contracts"]["CashToken"]["address"]
    # all the cash there is lies in the ledger, for the 10,000.00 above
    minted = web3_of(chain).eth.call({"to": address, "data": Web3.keccak(text="totalSupply()")[:4]})
    assert int.from_bytes(minted) == 1_000_000


def test_open_stream_lets_the_bridge_s_key_post(chain: Chain) -> None:
    out = shown(chain, "open_stream", "main", "3", POSTER, "50,000.00", "0")
    assert POSTER in out
    assert "50,000.00" in out
    assert web3_of(chain).eth.get_balance(POSTER) > 0
    assert "is no address" in told(chain, "open_stream", "main", "3", "0x12", "1.00")
    assert "it may be 10,995,116,277.75 at most" in told(chain, "open_stream", "main", "3", POSTER, "10995116277.76")


def test_enrol_members_registers_each(chain: Chain) -> None:
    assert "Enrolled: 2 members." in shown(chain, "enrol_members", "main", "21,0x16,21")
    assert "active" in shown(chain, "show_member", "main", "22")


def test_scripts_run_from_another_folder(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"members": [1000]}')
    command = [str(BIN / "brownie"), "run", "onboard_merchant", "plan", "plan.json", "--network", chain.network]
    environment = {**os.environ, "TILLNET_FOLDER": os.path.relpath(chain.folder, tmp_path)}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=180)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads((chain.folder / "onboarding.json").read_text())["earlier"] == []


def test_show_member_tells_when_there_is_none(chain: Chain) -> None:
    assert "No member 7 is registered" in told(chain, "show_member", "main", "7")


def test_plan_onboards_everything_that_it_lists(chain: Chain, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    stores = [
        {"store": store, "terminals": [{"id": f"S{store:05d}01", "signer": SIGNER if store % 7 == 0 else None}]}
        for store in range(200, 260)
    ]
    shops = [
        {"name": "North", "coefficient": 100, "multiplier_bps": 50_000, "budget": 10**9, "prepaid": 10**6},
        {"name": "South", "coefficient": 50, "prepaid": 0},
    ]
    document = {
        "streams": [{"stream": 1, "poster": POSTER, "daily_limit": 5_000_000}],
        "merchants": [{**shop, "stores": stores[place::2]} for place, shop in enumerate(shops)],
        "members": MEMBERS,
        "product_set": ["2001", "2002"],
    }
    plan.write_text(json.dumps(document))
    out = shown(chain, "onboard_merchant", "plan", str(plan))
    assert f"with {len(MEMBERS)} members" in out
    result = json.loads((chain.folder / "onboarding.json").read_text())
    # what the plan before this one wrote
    assert [run["members"] for run in result["earlier"]] == [1]
    assert [(row["merchant"], row["base_version"], row["rule_version"]) for row in result["merchants"]] == [
        (2, 1, 2),
        (3, 1, 0),
    ]
    assert "active" in shown(chain, "show_member", "main", hex(MEMBERS[1]))


def test_plan_tells_what_is_wrong_when_it_cannot_be_read(chain: Chain, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert "cannot be read" in told(chain, "onboard_merchant", "plan", str(plan))
    plan.write_text("{")
    assert "is no JSON" in told(chain, "onboard_merchant", "plan", str(plan))
    plan.write_text('{"members": [5], "merchants": [{"name": "North"}]}')
    assert "Merchant 1 of the plan lacks 'stores'" in told(chain, "onboard_merchant", "plan", str(plan))
    # nothing of it was done
    assert "No member 5 is registered" in told(chain, "show_member", "main", "5")


def test_who_gets_coin_for_gas_may_send_and_permit_accounts_says_who_may(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(chain, "onboard_merchant", "main", "Owned Shop", "Pier=S0000301", "1", OWNER)
    assert web3_of(chain).eth.get_balance(Web3.to_checksum_address(OWNER)) == 10**18
    if chain.network.startswith("http"):
        assert "everybody may send here" in told(chain, "permit_accounts")
        return
    out = " ".join(shown(chain, "permit_accounts").replace("│", " ").split())
    assert f"{OWNER} send" in out and "everybody else nothing" in out
    both = f"{OWNER},{chain.folder / 'keys' / 'bridge.json'}"
    assert shown(chain, "permit_accounts", "deployer", both).count("send and create contracts") == 2
    assert "create contracts" not in shown(chain, "permit_accounts", "permit", OWNER)
    assert "nothing" in shown(chain, "permit_accounts", "forbid", OWNER)
    out = " ".join(shown(chain, "permit_accounts", "everybody", "send").replace("│", " ").split())
    assert "everybody else send" in out
    assert "is none of nothing, send, deploy" in told(chain, "permit_accounts", "everybody", "vote")
    shown(chain, "permit_accounts", "everybody", "nothing")
    bridge, operator = (chain.folder / "keys" / f"{name}.json" for name in ("bridge", "operator"))
    monkeypatch.setenv("TILLNET_OPERATOR_KEY", str(bridge))
    assert "says who may send on this network" in told(chain, "permit_accounts", "permit", OWNER)
    assert "NotAdminOrValidators(account=" in told(chain, "permit_accounts", "admin", str(bridge))
    monkeypatch.delenv("TILLNET_OPERATOR_KEY")
    address = json.loads(bridge.read_text())["address"]
    assert f"given by {address}" in shown(chain, "permit_accounts", "admin", str(bridge))
    assert f"only {address} says who may send" in told(chain, "permit_accounts", "permit", OWNER)
    monkeypatch.setenv("TILLNET_OPERATOR_KEY", str(bridge))
    assert "given by" in shown(chain, "permit_accounts", "admin", str(operator))
