"""All that people can do with the contracts has a script: each function that changes something is called by one, or by
somebody else who is named, or stands in a list with its reason (acts_of_others.py).
"""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.scripts.acts import ROOT, Act, called_by_scripts, deployed, texts_and_names
from tests.scripts.acts_of_others import CONTRACTS, IN_YUL, NOT_SCRIPTED, OF_EVERY_CONTRACT, PROGRAMS

LISTS = {"contracts": CONTRACTS, "programs": PROGRAMS, "in Yul": IN_YUL, "not scripted": NOT_SCRIPTED}
LISTED = {name: reason for each in LISTS.values() for name, reason in each.items()}


def act_of(name: str) -> Act:
    contract, _, function = name.partition(" ")
    return contract, function


def every() -> set[Act]:
    return {
        (contract, function)
        for contract, functions in deployed().items()
        for function in functions
        if function not in OF_EVERY_CONTRACT
    }


@cache
def solidity() -> dict[str, str]:
    """The contracts' sources without comments, by file; what is only for tests left out."""
    files = [*(ROOT / "contracts").rglob("*.sol"), *(ROOT / "interfaces").glob("*.sol")]
    return {file.stem: re.sub(r"//[^\n]*", "", file.read_text()) for file in files if "testing" not in Path(file).parts}


def test_the_deployed_contracts_are_found() -> None:
    assert {"RewardToken", "Registry", "CashToken", "NetworkAccess", "Gifts", "ValidatorRegistry"} <= set(deployed())
    assert len(every()) > 250
    # one of each way in which scripts name a method
    by_constant, by_text, by_local = ("PeerExchange", "make"), ("Registry", "setGroups"), ("Gifts", "publish")
    assert {by_constant, by_text, by_local, ("AccountRegistry", "setPermissions")} <= called_by_scripts()
    # views are called at once, and a text's own method is nobody's
    assert ("ReceiptMarket", "transferFrom") not in called_by_scripts()


def test_each_act_has_a_script_or_somebody_else_who_calls_it() -> None:
    missing = every() - called_by_scripts() - set(map(act_of, LISTED))
    assert sorted(missing) == [], "write a script, or say in acts_of_others.py who calls it and why"


def test_nothing_is_listed_that_a_script_calls_or_that_is_gone() -> None:
    listed = set(map(act_of, LISTED))
    assert sorted(listed & called_by_scripts()) == []
    assert sorted(listed - every()) == []
    assert len(LISTED) == sum(map(len, LISTS.values())), "listed twice"
    assert [name for name, reason in LISTED.items() if len(reason) < 10] == []


@pytest.mark.parametrize("name", CONTRACTS)
def test_what_is_left_to_contracts_is_called_by_one(name: str) -> None:
    _, function = act_of(name)
    call = re.compile(rf"[\w)\]]\.{function}(\{{[^}}]*\}})?\(")
    assert [file for file, text in solidity().items() if call.search(text)], f"no contract calls {function}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_left_to_programs_is_called_by_one(name: str) -> None:
    _, function = act_of(name)
    assert any(text == function or text.startswith(f"{function}(") for text in texts_and_names(ROOT / "node"))


def test_reasons_name_scripts_that_there_are() -> None:
    scripts = {file.stem for file in (ROOT / "scripts").glob("*.py")}
    named = {word for reason in LISTED.values() for word in re.findall(r"\b[a-z]+_[a-z]+\b", reason)}
    assert named and named <= scripts
