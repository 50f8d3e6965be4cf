"""Transactions from peers, let in at a pace that leaves consensus alone.

Between InsertTx and node/consensus/admission.py. CometBFT asks InsertTx, one by one, in the very routine that reads all
that a peer sends (mempool/app_reactor.go, Receive): while a thousand transactions are checked, no vote of that peer is
read, and every block waits for the answers. So only so much time a second goes into answering; what comes beyond waits
here, and CometBFT is told to ask again: should a peer offer it once more, it is known here by then.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from node.consensus.admission import ACCEPTED, RETRY

SHARE: Final = 0.2
"""Of each second, that InsertTx may take before what comes has to wait."""
MAX_WAITING: Final = 32_768
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
"""As in gossip; what finds no room is offered again by whom it came from."""


class Incoming:
    """Hands transactions to `admit`, which gives the code for CometBFT, unless it `knows` them. `clock` in seconds."""

    def __init__(
        self, admit: Callable[[bytes], Awaitable[int]], knows: Callable[[bytes], bool], clock: Callable[[], float]
    ) -> None:
        self._admit = admit
        self._knows = knows
        self._clock = clock
        self._waiting: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0
        self._worker: asyncio.Task[None] | None = None
        self._owed = 0.0
        self._at = clock()

    async def insert(self, raw: bytes) -> int:
        """The code for CometBFT: what admission says, or to try again when it has to wait here."""
        if self._knows(raw):
            return ACCEPTED
        if not self._waiting and self._has_time():
            began = self._clock()
            code = await self._admit(raw)
            self._owed += max(self._clock() - began, 0.0)
            return code
        key = hashlib.sha256(raw).digest()
        if key not in self._waiting and len(self._waiting) < MAX_WAITING and self._bytes < MAX_WAITING_BYTES:
            self._waiting[key] = raw
            self._bytes += len(raw)
            if self._worker is None or self._worker.done():
                self._worker = asyncio.create_task(self._work_off())
        return RETRY

    def _has_time(self) -> bool:
        now = self._clock()
        self._owed = max(self._owed - max(now - self._at, 0.0) * SHARE, 0.0)
        self._at = now
        return self._owed < SHARE

    async def _work_off(self) -> None:
        while self._waiting:
            key, raw = next(iter(self._waiting.items()))
            try:
                await self._admit(raw)
            finally:
                del self._waiting[key]
                self._bytes -= len(raw)
