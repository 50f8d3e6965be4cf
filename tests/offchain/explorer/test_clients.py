"""The clients that people have, unmodified: cast, forge with its three kinds of verifier, brownie and web3.py."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

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
