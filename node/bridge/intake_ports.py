"""What the intakes are given by whoever starts them: the way into the journal, and what they may look up.

node/bridge/service.py makes one; a listener test makes another.
"""

import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from node.bridge.security.shown import Admits
from node.domain.answer import Answer
from node.domain.directory import Directory
from node.domain.errors import Unusable
from node.domain.ids import MemberId, MinorUnits, PaymentId, StreamId
from node.domain.payment import Entry


class Submit(Protocol):
    """Puts a verified message into the journal and waits for its answer."""

    async def __call__(self, entry: Entry, sealed: bytes) -> Answer:
        """The answer, in time; `sealed` is kept unread. Raises errors of the tree."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Holdings:
    """What a member has, in minor units: stored value, and coins at par (rounded down)."""

    stored_value: MinorUnits
    coins_at_par: MinorUnits


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """The callables behind the intakes. What is None is not offered (DE39 12, JSON-RPC -32012)."""

    stream: StreamId
    submit: Submit
    member_of: Callable[[str], MemberId | None]
    directory: Callable[[], Directory]
    status: Callable[[PaymentId], Awaitable[Answer | None]] | None = None
    holdings: Callable[[MemberId], Awaitable[Holdings]] | None = None
    health: Callable[[], Awaitable[Mapping[str, object]]] | None = None
    gate: Admits | None = None
    refused: Callable[[str], None] = lambda reason: None
    """Counts what the listeners refuse for a certificate."""


def cannot_listen(host: str, port: int, failure: OSError) -> Unusable:
    """Why a port cannot be had, in one sentence."""
    known = isinstance(failure.errno, int) and failure.errno > 0 and not isinstance(failure, socket.gaierror)
    reason = os.strerror(failure.errno or 0).lower() if known else str(failure.strerror)
    return Unusable(f"cannot listen on {host} port {port}: {reason}")
