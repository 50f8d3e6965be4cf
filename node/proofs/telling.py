"""What a proof proves, for programs. Money in minor units, points in units of 10^-6 coin, times in Unix seconds."""

from typing import Any, Final

from node.domain.leaf import Leaf
from node.domain.payment import Tender
from node.proofs.liability import ProvenLiability
from node.proofs.verify import Proven, ProvenBalance

_ACCOUNT_NAMES: Final = ("value", "current", "previous", "epoch", "tier", "flags")
_LEAF_NAMES: Final = (
    "line", "tender", "merchant", "terminal", "member", "amount", "time", "rule_version", "tier_bps", "rate", "points",
    "epoch",
)  # fmt: skip


def proof_json(proven: Proven) -> dict[str, Any]:
    """What is proved, and who signed for it, as values of JSON."""
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
    if isinstance(proven, ProvenLiability):
        holding, root = proven.holding, proven.root
        return {
            **said,
            "account": "0x" + holding.account.hex(),
            "points": holding.points,
            "value": holding.value,
            "epoch": proven.epoch,
            "root": "0x" + root.hash.hex(),
            "all_points": root.points,
            "all_value": root.value,
        }
    items = [
        {"index": index, "product": item.product, "quantity": item.quantity, "amount": item.amount}
        for index, item in proven.items
    ]
    return {**said, "payment": proven.payment, "lines": list(map(_line_json, proven.lines)), "items": items}


def _line_json(leaf: Leaf) -> dict[str, Any]:
    return {
        **{name: getattr(leaf, name) for name in _LEAF_NAMES},
        "owed": 0 if leaf.tender == Tender.COIN else leaf.last,
        "items_root": "0x" + leaf.items_root.hex(),
        "authorisation": "0x" + leaf.authorisation.hex(),
    }
