"""Logs taken apart by a contract's ABI (node/artifacts/contracts), for whoever reads what contracts said.

Numbers stay numbers and 32 bytes bytes; an address is its number, a member's account the member's number, so that
values compare with the mirror's (node/domain/ledger.py, Log). Structs become tuples. Used by node/audit.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from node.domain.errors import Unusable
from node.domain.ids import MEMBER_PREFIX
from node.domain.merkle import keccak

ARTIFACTS: Final = Path(__file__).parents[1] / "artifacts" / "contracts"
MEMBER_TAG: Final = int.from_bytes(MEMBER_PREFIX, "big")
WORD: Final = 32


class NotThisEvent(ValueError):
    """The log's bytes are not those of the event that its topic names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventShape:
    """An event of an ABI: its parameters' names and types; `plain` when each takes one word."""

    name: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    indexed: tuple[bool, ...]
    plain: bool

    def values(self, topics: Sequence[bytes], data: bytes) -> tuple[Any, ...]:
        """The parameters of a log, in their order. Raises NotThisEvent."""
        marked = iter(topics[1:])
        if not self.plain:
            return self._by_library(marked, data)
        if len(data) != WORD * (len(self.types) - sum(self.indexed)) or len(topics) != 1 + sum(self.indexed):
            raise NotThisEvent(self.name)
        words = iter([data[at : at + WORD] for at in range(0, len(data), WORD)])
        pairs = zip(self.indexed, self.types, strict=True)
        return tuple([_value(kind, next(marked) if indexed else next(words)) for indexed, kind in pairs])

    def fields(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """The same by their names."""
        return dict(zip(self.names, self.values(topics, data), strict=True))

    def _by_library(self, marked: Any, data: bytes) -> tuple[Any, ...]:
        pairs = list(zip(self.indexed, self.types, strict=True))
        try:
            rest = iter(decode([kind for indexed, kind in pairs if not indexed], data))
            return tuple([_value(kind, next(marked)) if indexed else _known(next(rest)) for indexed, kind in pairs])
        except (DecodingError, StopIteration, RuntimeError):
            raise NotThisEvent(self.name) from None


def events_of(contract: str) -> Mapping[bytes, EventShape]:
    """The events of a compiled contract by their first topic. Raises Unusable when it was not compiled."""
    file = ARTIFACTS / f"{contract}.json"
    try:
        abi = json.loads(file.read_text())["abi"]
    except (OSError, ValueError, KeyError):
        raise Unusable(f"the interface of {contract} is not there; run make setup") from None
    return dict(_shape(entry) for entry in abi if entry["type"] == "event")


def has_function(contract: str, name: str) -> bool:
    """Whether a compiled contract has a function of this name."""
    abi = json.loads((ARTIFACTS / f"{contract}.json").read_text())["abi"]
    return any(entry["type"] == "function" and entry["name"] == name for entry in abi)


def _shape(entry: Mapping[str, Any]) -> tuple[bytes, EventShape]:
    types = tuple(_type(each) for each in entry["inputs"])
    signature = f"{entry['name']}({','.join(types)})"
    shape = EventShape(
        name=entry["name"],
        names=tuple(each["name"] for each in entry["inputs"]),
        types=types,
        indexed=tuple(each["indexed"] for each in entry["inputs"]),
        plain=not any(each.endswith("]") or each[0] == "(" or each in ("string", "bytes") for each in types),
    )
    return keccak(signature.encode()), shape


def _type(entry: Mapping[str, Any]) -> str:
    kind = str(entry["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(each) for each in entry['components'])}){kind.removeprefix('tuple')}"


def _value(kind: str, word: bytes) -> int | bytes:
    if kind.startswith("bytes"):
        return word[: int(kind.removeprefix("bytes") or WORD)]
    number = int.from_bytes(word, "big")
    return holder_of(number) if kind == "address" else number


def _known(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
        return holder_of(int(value, 16))
    if isinstance(value, tuple | list):
        return tuple(map(_known, value))
    return int(value) if isinstance(value, bool) else value


def holder_of(address: int) -> int:
    """A member's number for its account, else the address as a number."""
    return address & (2**64 - 1) if address >> 64 == MEMBER_TAG else address
