"""Which rule version each line item earns by, and how tenders spread over the lines (docs/batch.md, "Line items").

Used by the bridge's verify stage; pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.directory import Merchant, Rule
from node.domain.errors import InvalidAmount, MalformedMessage
from node.domain.ids import Hash32, MinorUnits, RuleVersion
from node.domain.payment import Line, Tender

MAX_LINES: Final = 16
"""Lines of one payment (docs/batch.md)."""
NO_RULE: Final = RuleVersion(0)
"""The version that a line which earns nothing carries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A line item of a basket. `product` is 1 to 32 printable ASCII characters; the amount is for all of `quantity`."""

    product: str
    quantity: int
    amount: MinorUnits


@dataclass(frozen=True, kw_only=True, slots=True)
class TenderSplit:
    """How much of a payment the chain takes from the member; the rest is external.

    `off` is what no line carries: a coupon's or the coin's discount, what a certificate pays.
    """

    coin: MinorUnits = MinorUnits(0)
    stored_value: MinorUnits = MinorUnits(0)
    off: MinorUnits = MinorUnits(0)


def assign_lines(
    *,
    amount: MinorUnits,
    items: Sequence[Item],
    split: TenderSplit,
    merchant: Merchant,
    product_sets: Mapping[Hash32, frozenset[str]],
    time: int,
) -> tuple[Line, ...]:
    """The lines of a payment of `amount` minor units at terminal time `time`.

    Without items all of it earns by the base version. There are no lines if all of it is off. Raises InvalidAmount when
    the items do not sum up to the amount or the tenders exceed it, MalformedMessage when more than 16 lines would be
    needed.
    """
    if amount <= 0:
        raise InvalidAmount("the amount is zero")
    if items and sum(item.amount for item in items) != amount:
        raise InvalidAmount(f"items sum up to {sum(item.amount for item in items)}, paid is {amount}")
    if split.coin + split.stored_value + split.off > amount:
        raise InvalidAmount("more is paid in coins, stored value and certificates, or taken off, than the amount")
    applicable = [
        (rule, product_sets.get(rule.product_set, frozenset()))
        for rule in merchant.rules
        if rule.product_set is not None and rule.in_force(time)
    ]
    by_version: dict[RuleVersion, int] = {}
    for item in items:
        version = _version_of(item.product, applicable, merchant.base)
        by_version[version] = by_version.get(version, 0) + item.amount
    if not items:
        by_version[merchant.base] = amount
    lines = _spread_tenders(by_version, split)
    if len(lines) > MAX_LINES:
        raise MalformedMessage(f"{len(lines)} lines are more than {MAX_LINES}")
    return lines


def _version_of(product: str, applicable: Sequence[tuple[Rule, frozenset[str]]], base: RuleVersion) -> RuleVersion:
    holding = [rule for rule, products in applicable if product in products]
    if not holding:
        return base
    return min(holding, key=lambda rule: (-rule.rate, rule.version)).version


def _spread_tenders(by_version: Mapping[RuleVersion, int], split: TenderSplit) -> tuple[Line, ...]:
    off_left, coin_left, value_left = int(split.off), int(split.coin), int(split.stored_value)
    lines: list[Line] = []
    coins = 0
    for version, whole in sorted(by_version.items()):
        off = min(whole, off_left)
        off_left -= off
        total = whole - off
        by_coin = min(total, coin_left)
        by_value = min(total - by_coin, value_left)
        coin_left, value_left, coins = coin_left - by_coin, value_left - by_value, coins + by_coin
        for part, tender in ((by_value, Tender.STORED_VALUE), (total - by_coin - by_value, Tender.EXTERNAL)):
            if part:
                lines.append(Line(amount=MinorUnits(part), rule_version=version, tender=tender))
    if coins:
        lines.insert(0, Line(amount=MinorUnits(coins), rule_version=NO_RULE, tender=Tender.COIN))
    return tuple(lines)
