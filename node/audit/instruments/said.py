"""An event of a contract beside the ledger, and what is wrong with one; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Wrong = tuple[str, str]
"""Whom it concerns, and what the chain says against what the terms say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """An event by its contract's name, its own, and its parameters by their names."""

    part: str
    name: str
    fields: Mapping[str, Any]
