"""Passes announcements on to whoever listens now: subscribers of the JSON-RPC intake. Nothing is kept here.

Stage before: settlement and undo, after what they announce is on the disk. What must not be lost goes through the
outbox of webhooks instead (bridge/webhooks).
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from node.domain.announcement import Announcement

Deliver = Callable[[Announcement], None]
PAUSE_AFTER: Final = 64
"""Announcements between two turns of everybody else; a block settles thousands."""


class Announcer:
    """Listeners by what they listen for: a payment's id, or a terminal. `Deliver` never blocks and never raises."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._listeners: dict[str, dict[int, Deliver]] = defaultdict(dict)

    @property
    def listens(self) -> bool:
        """Whether anybody does."""
        return bool(self._listeners)

    def listen(self, topic: str, deliver: Deliver) -> Callable[[], None]:
        """Delivers what concerns this payment (its id) or terminal (`terminal_topic`) until the result is called."""
        number = next(self._numbers)
        self._listeners[topic][number] = deliver

        def end() -> None:
            those = self._listeners.get(topic, {})
            those.pop(number, None)
            if not those:
                self._listeners.pop(topic, None)

        return end

    async def announce(self, announcements: Iterable[Announcement]) -> None:
        """Tells each listener once."""
        for count, each in enumerate(announcements, start=1):
            topics = (each.payment or "", each.by or "", terminal_topic(each.terminal))
            found = {number: it for topic in topics for number, it in self._listeners.get(topic, {}).items()}
            for deliver in found.values():
                deliver(each)
            if count % PAUSE_AFTER == 0:
                await asyncio.sleep(0)


def terminal_topic(terminal: str) -> str:
    """What a terminal's announcements are listened for by; no payment id looks like it."""
    return f"terminal {terminal}"
