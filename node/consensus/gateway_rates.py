"""How much each caller of the gateway may ask: a token bucket a caller, and one log line for a burst of refusals.

Used by node/consensus/gateway.py. Both tables are bounded; what is forgotten first is whoever asked longest ago, and a
bucket that was forgotten is full again, which is what it would nearly be by then.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import structlog

from node.consensus.errors import OverRate
from node.consensus.rpc_roles import Limits

MAX_CALLERS: Final = 10_000
LONGEST_WAIT_SECONDS: Final = 3600
QUIET_SECONDS: Final = 60.0
"""A caller's refusals are logged at once, and then as a count once in this time."""

log = structlog.get_logger()


class Rates:
    """Token buckets by caller. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float], *, most: int = MAX_CALLERS) -> None:
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, cost: int, limits: Limits) -> None:
        """Takes `cost` out of the caller's bucket; raises OverRate while there is nothing in it.

        A bucket may go below zero: a batch that costs more than a full one is answered, and has to be made good
        before the next.
        """
        now = self._clock()
        saved, since = self._buckets.pop(caller, (float(limits.burst), now))
        saved = min(saved + (now - since) * limits.rate, float(limits.burst))
        self._buckets[caller] = (saved, now)
        while len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        if saved < 1:
            raise OverRate(min(max(math.ceil((1 - saved) / limits.rate), 1), LONGEST_WAIT_SECONDS))
        self._buckets[caller] = (saved - cost, now)

    def __len__(self) -> int:
        return len(self._buckets)


class Complaints:
    """Refusals, by caller and kind: the first of a burst is logged, the others are counted."""

    def __init__(self, clock: Callable[[], float], *, most: int = MAX_CALLERS) -> None:
        self._clock = clock
        self._most = most
        self._since: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def note(self, caller: str, kind: str, **fields: Any) -> None:
        """A refusal. `caller` is a name or an address; no key ever stands in a field."""
        now, place = self._clock(), (caller, kind)
        since, unsaid = self._since.get(place, (-math.inf, 0))
        if now - since < QUIET_SECONDS:
            self._since[place] = (since, unsaid + 1)
            return
        self._since.pop(place, None)
        self._since[place] = (now, 0)
        while len(self._since) > self._most:
            self._since.popitem(last=False)
        log.warning("gateway.refused", caller=caller, kind=kind, unsaid_before=unsaid, **fields)
