"""The ledger's code lies in several contracts: together they are ILedger, each function once and behind its check."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import eth_abi
import pytest

from benchmarks.devchain import Contract, Interface, Reverted, artifact
from benchmarks.world import World
from tests.contracts.twin import Twin

pytestmark = pytest.mark.anvil
ACCOUNTS = Path(__file__).parents[2] / "contracts" / "accounts"
REFUNDS = {"postRefunds", "settleLine"}  # of Refunds these two are the ledger's
MANAGED = {"authority", "setAuthority", "isConsumingScheduledOp"}  # AccessManaged, in whatever has `restricted`
RESTRICTED = {
    "Doors": {
        "setStream", "setTerminals", "setMerchant", "enrol", "setMemberFlags", "setTier", "pause", "unpause",
        "setRule", "vetoRule", "raiseBudget", "recharge", "forgiveArrears", "setDoors", "setActTarget",
    },
    "Succession": {"setPredecessor", "setSuccessor"},
}  # fmt: skip
LEDGER = Interface(artifact("ILedger")["abi"])


@pytest.fixture
def world(twin: Twin) -> World:
    return twin.world


def functions(name: str) -> dict[str, dict[str, Any]]:
    """The functions of a compiled contract by selector."""
    return {Interface([entry]).selector(entry["name"]): entry for entry in _functions(artifact(name)["abi"])}


def _functions(abi: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (entry for entry in abi if entry["type"] == "function")


def meaning(entry: dict[str, Any]) -> tuple[Any, ...]:
    """What a caller must know of a function; how its arguments are called is not in it."""
    kinds = [[_kind(item) for item in entry[side]] for side in ("inputs", "outputs")]
    view = entry["stateMutability"] in ("view", "pure")
    return (entry["name"], *kinds, view)


def _kind(item: dict[str, Any]) -> Any:
    parts = [(part["name"], _kind(part)) for part in item.get("components", [])]
    return (item["type"], parts) if parts else item["type"]


def parts() -> dict[str, dict[str, dict[str, Any]]]:
    """What of each contract's functions the ledger leads to."""
    found = {name: functions(name) for name in ("RewardToken", "Doors", "Refunds", "Succession")}
    found["Refunds"] = {key: entry for key, entry in found["Refunds"].items() if entry["name"] in REFUNDS}
    found["Succession"] = {key: entry for key, entry in found["Succession"].items() if entry["name"] not in MANAGED}
    return found


def test_the_parts_together_are_the_interface() -> None:
    found = [(key, entry) for part in parts().values() for key, entry in part.items()]
    assert len({key for key, _ in found}) == len(found), "a selector is in two parts: the first would hide the other"
    written = {key: meaning(entry) for key, entry in functions("ILedger").items()}
    assert {key: meaning(entry) for key, entry in found} == written


def test_every_error_and_event_of_the_parts_is_in_the_interface() -> None:
    known = {(entry["type"], entry["name"]) for entry in artifact("ILedger")["abi"] if entry["type"] != "function"}
    silent = {  # of code that cannot fail here: shapes that the caller checked, and the constructor's
        "InvalidShortString", "StringTooLong", "InvalidAccountNonce", "ECDSAInvalidSignatureLength",
    }  # fmt: skip
    for name in ("RewardToken", "Doors", "Refunds", "Succession"):
        told = {(each["type"], each["name"]) for each in artifact(name)["abi"] if each["type"] in ("error", "event")}
        assert {each for each in told - known if each[1] not in silent} == set(), name


@pytest.mark.parametrize("name", sorted(LEDGER.functions))
def test_every_function_answers_at_the_ledger(twin: Twin, name: str) -> None:
    arguments = [_nothing(item) for item in LEDGER.functions[name]["inputs"]]
    try:
        twin.ledger.view(name, *arguments, sender=twin.world.stranger)
    except Reverted as refused:
        # typed: what no part knows is refused without a word
        assert refused.error in {error["name"] for error in LEDGER.errors.values()}


def _nothing(item: dict[str, Any]) -> Any:
    kind = str(item["type"])
    if kind.endswith("[]"):
        return []
    if kind == "tuple":
        return tuple(_nothing(part) for part in item["components"])
    zeros = {"address": "0x" + "00" * 20, "bool": False, "bytes": b"", "string": ""}
    return zeros.get(kind, bytes(int(kind[5:] or 0)) if kind.startswith("bytes") else 0)


