"""Between a socket and aiohttp's handler: how many connections there are, and how long a request may take to arrive.

aiohttp itself waits for ever for the first request's head.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest


class Guard(asyncio.Protocol):
    """Passes everything on to the handler; `sweep` closes the connection of whoever is too slow."""

    def __init__(self, handler: RequestHandler, guards: "Guards") -> None:
        self._handler = handler
        self._guards = guards
        self._transport: asyncio.Transport | None = None
        self._waiting_since: float | None = asyncio.get_running_loop().time()
        self._is_websocket = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the connection, or closes it at once when there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._handler.connection_made(transport)
        if not self._guards.enter(self._handler, self):
            self._transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forgets the connection."""
        self._guards.leave(self._handler)
        self._transport = None
        self._handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A request begins, or goes on."""
        if self._waiting_since is None and not self._is_websocket:
            self._waiting_since = asyncio.get_running_loop().time()
        self._handler.data_received(data)

    def eof_received(self) -> None:
        """The peer sends no more."""
        self._handler.eof_received()

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._handler.resume_writing()

    def begun(self) -> None:
        """The head of a request is complete; its body and its answer have limits of their own."""
        self._waiting_since = None

    def upgraded(self) -> None:
        """It is a WebSocket from now on, which has limits of its own (socket.py)."""
        self._waiting_since, self._is_websocket = None, True

    def sweep(self, now: float, read_seconds: float) -> None:
        """Closes the connection if the head of a request takes longer than that."""
        since = self._waiting_since
        if self._transport is not None and since is not None and now - since > read_seconds:
            self._transport.abort()


class Guards:
    """The connections of a listener, at most `limit`."""

    def __init__(self, limit: int, server: Callable[[], RequestHandler]) -> None:
        self._limit = limit
        self._server = server
        self._guards: dict[RequestHandler, Guard] = {}

    def __call__(self) -> Guard:
        """A protocol for a new connection."""
        return Guard(self._server(), self)

    def enter(self, handler: RequestHandler, guard: Guard) -> bool:
        """Whether there is room for one more."""
        if len(self._guards) >= self._limit:
            return False
        self._guards[handler] = guard
        return True

    def leave(self, handler: RequestHandler) -> None:
        """One less."""
        self._guards.pop(handler, None)

    def begun(self, request: BaseRequest) -> None:
        """The head of this request is complete."""
        guard = self._guards.get(request.protocol)
        if guard is not None:
            guard.begun()

    def upgraded(self, request: BaseRequest) -> None:
        """This request's connection is a WebSocket from now on."""
        guard = self._guards.get(request.protocol)
        if guard is not None:
            guard.upgraded()

    def sweep(self, now: float, read_seconds: float) -> None:
        """Closes connections whose request takes too long to arrive."""
        for guard in tuple(self._guards.values()):
            guard.sweep(now, read_seconds)
