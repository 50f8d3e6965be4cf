"""Coins that contracts hold for somebody, by age: they go back, or are spent, in the ages they have, not oldest first.

The escrow, the gifts, the exchange and the pools keep what they took apart from their other coins. What each of them
holds is in `coin_positions`, by the events of the contract that come with the Transfer.
"""

from collections.abc import Sequence

from node.chain.checked import CheckedLog
from node.indexer.apply.handling import Now


def held_ages(
    now: Now, sender: bytes, receiver: bytes, amount: int, following: Sequence[CheckedLog]
) -> tuple[int, int] | None:
    """Ages of coins that leave a contract of the suite; None where the oldest go first."""
    return None
