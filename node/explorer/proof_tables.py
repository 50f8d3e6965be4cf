"""What a proof proves, as people read it; node/proofs/telling.py says it to programs."""

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table

from node.domain.payment import Tender
from node.domain.words import FROZEN, IN_ARREARS, LOCKED, Account
from node.explorer.tables import moment, money, points
from node.proofs.liability import ProvenLiability
from node.proofs.signed_block import Signed
from node.proofs.verify import Proven, ProvenBalance, ProvenPayment

NOT_ANCHORED: Final = "Nobody has said that these validators and this ledger are to be trusted."
_TENDERS: Final = {each.value: each.name.lower().replace("_", " ") for each in Tender}
_STATES: Final = ((FROZEN, "frozen"), (LOCKED, "locked"), (IN_ARREARS, "in arrears"))


def proof_table(proven: Proven) -> RenderableType:
    """What is proved, and who signed for it."""
    if isinstance(proven, ProvenBalance):
        return _facts(f"Member {proven.member}, proved", [*_account(proven), *_signed(proven.signed)])
    if isinstance(proven, ProvenLiability):
        return _facts("Counted among what is owed", [*_counted(proven), *_signed(proven.signed)])
    first = proven.lines[0]
    facts = _facts(
        f"Payment {proven.payment}, proved",
        [
            ("merchant", f"{first.merchant}, terminal {first.terminal}"),
            ("member", f"{first.member}"),
            ("terminal's time", moment(first.time)),
            ("items root", f"0x{first.items_root.hex()}" if any(first.items_root) else "none"),
            *_signed(proven.signed),
        ],
    )
    shown: list[RenderableType] = [facts, "", _lines(proven)]
    if proven.items:
        shown += ["", _items(proven)]
    return Group(*shown)


def _signed(signed: Signed) -> list[tuple[str, str]]:
    return [
        ("ledger", f"0x{signed.ledger.hex()}"),
        ("block", f"{signed.block.number} of {moment(signed.block.time)}"),
        ("block hash", f"0x{signed.block.hash.hex()}"),
        ("signed by", f"{signed.power.signed} of {signed.power.total} voting power, at height {signed.height}"),
        ("chain", signed.chain_id),
        ("beginning with validators", f"0x{signed.validators_hash.hex()}"),
        ("who changed since", _times(signed.changes)),
    ]


def _counted(proven: ProvenLiability) -> list[tuple[str, str]]:
    holding, root = proven.holding, proven.root
    return [
        ("account", f"0x{holding.account.hex()}"),
        ("points", f"{points(holding.points)} of {points(root.points)}, all that there are"),
        ("stored value", f"{money(holding.value)} of {money(root.value)}, all that there is"),
        ("root, the same for all", f"0x{root.hash.hex()}"),
    ]


def _times(count: int) -> str:
    return ("never", "once")[count] if count < 2 else f"{count} times"


def _account(proven: ProvenBalance) -> list[tuple[str, str]]:
    account = proven.account
    if account is None:
        return [("account", "none: this member is not enrolled, and has nothing")]
    age = f"of epoch {account.epoch}"
    return [
        ("points", "depends on the epoch" if proven.coins is None else points(proven.coins)),
        ("earned in their epoch", f"{points(account.current)}, {age}"),
        ("earned in the one before", f"{points(account.previous)}"),
        ("stored value", money(account.value)),
        ("tier", f"{account.tier}"),
        ("state", _state(account)),
    ]


def _state(account: Account) -> str:
    return ", ".join(name for bit, name in _STATES if account.flags & bit) or "active"


def _lines(proven: ProvenPayment) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("line", "tender", "amount", "rule", "rate", "tier", "points", "owed"):
        table.add_column(name, justify="left" if name == "tender" else "right")
    for leaf in proven.lines:
        table.add_row(
            f"{leaf.line}",
            _TENDERS.get(leaf.tender, f"tender {leaf.tender}"),
            money(leaf.amount),
            f"{leaf.rule_version}",
            f"{leaf.rate / 10_000:g} units a cent",
            f"{leaf.tier_bps / 10_000:g}x",
            points(leaf.points),
            points(0 if leaf.tender == Tender.COIN else leaf.last),
        )
    return table


def _items(proven: ProvenPayment) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("item", "product", "quantity", "amount"):
        table.add_column(name, justify="left" if name == "product" else "right")
    for index, item in proven.items:
        table.add_row(f"{index}", item.product, f"{item.quantity}", money(item.amount))
    return table


def _facts(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table
