"""Transactions that CometBFT should carry to the other validators.

Filled by admission (gateway and peers), emptied by ReapTxs, cleaned by FinalizeBlock. ReapTxs reaches only whoever is
connected at that moment, so what stays pending is offered again from time to time: a validator that was away would
otherwise never hear of it. Peers that saw it drop it unread (CometBFT's seen-cache).
"""

import hashlib
import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

FIRST_RETRY_SECONDS: Final = 5.0
MAX_RETRY_SECONDS: Final = 80.0
ASKED_AGAIN_SECONDS: Final = 1.0
"""A client that sends the same transaction over and over makes it travel no more often than this."""
FORGET_AFTER_SECONDS: Final = 1800.0
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_COUNT: Final = 32_768
"""As many as geth's pool holds, pending and queued."""
REAP_BYTES: Final = 2 * 1024 * 1024
REAP_COUNT: Final = 100
REAPS_A_SECOND: Final = 500
"""A peer checks what it gets one by one in the routine that also reads our votes: a batch is small enough for it to do
so between two of them, and there are no more than it can check. Its own pace comes on top (node/consensus/incoming.py).
"""


@dataclass(kw_only=True, slots=True)
class _Pending:
    raw: bytes
    since: float
    due: float
    pause: float
    offered: float = float("-inf")


class Gossip:
    """Pending transactions and when each is offered next. Times in seconds of a monotonic clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pending: OrderedDict[bytes, _Pending] = OrderedDict()
        self._fresh: dict[bytes, None] = {}
        self._bytes = 0
        self._may_reap = float(REAP_COUNT)
        self._reaped_at = clock()
        self.on_fresh: Callable[[], None] = lambda: None

    @property
    def has_fresh(self) -> bool:
        """Whether something waits that was never offered."""
        return bool(self._fresh)

    @property
    def count(self) -> int:
        """How many transactions are remembered."""
        return len(self._pending)

    def knows(self, raw: bytes) -> bool:
        """Whether it is remembered: in the pool here, and not yet in a block."""
        return hashlib.sha256(raw).digest() in self._pending

    def offer(self, raw: bytes) -> None:
        """A transaction that came in here: offered at once, even if it was before (its sender asked again)."""
        key = self._remember(raw)
        pending = self._pending[key]
        if self._clock() - pending.offered >= ASKED_AGAIN_SECONDS:
            pending.offered = self._clock()
            self._fresh[key] = None
            self.on_fresh()

    def heard(self, raw: bytes) -> None:
        """A transaction that a peer offered: passed on only if it stays pending."""
        self._remember(raw)

    def reap(self, max_bytes: int = 0) -> list[bytes]:
        """What to offer now: fresh ones first, then those that are due again. At most 2 MiB and 100 at a time."""
        now = self._clock()
        self._may_reap = min(self._may_reap + (now - self._reaped_at) * REAPS_A_SECOND, REAP_COUNT)
        self._reaped_at = now
        if self._may_reap < 1:
            return []
        budget = min(max_bytes or REAP_BYTES, REAP_BYTES)
        out: list[bytes] = []
        fresh, self._fresh = list(self._fresh), {}
        due = [key for key, pending in self._pending.items() if pending.due <= now]
        for place, key in enumerate([*fresh, *due]):
            pending = self._pending.get(key)
            if pending is None or (place >= len(fresh) and pending.due > now):
                continue
            if len(out) >= int(self._may_reap) or (out and len(pending.raw) > budget):
                self._fresh = dict.fromkeys(fresh[place:])
                break
            budget -= len(pending.raw)
            out.append(pending.raw)
            pending.offered = now
            pending.due = now + pending.pause
            pending.pause = min(pending.pause * 2, MAX_RETRY_SECONDS)
        self._may_reap -= len(out)
        return out

    def pending(self, most: int) -> list[bytes]:
        """The oldest that are in no block yet."""
        return [each.raw for each in itertools.islice(self._pending.values(), most)]

    def included(self, transactions: Iterable[bytes]) -> None:
        """These are in a block; and whatever has been pending for half an hour is given up."""
        self.drop(transactions)
        horizon = self._clock() - FORGET_AFTER_SECONDS
        while self._pending and next(iter(self._pending.values())).since < horizon:
            self._forget(next(iter(self._pending)))

    def drop(self, transactions: Iterable[bytes]) -> None:
        """These are offered no more."""
        for raw in transactions:
            self._forget(hashlib.sha256(raw).digest())

    def _remember(self, raw: bytes) -> bytes:
        key = hashlib.sha256(raw).digest()
        if key not in self._pending:
            now = self._clock()
            self._pending[key] = _Pending(
                raw=raw, since=now, due=now + FIRST_RETRY_SECONDS, pause=FIRST_RETRY_SECONDS * 2
            )
            self._bytes += len(raw)
            while self._bytes > MAX_BYTES or len(self._pending) > MAX_COUNT:
                self._forget(next(iter(self._pending)))
        return key

    def _forget(self, key: bytes) -> None:
        pending = self._pending.pop(key, None)
        self._fresh.pop(key, None)
        if pending is not None:
            self._bytes -= len(pending.raw)
