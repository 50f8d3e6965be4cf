"""What calldata, events and revert data say, by the ABIs of the suite's contracts and of verified sources.

Pure. Names are the suite's own (node/artifacts/contracts) or those of node/explorer/sources; whoever shows values made
of them treats them as strangers' text.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from node.domain.merkle import keccak
from node.explorer.sources.compare import type_of

ARTIFACTS: Final = Path(__file__).resolve().parents[1] / "artifacts" / "contracts"
SELECTOR: Final = 4
_STANDARD: Final = (
    {"type": "error", "name": "Error", "inputs": [{"name": "reason", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Argument:
    """A value with its name and type; `value` is an int, a bool, bytes, a text, or a list of such."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """A call, an event or an error with its arguments."""

    name: str
    signature: str
    arguments: tuple[Argument, ...]


class Abi:
    """One ABI, looked up by selector and topic."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self.entries = entries
        named = [each for each in entries if each.get("type") in ("function", "event", "error")]
        self._functions = _by_selector(each for each in named if each["type"] == "function")
        self._errors = _by_selector([*(each for each in named if each["type"] == "error"), *_STANDARD])
        self._events: dict[bytes, Mapping[str, Any]] = {
            keccak(signature_of(each).encode()): each for each in named if each["type"] == "event"
        }

    def function(self, data: bytes) -> Decoded | None:
        """What calldata calls."""
        return _decoded(self._functions.get(data[:SELECTOR]), data[SELECTOR:])

    def function_name(self, data: bytes) -> str:
        """The function's name with its parameters' types and names, as Etherscan shows it; empty if unknown."""
        entry = self._functions.get(data[:SELECTOR])
        if entry is None:
            return ""
        return f"{entry['name']}({', '.join(_parameter(each) for each in entry['inputs'])})"

    def error(self, data: bytes) -> Decoded | None:
        """What revert data says."""
        return _decoded(self._errors.get(data[:SELECTOR]), data[SELECTOR:])

    def event(self, topics: Sequence[bytes], data: bytes) -> Decoded | None:
        """What an event says; an indexed text or list is its hash."""
        entry = self._events.get(topics[0]) if topics else None
        if entry is None or sum(bool(each.get("indexed")) for each in entry["inputs"]) != len(topics) - 1:
            return None
        plain = [each for each in entry["inputs"] if not each.get("indexed")]
        try:
            values = iter(decode([type_of(each) for each in plain], data))
            hashed = iter(topics[1:])
            arguments = [
                _indexed(each, next(hashed)) if each.get("indexed") else _argument(each, next(values))
                for each in entry["inputs"]
            ]
        except (DecodingError, OverflowError, UnicodeDecodeError):
            return None
        return Decoded(name=entry["name"], signature=signature_of(entry), arguments=tuple(arguments))


def signature_of(entry: Mapping[str, Any]) -> str:
    """name(type,type)."""
    return f"{entry['name']}({','.join(type_of(each) for each in entry['inputs'])})"


def selector_of(entry: Mapping[str, Any]) -> bytes:
    """The first four bytes of a call's data."""
    return keccak(signature_of(entry).encode())[:SELECTOR]


@lru_cache(maxsize=512)
def abi_of_suite(name: str) -> Abi | None:
    """The ABI of a contract of the suite."""
    path = ARTIFACTS / f"{name}.json"
    if not name.isidentifier() or not path.is_file():
        return None
    return Abi(json.loads(path.read_text())["abi"])


def _by_selector(entries: Iterable[Mapping[str, Any]]) -> dict[bytes, Mapping[str, Any]]:
    return {selector_of(each): each for each in entries}


def _decoded(entry: Mapping[str, Any] | None, data: bytes) -> Decoded | None:
    if entry is None:
        return None
    try:
        values = decode([type_of(each) for each in entry["inputs"]], data)
    except (DecodingError, OverflowError, UnicodeDecodeError):
        return None
    arguments = tuple(_argument(each, value) for each, value in zip(entry["inputs"], values, strict=True))
    return Decoded(name=entry["name"], signature=signature_of(entry), arguments=arguments)


def _argument(entry: Mapping[str, Any], value: Any) -> Argument:
    return Argument(name=str(entry.get("name", "")), type=type_of(entry), value=value)


def _indexed(entry: Mapping[str, Any], topic: bytes) -> Argument:
    kind = type_of(entry)
    if kind in ("string", "bytes") or kind.endswith((")", "]")):
        return Argument(name=str(entry.get("name", "")), type="bytes32", value=topic)
    return _argument(entry, decode([kind], topic)[0])


def _parameter(entry: Mapping[str, Any]) -> str:
    return f"{type_of(entry)} {entry.get('name', '')}".strip()
