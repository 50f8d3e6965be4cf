"""The newest latencies, for percentiles of now; pure but for its clock."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

NEWEST: Final = 5_000
"""Values that are kept: sorting them takes a millisecond."""
SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Of how many values, and their percentiles in milliseconds; None without any."""

    count: int
    p50: int | None
    p99: int | None


class Window:
    """At most `NEWEST` values, none older than `SECONDS`. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._values: deque[tuple[float, int]] = deque(maxlen=NEWEST)

    def add(self, value: int) -> None:
        """One more."""
        self._values.append((self._clock(), value))

    def spread(self) -> Spread:
        """How the values of the last minute lie."""
        oldest = self._clock() - SECONDS
        while self._values and self._values[0][0] < oldest:
            self._values.popleft()
        ordered = sorted(value for _, value in self._values)
        return Spread(count=len(ordered), p50=percentile(ordered, 50), p99=percentile(ordered, 99))


def percentile(ordered: list[int], percent: int) -> int | None:
    """The value that `percent` of an ordered list do not exceed (nearest rank); None for an empty list."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
