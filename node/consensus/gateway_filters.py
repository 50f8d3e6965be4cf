"""How many filters clients have open in geth, which itself sets no limit: each costs it a goroutine and a growing list.

Used by node/consensus/gateway.py. geth drops a filter that nobody has asked for five minutes (eth/filters/api.go).
"""

from collections.abc import Callable
from typing import Any, Final

MAX_FILTERS: Final = 512
UNUSED_SECONDS: Final = 300.0
OPENING: Final = frozenset({"eth_newBlockFilter", "eth_newFilter", "eth_newPendingTransactionFilter"})
USING: Final = frozenset({"eth_getFilterChanges", "eth_getFilterLogs"})
CLOSING: Final = "eth_uninstallFilter"


class Filters:
    """Filters by id, and when each was used last. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used: dict[object, float] = {}

    def reserve(self) -> object | None:
        """A place for one more filter, None when there is none."""
        now = self._clock()
        if len(self._used) >= MAX_FILTERS:
            self._used = {key: used for key, used in self._used.items() if now - used <= UNUSED_SECONDS}
        if len(self._used) >= MAX_FILTERS:
            return None
        place = object()
        self._used[place] = now
        return place

    def opened(self, place: object, filter_id: Any) -> None:
        """The filter of a reserved place has this id; without one, geth did not open it."""
        self._used.pop(place, None)
        if isinstance(filter_id, str):
            self._used[filter_id] = self._clock()

    def touched(self, method: str, params: str) -> None:
        """A client uses or closes the filter that `params` (JSON text) names; others do nothing here."""
        if method != CLOSING and method not in USING:
            return
        filter_id = params.removeprefix('["').removesuffix('"]')
        if filter_id not in self._used:
            return
        if method == CLOSING:
            del self._used[filter_id]
        else:
            self._used[filter_id] = self._clock()
