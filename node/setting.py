"""A field of a settings dataclass with its default and its limits, which node/config.py checks."""

from dataclasses import MISSING, field
from typing import Any


def setting(default: Any = MISSING, *, low: int = 0, high: int = 2**31, choices: tuple[str, ...] = ()) -> Any:
    """A field of a settings dataclass. `low` and `high` bound a number, or the length of a text or a list."""
    metadata = {"low": low, "high": high, "choices": choices}
    if isinstance(default, list | tuple):
        return field(default=tuple(default), metadata=metadata)
    return field(default=default, metadata=metadata)
