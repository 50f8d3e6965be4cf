"""`till bridge totals`: what each terminal took and gave back on a business day, for the back office."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.bridge_options import CONFIG
from node.config import load_bridge
from node.domain.currency import written
from node.domain.totals import Totals

if TYPE_CHECKING:
    from node.bridge.business_days import TerminalTotals

_SIDES = (
    ("debits", "debit_amount"),
    ("debit_reversals", "debit_reversal_amount"),
    ("credits", "credit_amount"),
    ("credit_reversals", "credit_reversal_amount"),
)
_STATES = {True: "in balance", False: "OUT OF BALANCE", None: "no totals told"}


@click.command()
@CONFIG
@click.option("--terminal", default="", help="Only this terminal's.")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="A closed business day; the open one, if left out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def totals(config: Path, terminal: str, day: datetime | None, as_json: bool) -> None:
    """Show each terminal's totals of a business day: sales, refunds and recharges, and what of them was reversed."""
    from node.bridge.business_days import list_totals, sum_of

    settings = load_bridge(config)
    date_ = None if day is None else day.date()
    found = list_totals(settings, terminal=terminal, day=date_)
    together = sum_of(each.totals for each in found)
    currency = settings.chain.currency
    if as_json:
        rows = [_said(each) for each in found]
        said = {"day": None if date_ is None else str(date_), "currency": currency, "terminals": rows}
        click.echo(json.dumps(said | {"all": _numbers(together)}))
        return
    if not found:
        click.echo("none")
        return
    for line in _table(found, together, date_, currency):
        click.echo(line)


def _said(each: "TerminalTotals") -> dict[str, object]:
    claimed = None if each.claimed is None else _numbers(each.claimed)
    return {"terminal": each.terminal, "totals": _numbers(each.totals), "claimed": claimed, "balanced": each.balanced}


def _numbers(totals: Totals) -> dict[str, int]:
    return asdict(totals) | {"net": totals.net}


def _table(found: "Sequence[TerminalTotals]", together: Totals, day: date | None, currency: str) -> Iterator[str]:
    heads = "".join([f"{name:>9}{'amount':>12}" for name in ("debits", "reversed", "credits", "reversed")])
    yield f"{'terminal':10}{heads}{'net':>13}  {'open' if day is None else day}"
    for each in found:
        state = "" if day is None else f"  {_STATES[each.balanced]}"
        yield f"{each.terminal:10}{_cells(each.totals, currency)}{state}"
    yield f"{'all':10}{_cells(together, currency)}"


def _cells(totals: Totals, currency: str) -> str:
    cells = [f"{getattr(totals, count):>9}{written(getattr(totals, money), currency):>12}" for count, money in _SIDES]
    return "".join(cells) + f"{written(totals.net, currency):>13}"
