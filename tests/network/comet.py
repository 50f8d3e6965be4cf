"""What CometBFT does with validator updates (v0.40.0, types/validator_set.go, updateWithChangeSet): its rules."""

from collections.abc import Iterable
from typing import Final

MAX_TOTAL_POWER: Final = (2**63 - 1) // 8


class CometHalts(Exception):
    """An update that halts every node."""


def apply_updates(before: dict[bytes, int], updates: Iterable[tuple[bytes, int]]) -> dict[bytes, int]:
    """The set after the updates; raises CometHalts for what CometBFT refuses."""
    changes = list(updates)
    if len({key for key, _ in changes}) != len(changes):
        raise CometHalts("duplicate entry")
    if any(power < 0 or power > MAX_TOTAL_POWER for _, power in changes):
        raise CometHalts("voting power out of range")
    if any(len(key) != 32 for key, power in changes if power):
        raise CometHalts("invalid size of a key")
    if unknown := [key for key, power in changes if power == 0 and key not in before]:
        raise CometHalts(f"failed to find validator {unknown[0].hex()} to remove")
    after = {key: power for key, power in (before | dict(changes)).items() if power}
    if not after:
        raise CometHalts("empty set")
    if sum(after.values()) > MAX_TOTAL_POWER:
        raise CometHalts("total power")
    return after
