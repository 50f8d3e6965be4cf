"""Roles, delays, groups and pauses as people set them."""

import json
import re

import pytest
from web3 import Web3

from scripts.grant_groups import read_groups
from scripts.schedule import split
from scripts.trouble import Trouble
from tests.scripts.conftest import ROOT, Chain

pytestmark = pytest.mark.anvil
BRIDGE = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"
GUARDIAN = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
DELAY = 3_600


@pytest.fixture(scope="module")
def delayed(anvil: Chain) -> Chain:
    """A network whose admin, the operator, has to wait an hour."""
    file = anvil.folder / "values.toml"
    values = (ROOT / "scripts" / "deployment.toml").read_text()
    assert "admin = 0\n" in values
    file.write_text(values.replace("admin = 0\n", f"admin = {DELAY}\n") + f"\n[roles]\nguardian = '{GUARDIAN}'\n")
    assert_told(anvil, 0, "Deployed", "deploy", "main", str(file))
    return anvil


def assert_told(chain: Chain, code: int, words: str, *arguments: str) -> str:
    """Runs a script, which ends with this code and says this."""
    ended = chain.brownie(*arguments)
    assert ended.returncode == code, ended.stdout + ended.stderr
    said = ended.stdout + ended.stderr
    assert words.lower() in said.lower(), said
    return ended.stdout


def web3_of(chain: Chain) -> Web3:
    return Web3(Web3.HTTPProvider(chain.network))


def wait(chain: Chain, seconds: int) -> None:
    for method, arguments in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
        web3_of(chain).provider.make_request(method, arguments)  # type: ignore[arg-type]


def call(chain: Chain, contract: str, name: str, *arguments: object) -> object:
    entry = json.loads((chain.folder / "deployment.json").read_text())["contracts"][contract]
    artifact = json.loads((ROOT / "node" / "artifacts" / "contracts" / entry["artifact"]).read_text())
    return web3_of(chain).eth.contract(entry["address"], abi=artifact["abi"]).functions[name](*arguments).call()


def test_schedule_announces_waits_and_executes(delayed: Chain) -> None:
    act = ("schedule", "add", "RewardToken", "setDoors", f"{BRIDGE},4")
    out = assert_told(delayed, 0, "RewardToken.setDoors", *act)
    found = re.search(r"0x[0-9a-f]{16}", out)
    assert found is not None
    assert_told(delayed, 1, "its time comes in", "schedule", "execute", found[0])
    wait(delayed, DELAY)
    assert_told(delayed, 0, "Done: RewardToken.setDoors", "schedule", "execute", found[0])
    assert call(delayed, "RewardToken", "doorsOf", BRIDGE) == 4
    assert_told(delayed, 1, "no scheduled act begins with", "schedule", "execute", found[0])


def test_schedule_cancels(delayed: Chain) -> None:
    out = assert_told(
        delayed, 0, "NetworkAccess.grantRole", "schedule", "add", "NetworkAccess", "grantRole", f"0,{BRIDGE},0"
    )
    found = re.search(r"0x[0-9a-f]{16}", out)
    assert found is not None
    assert_told(delayed, 0, "Cancelled: NetworkAccess.grantRole", "schedule", "cancel", found[0])
    assert found[0] not in assert_told(delayed, 0, "Scheduled", "schedule")


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("there is no contract Nothing", ("add", "Nothing", "pause")),
        ("RewardToken has no function explode", ("add", "RewardToken", "explode")),
        ("may do this at once", ("add", "RewardToken", "pause")),
        ("brackets", ("add", "RewardToken", "setDoors", "[1")),
        ("Could not schedule RewardToken.setDoors", ("add", "RewardToken", "setDoors", "1")),
        ("no scheduled act begins with 0x12", ("cancel", "0x12")),
    ],
)
def test_schedule_says_what_is_wrong(delayed: Chain, words: str, arguments: tuple[str, ...]) -> None:
    assert_told(delayed, 1, words, "schedule", *arguments)


def test_roles_are_given_shown_and_taken(delayed: Chain) -> None:
    assert_told(delayed, 0, BRIDGE, "set_role", "give", "bridge", BRIDGE)
    shown = assert_told(delayed, 0, "Registry", "set_role")
    assert "each act waits 3,600 s" in shown
    assert re.search(rf"bridge\W+{BRIDGE}", shown)
    assert_told(delayed, 0, BRIDGE, "open_stream", "main", "3", BRIDGE, "0")
    assert_told(delayed, 0, "It still posts stream 3", "set_role", "take", "bridge", BRIDGE)
    assert_told(delayed, 0, "nobody", "open_stream", "close", "3")
    assert_told(delayed, 1, "has not the role of bridge", "set_role", "take", "bridge", BRIDGE)
    assert_told(delayed, 1, "'king' is no role", "set_role", "give", "king", BRIDGE)
    assert_told(delayed, 1, "AccessManagerNotScheduled", "set_role", "give", "keeper", BRIDGE)


def test_pause_and_unpause(delayed: Chain) -> None:
    assert_told(delayed, 1, "not paused already", "unpause")
    assert_told(delayed, 0, "Paused", "pause", "--dry-run")
    assert call(delayed, "RewardToken", "paused") is False
    assert_told(delayed, 0, "Earning is paused", "pause")
    assert call(delayed, "RewardToken", "paused") is True
    assert_told(delayed, 1, "paused already", "pause")
    assert_told(delayed, 0, "Earning goes on", "unpause")


def test_groups_are_granted(delayed: Chain) -> None:
    assert_told(delayed, 0, "Merchant 1", "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    assert_told(delayed, 0, "consume, cancel", "grant_groups", "main", "1", BRIDGE, "consume,cancel")
    assert call(delayed, "Registry", "groupsOf", 1, BRIDGE) == 48
    assert_told(delayed, 0, "none", "grant_groups", "reset", "1", BRIDGE, "none")
    assert call(delayed, "Registry", "groupsOf", 1, BRIDGE) == 0
    assert_told(delayed, 1, "'kings' is no group", "grant_groups", "main", "1", BRIDGE, "kings")
    assert_told(delayed, 1, "NotInGroup", "grant_groups", "main", "2", BRIDGE, "all")


@pytest.mark.parametrize(
    ("text", "parts"),
    [("", []), ("1", ["1"]), ("a,[1,2],b", ["a", ["1", "2"], "b"]), ("[]", [[]]), ("[[1],[2]]", [[["1"], ["2"]]])],
)
def test_split_reads_lists(text: str, parts: list[object]) -> None:
    assert split(text) == parts


def test_split_refuses_brackets_that_do_not_match() -> None:
    for text in ("[1", "1]", "[[1]"):
        with pytest.raises(Trouble):
            split(text)


def test_groups_are_read() -> None:
    assert (read_groups("all"), read_groups("none"), read_groups("owner, check")) == (255, 0, 65)