@pytest.mark.parametrize("data", ["0x", "0x7274ec", "0xdeadbeef", "0x00000000"])
def test_what_is_no_function_is_refused(twin: Twin, data: str) -> None:
    with pytest.raises(Reverted) as caught:
        twin.chain.request("eth_call", {"to": twin.ledger.address, "data": data}, "latest")
    assert caught.value.values[0] in (None, "0x")


def test_inside_of_refunds_is_not_reached(world: World) -> None:
    inside = Interface(artifact("Refunds")["abi"])
    data = inside.encode("applyRefund", 1, (1, 1, []))
    with pytest.raises(Reverted) as caught:
        world.chain.request("eth_call", {"to": world.ledger.address, "data": data, "from": world.poster}, "latest")
    assert caught.value.values[0] in (None, "0x")


def test_restricted_functions_are_those_that_are_meant() -> None:
    pattern = re.compile(r"function (\w+)\([^)]*\)[^{;]*\brestricted\b")
    found = {name for file in ACCOUNTS.rglob("*oors*.sol") for name in pattern.findall(file.read_text())}
    assert found == RESTRICTED["Doors"]
    assert set(pattern.findall((ACCOUNTS / "doors" / "Succession.sol").read_text())) == RESTRICTED["Succession"]


@pytest.mark.parametrize("name", sorted(RESTRICTED["Doors"] | RESTRICTED["Succession"]))
def test_restricted_function_refuses_a_stranger(world: World, name: str) -> None:
    arguments = [_nothing(item) for item in LEDGER.functions[name]["inputs"]]
    for stranger in (world.stranger, world.poster, world.merchant, world.ledger.view("doors")):
        with pytest.raises(Reverted) as caught:
            world.ledger.view(name, *arguments, sender=stranger)
        assert (caught.value.error, caught.value.values[0].lower()) == ("AccessManagedUnauthorized", stranger.lower())


@pytest.mark.parametrize("part", sorted(RESTRICTED))
def test_code_called_directly_obeys_nobody(world: World, part: str) -> None:
    direct = Contract(world.chain, world.ledger.view(part.lower()), Interface(artifact(part)["abi"]))
    assert int(direct.view("authority"), 16) == 0
    everybody = (world.operator, world.ledger.address, world.access.address, world.registry.address, "0x" + "00" * 20)
    for name in RESTRICTED[part] | {"setAuthority"}:
        arguments = [_nothing(item) for item in direct.interface.functions[name]["inputs"]]
        for sender in everybody:
            if (name, sender) == ("setAuthority", everybody[-1]):
                continue  # nobody has the key of address 0, and it finds no code there to set
            with pytest.raises(Reverted) as caught:
                direct.view(name, *arguments, sender=sender)
            assert caught.value.error == "AccessManagedUnauthorized"


def test_authority_lies_where_all_parts_look_for_it(world: World) -> None:
    assert world.chain.storage(world.ledger.address, 0) == int(world.access.address, 16)
    new = World(world.chain).access.address
    world.ledger.view("setMerchant", 1, 1, sender=world.registry.address)
    world.access.send("updateAuthority", world.ledger.address, new, sender=world.operator)
    assert world.chain.storage(world.ledger.address, 0) == int(new, 16)
    assert int(world.ledger.view("authority"), 16) == int(new, 16)
    with pytest.raises(Reverted) as caught:
        world.ledger.view("setMerchant", 1, 1, sender=world.registry.address)
    assert caught.value.error == "AccessManagedUnauthorized"


def test_nonce_of_a_permit_lies_in_a_slot_of_its_holder(world: World) -> None:
    slot = 0x18 << 248 | int(world.holder, 16)
    assert world.ledger.view("nonces", world.holder) == 0
    data = "0x" + eth_abi.encode(["uint256"], [7]).hex()
    world.chain.request("anvil_setStorageAt", world.ledger.address, f"0x{slot:064x}", data)
    assert world.ledger.view("nonces", world.holder) == 7
    assert world.ledger.view("nonces", world.stranger) == 0
