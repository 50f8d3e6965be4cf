"""Merchants with their numbers, stores and terminals, and members' keys, brought from one Registry to another."""

from typing import Any, Final

from scripts.onboard_merchant import split_stores
from scripts.past_events import past_events
from scripts.pipeline import Pipeline
from scripts.session import Session

PAGE: Final = 500  # terminals of one question
STORE_GAS: Final = 120_000
TERMINAL_GAS: Final = 160_000
CLOSED_STREAM: Final = 2**32 - 1  # nobody posts it: where terminals go that are switched off

Store = tuple[bytes, list[tuple[bytes, int, str, int]]]


def copy_merchants(pipeline: Pipeline, old: Session, new: Session) -> int:
    """Onboards those merchants that the new Registry lacks, in their order; how many."""
    source, target = old["Registry"], new["Registry"]
    admins = {int(e["merchant"]): e["admin"] for e in past_events(old, "Registry", "MerchantOnboarded")}
    first, count = int(target.merchantCount()) + 1, int(source.merchantCount())
    for number in range(first, count + 1):
        name, active, _, _ = source.merchant(number)
        for place, chunk in enumerate(split_stores(stores_of(source, number))):
            gas = 400_000 + STORE_GAS * len(chunk) + TERMINAL_GAS * sum(len(terminals) for _, terminals in chunk)
            if place == 0:
                arguments = (bytes(name), admins[number], chunk)
                pipeline.call(f"onboard merchant {number}", target.onboardMerchant, arguments, gas=gas)
            else:
                pipeline.call(f"add stores to merchant {number}", target.addStores, (number, chunk), gas=gas)
        if not active:
            pipeline.call(f"close merchant {number}", target.setMerchantActive, (number, False), gas=200_000)
    return max(count - first + 1, 0)


def copy_keys(pipeline: Pipeline, old: Session, new: Session) -> int:
    """Registers members' keys that the new Registry lacks; how many."""
    source, target = old["Registry"], new["Registry"]
    members = sorted({int(event["member"]) for event in past_events(old, "Registry", "MemberKeySet")})
    lacking = [member for member in members if source.memberKey(member) != target.memberKey(member)]
    for member in lacking:
        arguments = (member, source.memberKey(member))
        pipeline.call(f"register the key of member {member}", target.setMemberKey, arguments, gas=150_000)
    return len(lacking)


def stores_of(registry: Any, merchant: int) -> list[Store]:
    """A merchant's stores with their terminals, in the order of their numbers."""
    _, _, stores, terminals = registry.merchant(merchant)
    found: list[Store] = [(bytes(registry.storeName(merchant, store)), []) for store in range(int(stores))]
    for offset in range(0, int(terminals), PAGE):
        for it in registry.terminals(merchant, offset, PAGE):
            id_, _, store, _, stream, active, floor, signer, _ = it
            found[int(store)][1].append((bytes(id_), int(stream) if active else CLOSED_STREAM, signer, int(floor)))
    return found
