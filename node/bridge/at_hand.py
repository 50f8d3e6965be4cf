"""What verify needs and does not have in memory: fetched beside the event loop, and then the message is verified again.

Between the intakes and cards.py. Verify is quick and does not wait; whatever it would have to wait for, it raises.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from node.domain.errors import Overloaded

Result = TypeVar("Result")
FETCHES: Final = 4
"""How often a message is verified again; it has one card, which is fetched once unless cards are imported meanwhile."""


class NotAtHand(Exception):
    """Something has to be fetched first. `fetch` raises errors of the tree."""

    def __init__(self, fetch: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.fetch = fetch


async def with_all_at_hand(work: Callable[[], Awaitable[Result]]) -> Result:
    """The work's result, once nothing is missing; what it does before it raises NotAtHand, it may do again.

    Raises Overloaded when something is missing again and again, and what `fetch` raises.
    """
    for _ in range(FETCHES):
        try:
            return await work()
        except NotAtHand as missing:
            await missing.fetch()
    raise Overloaded("a card was forgotten again and again")
