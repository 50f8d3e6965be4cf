"""Traces of blocks, where the node gives any: its tracer may be closed to us, and old states may be gone.

The gateway lets auditors and operators trace (docs/access.md); geth keeps the state of its newest 128 blocks ready.
"""

from typing import Any, Final

from node.chain.checked import CheckedBlock
from node.chain.rpc import RpcRefused
from node.indexer.fetch import Fetcher

METHOD: Final = "debug_traceBlockByNumber"
READY: Final = 128
"""Blocks below the head whose state a node keeps ready."""
CLOSED: Final = (-32601, -32092)
"""Codes of a node that has no such method, or none for us."""
REFUSALS: Final = 3
"""So many old blocks are asked for in vain before the others are left to `till index calls --again`."""


class Tracer:
    """Asks for traces as long as there is hope."""

    def __init__(self, fetcher: Fetcher, *, wanted: bool = True) -> None:
        self._fetcher = fetcher
        self._open = wanted
        self._refused = 0

    async def traces(self, block: CheckedBlock, head: int) -> list[dict[str, Any]] | None:
        """The traces of a block's transactions; None where the node does not give them."""
        if not block.transactions:
            return []
        old = block.number + READY < head
        if not self._open or (old and self._refused >= REFUSALS):
            return None
        try:
            found = await self._fetcher.call(METHOD, hex(block.number), {"tracer": "callTracer"})
        except RpcRefused as refused:
            if refused.code in CLOSED:
                self._open = False
            elif old:
                self._refused += 1
            return None
        if not isinstance(found, list) or any("result" not in each for each in found):
            return None
        self._refused = 0
        return found
