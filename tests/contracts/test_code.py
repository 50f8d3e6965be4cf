"""Facts about the compiled code: sizes, constants of the assembly, and that what must be small is small."""

import re
from pathlib import Path

import pytest

from benchmarks.devchain import BUILD, Chain, Contract, Interface, Reverted, artifact, deploy
from benchmarks.gas import measure
from node.domain.merkle import keccak
from scripts.suite import PARTS
from tests.contracts.twin import Twin

pytestmark = pytest.mark.anvil
ROOT = Path(__file__).parents[2]
LIMIT = 24_576  # of deployed code, EIP-170
CREATION_LIMIT = 49_152  # of what a transaction creates, EIP-3860
TOPICS = {
    "TRANSFER": "Transfer",
    "SKIPPED": "Skipped",
    "DEBITED": "Debited",
    "CLAMPED": "Clamped",
    "OWED_LOGGED": "Owed",
    "ENROLLED": "MemberEnrolled",
}
SELECTORS = {"BAD_LENGTH": "BadLength", "OUT_OF_ORDER": "MerchantsOutOfOrder", "EMPTY_BATCH": "EmptyBatch"}


def test_contracts_fit_what_a_chain_deploys() -> None:
    ours = [artifact(file.stem) for file in BUILD.glob("*.json")]
    ours = [made for made in ours if made["sourcePath"].startswith("contracts/")]
    sizes = {made["contractName"]: len(made["deployedBytecode"]) // 2 for made in ours}
    assert {"RewardToken", "Refunds", "Doors", "Succession"} | {part.name for part in PARTS} <= sizes.keys()
    assert not {name: size for name, size in sizes.items() if size > LIMIT}
    creations = {made["contractName"]: len(made["bytecode"]) // 2 for made in ours}
    assert not {name: size for name, size in creations.items() if size > CREATION_LIMIT}


@pytest.mark.parametrize("file", sorted((ROOT / "interfaces").glob("*.sol")), ids=lambda file: file.stem)
def test_every_function_of_an_interface_says_what_it_is_for(file: Path) -> None:
    lines = [line.strip() for line in file.read_text().splitlines()]
    silent = []
    for place, line in enumerate(lines):
        if not re.match(r"(function|interface) ", line):
            continue
        above = place - 1
        while lines[above].startswith("///"):
            above -= 1
        if not any(tag in text for text in lines[above + 1 : place] for tag in ("@notice", "@title", "@inheritdoc")):
            silent.append(line)
    assert not silent


def test_code_that_the_ledger_hands_over_to_is_that_of_the_build(twin: Twin) -> None:
    for name, part in (("Refunds", "refunds"), ("Doors", "doors"), ("Succession", "succession")):
        code = twin.chain.request("eth_getCode", twin.ledger.view(part), "latest")
        # but for immutables, which the creation fills in
        assert len(code) // 2 - 1 == len(artifact(name)["deployedBytecode"]) // 2


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
    entry = next(e for e in artifact("ILedger")["abi"] if e.get("name") == name and e["type"] != "function")
    signature = f"{name}({','.join(i['type'] for i in entry['inputs'])})"
    digest = keccak(signature.encode())
    assert found[1] == "0x" + (digest if constant in TOPICS else digest[:4]).hex()


def test_selectors_of_acts_in_the_assembly_are_those_of_the_interface() -> None:
    source = (ROOT / "contracts" / "libraries" / "BatchPosting.sol").read_text()
    found = dict(re.findall(r"constant (RUN_ACT|ACT_REFUSED) = (0x[0-9a-f]+);", source))
    target = Interface(artifact("ActProbe")["abi"])
    refused = next(selector for selector, error in target.errors.items() if error["name"] == "ActRefused")
    assert found == {"RUN_ACT": Interface(artifact("ILedger")["abi"]).selector("runAct"), "ACT_REFUSED": refused}


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
