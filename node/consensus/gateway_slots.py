"""Who may be with geth at the same time: a bound for all, smaller ones for what makes geth work and for strangers.

Used by node/consensus/gateway.py. Strangers never take the last places: whoever has a key finds some of each kind.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from node.consensus.errors import TooMuchAtOnce
from node.consensus.rpc_roles import HEAVY, TRACE, Role

MAX_AT_ONCE: Final = 64
"""Requests that are with geth at the same time; more wait here."""
MAX_HEAVY_AT_ONCE: Final = 4
"""Of those, such as make geth execute or search: with 64 of them a block took four seconds on two cores."""
MAX_TRACES_AT_ONCE: Final = 1
MAX_PUBLIC_AT_ONCE: Final = 48
MAX_PUBLIC_HEAVY_AT_ONCE: Final = 2
WAIT_SECONDS: Final = 10.0


class Slots:
    """Places beside geth."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(MAX_AT_ONCE)
        self._heavy = asyncio.Semaphore(MAX_HEAVY_AT_ONCE)
        self._traces = asyncio.Semaphore(MAX_TRACES_AT_ONCE)
        self._public = asyncio.Semaphore(MAX_PUBLIC_AT_ONCE)
        self._public_heavy = asyncio.Semaphore(MAX_PUBLIC_HEAVY_AT_ONCE)

    async def enter(self, stack: AsyncExitStack, cost: int, role: Role) -> None:
        """Takes a place until the stack is left; raises TooMuchAtOnce when there is none in 10 s.

        `cost` is that of the dearest call. Scarce places are waited for first, so that nobody who waits holds others.
        """
        public = role is Role.PUBLIC
        wanted = [
            (self._traces, cost >= TRACE),
            (self._public_heavy, public and cost >= HEAVY),
            (self._heavy, cost >= HEAVY),
            (self._public, public),
            (self._all, True),
        ]
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for places, needed in wanted:
                    if needed:
                        await stack.enter_async_context(places)
        except TimeoutError:
            raise TooMuchAtOnce from None
