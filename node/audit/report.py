"""An audit as people, programs and pages read it: tables, and one JSON document.

Stage before: run. Money with two decimals and points with six in tables; whole minor units and units in JSON.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.table import Table

from node.audit.findings import DIFFERENCES, KEPT, Finding, Kind
from node.audit.run import Audit
from node.domain.ids import MerchantId
from node.explorer.audits import AUDIT_FORMAT
from node.explorer.tables import moment, money, points

IN_POINTS: Final = frozenset({"points", "coins", "incentive"})
"""Words of a term that is counted in points; the others are money."""
SHOWN: Final = 20
"""Findings of a kind that the table shows."""
TITLES: Final = {
    Kind.DIFFERENCE: "the chain did other than its rules say",
    Kind.UNEXPLAINED: "could not be followed",
    Kind.STATE: "the chain's state is not what its payments come to",
    Kind.BACKING: "less is held than owed",
    Kind.SUPPLY: "supply",
    Kind.CONTRADICTED: "what was handed over contradicts the chain",
    Kind.INSTRUMENT: "an instrument pays other than its terms say",
    Kind.ANCHOR: "anchors",
    Kind.GAP: "sequences that were never posted",
    Kind.HOURS: "terminals outside their hours",
    Kind.MANUAL: "done by hand",
    Kind.ACCRUAL: "points given without a payment, by nobody that is known",
    Kind.NOTE: "notes",
}


def audit_json(audit: Audit) -> dict[str, Any]:
    """Everything of an audit, for programs and pages. Points in units, money in minor units."""
    tally, ledger = audit.tally, audit.ledger
    return {
        "format": AUDIT_FORMAT,
        "agrees": audit.agrees,
        "blocks": {"first": audit.first, "last": audit.last.number, "last_hash": "0x" + audit.last.hash.hex()},
        "time": audit.last.time,
        "seconds": round(audit.seconds, 3),
        "payments_per_second": round(audit.rate, 1),
        "payments": {
            "looked_at": tally.seen,
            "batches": tally.batches,
            "accepted": tally.accepted,
            "lines": tally.lines,
            "skipped": {reason.name.lower(): count for reason, count in sorted(tally.skipped.items())},
            "line_refunds": tally.refunds,
            "outside_hours": tally.outside_hours,
            "sequences_missing": audit.missing,
            "sequences_explained": audit.explained,
        },
        "points": {
            "given": sum(tally.points.values()),
            "owed": sum(tally.owed.values()),
            "clawed_back": tally.clawed_back,
            "set_off": tally.set_off,
            "arrears": tally.arrears,
            "beside_payments": dict(sorted(tally.outside_payments.items())),
            "supply": audit.supply,
        },
        "merchants": [_merchant_json(audit, merchant) for merchant in sorted(ledger.merchants)],
        "backing": [{**asdict(each), "free": each.free} for each in audit.holdings],
        "members_merged": {"count": tally.merges, "value": tally.merged_value, "coins": tally.merged_coins},
        "amounts": dict(sorted(audit.amounts.items())),
        "words_compared": audit.words,
        "recomputed": dict(sorted(audit.checked.items())),
        "findings": {
            "counts": {str(kind): audit.findings.counts[kind] for kind in Kind if audit.findings.counts[kind]},
            "kept": KEPT,
            "list": [asdict(each) for each in audit.findings],
        },
    }


def print_audit(audit: Audit, console: Console) -> None:
    """Prints the tables of an audit, what it found below."""
    console.print(audit_tables(audit))


def audit_tables(audit: Audit) -> RenderableType:
    """The tables of an audit."""
    return Group(_summary(audit), _merchants(audit), _backing(audit), *_found(audit))


def _summary(audit: Audit) -> Table:
    tally = audit.tally
    table = Table(show_header=False, box=None, title=_verdict(audit), title_justify="left")
    skipped = ", ".join(f"{count} {reason.name.lower()}" for reason, count in sorted(tally.skipped.items()))
    rows = (
        ("blocks", f"{audit.first:,} to {audit.last.number:,}, {moment(audit.last.time)}"),
        ("payments", f"{tally.accepted:,} accepted in {tally.batches:,} batches, {tally.lines:,} lines"),
        ("skipped", skipped or "none"),
        ("points given", points(sum(tally.points.values()))),
        ("owed for want of prepaid points", points(sum(tally.owed.values()))),
        ("lines undone", f"{tally.refunds:,}"),
        (
            "clawed back, set off, new arrears",
            ", ".join(map(points, (tally.clawed_back, tally.set_off, tally.arrears))),
        ),
        ("all coins", points(audit.supply)),
        (
            "recomputed beside",
            ", ".join(f"{count:,} {name}" for name, count in sorted(audit.checked.items())) or "none",
        ),
        ("sequences missing", f"{audit.missing:,}, explained {audit.explained:,}"),
        ("words of state compared", f"{audit.words:,}"),
        ("took", f"{audit.seconds:.1f} s, {audit.rate:,.0f} payments/s of {tally.seen:,} replayed"),
    )
    for name, value in rows:
        table.add_row(name, value)
    if tally.merges:
        moved = f"{money(tally.merged_value)} of stored value, {points(tally.merged_coins)} points"
        table.add_row("members merged", f"{tally.merges:,}: {moved}")
    for name, amount in sorted(audit.amounts.items()):
        table.add_row(name, points(amount) if IN_POINTS.intersection(name.split()) else money(amount))
    for part, units in sorted(tally.outside_payments.items()):
        table.add_row(f"points given by {part}", points(units))
    return table


def _verdict(audit: Audit) -> str:
    if audit.agrees:
        return "The chain agrees with its recomputation to the last unit."
    return f"The chain DIFFERS from its recomputation: {audit.findings.differences:,} differences."


def _merchants(audit: Audit) -> Table:
    table = Table(box=None, pad_edge=False, title="merchants", title_justify="left")
    for name in ("merchant", "turnover", "points given", "prepaid", "payable", "paid in coins", "from stored value"):
        table.add_column(name, justify="right")
    for merchant in sorted(audit.ledger.merchants):
        row = _merchant_json(audit, merchant)
        table.add_row(
            f"{merchant}",
            money(row["turnover"]),
            points(row["points_given"]),
            points(row["prepaid"]),
            money(row["payable"]),
            money(row["paid_in_coins"]),
            money(row["paid_from_stored_value"]),
        )
    return table


def _backing(audit: Audit) -> Table:
    table = Table(box=None, pad_edge=False, title="backing", title_justify="left")
    for name in ("contract", "of", "holds", "owes", "free"):
        table.add_column(name, justify="left" if name in ("contract", "of") else "right")
    for each in audit.holdings:
        shown = points if each.what == "coins" else money
        table.add_row(each.part, each.what, *(_signed(shown, amount) for amount in (each.holds, each.owes, each.free)))
    return table


def _found(audit: Audit) -> Iterator[Table]:
    for kind in Kind:
        count = audit.findings.counts[kind]
        if not count:
            continue
        mark = " (DIFFERENCE)" if kind in DIFFERENCES else ""
        table = Table(box=None, pad_edge=False, title=f"{TITLES[kind]}: {count:,}{mark}", title_justify="left")
        for name in ("block", "subject", "what"):
            table.add_column(name, justify="right" if name == "block" else "left", overflow="fold")
        for each in audit.findings.kept[kind][:SHOWN]:
            table.add_row(f"{each.block:,}" if each.block else "", each.subject, _what(each))
        if count > SHOWN:
            table.add_row("", "", f"... and {count - SHOWN:,} more; --json has up to {KEPT:,} of a kind")
        yield table


def _what(finding: Finding) -> str:
    return f"{finding.text} [{finding.transaction}]".replace("[", "\\[") if finding.transaction else finding.text


def _merchant_json(audit: Audit, merchant: MerchantId) -> dict[str, int]:
    tally, word = audit.tally, audit.ledger.merchants[merchant]
    return {
        "merchant": merchant,
        "turnover": tally.turnover[merchant],
        "points_given": tally.points[merchant],
        "points_owed": tally.owed[merchant],
        "prepaid": word.prepaid,
        "payable": word.payable,
        "deposit": audit.ledger.deposits.get(merchant, 0),
        "guaranteed": audit.ledger.guaranteed.get(merchant, 0),
        "paid_in_coins": tally.paid_in_coins[merchant],
        "paid_from_stored_value": tally.paid_in_value[merchant],
    }


def _signed(shown: Any, amount: int) -> str:
    return f"-{shown(-amount)}" if amount < 0 else str(shown(amount))
