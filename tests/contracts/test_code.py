"""Facts about the compiled code: sizes, constants of the assembly, and that what must be small is small."""

import re
from pathlib import Path

import pytest

from benchmarks.devchain import Chain, Contract, Interface, Reverted, artifact, deploy
from benchmarks.gas import measure
from benchmarks.world import World
from node.domain.merkle import keccak
from tests.contracts.twin import Twin

pytestmark = pytest.mark.anvil
ROOT = Path(__file__).parents[2]
LIMIT = 24_576
TOPICS = {
    "TRANSFER": "Transfer",
    "SKIPPED": "Skipped",
    "DEBITED": "Debited",
    "CLAMPED": "Clamped",
    "OWED_LOGGED": "Owed",
    "ENROLLED": "MemberEnrolled",
}
SELECTORS = {"BAD_LENGTH": "BadLength", "OUT_OF_ORDER": "MerchantsOutOfOrder", "EMPTY_BATCH": "EmptyBatch"}


def test_contracts_fit_what_a_chain_deploys(twin: Twin) -> None:
    world: World = twin.world
    sizes = {
        contract.address: len(world.chain.request("eth_getCode", contract.address, "latest")) // 2 - 1
        for contract in (world.access, world.cash, world.ledger, world.registry, world.rules)
    }
    refunds = world.ledger.view("refunds")
    sizes[refunds] = len(world.chain.request("eth_getCode", refunds, "latest")) // 2 - 1
    assert all(1_000 < size <= LIMIT for size in sizes.values()), sizes


def test_refunds_called_directly_does_nothing(twin: Twin) -> None:
    direct = Contract(twin.chain, twin.ledger.view("refunds"), Interface(artifact("Refunds")["abi"]))
    with pytest.raises(Reverted) as caught:
        direct.view("postRefunds", 1, [], sender=twin.world.poster)
    assert caught.value.error == "NotPoster"


@pytest.mark.parametrize("constant", [*TOPICS, *SELECTORS])
def test_constants_of_the_assembly_are_those_of_the_interface(constant: str) -> None:
    source = (ROOT / "contracts" / "libraries" / "BatchPosting.sol").read_text()
    found = re.search(rf"constant {constant} =\s+(0x[0-9a-f]+);", source)
    assert found is not None
    name = TOPICS.get(constant) or SELECTORS[constant]
    entry = next(e for e in artifact("RewardToken")["abi"] if e.get("name") == name and e["type"] != "function")
    signature = f"{name}({','.join(i['type'] for i in entry['inputs'])})"
    digest = keccak(signature.encode())
    assert found[1] == "0x" + (digest if constant in TOPICS else digest[:4]).hex()


def test_gas_of_a_line_stays_within_its_bounds() -> None:
    gas = measure()
    assert gas["batch_100_known"] <= 10_500
    assert gas["batch_250_known"] <= 9_500
    assert gas["batch_100_first_touch_of_epoch"] <= 12_500
    assert gas["batch_100_known"] * 6 < gas["openzeppelin_single_known"]


def test_plain_design_posts_once(chain: Chain) -> None:
    operator = chain.accounts[0]
    plain = deploy(chain, "PlainRewards", sender=operator)
    plain.send("setMerchant", 1, 10**9, 1_000_000, sender=operator)
    plain.send("reward", b"\1" * 32, chain.accounts[1], 1, 500, sender=operator)
    assert plain.view("balanceOf", chain.accounts[1]) == 50_000
