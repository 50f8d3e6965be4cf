"""The clients that people have, unmodified: cast, forge with its three kinds of verifier, brownie and web3.py."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3
from web3.exceptions import Web3RPCError

from benchmarks.devchain import Chain
from tests.offchain.explorer.contracts import PATH, SHOP, SOURCES
from tests.offchain.explorer.stand import (
    COMPILER,
    LAYOUT,
    Explorer,
    chain_id_of,
    deploy,
    url_of,
    write_forge_project,
)

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
CLIENT_SECONDS = 240
PRICE = 77


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that forge works in."""
    folder = tmp_path_factory.mktemp("project")
    write_forge_project(folder, SOURCES)
    return folder


@pytest.fixture(scope="module")
def shop(project: Path) -> dict[str, Any]:
    """Compiled with the settings that forge sends: it names its own remappings and metadata."""
    client(project, "forge", "build", "--offline", "--no-cache")
    made: dict[str, Any] = json.loads((project / "out" / "Shop.sol" / "Shop.json").read_text())
    return {"abi": made["abi"], "evm": {"bytecode": {"object": made["bytecode"]["object"][2:]}}}


def client(folder: Path, name: str, *arguments: str, code: int = 0) -> str:
    """What foundry's program says, run in a folder with a home of its own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "FOUNDRY_DISABLE_NIGHTLY_WARNING": "1"}
    done = subprocess.run(
        [str(LAYOUT.bin / name), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def new_shop(chain: Chain, shop: dict[str, Any]) -> tuple[str, str]:
    address, encoded = deploy(chain, shop, ("string", "uint256"), "corner", PRICE)
    return address, encoded.hex()


@pytest.mark.parametrize(("verifier", "path"), [("blockscout", "/api"), ("custom", "/api"), ("sourcify", "/")])
def test_forge_verifies_when_the_explorer_is_its_verifier(
    verifier: str, path: str, chain: Chain, explorer: Explorer, project: Path, shop: dict[str, Any]
) -> None:
    address, encoded = new_shop(chain, shop)
    said = client(
        project,
        *("forge", "verify-contract", address, f"{PATH}:Shop", "--watch"),
        *("--verifier", verifier, "--verifier-url", explorer.url + path, "--rpc-url", url_of(chain)),
        *("--compiler-version", COMPILER, "--chain", str(chain_id_of(chain)), "--constructor-args", encoded),
        *(("--etherscan-api-key", "any") if verifier == "custom" else ()),
    )
    assert "verified" in said.lower(), said
    row = explorer.api("contract", "getsourcecode", address=address)["result"][0]
    assert row["ContractName"] == "Shop" and "NotEnough" in row["ABI"], said


def test_forge_is_told_no_when_the_source_is_another(
    chain: Chain, explorer: Explorer, project: Path, shop: dict[str, Any], tmp_path: Path
) -> None:
    address, encoded = new_shop(chain, shop)
    write_forge_project(tmp_path, {**SOURCES, PATH: SHOP.replace("2 * price", "3 * price").replace("-=", "+=")})
    said = client(
        tmp_path,
        *("forge", "verify-contract", address, f"{PATH}:Shop", "--watch"),
        *("--verifier", "blockscout", "--verifier-url", explorer.url + "/api", "--rpc-url", url_of(chain)),
        *("--compiler-version", COMPILER, "--chain", str(chain_id_of(chain)), "--constructor-args", encoded),
        code=1,
    )
    assert "not the code at this address" in said or "Fail" in said, said


def test_cast_shows_the_source_when_it_is_verified(
    chain: Chain, explorer: Explorer, project: Path, shop: dict[str, Any]
) -> None:
    address, encoded = new_shop(chain, shop)
    client(
        project,
        *("forge", "verify-contract", address, f"{PATH}:Shop", "--watch"),
        *("--verifier", "blockscout", "--verifier-url", explorer.url + "/api", "--rpc-url", url_of(chain)),
        *("--compiler-version", COMPILER, "--chain", str(chain_id_of(chain)), "--constructor-args", encoded),
    )
    where = ("--explorer-api-url", f"{explorer.url}/api", "--explorer-url", explorer.url, "--etherscan-api-key", "any")
    said = client(project, "cast", "source", address, *where, "--chain", str(chain_id_of(chain)))
    assert "error NotEnough(uint256 stock, uint256 wanted);" in said
    other, _ = new_shop(chain, shop)
    assert other != address
    refused = client(project, "cast", "source", other, *where, "--chain", str(chain_id_of(chain)), code=1)
    assert "not verified" in refused.lower(), refused


BROWNIE = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from scripts.brownie_explorer import use_explorer
from scripts.brownie_shim import _repaired
from brownie import Contract, network, project
from brownie.network import contract as brownie_contract

rpc, explorer, address, folder, later = sys.argv[1:]
network.main.CONFIG.networks["tillnet-test"] = {
    "id": "tillnet-test", "name": "tillnet-test", "host": rpc, "chainid": "31337", "explorer": explorer + "/api",
}
network.connect("tillnet-test")
use_explorer(explorer + "/api")
brownie_contract._add_deployment = _repaired(brownie_contract._add_deployment)
brownie_contract.time.sleep = lambda seconds: None
fetched = Contract.from_explorer(address)
known = "NotEnough" in fetched._build["source"]
print(json.dumps({"name": fetched._name, "price": int(fetched.PRICE()), "source": known}))
opened = project.load(folder)
deployed = opened.Shop.at(later)
print(json.dumps(opened.Shop.publish_source(deployed, silent=True)))
"""


