"""Who may send transactions, who validates and who may connect: read from the genesis contracts.

Every answer is for one block's state, named by its hash, never for "now": every validator has to get the same. The
block that was just executed is not geth's head yet; its state is there all the same (eth_call with a blockHash).
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from node.consensus.registry import (
    ACCOUNT_REGISTRY,
    ALL_PERMISSIONS,
    VALIDATOR_REGISTRY,
    BadAnswer,
    NodeStatus,
    ValidatorKey,
    call_data,
    cleaned,
    difference,
    permissions_call,
    read_number,
    read_numbers,
    read_validators,
)
from node.domain.ids import Address, Hash32

BLOCKS_REMEMBERED: Final = 8
SENDERS_REMEMBERED: Final = 16_384
"""Of one block; more than fit into a block and its successor."""
NODES_REMEMBERED: Final = 1_024
SENDERS_A_CALL: Final = 1_000
"""About 6,000 gas each, and geth gives a call as much gas as a block has."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class StateReader(Protocol):
    """geth, as far as it is asked here (node/consensus/engine.py)."""

    async def call(self, to: Address, data: bytes, *, at: Hash32) -> bytes:
        """What a contract answers in the state of a block; empty without such a contract."""


class SenderPolicy(Protocol):
    """Decides which senders may have transactions in the block on top of a parent."""

    async def permissions(self, senders: set[Address], *, at: Hash32) -> Mapping[Address, int]:
        """What each of `senders` may in the state of block `at`: bits SEND and DEPLOY."""


class RegistrySenders:
    """What the AccountRegistry says; asks geth once for each sender and block."""

    def __init__(self, engine: StateReader) -> None:
        self._engine = engine
        self._known: OrderedDict[Hash32, OrderedDict[Address, int]] = OrderedDict()

    async def permissions(self, senders: set[Address], *, at: Hash32) -> Mapping[Address, int]:
        """From memory, the rest in one call for each thousand."""
        known = _recall(self._known, at)
        missing = sorted(senders - known.keys())
        found: dict[Address, int] = {sender: known[sender] for sender in senders if sender in known}
        for place in range(0, len(missing), SENDERS_A_CALL):
            chunk = missing[place : place + SENDERS_A_CALL]
            answer = await self._engine.call(ACCOUNT_REGISTRY, permissions_call(chunk), at=at)
            bits = read_numbers(answer) if answer else [ALL_PERMISSIONS] * len(chunk)
            if len(bits) != len(chunk):
                raise BadAnswer(f"{len(bits)} permissions for {len(chunk)} accounts")
            found |= zip(chunk, bits, strict=True)
        for sender, bit in found.items():
            known[sender] = bit
        while len(known) > SENDERS_REMEMBERED:
            known.popitem(last=False)
        return found


class ValidatorSource(Protocol):
    """Who validates, by block."""

    def initial(self) -> Sequence[ValidatorKey]:
        """The set that block 1 is voted by."""

    async def updates(self, *, parent: Hash32, at: Hash32) -> Sequence[tuple[bytes, int]]:
        """What block `at` changes: powers by public key, 0 removes. Compared, sorted and free of duplicates."""

    async def may_connect(self, node_id: str, *, at: Hash32) -> bool:
        """Whether a peer with this p2p node id is one of ours in the state of block `at`."""

    def may_connect_unasked(self, node_id: str) -> bool:
        """The same by what is known already, while geth does not answer: CometBFT soon gives up whom we refuse."""


class RegistryValidators:
    """What the ValidatorRegistry says. `peers` are the node ids that this node itself dials: a newcomer, whose state is
    still too old to list them, syncs from them; they are refused only once the registry has removed them.
    """

    def __init__(self, engine: StateReader, keys: Sequence[ValidatorKey], peers: Iterable[str] = ()) -> None:
        self._engine = engine
        self._keys = tuple(keys)
        self._peers = frozenset(peer.lower() for peer in peers)
        self._sets: OrderedDict[Hash32, dict[bytes, int]] = OrderedDict()
        self._nodes: OrderedDict[Hash32, OrderedDict[str, NodeStatus]] = OrderedDict()

    def initial(self) -> Sequence[ValidatorKey]:
        """The set of the genesis document, which is what stands in the registry of block 0."""
        return self._keys

    async def updates(self, *, parent: Hash32, at: Hash32) -> Sequence[tuple[bytes, int]]:
        """The difference of the two blocks' cleaned sets."""
        return difference(await self.power(at=parent), await self.power(at=at))

    async def power(self, *, at: Hash32) -> dict[bytes, int]:
        """The cleaned set of a block: power by public key."""
        if at not in self._sets:
            answer = await self._engine.call(VALIDATOR_REGISTRY, call_data("validators()"), at=at)
            try:
                entries = [(entry.key, entry.power) for entry in read_validators(answer)]
            except BadAnswer:
                # the same on every node, and an error would halt them all
                entries = []
            self._sets[at] = cleaned(entries, self._keys)
            while len(self._sets) > BLOCKS_REMEMBERED:
                self._sets.popitem(last=False)
        return self._sets[at]

    async def may_connect(self, node_id: str, *, at: Hash32) -> bool:
        """True for validators and observers, and for those that this node dials and that were not removed."""
        return self._lets_in(node_id.lower(), await self._status(node_id.lower(), at))

    def may_connect_unasked(self, node_id: str) -> bool:
        """By the newest answer that there was of this node; without one, as of a node that nobody knows."""
        for known in reversed(self._nodes.values()):
            if (status := known.get(node_id.lower())) is not None:
                return self._lets_in(node_id.lower(), status)
        return self._lets_in(node_id.lower(), NodeStatus.UNKNOWN)

    def _lets_in(self, node_id: str, status: NodeStatus) -> bool:
        listed = status in (NodeStatus.OF_VALIDATOR, NodeStatus.OF_OBSERVER)
        return listed or (status == NodeStatus.UNKNOWN and node_id in self._peers)

    async def _status(self, node_id: str, at: Hash32) -> NodeStatus:
        try:
            raw = bytes.fromhex(node_id)
        except ValueError:
            return NodeStatus.REMOVED
        if len(raw) != len(VALIDATOR_REGISTRY):
            return NodeStatus.REMOVED
        known = _recall(self._nodes, at)
        if node_id not in known:
            answer = await self._engine.call(VALIDATOR_REGISTRY, call_data("nodeStatus(bytes20)", raw), at=at)
            known[node_id] = NodeStatus(read_number(answer))
            while len(known) > NODES_REMEMBERED:
                known.popitem(last=False)
        return known[node_id]


def _recall(blocks: OrderedDict[Hash32, OrderedDict[Key, Value]], at: Hash32) -> OrderedDict[Key, Value]:
    """What is remembered of a block; the newest blocks only."""
    known = blocks.setdefault(at, OrderedDict())
    while len(blocks) > BLOCKS_REMEMBERED:
        blocks.popitem(last=False)
    return known
