"""An event of a contract beside the ledger, and what is wrong with one; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Wrong = tuple[str, str]
"""Whom it concerns, and what the chain says against what the terms say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """An event by its contract's name, its own, and its parameters by their names; `calldata` is its transaction's."""

    part: str
    name: str
    fields: Mapping[str, Any]
    calldata: bytes = b""


def net_cash(said: Sequence[Said], holder: int) -> int:
    """How much more of the e-money a holder has after a transaction."""
    moved = [each.fields for each in said if each.part == "CashToken" and each.name == "Transfer"]
    return sum(int(it["value"]) * ((it["to"] == holder) - (it["from"] == holder)) for it in moved)
