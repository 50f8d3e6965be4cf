"""Who is connected to a validator and should not be: peers that the registry has removed.

CometBFT asks the application about a peer only when it connects, and has no call that drops one. So the supervisor
starts the local CometBFT anew when a removed peer is still there; at the reconnect the application refuses it. One
validator after another: each has its turn by its place in the registry and the height, which all see alike, so that
supervisors on several machines need not talk to each other.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from node.consensus.registry import (
    MOST_PEERS,
    VALIDATOR_REGISTRY,
    NodeStatus,
    call_data,
    read_number,
    read_validators,
)
from node.domain.errors import TillnetError
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.rpc import NoAnswer, call

TURN_BLOCKS: Final = 20
"""A turn; CometBFT is back after two or three, and starts only in a turn's first half."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Names of validators: whose CometBFT should start anew now, and who are no part of the network any more."""

    restart: frozenset[str]
    removed: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    height: int
    place: int | None
    count: int
    removed: bool
    unwanted: tuple[str, ...]


class Doorman:
    """Looks at the peers of all validators of a folder. `tell` gets a validator's name and the peers to be dropped."""

    def __init__(self, plan: NetworkPlan, tell: Callable[[str, tuple[str, ...]], None] = lambda *_: None) -> None:
        self._plan = plan
        self._tell = tell
        self._done: dict[str, int] = {}

    def look(self) -> Findings:
        """Asks every validator's CometBFT for its peers, and its geth what the registry says of them."""
        validators = self._plan.validators
        with ThreadPoolExecutor(max_workers=len(validators)) as pool:
            seen = dict(zip((each.name for each in validators), pool.map(self._see, validators), strict=True))
        found = {name: each for name, each in seen.items() if each is not None}
        return Findings(
            restart=frozenset(name for name, each in found.items() if self._may_restart(name, each)),
            removed=frozenset(name for name, each in found.items() if each.removed),
        )

    def _may_restart(self, name: str, seen: _Seen) -> bool:
        if not seen.unwanted or seen.removed:
            return False
        turn = seen.height // TURN_BLOCKS
        # a node without a vote has nothing to wait for
        waits = seen.place is not None and (
            turn % seen.count != seen.place or seen.height % TURN_BLOCKS * 2 >= TURN_BLOCKS
        )
        if waits or self._done.get(name) == turn:
            return False
        self._done[name] = turn
        self._tell(name, seen.unwanted)
        return True

    def _see(self, validator: ValidatorPlan) -> _Seen | None:
        """None when it does not answer: another look comes in seconds."""
        try:
            own = bytes.fromhex(validator.node_id)
            height = int(self._geth(validator, "eth_blockNumber", []), 16)
            order = [each.node_id for each in read_validators(self._ask(validator, call_data("validators()")))]
            peers = self._peers(validator)
            return _Seen(
                height=height,
                place=order.index(own) if own in order else None,
                count=len(order),
                removed=self._was_removed(validator, own),
                unwanted=tuple(peer for peer in peers if self._was_removed(validator, bytes.fromhex(peer))),
            )
        except (TillnetError, ValueError, TypeError, KeyError):
            return None

    def _peers(self, validator: ValidatorPlan) -> list[str]:
        answer = call(f"http://{self._plan.host}:{validator.ports.comet_rpc}", "net_info", [])
        return [str(peer["node_info"]["id"]) for peer in answer["peers"][:MOST_PEERS]]

    def _was_removed(self, validator: ValidatorPlan, node_id: bytes) -> bool:
        answer = self._ask(validator, call_data("nodeStatus(bytes20)", node_id))
        return read_number(answer) == NodeStatus.REMOVED

    def _ask(self, validator: ValidatorPlan, data: bytes) -> bytes:
        message = {"to": "0x" + VALIDATOR_REGISTRY.hex(), "data": "0x" + data.hex()}
        answer = self._geth(validator, "eth_call", [message, "latest"])
        if not isinstance(answer, str):
            raise NoAnswer("the answer is no bytes")
        return bytes.fromhex(answer[2:])

    def _geth(self, validator: ValidatorPlan, method: str, params: list[Any]) -> Any:
        return call(f"http://{self._plan.host}:{validator.ports.geth}", method, params)
