"""What somebody sends in to be verified: standard JSON for the compiler, checked and reduced to what is compiled.

Pure. Before it the APIs (node/explorer/api); after it node/explorer/sources/compile.py. Files that a source names by
URL are refused: all that is compiled is in the request. Settings that only make the compiler work longer are, too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.domain.ids import Address, Hash32
from node.explorer.sources.refusals import NotVerifiable

MAX_SOURCES: Final = 500
MAX_NAME: Final = 300
REFUSED_SETTINGS: Final = ("modelChecker", "stopAfter")
"""Of the compiler's settings, those that change no bytecode and take time without end."""
OUTPUTS: Final = (
    "abi",
    "metadata",
    "devdoc",
    "userdoc",
    "storageLayout",
    "evm.bytecode.object",
    "evm.bytecode.linkReferences",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.linkReferences",
    "evm.deployedBytecode.immutableReferences",
)
_VERSION: Final = re.compile(r"v?(\d+\.\d+\.\d+\+commit\.[0-9a-f]{8})(\.Emscripten\.clang|\.Linux\.g\+\+)?", re.ASCII)
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,127}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRequest:
    """Sources for the contract at `address`. `path` and `name` say which contract of them; `source` is standard JSON.

    `arguments` are the constructor's as the sender says, None where nothing was said.
    """

    address: Address
    compiler: str
    path: str
    name: str
    source: Mapping[str, Any]
    arguments: bytes | None = None
    creation: Hash32 | None = None


def read_version(text: str) -> str:
    """A compiler's version, such as 0.8.30+commit.73712a01. Raises NotVerifiable."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise NotVerifiable("a compiler's version is written like v0.8.30+commit.73712a01")
    return found.group(1)


def read_standard_json(document: Any) -> dict[str, Any]:
    """Standard JSON with all its sources in it, and only what bears on the bytecode. Raises NotVerifiable."""
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError):
            raise NotVerifiable("the source is no JSON") from None
    if not isinstance(document, dict) or document.get("language") != "Solidity":
        raise NotVerifiable("the source is the compiler's standard JSON, with the language Solidity")
    unknown = sorted(set(document) - {"language", "sources", "settings", "auxiliaryInput"})
    if unknown:
        raise NotVerifiable(f"standard JSON has no {unknown[0][:40]!r}")
    return {
        "language": "Solidity",
        "sources": _sources(document.get("sources")),
        "settings": _settings(document.get("settings", {})),
    }


def single_file(text: str, *, name: str, optimized: bool, runs: int, evm: str | None) -> dict[str, Any]:
    """A flattened source as standard JSON, as forms with one file of code give it."""
    settings: dict[str, Any] = {"optimizer": {"enabled": optimized, "runs": runs}}
    if evm:
        settings["evmVersion"] = evm
    return read_standard_json({"language": "Solidity", "sources": {name: {"content": text}}, "settings": settings})


def which_contract(identifier: str, source: Mapping[str, Any]) -> tuple[str, str]:
    """Path and name of `path:Name`, or of a name that only one of the sources declares. Raises NotVerifiable."""
    path, colon, name = identifier.rpartition(":")
    if _IDENTIFIER.fullmatch(name) is None:
        raise NotVerifiable("the contract is named like contracts/Shop.sol:Shop")
    if colon:
        if path not in source["sources"]:
            raise NotVerifiable(f"there is no source {path[:MAX_NAME]!r} among those that were sent")
        return path, name
    declared = re.compile(rf"\b(?:contract|library|interface)\s+{re.escape(name)}\b")
    found = [path for path, each in source["sources"].items() if declared.search(each["content"])]
    if len(found) != 1:
        raise NotVerifiable(
            f"{len(found)} of the sources declare {name}; name it like {found[0] if found else 'path'}:{name}"
        )
    return found[0], name


def for_compiler(request: SourceRequest) -> dict[str, Any]:
    """What the compiler is asked: the outputs that are compared and kept, of this contract and no other."""
    settings = {**request.source["settings"], "outputSelection": {request.path: {request.name: list(OUTPUTS)}}}
    return {**request.source, "settings": settings}


def _sources(sources: Any) -> dict[str, Any]:
    if not isinstance(sources, dict) or not 1 <= len(sources) <= MAX_SOURCES:
        raise NotVerifiable(f"between 1 and {MAX_SOURCES} sources are compiled")
    found: dict[str, Any] = {}
    for path, each in sources.items():
        if not isinstance(each, dict) or not isinstance(each.get("content"), str):
            raise NotVerifiable(f"the source {path[:MAX_NAME]!r} has no content; sources by URL are not read")
        if len(path) > MAX_NAME:
            raise NotVerifiable(f"a source's path has at most {MAX_NAME} characters")
        found[path] = {"content": each["content"]}
    return found


def _settings(settings: Any) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise NotVerifiable("the compiler's settings are an object")
    refused = next((name for name in REFUSED_SETTINGS if name in settings), None)
    if refused is not None:
        raise NotVerifiable(f"the compiler's setting {refused} is not taken")
    return {name: value for name, value in settings.items() if name != "outputSelection"}
