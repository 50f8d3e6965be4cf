"""How many requests are under way, over HTTP and WebSocket together."""

from collections.abc import Iterator
from contextlib import contextmanager


class InFlight:
    """At most `limit` at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether the next one is refused."""
        return self._count >= self._limit

    @contextmanager
    def one(self) -> Iterator[None]:
        """One more, while the block runs."""
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
