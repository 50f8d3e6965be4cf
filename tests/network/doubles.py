"""Who may send and who validates, decided by a test instead of the registries."""

from collections.abc import Mapping, Sequence

from node.consensus.registry import ALL_PERMISSIONS, SEND, ValidatorKey
from node.domain.ids import Address, Hash32


class EveryoneMaySend:
    """No restriction on senders."""

    async def permissions(self, senders: set[Address], *, at: Hash32) -> Mapping[Address, int]:
        return dict.fromkeys(senders, ALL_PERMISSIONS)


class Refusing(EveryoneMaySend):
    """Nobody but the given may send, and nobody may create contracts."""

    def __init__(self, *permitted: str, parent: Hash32) -> None:
        self.permitted = {bytes.fromhex(address[2:]) for address in permitted}
        self.parent = parent

    async def permissions(self, senders: set[Address], *, at: Hash32) -> Mapping[Address, int]:
        assert at == self.parent
        return {sender: SEND if sender in self.permitted else 0 for sender in senders}


class FixedValidators:
    """The given set, and what `changes` says of each block."""

    def __init__(self, keys: Sequence[ValidatorKey]) -> None:
        self.keys = tuple(keys)
        self.changes: dict[Hash32, list[tuple[bytes, int]]] = {}

    def initial(self) -> Sequence[ValidatorKey]:
        return self.keys

    async def updates(self, *, parent: Hash32, at: Hash32) -> Sequence[tuple[bytes, int]]:
        return self.changes.get(at, [])

    async def may_connect(self, node_id: str, *, at: Hash32) -> bool:
        return node_id.lower() in {key.node_id for key in self.keys}

    def may_connect_unasked(self, node_id: str) -> bool:
        return False
