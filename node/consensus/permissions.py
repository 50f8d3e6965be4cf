"""Who may send transactions, and who validates: the two seams where the genesis contracts come in later.

Both answer for one block's state, named by its hash, never for "now": every validator has to get the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from node.domain.ids import Address, Hash32


class SenderPolicy(Protocol):
    """Decides which senders may have transactions in the block on top of a parent."""

    @property
    def open_to_all(self) -> bool:
        """True when nobody is ever refused, so that signatures need not be recovered to ask."""

    async def refused(self, senders: set[Address], *, at: Hash32) -> set[Address]:
        """Those of `senders` that are not permitted in the state of block `at`."""


class EveryoneMaySend:
    """No restriction on senders."""

    open_to_all = True

    async def refused(self, senders: set[Address], *, at: Hash32) -> set[Address]:
        """Nobody."""
        return set()


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidatorKey:
    """A validator's ed25519 public key (32 bytes), voting power and p2p node id (40 hex digits)."""

    public_key: bytes
    power: int
    node_id: str


class ValidatorSource(Protocol):
    """Who validates, by block."""

    def initial(self) -> Sequence[ValidatorKey]:
        """The set that block 1 is voted by."""

    async def updates(self, *, at: Hash32) -> Sequence[ValidatorKey]:
        """The changes that block `at` makes; power 0 removes. Already compared and free of duplicates."""

    async def may_connect(self, node_id: str) -> bool:
        """Whether a peer with this p2p node id is one of ours."""


class GenesisValidators:
    """The set of the genesis document, for ever."""

    def __init__(self, keys: Sequence[ValidatorKey]) -> None:
        self._keys = tuple(keys)
        self._node_ids = frozenset(key.node_id.lower() for key in keys)

    def initial(self) -> Sequence[ValidatorKey]:
        """All of them."""
        return self._keys

    async def updates(self, *, at: Hash32) -> Sequence[ValidatorKey]:
        """Never any."""
        return ()

    async def may_connect(self, node_id: str) -> bool:
        """True for a validator of the genesis document."""
        return node_id.lower() in self._node_ids
