"""What a proof proves, as people read it, and as JSON for programs."""

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table

from node.domain.leaf import Leaf
from node.domain.payment import Tender
from node.domain.words import FROZEN, IN_ARREARS, LOCKED, Account
from node.explorer.tables import moment, money, points
from node.proofs.verify import ProvenBalance, ProvenPayment, Signed

NOT_ANCHORED: Final = "Nobody has said that these validators and this ledger are to be trusted."
_TENDERS: Final = {each.value: each.name.lower().replace("_", " ") for each in Tender}
_STATES: Final = ((FROZEN, "frozen"), (LOCKED, "locked"), (IN_ARREARS, "in arrears"))


def proof_table(proven: ProvenPayment | ProvenBalance) -> RenderableType:
    """What is proved, and who signed for it."""
    if isinstance(proven, ProvenBalance):
        return _facts(f"Member {proven.member}, proved", [*_account(proven), *_signed(proven.signed)])
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


def proof_json(proven: ProvenPayment | ProvenBalance) -> dict[str, Any]:
    """The same for programs: money in minor units, points in units of 10^-6 coin, times in Unix seconds."""
    signed = proven.signed
    said: dict[str, Any] = {
        "anchored": signed.anchored,
        "chain_id": signed.chain_id,
        "validators_hash": "0x" + signed.validators_hash.hex(),
        "changes_of_validators": signed.changes,
        "power_signed": signed.power.signed,
        "power_total": signed.power.total,
        "height": signed.height,
        "block": signed.block.number,
        "block_hash": "0x" + signed.block.hash.hex(),
        "block_time": signed.block.time,
        "ledger": "0x" + signed.ledger.hex(),
    }
    if isinstance(proven, ProvenBalance):
        account = proven.account
        words = {} if account is None else {name: getattr(account, name) for name in _ACCOUNT_NAMES}
        return {**said, "member": proven.member, "enrolled": account is not None, **words, "coins": proven.coins}
    items = [
        {"index": index, "product": item.product, "quantity": item.quantity, "amount": item.amount}
        for index, item in proven.items
    ]
    return {**said, "payment": proven.payment, "lines": list(map(_line_json, proven.lines)), "items": items}


_ACCOUNT_NAMES: Final = ("value", "current", "previous", "epoch", "tier", "flags")
_LEAF_NAMES: Final = (
    "line", "tender", "merchant", "terminal", "member", "amount", "time", "rule_version", "tier_bps", "rate", "points",
    "epoch",
)  # fmt: skip


def _line_json(leaf: Leaf) -> Mapping[str, Any]:
    return {
        **{name: getattr(leaf, name) for name in _LEAF_NAMES},
        "owed": 0 if leaf.tender == Tender.COIN else leaf.last,
        "items_root": "0x" + leaf.items_root.hex(),
        "authorisation": "0x" + leaf.authorisation.hex(),
    }


def _signed(signed: Signed) -> list[tuple[str, str]]:
    return [
        ("ledger", f"0x{signed.ledger.hex()}"),
        ("block", f"{signed.block.number} of {moment(signed.block.time)}"),
        ("block hash", f"0x{signed.block.hash.hex()}"),
        ("signed by", f"{signed.power.signed} of {signed.power.total} voting power, at height {signed.height}"),
        ("chain", signed.chain_id),
        ("beginning with validators", f"0x{signed.validators_hash.hex()}"),
        ("who changed since", "never" if not signed.changes else f"{signed.changes} times"),
    ]


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