def test_brownie_fetches_and_publishes_when_the_shim_is_in_use(
    chain: Chain, explorer: Explorer, project: Path, shop: dict[str, Any], tmp_path: Path
) -> None:
    address, encoded = new_shop(chain, shop)
    client(
        project,
        *("forge", "verify-contract", address, f"{PATH}:Shop", "--watch"),
        *("--verifier", "blockscout", "--verifier-url", explorer.url + "/api", "--rpc-url", url_of(chain)),
        *("--compiler-version", COMPILER, "--chain", str(chain_id_of(chain)), "--constructor-args", encoded),
    )
    folder = tmp_path / "shop"
    (folder / "contracts").mkdir(parents=True)
    for path, content in SOURCES.items():
        (folder / path.replace("src/", "contracts/")).write_text(content)
    (folder / "brownie-config.yaml").write_text(
        "compiler:\n  evm_version: cancun\n  solc:\n    version: 0.8.30\n"
        "    optimizer:\n      enabled: true\n      runs: 200\n"
    )
    environment = {
        **os.environ,
        "SOLCX_BINARY_PATH": str(LAYOUT.solc_folder),
        "HOME": str(tmp_path / "home"),
        "ETHERSCAN_TOKEN": "any",
        "PYTHONPATH": str(LAYOUT.root),
    }
    (tmp_path / "home").mkdir()
    compile_ = [LAYOUT.python, "-c", "import sys; from brownie import project; project.load(sys.argv[1])", folder]
    subprocess.run(compile_, env=environment, check=True, timeout=CLIENT_SECONDS, capture_output=True)
    made = json.loads((folder / "build" / "contracts" / "Shop.json").read_text())
    later, _ = new_shop(chain, {"evm": {"bytecode": {"object": made["bytecode"]}}})
    explorer.index_now(chain)
    done = subprocess.run(
        [LAYOUT.python, "-c", BROWNIE, url_of(chain), explorer.url, address, str(folder), later],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=CLIENT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (line for line in done.stdout.splitlines() if line[:1] in "{tf")
    assert json.loads(first) == {"name": "Shop", "price": PRICE, "source": True}
    assert json.loads(second) is True
    row = explorer.api("contract", "getsourcecode", address=later)["result"][0]
    assert row["ContractName"] == "Shop" and row["ConstructorArguments"] == encoded


def test_web3_works_with_the_explorer_when_it_is_its_provider(
    chain: Chain, explorer: Explorer, shop: dict[str, Any]
) -> None:
    address, _ = new_shop(chain, shop)
    web3 = Web3(Web3.HTTPProvider(f"{explorer.url}/rpc"))
    contract = web3.eth.contract(address=Web3.to_checksum_address(address), abi=shop["abi"])
    assert contract.functions.PRICE().call() == PRICE
    assert web3.eth.chain_id == chain_id_of(chain) and web3.eth.get_code(contract.address)
    with pytest.raises(Web3RPCError, match="does not pass"):
        web3.eth.send_raw_transaction(b"\x02")
