"""Compares compiled code with what is on the chain: byte for byte, but for what only the chain knows.

Pure. Immutables, libraries' addresses and a library's guard of its own address are taken from the chain, each the same
at all its places. What differs in nothing but the metadata's hash (comments, names of files) is a match and no exact
one. Sources: the compiler's "Contract Metadata" and "Library call protection"; Sourcify's API v2 for the two words.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError

from node.explorer.sources.refusals import CompilerFailed, NoMatch

# CBOR at the end of code: {"ipfs": 34 bytes, "solc": 3 bytes} and its length
_METADATA: Final = re.compile(rb"\xa2\x64ipfs\x58\x22(.{34})\x64solc\x43.{3}\x00\x33", re.DOTALL)
_PUSH20: Final = 0x73
_ADDRESS_BYTES: Final = 20


class Match(StrEnum):
    """How far code agrees: all of it with its metadata's hash, or all but that."""

    EXACT = "exact_match"
    PARTIAL = "match"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Bytes of code that only the chain knows, several of which may be one value."""

    start: int
    length: int
    of: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """Compiled code; the bytes at `open_places` are still to be filled."""

    code: bytes
    open_places: tuple[Place, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """One contract as the compiler gives it."""

    path: str
    name: str
    abi: list[dict[str, Any]]
    metadata: str
    creation: Code
    runtime: Code
    outputs: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """That code agrees, what the chain has at the open places, and what follows the code (constructor's arguments)."""

    match: Match
    values: Mapping[str, bytes]
    rest: bytes


def compiled_of(answer: Mapping[str, Any], path: str, name: str) -> Compiled:
    """One contract of the compiler's answer. Raises CompilerFailed when there is none, or it has no code."""
    found = answer.get("contracts", {}).get(path, {}).get(name)
    if found is None:
        raise CompilerFailed(f"{path} declares no contract {name}")
    creation, runtime = found["evm"]["bytecode"], found["evm"]["deployedBytecode"]
    if not runtime["object"]:
        raise CompilerFailed(f"{name} is an interface or abstract: it has no code")
    return Compiled(
        path=path,
        name=name,
        abi=found["abi"],
        metadata=str(found.get("metadata", "")),
        creation=_code(creation["object"], _links(creation)),
        runtime=_code(runtime["object"], [*_links(runtime), *_immutables(runtime)]),
        outputs={each: found.get(each, {}) for each in ("devdoc", "userdoc", "storageLayout")},
    )


def compare_runtime(compiled: Compiled, deployed: bytes) -> Agreement:
    """How far the code at an address agrees. Raises NoMatch."""
    if len(compiled.runtime.code) != len(deployed):
        raise NoMatch(f"it has {len(deployed)} bytes, the compiled one {len(compiled.runtime.code)}")
    return _agree(_guarded(compiled.runtime), deployed)


def compare_creation(compiled: Compiled, sent: bytes) -> Agreement:
    """How far the code that was deployed agrees; its `rest` are constructor's arguments by the ABI. Raises NoMatch."""
    size = len(compiled.creation.code)
    if len(sent) < size:
        raise NoMatch(f"{len(sent)} bytes were deployed, the compiled code has {size}")
    agreement = _agree(compiled.creation, sent[:size])
    rest = sent[size:]
    if not _are_arguments(compiled.abi, rest):
        raise NoMatch("what follows the deployed code are no arguments of its constructor")
    return Agreement(match=agreement.match, values=agreement.values, rest=rest)


def _agree(code: Code, chain: bytes) -> Agreement:
    filled, values = bytearray(code.code), dict[str, bytes]()
    for place in code.open_places:
        value = chain[place.start : place.start + place.length]
        if values.setdefault(place.of, value) != value:
            raise NoMatch(f"{place.of} has several values")
        filled[place.start : place.start + place.length] = value
    hashes = list(_METADATA.finditer(code.code))
    if filled == chain:
        return Agreement(match=Match.EXACT if hashes else Match.PARTIAL, values=values, rest=b"")
    for found in hashes:
        there = _METADATA.match(chain, found.start())
        if there is not None:
            filled[there.start(1) : there.end(1)] = there.group(1)
    if filled != chain:
        at = next(index for index, (ours, theirs) in enumerate(zip(filled, chain, strict=True)) if ours != theirs)
        raise NoMatch(f"they differ from byte {at} on")
    return Agreement(match=Match.PARTIAL, values=values, rest=b"")


def _guarded(code: Code) -> Code:
    """A library's code begins with its own address, which the compiler leaves 0."""
    if code.code[:1] != bytes([_PUSH20]) or any(code.code[1 : 1 + _ADDRESS_BYTES]):
        return code
    own = Place(start=1, length=_ADDRESS_BYTES, of="its own address")
    return Code(code=code.code, open_places=(*code.open_places, own))


def _are_arguments(abi: Iterable[Mapping[str, Any]], rest: bytes) -> bool:
    inputs = [each for entry in abi if entry.get("type") == "constructor" for each in entry["inputs"]]
    types = [type_of(each) for each in inputs]
    if not types:
        return not rest
    try:
        return encode(types, decode(types, rest)) == rest
    except (DecodingError, EncodingError, ValueError, OverflowError):
        return False


def type_of(parameter: Mapping[str, Any]) -> str:
    """The canonical type of an ABI's parameter: tuples as lists of types."""
    kind = str(parameter["type"])
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(type_of(each) for each in parameter["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def _code(text: str, places: Iterable[Place]) -> Code:
    digits = list(text)
    known = tuple(places)
    for place in known:
        digits[2 * place.start : 2 * (place.start + place.length)] = "0" * (2 * place.length)
    return Code(code=bytes.fromhex("".join(digits)), open_places=known)


def _links(code: Mapping[str, Any]) -> list[Place]:
    return [
        Place(start=each["start"], length=each["length"], of=f"library {path}:{name}")
        for path, names in code.get("linkReferences", {}).items()
        for name, places in names.items()
        for each in places
    ]


def _immutables(code: Mapping[str, Any]) -> list[Place]:
    return [
        Place(start=each["start"], length=each["length"], of=f"immutable {name}")
        for name, places in code.get("immutableReferences", {}).items()
        for each in places
    ]
