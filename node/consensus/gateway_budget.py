"""The bytes that the gateway holds for all its clients together: bodies that wait, answers on their way.

The gateway lives in the process that consensus depends on, so its memory has one bound, whatever the clients do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from node.consensus.errors import TooMuchAtOnce

MAX_HELD_BYTES: Final = 256 * 1024 * 1024


class Budget:
    """At most `limit` bytes at a time."""

    def __init__(self, limit: int = MAX_HELD_BYTES) -> None:
        self._limit = limit
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._held

    @contextmanager
    def lease(self) -> Iterator["Lease"]:
        """What one request holds; given back at the end."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            self._held -= lease.held

    def take(self, count: int) -> None:
        """Raises TooMuchAtOnce when there is not so much left."""
        if self._held + count > self._limit:
            raise TooMuchAtOnce
        self._held += count


class Lease:
    """The bytes of one request."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held = 0

    def add(self, count: int) -> None:
        """Takes more; raises TooMuchAtOnce when there is not so much left."""
        self._budget.take(count)
        self.held += count
