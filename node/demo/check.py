"""Holds the chain against the recomputation, and follows one payment from its message to its block.

Stage before: replay and witness. Stage after: report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from node.chain.ledger import Ledger
from node.demo.expected import base_coefficient
from node.demo.plan import Plan
from node.demo.realdata import merchant_of
from node.demo.replay import Outcome
from node.demo.report import Report, percentile
from node.demo.witness import Diary, Sighting
from node.domain.ids import PaymentId
from node.explorer.tables import points

MILLISECONDS: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """Units of points over all members, and how far members are off, taken together without signs."""

    on_chain: int
    expected: int
    difference: int


async def compare_points(ledger: Ledger, plan: Plan, expected: Mapping[int, int]) -> Points:
    """Asks the chain for every member's coins, also of those who must have none."""
    on_chain = difference = 0
    for household, member in plan.members.items():
        has = (await ledger.account(member)).coins
        on_chain += has
        difference += abs(has - expected.get(household, 0))
    return Points(on_chain=on_chain, expected=sum(expected.values()), difference=difference)


def dead_baskets(outcomes: Sequence[Outcome], diary: Diary) -> set[int]:
    """The baskets that must have earned nothing: declined at the till, skipped on chain, or reversed."""
    return {
        outcome.basket.id
        for outcome in outcomes
        if outcome.basket is not None
        and (outcome.reversal is not None or outcome.payment_id is None or not _final(outcome.payment_id, diary))
    }


def make_report(validators: int, plan: Plan, outcomes: Sequence[Outcome], diary: Diary, found: Points) -> Report:
    """The figures of the run. Raises ValueError when not one payment became final."""
    final = [outcome for outcome in outcomes if outcome.payment_id and _final(outcome.payment_id, diary)]
    if not final:
        raise ValueError("no payment became final")
    waits = [(_seen(outcome, diary).seen_at - outcome.sent_at) * MILLISECONDS for outcome in final]
    took = max(_seen(outcome, diary).seen_at for outcome in final) - min(outcome.sent_at for outcome in outcomes)
    return Report(
        validators=validators,
        payments_sent=len(outcomes),
        payments_final=len(final),
        declined=sum(not outcome.cancelled for outcome in outcomes) - len(final),
        cancelled=sum(outcome.cancelled for outcome in outcomes),
        duplicates=sum(outcome.duplicates for outcome in outcomes),
        reversed=sum(outcome.reversal is not None for outcome in final),
        points_on_chain=found.on_chain,
        points_expected=found.expected,
        difference=found.difference,
        latency_p50_ms=round(percentile(waits, 50)),
        latency_p99_ms=round(percentile(waits, 99)),
        replay_seconds=round(took, 1),
        payments_per_second=round(len(final) / took, 1),
        gas_per_payment=diary.batch_gas // len(final),
        followed=follow(_most_telling(final, diary), plan, diary),
    )


def follow(outcome: Outcome, plan: Plan, diary: Diary) -> Mapping[str, str]:
    """One payment, from its message to its block, in words."""
    basket, seen = outcome.basket, _seen(outcome, diary)
    assert basket is not None
    coefficient = base_coefficient(merchant_of(basket.store))
    return {
        "basket": f"{basket.id}: {len(basket.items)} items, {basket.cents / 100:.2f}, household {basket.household}",
        "message": f"{outcome.by}, terminal {outcome.terminal}, STAN {outcome.stan}, sent {_clock(outcome.sent_at)}",
        "reply": f"{outcome.response_code} after {(outcome.replied_at - outcome.sent_at) * MILLISECONDS:.0f} ms",
        "payment": f"{outcome.payment_id}, {seen.line_count} lines",
        "member": f"{plan.members[basket.household]}, at merchant {merchant_of(basket.store) + 1}",
        "base": f"{points(coefficient * 100)} points for 1.00, five times that on produce",
        "transaction": f"0x{seen.transaction.hex()}",
        "block": f"{seen.block.number}, 0x{seen.block.hash.hex()}",
        "final": f"{_clock(seen.seen_at)}, {(seen.seen_at - outcome.sent_at) * MILLISECONDS:.0f} ms after the message",
    }


def _most_telling(final: Sequence[Outcome], diary: Diary) -> Outcome:
    """The largest sale that earned by two rule versions and was not undone."""
    whole = [outcome for outcome in final if outcome.basket is not None and outcome.reversal is None]
    return max(whole, key=lambda outcome: (_seen(outcome, diary).line_count, outcome.basket and outcome.basket.cents))


def _final(payment: PaymentId, diary: Diary) -> bool:
    return payment in diary.sightings and not diary.sightings[payment].skipped


def _seen(outcome: Outcome, diary: Diary) -> Sighting:
    assert outcome.payment_id is not None
    return diary.sightings[outcome.payment_id]


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="milliseconds")
