"""Which functions of the deployed contracts change something, and which of them scripts call: from the compiled ABIs
and the scripts' own source; nothing is run.

A script hands a contract's method to its pipeline (`pipeline.call("..", session["Gifts"].publish, ..)`, or
`getattr(session["Gifts"], name)` with the name among the texts of the module); a method that is called at once is a
view. Which contract a name stands for is followed through assignments; where it is not clear (a parameter), it may be
any contract that the module names.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from scripts.session import abi_name
from scripts.suite import PARTS

ROOT: Final = Path(__file__).parents[2]
SCRIPTS: Final = ROOT / "scripts"
ARTIFACTS: Final = ROOT / "node" / "artifacts" / "contracts"
GENESIS: Final = ("AccountRegistry", "ValidatorRegistry")
OF_THE_LEDGER: Final = "Succession"  # the ledger answers for it, and its ABI says so

Act = tuple[str, str]
"""A contract's name and its function's."""


@cache
def deployed() -> dict[str, frozenset[str]]:
    """Each deployed contract's functions that change something, overloads once."""
    made = {
        call.args[0].value
        for call in ast.walk(ast.parse((SCRIPTS / "deploy.py").read_text()))
        if isinstance(call, ast.Call) and _name(call.func) == "make" and isinstance(call.args[0], ast.Constant)
    }
    names = (made - {OF_THE_LEDGER}) | {part.name for part in PARTS} | set(GENESIS)
    return {name: frozenset(_changing(name)) for name in sorted(names)}


@cache
def called_by_scripts() -> frozenset[Act]:
    """What some script in scripts/ calls."""
    return frozenset(act for file in SCRIPTS.glob("*.py") for act in Module(file.stem).acts())


@cache
def texts_and_names(folder: Path) -> frozenset[str]:
    """The texts and attributes in a folder's Python files."""
    found: set[str] = set()
    for file in folder.rglob("*.py"):
        if "artifacts" not in file.parts:
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                elif isinstance(node, ast.Attribute):
                    found.add(node.attr)
    return frozenset(found)


class Module:
    """A script's source, and what its names stand for."""

    def __init__(self, name: str) -> None:
        self._tree = ast.parse((SCRIPTS / f"{name}.py").read_text())
        self._names = dict(constants(name))
        self._called = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        docs = {id(node.body[0].value) for node in ast.walk(self._tree) if _has_docstring(node)}  # type: ignore[attr-defined]
        self._texts = {
            node.value
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
        }
        self._mentioned = frozenset(deployed()) & (self._texts | set(self._names.values()))

    def acts(self) -> Iterator[Act]:
        """The functions that this module hands to a pipeline."""
        for function in self._tree.body:
            known = self._contracts_of(function)
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and id(node) not in self._called:
                    yield from self._named(self._resolved(node.value, known), {node.attr})
                elif isinstance(node, ast.Call) and _name(node.func) == "getattr":
                    yield from self._named(self._resolved(node.args[0], known), self._texts)

    def _named(self, contracts: frozenset[str], names: set[str]) -> Iterator[Act]:
        for contract in contracts:
            yield from ((contract, name) for name in deployed()[contract] & names)

    def _contracts_of(self, function: ast.stmt) -> Mapping[str, frozenset[str]]:
        """Local names that stand for contracts."""
        known: dict[str, frozenset[str]] = {}
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                continue
            target, value = node.targets[0], node.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=True))
            for one, its in pairs:
                if isinstance(one, ast.Name) and (contract := self._contract(its, known)):
                    known[one.id] = known.get(one.id, frozenset()) | contract
        return known

    def _resolved(self, node: ast.expr, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
        return self._contract(node, known) or self._mentioned

    def _contract(self, node: ast.expr, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """The contracts that an expression stands for; none when that is not clear."""
        if isinstance(node, ast.Name):
            return known.get(node.id, frozenset())
        if isinstance(node, ast.Subscript):
            return frozenset({self._text(node.slice)}) & frozenset(deployed())
        if isinstance(node, ast.Call) and _name(node.func) == "attach":
            return frozenset({self._text(node.args[1])}) & frozenset(deployed())
        if isinstance(node, ast.IfExp):
            return self._contract(node.body, known) | self._contract(node.orelse, known)
        return frozenset()

    def _text(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        return self._names.get(node.id, "") if isinstance(node, ast.Name) else ""


@cache
def constants(name: str) -> tuple[tuple[str, str], ...]:
    """A script's names for texts: its own, and those that it takes from other scripts."""
    found: dict[str, str] = {}
    for node in ast.parse((SCRIPTS / f"{name}.py").read_text()).body:
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
        ):
            found[node.target.id] = str(node.value.value)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scripts."):
            other = str(node.module).removeprefix("scripts.")
            if (SCRIPTS / f"{other}.py").exists():
                theirs = dict(constants(other))
                found |= {
                    alias.asname or alias.name: theirs[alias.name] for alias in node.names if alias.name in theirs
                }
    return tuple(found.items())


def _changing(contract: str) -> Iterator[str]:
    abi = json.loads((ARTIFACTS / f"{abi_name(contract)}.json").read_text())["abi"]
    for entry in abi:
        if entry["type"] == "function" and entry["stateMutability"] in ("nonpayable", "payable"):
            yield entry["name"]


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _has_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None
