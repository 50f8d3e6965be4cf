"""Who takes part in the demonstration: merchants with their stores, tills and terms, and members with their cards.

Stage before: realdata. Stage after: stand (puts the plan on chain and gives the bridge its keys). Ids and keys are
drawn anew for every run; nothing of them is committed.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coincurve import PrivateKey
from eth_hash.auto import keccak

from node.demo.expected import MULTIPLIER, base_coefficient
from node.demo.realdata import MERCHANTS, merchant_of
from node.domain.ids import MemberId, TerminalId

RandomBytes = Callable[[int], bytes]

PREPAID_CENTS: Final = 100_000_000
"""What each merchant pays for points ahead: 1,000,000.00."""
DAILY_LIMIT_CENTS: Final = 10_000_000
"""What the bridge may debit a day, of all members together: 100,000.00."""
REFUND_LIMIT_CENTS: Final = 2_000_000
"""What the bridge may refund a day of what was paid on other days: 20,000.00."""
BUDGET_UNITS: Final = 50_000 * 10**6
"""What each merchant's promotion may give above the base: 50,000 coins."""
RPC_EVERY: Final = 7
"""Every seventh store's till speaks JSON-RPC; the others ISO 8583."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Till:
    """A store's point of sale. `mac_key` (16 bytes) signs ISO 8583, `signing_key` (32 bytes) JSON-RPC; one is None."""

    id: TerminalId
    store: int
    stream: int = 1
    mac_key: bytes | None
    signing_key: bytes | None

    @property
    def signer(self) -> str | None:
        """The Ethereum address of the signing key, 0x and 40 hex digits."""
        if self.signing_key is None:
            return None
        public = PrivateKey(self.signing_key).public_key.format(compressed=False)[1:]
        return "0x" + keccak(public)[-20:].hex()


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """A merchant: `coefficient` units of points a cent, `multiplier` times that on the product set, up to `budget`."""

    name: str
    coefficient: int
    multiplier: int
    budget: int
    prepaid_cents: int
    tills: tuple[Till, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that is onboarded. `shops` in the order in which the Registry numbers them from 1."""

    shops: tuple[Shop, ...]
    members: Mapping[int, MemberId]
    cards: Mapping[int, str]
    product_set: tuple[str, ...]

    def till_of(self, store: int) -> Till:
        """The till of a store of the real data."""
        return next(till for till in self.shops[merchant_of(store)].tills if till.store == store)


def real_plan(
    *, stores: Iterable[int], households: Iterable[int], product_set: Iterable[str], random: RandomBytes
) -> Plan:
    """The plan for the real data's stores and households."""
    by_merchant: dict[int, list[int]] = {merchant: [] for merchant in range(MERCHANTS)}
    for store in sorted(stores):
        by_merchant[merchant_of(store)].append(store)
    shops = tuple(
        Shop(
            name=f"Merchant {merchant + 1}",
            coefficient=base_coefficient(merchant),
            multiplier=MULTIPLIER,
            budget=BUDGET_UNITS,
            prepaid_cents=PREPAID_CENTS,
            tills=tuple(_till(store, random) for store in own),
        )
        for merchant, own in by_merchant.items()
    )
    members = {household: draw_member(random) for household in households}
    cards = {household: draw_card(random) for household in members}
    return Plan(shops=shops, members=members, cards=cards, product_set=tuple(sorted(product_set)))


def draw_member(random: RandomBytes) -> MemberId:
    """A random member id, 1 to 2^64 - 1."""
    return MemberId(max(1, int.from_bytes(random(8), "big")))


def draw_card(random: RandomBytes) -> str:
    """A random loyalty card number of 19 digits, with its check digit (ISO/IEC 7812, Luhn)."""
    body = "9" + f"{int.from_bytes(random(8), 'big') % 10**17:017d}"
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in body[::-1][::2])
    check = -(doubled + sum(int(digit) for digit in body[::-1][1::2])) % 10
    return body + str(check)


def _till(store: int, random: RandomBytes) -> Till:
    speaks_rpc = store % RPC_EVERY == 0
    return Till(
        id=TerminalId(f"S{store:05d}01"),
        store=store,
        mac_key=None if speaks_rpc else random(16),
        signing_key=random(32) if speaks_rpc else None,
    )


def write_onboarding(plan: Plan, path: Path, *, posters: Mapping[int, str]) -> None:
    """Writes what scripts/onboard_merchant.py takes, with the posting address of each stream.

    No card and no key is in it.
    """
    document = {
        "streams": [
            {
                "stream": stream,
                "poster": poster,
                "daily_limit": DAILY_LIMIT_CENTS,
                "refund_limit": REFUND_LIMIT_CENTS,
            }
            for stream, poster in posters.items()
        ],
        "merchants": [
            {
                "name": shop.name,
                "coefficient": shop.coefficient,
                "multiplier_bps": shop.multiplier * 10_000,
                "budget": shop.budget,
                "prepaid": shop.prepaid_cents,
                "stores": [
                    {"store": till.store, "terminals": [{"id": till.id, "stream": till.stream, "signer": till.signer}]}
                    for till in shop.tills
                ],
            }
            for shop in plan.shops
        ],
        "members": list(plan.members.values()),
        "product_set": list(plan.product_set),
    }
    path.write_text(json.dumps(document))
