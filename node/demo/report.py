"""What the demonstration says at its end: a table for people, and the same as JSON.

Stage before: check.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from node.domain.ids import PaymentId
from node.explorer.tables import points


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The figures of one run. Latencies in milliseconds from message to finality; points in units of 10^-6 coin.

    `difference` is the sum over members of |on chain - expected|, so that two errors cannot cancel out.
    """

    validators: int
    payments_sent: int
    payments_final: int
    declined: int
    cancelled: int
    duplicates: int
    reversed: int
    points_on_chain: int
    points_expected: int
    difference: int
    latency_p50_ms: int
    latency_p99_ms: int
    replay_seconds: float
    payments_per_second: float
    gas_per_payment: int
    followed: Mapping[str, str] = field(default_factory=dict)


def followed_payment(report: Report) -> PaymentId:
    """The payment that the report follows."""
    return PaymentId(report.followed["payment"].partition(",")[0])


def percentile(values: list[float], share: int) -> float:
    """The smallest value that at least `share` per cent of the values do not exceed; 0.0 of none."""
    if not values:
        return 0.0
    ranked = sorted(values)
    return ranked[max(0, -(-share * len(ranked) // 100) - 1)]


def write_report(report: Report, path: Path) -> None:
    """Writes the report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(report), indent=2) + "\n")


def print_report(report: Report, console: Console) -> None:
    """Prints the figures, then the one payment that is followed from its message to its block."""
    table = Table(title="Real shop payments", title_justify="left", show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in _rows(report):
        table.add_row(name, value)
    console.print(table)
    followed = Table(title="One payment, top to bottom", title_justify="left", show_header=False, box=None)
    followed.add_column(style="bold", no_wrap=True)
    followed.add_column(overflow="fold")
    for name, value in report.followed.items():
        followed.add_row(name, value)
    console.print()
    console.print(followed)


def _rows(report: Report) -> list[tuple[str, str]]:
    return [
        ("validators", f"{report.validators}"),
        ("payments sent", f"{report.payments_sent:,}"),
        ("  final", f"{report.payments_final:,}"),
        ("  declined", f"{report.declined:,}"),
        ("  cancelled before they were sent on", f"{report.cancelled:,}"),
        ("  reversed on chain", f"{report.reversed:,}"),
        ("duplicates answered", f"{report.duplicates:,}"),
        ("points on chain", points(report.points_on_chain)),
        ("points expected", points(report.points_expected)),
        ("difference", points(report.difference)),
        ("message to finality, p50", f"{report.latency_p50_ms:,} ms"),
        ("message to finality, p99", f"{report.latency_p99_ms:,} ms"),
        ("from the first message to the last block", f"{report.replay_seconds:,.1f} s"),
        ("payments a second", f"{report.payments_per_second:,.1f}"),
        ("gas a payment", f"{report.gas_per_payment:,}"),
    ]
