"""The instalments of rebates that a member is still to get, with their dates, from the chain alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from scripts.past_events import past_events
from scripts.session import Session


@dataclass(frozen=True, kw_only=True)
class Instalment:
    """One part of a promise: from which network day on it can be released, and how much it is, minor units.

    `number` counts from 1 to `months`; `promised_to` is the member that was promised it, before any merging.
    """

    day: int
    amount: int
    number: int
    months: int
    promised_to: int


def rebates_to_come(session: Session, member: int) -> list[Instalment]:
    """All of a member's, and of those that were merged into it, the soonest first."""
    into = {int(e["from"]): int(e["into"]) for e in past_events(session, "Rebates", "BalancesMerged")}
    found = [
        each
        for number in _former(member, into)
        for each in _of(session, number, closed_at=_closed_at(session, number, into))
    ]
    return sorted(found, key=lambda each: (each.day, each.promised_to))


def _former(member: int, into: dict[int, int]) -> list[int]:
    """The member, and whoever was merged into it, also by way of others."""
    found = [member]
    for each in found:  # grows while it is read; nobody is merged twice
        found += sorted(source for source, target in into.items() if target == each)
    return found


def _closed_at(session: Session, member: int, into: dict[int, int]) -> int:
    """When the member, or one that it was merged into, last gave up its last card: what was promised before is void."""
    newest, each = 0, member
    while each:
        newest = max(newest, int(session["Rebates"].balanceOf(each)[4]))
        each = into.get(each, 0)
    return newest


def _of(session: Session, member: int, *, closed_at: int) -> Iterator[Instalment]:
    contract = session["Rebates"]
    for index in range(int(contract.balanceOf(member)[3])):
        total, start, _, months, released = map(int, contract.promiseOf(member, index))
        if start <= closed_at:
            continue
        for number in range(released + 1, months + 1):
            # every instalment is rounded down but the last, which brings the remainder
            amount = total // months if number < months else total - total // months * (months - 1)
            day = int(contract.dueDay(member, index, number))
            yield Instalment(day=day, amount=amount, number=number, months=months, promised_to=member)
