"""`till audit run`: recomputes the chain. Click wiring; the work is in node/audit."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.chain_options import ask_chain, where_the_chain_is
from node.domain.errors import TillnetError, Unusable
from node.network.access import write_whole

if TYPE_CHECKING:
    from node.audit.anchors.record import Sent
    from node.audit.run import Audit
    from node.audit.run import Order as AuditOrder
    from node.audit.tally import Hours
    from node.chain.deployment import Deployment
    from node.chain.rpc import Rpc
    from node.domain.ids import PaymentId
    from node.domain.line_items import LineItems

DIFFERS, COULD_NOT = 1, 2
FILE = click.Path(path_type=Path)
BLOCK = click.IntRange(0, 2**63 - 1)
MOST_FILE: int = 64 * 2**20
MOST_RECEIPTS: int = 100_000


@click.command()
@click.option("--from", "first", type=BLOCK, default=0, help="Count and list from this block on; all is replayed.")
@click.option("--to", "last", type=BLOCK, help="The last block; the newest without it.")
@click.option("--hours", help="When tills are open, such as 06:00-23:00, in the network's own time.")
@click.option("--cancelled", type=FILE, help="Payments that were never sent: an id such as 1-42 on each line.")
@click.option("--items", type=FILE, help="A folder of receipts, as till lines show --json prints them.")
@click.option("--anchors", type=FILE, help="What till anchor run keeps; with --anchor-rpc.")
@click.option("--anchor-rpc", help="A gateway of the chain that the anchors are on.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--output", "-o", type=FILE, help="Also write the JSON object to this file, for a page.")
@where_the_chain_is
@click.pass_context
def run(
    ctx: click.Context,
    first: int,
    last: int | None,
    hours: str | None,
    cancelled: Path | None,
    items: Path | None,
    anchors: Path | None,
    anchor_rpc: str | None,
    as_json: bool,
    output: Path | None,
    network: Path,
    url: str | None,
    file: Path | None,
) -> None:
    """Recompute every point and every cent from the chain's blocks, and compare with its state.

    Ends with 0 when all agrees, 1 when anything differs, 2 when it could not be found out.
    """
    from node.audit.report import audit_json, print_audit
    from node.audit.run import Order, run_audit
    from node.explorer.tables import wide_console

    async def question(rpc: "Rpc", deployment: "Deployment", order: "AuditOrder") -> "Audit":
        return await run_audit(rpc, deployment, order)

    try:
        order = Order(
            first=first,
            last=last,
            hours=None if hours is None else _hours(hours),
            cancelled=frozenset() if cancelled is None else _cancelled(cancelled),
            items={} if items is None else _receipts(items),
            anchors=_anchors(anchors, anchor_rpc),
            anchor_rpc=anchor_rpc or "",
        )
        asked: dict[str, Any] = {"order": order}
        audit = asyncio.run(ask_chain(network, url, file, question, asked))
        document = json.dumps(audit_json(audit), indent=2) + "\n"
        if output is not None:
            write_whole(output, document)
    except TillnetError as failure:
        click.echo(f"till: the audit could not be made: {failure}", err=True)
        ctx.exit(COULD_NOT)
    if as_json:
        click.echo(document, nl=False)
    else:
        print_audit(audit, wide_console())
    ctx.exit(0 if audit.agrees else DIFFERS)


def _anchors(path: Path | None, url: str | None) -> "tuple[Sent, ...]":
    from node.audit.anchors.record import read_records

    if (path is None) != (url is None):
        raise Unusable("--anchors and --anchor-rpc go together")
    found = () if path is None else tuple(read_records(path))
    if path is not None and not found:
        raise Unusable(f"{path} holds no anchor")
    return found


def _hours(text: str) -> "Hours":
    from node.audit.tally import Hours

    try:
        since, until = (_second(part) for part in text.split("-"))
    except ValueError:
        raise Unusable(f"hours look like 06:00-23:00, not {text!r}") from None
    return Hours(since=since, until=until)


def _second(text: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    if not (0 <= hour <= 24 and 0 <= minute < 60 and hour * 60 + minute <= 24 * 60):
        raise ValueError(text)
    return hour * 3_600 + minute * 60


def _read(path: Path) -> str:
    if path.stat().st_size > MOST_FILE:
        raise Unusable(f"{path} is larger than {MOST_FILE:,} bytes")
    return path.read_text()


def _cancelled(path: Path) -> "frozenset[PaymentId]":
    from node.domain.ids import PaymentId, parse_payment_id

    found = set()
    for number, line in enumerate(_read(path).splitlines(), 1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        try:
            parse_payment_id(name)
        except ValueError as failure:
            raise Unusable(f"{path}, line {number}: {failure}") from None
        found.add(PaymentId(name))
    return frozenset(found)


def _receipts(folder: Path) -> "dict[str, LineItems]":
    from node.domain.receipt import parse_receipt

    if not folder.is_dir():
        raise Unusable(f"there is no folder {folder}")
    files = sorted(folder.glob("*.json"))
    if len(files) > MOST_RECEIPTS:
        raise Unusable(f"{folder} holds {len(files):,} receipts, more than {MOST_RECEIPTS:,}")
    found: dict[str, LineItems] = {}
    for file in files:
        try:
            payment, items = parse_receipt(_read(file))
        except (ValueError, KeyError, TypeError) as failure:
            raise Unusable(f"{file} is no receipt: {failure}") from None
        found[payment] = items
    return found
