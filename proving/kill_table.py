"""What a run of the kill matrix showed, as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.table import Table

from node.bridge.failpoint import POINTS

ASLEEP: Final = "asleep"
"""In place of a point: the bridge was stopped, and went on when its stream was another's."""


@dataclass(kw_only=True)
class Outcome:
    """What a mode showed. `takeovers` are seconds from a kill to the next bridge's listening."""

    mode: str
    kills: Counter[str] = field(default_factory=Counter)
    takeovers: list[float] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def table_of(outcomes: Sequence[Outcome]) -> Table:
    """Kills by point and mode, and what became of the messages."""
    table = Table(title="The bridge, killed under load", title_justify="left", box=None)
    table.add_column("killed", no_wrap=True)
    for outcome in outcomes:
        table.add_column(outcome.mode, justify="right", no_wrap=True)
    for point in (*POINTS, ASLEEP):
        if any(outcome.kills[point] for outcome in outcomes):
            table.add_row(point, *[f"{outcome.kills[point]}" for outcome in outcomes])
    table.add_section()
    table.add_row("kills", *[f"{outcome.kills.total():,}" for outcome in outcomes])
    table.add_row("messages", *[f"{sum(outcome.messages.values()):,}" for outcome in outcomes])
    for act in sorted({act for outcome in outcomes for act in outcome.messages}):
        table.add_row(f"  {act}", *[f"{outcome.messages[act]:,}" for outcome in outcomes])
    table.add_row("answers", *[f"{outcome.answers:,}" for outcome in outcomes])
    table.add_row("wrong effects or answers", *[f"{len(outcome.faults):,}" for outcome in outcomes])
    table.add_row("takeover, longest", *[_longest(outcome) for outcome in outcomes])
    table.add_row("took", *[f"{outcome.seconds:,.0f} s" for outcome in outcomes])
    return table


def _longest(outcome: Outcome) -> str:
    return f"{max(outcome.takeovers):.1f} s" if outcome.takeovers else "-"


def figures_of(outcome: Outcome) -> dict[str, Any]:
    """The same for other programs."""
    return {
        "mode": outcome.mode,
        "kills": dict(outcome.kills),
        "messages": dict(outcome.messages),
        "answers": outcome.answers,
        "faults": outcome.faults,
        "takeover_seconds": [round(each, 2) for each in outcome.takeovers],
        "seconds": round(outcome.seconds),
    }
