"""What is said of one contract of the suite, and the words for it: doors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# doors of the ledger, bits (ILedgerDoors)
CREDIT_VALUE: Final = 1
TAKE_VALUE: Final = 2
TAKE_COINS: Final = 4
REDEEM: Final = 8
ISSUE: Final = 16
TAKE_PAYABLE: Final = 32
MERGE: Final = 64
SETTLE: Final = 128

Addresses = Mapping[str, str]
Settings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A contract: its name, its constructor's arguments, and what it is given once it stands.

    `arguments` gets the addresses of the contracts before it, by name, and its domain's settings. `roles`: the role of
    each restricted function. `doors`: bits. `acts`: the kinds of acts in a batch that go to it. `grants`: roles that
    the contract itself holds.
    """

    name: str
    section: str
    arguments: Callable[[Addresses, Settings], Sequence[Any]]
    roles: Mapping[str, int] = field(default_factory=dict)
    doors: int = 0
    acts: tuple[int, ...] = ()
    grants: tuple[int, ...] = ()


def usual(addresses: Addresses, _: Settings) -> Sequence[Any]:
    """What SuitePart's constructor takes: authority, ledger, registry."""
    return (addresses["NetworkAccess"], addresses["RewardToken"], addresses["Registry"])
