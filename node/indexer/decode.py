"""Events by their ABI: which event a log is, and its arguments; before it the checked block, after it apply.

The ABIs are those of the suite (node/artifacts/contracts). An event is known by its first topic and how many arguments
are indexed, so that the two Transfers of ERC-20 and ERC-721 are told apart. Written for speed: plain words are read by
hand, only what has structs, texts or lists goes through eth_abi.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError

from node.chain.checked import CheckedBlock, CheckedLog
from node.domain.merkle import keccak

ARTIFACTS: Final = Path(__file__).parents[1] / "artifacts" / "contracts"
WORD: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class EventKind:
    """An event of an ABI. `words` read the data's words where all of them are plain; else `plain` is for eth_abi."""

    name: str
    indexed: tuple[tuple[str, Callable[[bytes], Any]], ...]
    plain: tuple[Mapping[str, Any], ...]
    words: tuple[tuple[str, Callable[[bytes], Any]], ...] | None

    def arguments(self, log: CheckedLog) -> dict[str, Any]:
        """The arguments by name: ints, bytes (addresses too), texts, dicts of structs. Raises ValueError."""
        found = {name: read(topic) for (name, read), topic in zip(self.indexed, log.topics[1:], strict=True)}
        data = log.data
        if self.words is not None:
            if len(data) < WORD * len(self.words):
                raise ValueError(f"{len(data)} bytes are too few for {self.name}")
            for at, (name, read) in enumerate(self.words):
                found[name] = read(data[WORD * at : WORD * at + WORD])
            return found
        try:
            values = abi_decode([_type(each) for each in self.plain], data)
        except DecodingError as error:
            raise ValueError(f"{self.name} cannot be read: {error}") from None
        for each, value in zip(self.plain, values, strict=True):
            found[each["name"]] = _named(each, value)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A log of a known contract, decoded: `contract` is its name in the deployment."""

    contract: str
    name: str
    args: Mapping[str, Any]
    log: CheckedLog
    block: CheckedBlock


@cache
def event_kinds() -> Mapping[tuple[bytes, int], EventKind]:
    """Every event of the suite's ABIs by its first topic and the number of its topics."""
    found: dict[tuple[bytes, int], EventKind] = {}
    for file in sorted(ARTIFACTS.glob("*.json")):
        for entry in json.loads(file.read_text())["abi"]:
            if entry["type"] == "event" and not entry.get("anonymous"):
                kind = _kind(entry)
                signature = f"{entry['name']}({','.join(_type(each) for each in entry['inputs'])})"
                found.setdefault((keccak(signature.encode()), 1 + len(kind.indexed)), kind)
    return found


def event_kind(log: CheckedLog) -> EventKind | None:
    """Which event a log is, by its topics alone."""
    return event_kinds().get((log.topics[0], len(log.topics))) if log.topics else None


def _kind(entry: Mapping[str, Any]) -> EventKind:
    indexed = tuple((each["name"], _reader(each) or bytes) for each in entry["inputs"] if each["indexed"])
    plain = tuple(each for each in entry["inputs"] if not each["indexed"])
    readers = [(each["name"], _reader(each)) for each in plain]
    words = tuple((name, read) for name, read in readers if read is not None)
    return EventKind(
        name=entry["name"], indexed=indexed, plain=plain, words=words if len(words) == len(plain) else None
    )


def _reader(each: Mapping[str, Any]) -> Callable[[bytes], Any] | None:
    """How a word of this type is read; None for what is no single word (indexed, its hash stands there)."""
    kind = str(each["type"])
    if kind.startswith("uint") and not kind.endswith("]"):
        return _whole
    if kind == "address":
        return _address
    if kind == "bool":
        return _truth
    if kind.startswith("int") and not kind.endswith("]"):
        return _signed
    if kind.startswith("bytes") and kind[5:].isdecimal():
        size = int(kind[5:])
        return bytes if size == WORD else lambda word: word[:size]
    return None


def _whole(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _signed(word: bytes) -> int:
    return int.from_bytes(word, "big", signed=True)


def _address(word: bytes) -> bytes:
    return word[12:]


def _truth(word: bytes) -> bool:
    return word[31] == 1


def _type(each: Mapping[str, Any]) -> str:
    text = str(each["type"])
    if not text.startswith("tuple"):
        return text
    return f"({','.join(_type(part) for part in each['components'])}){text.removeprefix('tuple')}"


def _named(each: Mapping[str, Any], value: Any) -> Any:
    kind = str(each["type"])
    if kind == "tuple":
        return {part["name"]: _named(part, of) for part, of in zip(each["components"], value, strict=True)}
    if kind.endswith("]"):
        inner = {**each, "type": kind[: kind.rindex("[")]}
        return [_named(inner, one) for one in value]
    return bytes.fromhex(value[2:]) if kind == "address" else value


def named_arguments(log: CheckedLog) -> Sequence[tuple[str, Any]] | None:
    """For who shows a log: its arguments in the ABI's words; None where no ABI is known."""
    kind = event_kind(log)
    return None if kind is None else tuple(kind.arguments(log).items())
