"""Sources are compiled again and compared with the chain: what agrees, how far, and what is refused."""

import json
import time
from pathlib import Path
from typing import Any

import eth_abi
import pytest

from benchmarks.devchain import Chain
from tests.offchain.explorer.contracts import PATH, SHOP, SOURCES
from tests.offchain.explorer.stand import COMPILER, Explorer, ShopOnChain, chain_id_of, compiled, deploy

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
COMPILE_SECONDS = 120.0
PRICE = 1234


@pytest.fixture(scope="module")
def shop() -> dict[str, Any]:
    return compiled(SOURCES, PATH, "Shop")


def new_shop(chain: Chain, shop: dict[str, Any]) -> tuple[str, bytes]:
    return deploy(chain, shop, ("string", "uint256"), "corner", PRICE)


def verdict(explorer: Explorer, chain: Chain, address: str, source: Any, name: str, **more: Any) -> dict[str, Any]:
    """How Sourcify's API ends a request."""
    chain_id = chain_id_of(chain)
    body = {"stdJsonInput": source, "compilerVersion": COMPILER, "contractIdentifier": name, **more}
    status, said = explorer.ask(f"/v2/verify/{chain_id}/{address}", body=json.dumps(body).encode())
    if status != 202:
        return {"status": status, **json.loads(said)}
    deadline = time.monotonic() + COMPILE_SECONDS
    while time.monotonic() < deadline:
        job: dict[str, Any] = json.loads(explorer.ask(f"/v2/verify/{json.loads(said)['verificationId']}")[1])
        if job["isJobCompleted"]:
            return job
        time.sleep(0.1)
    raise AssertionError("it took too long")


def test_verify_is_exact_when_all_is_the_same(chain: Chain, explorer: Explorer, shop: dict[str, Any]) -> None:
    address, encoded = new_shop(chain, shop)
    transaction = chain.request("eth_getBlockByNumber", "latest", False)["transactions"][0]
    job = verdict(explorer, chain, address, shop["input"], f"{PATH}:Shop", creationTransactionHash=transaction)
    assert job["contract"]["runtimeMatch"] == job["contract"]["creationMatch"] == "exact_match"
    row = explorer.api("contract", "getsourcecode", address=address)["result"][0]
    assert row["ConstructorArguments"] == encoded.hex() and row["OptimizationUsed"] == "1"
    assert (row["ContractName"], row["EVMVersion"], row["LicenseType"]) == ("Shop", "cancun", "Apache-2.0")
    assert json.loads(row["SourceCode"][1:-1])["sources"][PATH]["content"] == SHOP
    abi = json.loads(explorer.api("contract", "getabi", address=address)["result"])
    assert {each.get("name") for each in abi} >= {"OWNER", "sell", "Sold", "NotEnough"}
    again = verdict(explorer, chain, address, shop["input"], f"{PATH}:Shop")
    assert (again["status"], again["customCode"]) == (409, "already_verified")


def test_verify_is_partial_when_only_a_comment_differs(chain: Chain, explorer: Explorer, shop: dict[str, Any]) -> None:
    address, _ = new_shop(chain, shop)
    source = json.loads(json.dumps(shop["input"]))
    source["sources"][PATH]["content"] += "// one comment more\n"
    job = verdict(explorer, chain, address, source, f"{PATH}:Shop")
    assert job["contract"]["runtimeMatch"] == "match" and job["contract"]["creationMatch"] is None
    better = verdict(explorer, chain, address, shop["input"], f"{PATH}:Shop")
    assert better["contract"]["runtimeMatch"] == "exact_match"


def test_verify_refuses_when_one_constant_differs(chain: Chain, explorer: Explorer, shop: dict[str, Any]) -> None:
    address, _ = new_shop(chain, shop)
    source = json.loads(json.dumps(shop["input"]))
    source["sources"][PATH]["content"] = SHOP.replace("stock -= amount", "stock -= amount / 2")
    job = verdict(explorer, chain, address, source, f"{PATH}:Shop")
    assert job["error"]["customCode"] == "no_match" and job["contract"]["match"] is None
    assert explorer.api("contract", "getabi", address=address) == {
        "status": "0",
        "message": "NOTOK",
        "result": "Contract source code not verified",
    }


