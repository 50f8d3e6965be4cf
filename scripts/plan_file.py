"""An onboarding plan, read whole before the first transaction: a mistake in its last line changes nothing on chain."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from scripts.names import ZERO, read_address, terminal_id, text32
from scripts.trouble import Trouble

Terminal = tuple[bytes, int, str, int]  # id, stream, signer, floor limit in minor units: IRegistry.NewTerminal
Store = tuple[bytes, list[Terminal]]  # name, terminals: IRegistry.NewStore


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedStream:
    """Who posts a stream, and what it may debit and refund a day, minor units."""

    stream: int
    poster: str
    daily_limit: int
    refund_limit: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedMerchant:
    """A merchant: money in minor units, the coefficient in units of coin for one minor unit, the budget in units.

    0 stands for: no base, no offer, no budget, no points bought. `admin` None leaves the operator in charge.
    """

    name: str
    stores: list[Store]
    admin: str | None
    coefficient: int
    multiplier_bps: int
    budget: int
    prepaid: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnboardingPlan:
    """Everything that one run onboards."""

    streams: tuple[PlannedStream, ...]
    merchants: tuple[PlannedMerchant, ...]
    members: tuple[int, ...]
    product_set: tuple[str, ...]


def read_plan(file: Path) -> OnboardingPlan:
    """The plan in a JSON file. Raises Trouble naming the first thing in it that cannot be used."""
    try:
        document = json.loads(file.read_text())
    except OSError as failure:
        raise Trouble(f"{file} cannot be read: {failure.strerror}") from None
    except ValueError as failure:
        raise Trouble(f"{file} is no JSON: {failure}") from None
    if not isinstance(document, dict):
        raise Trouble(f"{file} is no plan: it holds no JSON object")
    return parse_plan(document)


def parse_plan(document: dict[str, Any]) -> OnboardingPlan:
    """A plan from its JSON object."""
    streams = (_read("stream", place, _stream, entry) for place, entry in _listed(document, "streams"))
    merchants = (_read("merchant", place, _merchant, entry) for place, entry in _listed(document, "merchants"))
    members = (_read("member", place, _member, entry) for place, entry in _listed(document, "members"))
    products = (_read("product", place, _product, entry) for place, entry in _listed(document, "product_set"))
    return OnboardingPlan(
        streams=tuple(streams),
        merchants=tuple(merchants),
        members=tuple(members),
        product_set=tuple(sorted(set(products))),
    )


def _listed(document: dict[str, Any], name: str) -> list[tuple[int, Any]]:
    entries = document.get(name, [])
    if not isinstance(entries, list):
        raise Trouble(f"{name} of the plan is no list")
    return list(enumerate(entries, start=1))


def _read(what: str, place: int, reader: Any, entry: Any) -> Any:
    """What `reader` makes of an entry; says which one it was when it cannot."""
    try:
        return reader(entry)
    except Trouble as trouble:
        raise Trouble(f"{what} {place} of the plan: {trouble}") from None
    except KeyError as missing:
        raise Trouble(f"{what} {place} of the plan lacks {missing}") from None
    except (TypeError, ValueError, AttributeError) as failure:
        raise Trouble(f"{what} {place} of the plan cannot be used: {failure}") from None


def _stream(entry: dict[str, Any]) -> PlannedStream:
    return PlannedStream(
        stream=_whole(entry["stream"], 1, 2**32 - 1),
        poster=read_address(entry["poster"]),
        daily_limit=_whole(entry["daily_limit"], 0, 2**40 - 1),
        refund_limit=_whole(entry.get("refund_limit", entry["daily_limit"]), 0, 2**40 - 1),
    )


def _merchant(entry: dict[str, Any]) -> PlannedMerchant:
    text32(entry["name"])
    return PlannedMerchant(
        name=entry["name"],
        stores=[_store(store) for store in entry["stores"]],
        admin=read_address(entry["admin"]) if entry.get("admin") else None,
        coefficient=_whole(entry.get("coefficient", 0), 0, 2**32 - 1),
        multiplier_bps=_whole(entry.get("multiplier_bps", 0), 0, 2**32 - 1),
        budget=_whole(entry.get("budget", 0), 0, 2**56 - 1),
        prepaid=_whole(entry.get("prepaid", 0), 0, 2**56 - 1),
    )


def _store(entry: dict[str, Any]) -> Store:
    return text32(str(entry.get("name", entry["store"]))), [_terminal(terminal) for terminal in entry["terminals"]]


def _terminal(entry: dict[str, Any]) -> Terminal:
    return (
        terminal_id(entry["id"]),
        _whole(entry.get("stream", 1), 1, 2**32 - 1),
        read_address(entry["signer"]) if entry.get("signer") else ZERO,
        _whole(entry.get("floor_limit", 0), 0, 2**56 - 1),
    )


def _member(entry: Any) -> int:
    return _whole(entry, 1, 2**64 - 1)


def _product(entry: Any) -> str:
    if not isinstance(entry, str) or not entry:
        raise ValueError(f"{entry!r} is no product code")
    return entry


def _whole(value: Any, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{value!r} is no whole number from {low} to {high}")
    return value
