"""The compiler's wrapper: on several cores it gives what it gives on one, errors and all."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from node.network.toolchain.layout import Layout

WRAPPER: Final = next(iter(Layout.here().solc_folder.glob("solc-v*")), Path("no compiler"))
SECONDS: Final = 120
OUTPUTS: Final = ["abi", "metadata", "evm.bytecode", "evm.deployedBytecode", "evm.methodIdentifiers", "storageLayout"]

SHAPES = """// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;
interface IArea { function area() external view returns (uint256); }
library Doubling { function twice(uint256 x) external pure returns (uint256) { return 2 * x; } }
abstract contract Shape is IArea { uint256 internal side; constructor(uint256 side_) { side = side_; } }
contract Square is Shape {
    constructor(uint256 s) Shape(s) {}
    function area() external view returns (uint256) { return side * side; }
}
contract Cube is Shape {
    constructor(uint256 s) Shape(s) {}
    function area() external view returns (uint256) { return 6 * side * side; }
}
"""
MAKERS = """// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;
import "shapes.sol";
contract Maker {
    event Made(address at);
    function make(uint256 side) external { emit Made(address(new Square(side))); }
}
contract Second { function make(Maker maker, uint256 unused) external { maker.make(Doubling.twice(3)); } }
contract Third { uint256[] public all; function add(uint256 x) external { all.push(x); } }
"""


def compiled(sources: dict[str, str], selection: dict[str, Any], *, cores: set[int]) -> dict[str, Any]:
    """The compiler's output, when it may use these cores only."""
    settings = {"viaIR": True, "optimizer": {"enabled": True}, "outputSelection": selection}
    files = {name: {"content": text} for name, text in sources.items()}
    ended = subprocess.run(
        [WRAPPER, "--standard-json"],
        input=json.dumps({"language": "Solidity", "sources": files, "settings": settings}),
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    found = json.loads(ended.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def cores() -> set[int]:
    found = os.sched_getaffinity(0)
    if len(found) < 2:
        pytest.skip("this machine has one core: there is nothing to share")
    return found


def in_order(output: dict[str, Any]) -> dict[str, Any]:
    """The output with its errors sorted: those of several workers come as they end."""
    errors = sorted(output.get("errors", []), key=lambda error: json.dumps(error, sort_keys=True))
    return {**output, "errors": errors}


@pytest.mark.parametrize(
    "selection",
    [
        {"*": {"*": OUTPUTS, "": ["ast"]}},
        {"*": {"*": ["evm.bytecode.object"]}},
        {"makers.sol": {"Maker": ["evm.bytecode"], "*": ["abi"]}, "*": {"Cube": ["metadata"]}},
    ],
)
def test_compiler_gives_the_same_on_several_cores_as_on_one(cores: set[int], selection: dict[str, Any]) -> None:
    sources = {"shapes.sol": SHAPES, "makers.sol": MAKERS}
    alone = compiled(sources, selection, cores={min(cores)})
    together = compiled(sources, selection, cores=cores)
    assert alone["contracts"]["makers.sol"]["Maker"]["evm"]["bytecode"]["object"]
    assert in_order(together) == in_order(alone)


def test_contract_is_the_same_code_whatever_is_compiled_beside_it(cores: set[int]) -> None:
    sources, selection = {"shapes.sol": SHAPES, "makers.sol": MAKERS}, {"*": {"*": OUTPUTS, "": ["ast"]}}
    functions = "\n".join(
        f"function f{n}(uint256 x) external pure returns (uint256) {{ return x + {n}; }}" for n in range(40)
    )
    beside = f"pragma solidity 0.8.30;\ncontract Beside {{ {functions} }}"
    apart = compiled(sources, selection, cores=cores)
    among = compiled({"beside.sol": beside, **sources}, selection, cores=cores)
    files = {source["id"]: name for name, source in among["sources"].items()}
    assert [files[number] for number in sorted(files)] == ["beside.sol", "makers.sol", "shapes.sol"]
    for file, name in (("makers.sol", "Maker"), ("makers.sol", "Second"), ("shapes.sol", "Cube")):
        one, other = (each["contracts"][file][name]["evm"]["deployedBytecode"] for each in (apart, among))
        assert one["object"] == other["object"] != ""
        assert file in files_of(other["sourceMap"], files) <= {"makers.sol", "shapes.sol", "generated"}


def files_of(source_map: str, files: dict[int, str]) -> set[str]:
    """Which files a contract's source map names."""
    numbers = {
        fields[2] for fields in (each.split(":") for each in source_map.split(";")) if len(fields) > 2 and fields[2]
    }
    return {files.get(int(number), "generated") for number in numbers if number != "-1"}


def test_compiler_tells_the_same_errors_on_several_cores(cores: set[int]) -> None:
    sources = {"shapes.sol": SHAPES, "makers.sol": MAKERS.replace("all.push(x)", "all.push(nothing)")}
    selection = {"*": {"*": OUTPUTS, "": ["ast"]}}
    alone = compiled(sources, selection, cores={min(cores)})
    assert any("all.push(nothing)" in error["formattedMessage"] for error in alone["errors"])
    assert in_order(compiled(sources, selection, cores=cores)) == in_order(alone)


def test_compiler_answers_what_is_no_json_with_its_own_error() -> None:
    ended = subprocess.run(
        [WRAPPER, "--standard-json"], input="{", capture_output=True, text=True, check=True, timeout=SECONDS
    )
    assert "parse" in json.loads(ended.stdout)["errors"][0]["message"].lower()
