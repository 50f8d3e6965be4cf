"""Answers as people read them: one table each. Money with two decimals, points with six, times in UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table

from node.domain.act import UNDO, ActKind
from node.explorer.answers import BlockAnswer, EvidenceAnswer, MemberAnswer, MerchantAnswer, PaymentAnswer

WIDTH: Final = 110


def points(units: int) -> str:
    """Units of 10^-6 coin as people read them: 1234567 is 1.234567."""
    return f"{units // 10**6:,}.{units % 10**6:06d}"


def money(minor: int) -> str:
    """Minor units as people read them: 123450 is 1,234.50."""
    return f"{minor // 100:,}.{minor % 100:02d}"


def moment(seconds: int) -> str:
    """Unix seconds as a date and a time."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def wide_console() -> Console:
    """Where tables go. A pipe or a log file is no narrow terminal: there a hash stays on one line."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def print_answer(answer: PaymentAnswer | MemberAnswer | MerchantAnswer | BlockAnswer, console: Console) -> None:
    """Prints any of the answers."""
    match answer:
        case PaymentAnswer():
            console.print(payment_table(answer))
        case MemberAnswer():
            console.print(member_table(answer))
        case MerchantAnswer():
            console.print(merchant_table(answer))
        case BlockAnswer():
            console.print(block_table(answer))


def payment_table(answer: PaymentAnswer) -> RenderableType:
    """A payment, its lines below."""
    facts = _facts(
        f"Payment {answer.payment}",
        [
            ("outcome", answer.outcome),
            ("merchant", f"{answer.merchant}, terminal {answer.terminal}"),
            ("member", f"{answer.member}"),
            ("terminal's time", moment(answer.time)),
            ("block", f"{answer.block} of {moment(answer.block_time)}"),
            ("block hash", answer.block_hash),
            ("transaction", answer.transaction),
            ("batch root", answer.root),
            ("items root", answer.items_root or "none"),
            ("authorisation", answer.authorisation or "none"),
            *([("act", _act(answer.act))] if answer.act else []),
        ],
    )
    if not answer.lines:
        return facts
    lines = Table(box=None, pad_edge=False)
    for name in ("line", "tender", "amount", "rule", "rate", "tier", "points", "owed", "refunded", "points undone"):
        lines.add_column(name, justify="left" if name == "tender" else "right")
    for line in answer.lines:
        lines.add_row(
            f"{line.line}",
            line.tender,
            money(line.amount),
            f"{line.rule_version}",
            f"{line.rate / 10_000:g} units a cent",
            f"{line.tier_bps / 10_000:g}x",
            points(line.points),
            points(line.owed),
            money(line.refunded),
            points(line.points_undone),
        )
    return Group(facts, "", lines)


def _act(data: str) -> str:
    kind = int(data[2:4] or "0", 16)
    known = {each.value: each.name.lower() for each in ActKind}
    name = known.get(kind & ~UNDO, f"of kind {kind & ~UNDO}")
    return f"undoing {name}, {data}" if kind & UNDO else f"{name}, {data}"


def member_table(answer: MemberAnswer) -> RenderableType:
    """A member."""
    return _facts(
        f"Member {answer.member}",
        [
            ("points", points(answer.points)),
            ("of them end with this epoch", points(answer.expires_next)),
            ("stored value", money(answer.stored_value)),
            ("tier", f"{answer.tier}"),
            ("state", answer.state),
            ("account", answer.account),
            ("as of block", f"{answer.block}"),
        ],
    )


def merchant_table(answer: MerchantAnswer) -> RenderableType:
    """A merchant, its rule versions below."""
    facts = _facts(
        f"Merchant {answer.merchant}: {answer.name}",
        [
            ("state", "active" if answer.active else "not active"),
            ("stores, terminals", f"{answer.stores}, {answer.terminals}"),
            ("prepaid points", points(answer.prepaid)),
            ("points issued this epoch", points(answer.issued_this_epoch)),
            ("payable to it", money(answer.payable)),
            ("turnover", money(answer.turnover)),
            ("deposit", money(answer.deposit)),
            ("as of block", f"{answer.block}"),
        ],
    )
    rules = Table(box=None, pad_edge=False)
    for name in ("rule", "kind", "points for 1.00", "budget left", "from", "until", "product set"):
        number = name in ("rule", "points for 1.00", "budget left")
        rules.add_column(name, justify="right" if number else "left", overflow="fold")
    for rule in answer.rules:
        kind = "vetoed" if rule.vetoed else "base" if rule.base else "offer" if rule.product_set else "former base"
        rules.add_row(
            f"{rule.version}",
            kind,
            points(rule.rate * 100 // 10_000),
            "-" if rule.budget_left is None else points(rule.budget_left),
            moment(rule.starts) if rule.starts else "-",
            moment(rule.until) if rule.until else "-",
            rule.product_set or "-",
        )
    return Group(facts, "", rules)


def block_table(answer: BlockAnswer) -> RenderableType:
    """A block."""
    entries = [
        *((f"payments of stream {stream}", f"{count:,}") for stream, count in sorted(answer.payments.items())),
        *((f"refunds of stream {stream}", f"{count:,}") for stream, count in sorted(answer.refunds.items())),
    ]
    return _facts(
        f"Block {answer.number}",
        [
            ("hash", answer.hash),
            ("parent", answer.parent),
            ("time", moment(answer.time)),
            ("gas", f"{answer.gas_used:,} of {answer.gas_limit:,}"),
            ("transactions", "\n".join(answer.transactions) or "none"),
            *entries,
            ("skipped", f"{answer.skipped:,}"),
            *(("signed twice", _told(each)) for each in answer.evidence),
        ],
    )


def _told(evidence: EvidenceAnswer) -> str:
    what = f"{evidence.culprit} at height {evidence.height}"
    if evidence.reporter is not None:
        return f"{what}, says {evidence.reporter}"
    return f"{what}, say more than two thirds: {'removed' if evidence.removed else 'the key is banned'}"


def _facts(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table
