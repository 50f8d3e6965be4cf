"""What each event by which the network is run did to the ledger: streams, terminals, merchants, members, rules.

Such events say in full what was set, by whoever may (docs/trust.md); nothing in them can be recomputed. What changes
what a member earns or has is listed among the manual acts of the report. Stage before: follow. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from node.audit.state import Replayed
from node.domain.ids import MerchantId, RuleVersion, StreamId, TerminalNumber
from node.domain.ledger import Log
from node.domain.words import ACTIVE, FROZEN, KNOWN, LOCKED, PAUSED, REGISTERED, TIERED, VETOED, Merchant, Rule, Stream

PAGE: Final = 256
BITS: Final = 16


def _stream_set(ledger: Replayed, stream: int, poster: int, limit: int, refund_limit: int) -> None:
    old = ledger.streams.get(StreamId(stream), Stream())
    ledger.streams[StreamId(stream)] = replace(old, poster=poster, limit=limit)
    ledger.refund_limits[stream] = refund_limit


def _terminals_set(ledger: Replayed, merchant: int, stream: int, page: int, bits: int) -> None:
    for place in range(PAGE):
        key = MerchantId(merchant), StreamId(stream), TerminalNumber(PAGE * page + place)
        if bits >> place & 1:
            ledger.terminals.add(key)
        else:
            ledger.terminals.discard(key)


def _merchant_set(ledger: Replayed, merchant: int, flags: int) -> None:
    old = ledger.merchants.get(MerchantId(merchant), Merchant(epoch=ledger.epoch))
    ledger.merchants[MerchantId(merchant)] = replace(old, flags=flags & ACTIVE | KNOWN)


def _member_enrolled(ledger: Replayed, member: int) -> None:
    account = ledger.touch(member)
    ledger.store(member, replace(account, flags=account.flags | REGISTERED))


def _member_flags_set(ledger: Replayed, member: int, flags: int) -> None:
    account = ledger.account(member)
    settable = LOCKED | FROZEN
    ledger.store(member, replace(account, flags=account.flags & ~settable | flags & settable))


def _tier_set(ledger: Replayed, member: int, tier: int) -> None:
    ledger.store(member, replace(ledger.account(member), tier=tier))


def _rule_set(ledger: Replayed, merchant: int, version: int, word: int, table: int) -> None:
    rule = Rule.unpack(word)
    tiers = tuple(table >> BITS * tier & 0xFFFF for tier in range(BITS)) if rule.flags & TIERED else ()
    ledger.rules[MerchantId(merchant), RuleVersion(version)] = replace(rule, tiers=tiers)


def _rule_vetoed(ledger: Replayed, merchant: int, version: int, block: int) -> None:
    key = MerchantId(merchant), RuleVersion(version)
    rule = ledger.rules[key]
    ledger.rules[key] = replace(rule, flags=rule.flags | VETOED, veto_block=block)


def _budget_raised(ledger: Replayed, merchant: int, version: int, units: int) -> None:
    key = MerchantId(merchant), RuleVersion(version)
    rule = ledger.rules[key]
    ledger.rules[key] = replace(rule, budget_left=rule.budget_left + units)


def _paused(ledger: Replayed, _: int) -> None:
    ledger.supply = replace(ledger.supply, flags=ledger.supply.flags | PAUSED)


def _unpaused(ledger: Replayed, _: int) -> None:
    ledger.supply = replace(ledger.supply, flags=ledger.supply.flags & ~PAUSED)


def _doors_set(ledger: Replayed, part: int, doors: int) -> None:
    ledger.parts[part] = doors


_SETTERS: Final[Mapping[str, Callable[..., None]]] = {
    "StreamSet": _stream_set,
    "TerminalsSet": _terminals_set,
    "MerchantSet": _merchant_set,
    "MemberEnrolled": _member_enrolled,
    "MemberFlagsSet": _member_flags_set,
    "TierSet": _tier_set,
    "RuleSet": _rule_set,
    "RuleVetoed": _rule_vetoed,
    "BudgetRaised": _budget_raised,
    "Paused": _paused,
    "Unpaused": _unpaused,
    "DoorsSet": _doors_set,
}
SETTERS: Final = frozenset(_SETTERS)
"""Events that set something."""
SILENT: Final = frozenset(
    {
        "ActTargetSet",
        "Approval",
        "AuthorityUpdated",
        "AuthorizationCanceled",
        "AuthorizationUsed",
        "EIP712DomainChanged",
    }
)
"""Events that change no word which the audit follows."""


def apply_setter(ledger: Replayed, event: Log) -> None:
    """Sets what the event says. Raises KeyError for a rule that was never set."""
    values: tuple[Any, ...] = event.values
    _SETTERS[event.name](ledger, *values)
