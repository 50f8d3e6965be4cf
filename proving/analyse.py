"""Runs slither's detectors over all contracts; started by proving/slither.py in the tools' own venv, with -P (this
folder has a slither.py too).

The compiler is the project's wrapper around npm's solc, asked for syntax trees only: no code is generated, so it takes
seconds. What is found goes to standard output as JSON: check, impact, confidence, where, and slither's words.
"""

import inspect
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from crytic_compile import CryticCompile
from crytic_compile.platform import solc_standard_json
from slither import Slither
from slither.detectors import all_detectors
from slither.detectors.abstract_detector import AbstractDetector

ROOT = Path(__file__).resolve().parents[1]
SOLC = ROOT / ".till" / "tools" / "solc" / "solc-v0.8.30"
NOTHING = {"object": "", "sourceMap": ""}


def main() -> None:
    """Prints the findings."""
    logging.disable(logging.CRITICAL)
    solc_standard_json.run_solc_standard_json = compile_trees
    files = sorted(path for folder in ("contracts", "interfaces") for path in (ROOT / folder).rglob("*.sol"))
    asked: dict[str, Any] = {
        "language": "Solidity",
        "sources": {str(file.relative_to(ROOT)): {"urls": [str(file.relative_to(ROOT))]} for file in files},
        "settings": {
            "remappings": ["@openzeppelin=node_modules/@openzeppelin"],
            "evmVersion": "cancun",
            "outputSelection": {"*": {"*": ["abi", "metadata", "devdoc", "userdoc"], "": ["ast"]}},
        },
    }
    slither = Slither(CryticCompile(solc_standard_json.SolcStandardJson(asked), solc=str(SOLC)))
    for _, detector in inspect.getmembers(all_detectors, inspect.isclass):
        if issubclass(detector, AbstractDetector):
            slither.register_detector(detector)
    found = [finding for findings in slither.run_detectors() for finding in findings]
    json.dump(list(map(told, found)), sys.stdout)


def compile_trees(asked: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
    """The compiler's answer, with empty code where crytic-compile looks for code."""
    for name in asked["sources"]:
        asked["sources"][name] = {"content": (ROOT / name).read_text()}
    said = subprocess.run(
        [SOLC, "--standard-json"], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(said.stdout)
    for problem in answer.get("errors", []):
        if problem["severity"] == "error":
            sys.exit(problem["formattedMessage"])
    for contracts in answer["contracts"].values():
        for contract in contracts.values():
            contract["evm"] = {"bytecode": NOTHING, "deployedBytecode": NOTHING}
    return answer


def told(finding: dict[str, Any]) -> dict[str, Any]:
    """What is kept of one finding."""
    where = next((element for element in finding["elements"] if element["type"] != "pragma"), None)
    source = where["source_mapping"] if where else {"filename_relative": "", "lines": []}
    return {
        "check": finding["check"],
        "impact": finding["impact"],
        "confidence": finding["confidence"],
        "file": source["filename_relative"],
        "lines": source["lines"][:1],
        "name": where["name"] if where else "",
        "text": finding["description"].strip(),
    }


if __name__ == "__main__":
    main()
