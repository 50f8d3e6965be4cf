"""Who may connect to CometBFT: it asks the application about each peer, by its node id.

Before it node/consensus/application.py; after it node/consensus/permissions.py, which reads the registry.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from node.consensus.errors import EngineFailed, EngineUnreachable
from node.consensus.permissions import ValidatorSource
from node.consensus.rules import Head

PEER_FILTER: Final = "/p2p/filter/id/"
NOT_ONE_OF_US: Final = 1
TOLD_AGAIN_SECONDS: Final = 60.0
REMEMBERED: Final = 256
SHOWN: Final = 64  # characters of a node id, which is whatever a stranger sends

log = structlog.get_logger()


class PeerFilter:
    """Judges node ids by the registry at the newest final block. A peer that is refused again and again is logged once
    a minute."""

    def __init__(self, validators: ValidatorSource, clock: Callable[[], float]) -> None:
        self._validators = validators
        self._clock = clock
        self._told: OrderedDict[str, float] = OrderedDict()

    async def admits(self, node_id: str, head: Callable[[], Awaitable[Head]]) -> bool:
        """Whether this node may connect. Without geth by the newest answer that was had."""
        try:
            admitted = await self._validators.may_connect(node_id, at=(await head()).hash)
        except (EngineUnreachable, EngineFailed) as failure:
            # an error answered here would end CometBFT
            log.warning("peer.not_judged", node_id=node_id[:SHOWN], reason=str(failure))
            admitted = self._validators.may_connect_unasked(node_id)
        if not admitted:
            self._tell(node_id[:SHOWN])
        return admitted

    def _tell(self, node_id: str) -> None:
        now = self._clock()
        if now - self._told.get(node_id, 0.0) < TOLD_AGAIN_SECONDS:
            return
        self._told[node_id] = now
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        log.warning("peer.refused", node_id=node_id)