def test_verify_fills_in_the_library_when_it_was_linked(chain: Chain, explorer: Explorer) -> None:
    library, _ = deploy(chain, compiled(SOURCES, PATH, "Prices"))
    linked = compiled(SOURCES, PATH, "Lister", libraries={PATH: {"Prices": library}})
    address, _ = deploy(chain, linked)
    unlinked = {**linked["input"], "settings": {**linked["input"]["settings"], "libraries": {}}}
    assert verdict(explorer, chain, address, unlinked, f"{PATH}:Lister")["contract"]["runtimeMatch"] == "match"
    exact = verdict(explorer, chain, address, linked["input"], f"{PATH}:Lister")
    assert exact["contract"]["runtimeMatch"] == "exact_match"
    own = verdict(explorer, chain, library, linked["input"], f"{PATH}:Prices")
    assert own["contract"]["runtimeMatch"] in ("exact_match", "match")


def test_verify_follows_the_trace_when_a_contract_made_it(
    chain: Chain, explorer: Explorer, shop: dict[str, Any]
) -> None:
    mall, _ = deploy(chain, compiled(SOURCES, PATH, "Mall"))
    open_ = "0x690e7c09" + f"{PRICE:064x}"
    chain.send(sender=chain.accounts[0], to=mall, data=open_)
    transaction = chain.request("eth_getBlockByNumber", "latest", False)["transactions"][0]
    address = "0x" + chain.request("eth_call", {"to": mall, "data": "0x47799da8"}, "latest")[-40:]
    job = verdict(explorer, chain, address, shop["input"], f"{PATH}:Shop", creationTransactionHash=transaction)
    assert job["contract"]["creationMatch"] == "exact_match"
    row = explorer.api("contract", "getsourcecode", address=address)["result"][0]
    assert row["ConstructorArguments"] == eth_abi.encode(("string", "uint256"), ("in the mall", PRICE)).hex()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"stdJsonInput": {"language": "Vyper", "sources": {}}}, "invalid_parameter"),
        ({"stdJsonInput": {"language": "Solidity", "sources": {"a": {"urls": ["/etc/passwd"]}}}}, "invalid_parameter"),
        ({"compilerVersion": "0.7.6+commit.7338295f"}, "unsupported_compiler_version"),
        ({"compilerVersion": "latest"}, "invalid_parameter"),
        ({"contractIdentifier": "src/Shop.sol:Nobody';--"}, "invalid_parameter"),
        ({"creationTransactionHash": "0x12"}, "invalid_parameter"),
    ],
)
def test_verify_says_why_when_the_request_is_none(
    change: dict[str, Any], code: str, chain: Chain, explorer: Explorer, shop: dict[str, Any]
) -> None:
    address, _ = new_shop(chain, shop)
    body = {"stdJsonInput": shop["input"], "compilerVersion": COMPILER, "contractIdentifier": f"{PATH}:Shop"} | change
    chain_id = chain_id_of(chain)
    status, said = explorer.ask(f"/v2/verify/{chain_id}/{address}", body=json.dumps(body).encode())
    assert (status, json.loads(said)["customCode"]) == (400, code)


def test_compile_reads_no_file_when_a_source_imports_one(
    chain: Chain, explorer: Explorer, shop: dict[str, Any], tmp_path: Path
) -> None:
    """The compiler that contracts are built with would read README.md of this folder."""
    address, _ = new_shop(chain, shop)
    source = json.loads(json.dumps(shop["input"]))
    source["sources"][PATH]["content"] = 'import "README.md";\n' + SHOP
    job = verdict(explorer, chain, address, source, f"{PATH}:Shop")
    assert job["error"]["customCode"] == "compiler_error"
    assert "not found" in job["error"]["message"].lower() and "Tillnet" not in job["error"]["message"]


def test_verify_refuses_at_once_when_the_request_has_50_mb(explorer: Explorer, chain: Chain) -> None:
    started = time.monotonic()
    status, said = explorer.ask("/api", body=b"module=contract&sourceCode=" + b"x" * 50_000_000)
    assert status == 413 and "at most 5242880 bytes" in json.loads(said)["result"]
    assert time.monotonic() - started < 10


def test_verify_reports_when_nothing_is_there(explorer: Explorer, chain: Chain, shop: dict[str, Any]) -> None:
    job = verdict(explorer, chain, "0x" + "12" * 20, shop["input"], f"{PATH}:Shop")
    assert job["customCode"] == "contract_not_deployed"


def verify_now(explorer: Explorer, shop: ShopOnChain) -> None:
    """Verifies the shop's source, and waits for it."""
    form = {"contractaddress": shop.address, "sourceCode": json.dumps(shop.source), "contractname": f"{PATH}:Shop"}
    form |= {"codeformat": "solidity-standard-json-input", "compilerversion": f"v{COMPILER}"}
    guid = explorer.post("contract", "verifysourcecode", **form)["result"]
    deadline = time.monotonic() + COMPILE_SECONDS
    while (said := explorer.api("contract", "checkverifystatus", guid=guid))["result"] == "Pending in queue":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert said["result"] == "Pass - Verified"
