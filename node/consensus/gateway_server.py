"""The HTTP server below the gateway: aiohttp's, with limits of the time that a client may take.

Before it node/consensus/gateway_listener.py accepts connections; after it node/consensus/gateway.py answers.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from node.consensus.rpc_roles import HIGHEST

REQUEST_SECONDS: Final = 10.0
"""A request, head and body, has to be here within this time of its first byte (or of the connection)."""
SEND_SECONDS: Final = 30.0
"""An answer has to be taken within this time."""
LINGER_SECONDS: Final = 2.0
"""How long a refused client may go on sending, so that it reads the refusal before it meets a closed connection."""
IDLE_SECONDS: Final = 75.0
CHECK_SECONDS: Final = 2.0

# aiohttp writes a traceback for whatever a stranger sends; failures of our own are logged by the gateway
_SILENT: Final = logging.Logger("tillnet.gateway", logging.CRITICAL + 1)


class LimitedServer(web.Server):
    """Serves `handler`. A client that is too slow in sending or taking is dropped."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        self._answer = handler
        super().__init__(
            self._handle,
            request_factory=self._make_limited_request,
            keepalive_timeout=IDLE_SECONDS,
            access_log=None,
            logger=_SILENT,
            tcp_keepalive=True,
            lingering_time=LINGER_SECONDS,
        )

    def __call__(self) -> RequestHandler:
        """The protocol of a new connection."""
        return _PunctualHandler(self, loop=asyncio.get_running_loop(), **self._kwargs)

    def count_from(self, address: str) -> int:
        """How many connections there are from an address; loopback's are not counted."""
        if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            return 0
        return sum(isinstance(each, _PunctualHandler) and each.address == address for each in self.connections)

    def drop_idlest(self, address: str = "") -> bool:
        """Ends the connection (of this address, if one is given) whose client was to send something for the longest.

        Those that never asked anything go first. False when no connection waits for its client.
        """
        waiting = [
            each
            for each in self.connections
            if isinstance(each, _PunctualHandler) and each.turn_since is not None and address in ("", each.address)
        ]
        if not waiting:
            return False
        min(waiting, key=lambda each: (each.served, each.turn_since)).drop()
        return True

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(request)
        finally:
            protocol: Any = request.protocol
            protocol.answered()

    def _make_limited_request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> Any:
        protocol.request_arrived()
        return web.BaseRequest(
            message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=HIGHEST.body
        )


class _PunctualHandler(RequestHandler):
    """Drops a connection that has sent no full request head in time, or does not take what it asked for.

    `turn_since` is since when the client is to send something, None while it waits for an answer.
    """

    address = ""
    served = False
    turn_since: float | None = None
    _waiting_since: float | None = None
    _stuck_since: float | None = None
    _checker: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._waiting_since = self.turn_since = self._loop.time()
        self._checker = self._loop.call_later(CHECK_SECONDS, self._check)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._checker is not None:
            self._checker.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waiting_since is None and self._current_request is None:
            self._waiting_since = self._loop.time()
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck_since = self._loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stuck_since = None

    def request_arrived(self) -> None:
        """A full request head is here; its body has a limit of its own (node/consensus/gateway.py)."""
        self._waiting_since = None

    def body_arrived(self) -> None:
        """All that the client had to send is here; it is the gateway's turn."""
        self.turn_since = None

    def answered(self) -> None:
        """The request is done with, and the client may send another one."""
        self.served = True
        self.turn_since = self._loop.time()

    def drop(self) -> None:
        """Ends the connection at once, whatever state it is in."""
        self.turn_since = None
        if self.transport is not None:
            self.transport.abort()

    def _check(self) -> None:
        now = self._loop.time()
        if self._waiting_since is not None and now - self._waiting_since >= REQUEST_SECONDS:
            self.force_close()
            return
        if self._stuck_since is not None and now - self._stuck_since >= SEND_SECONDS and self.transport is not None:
            # not close(): that one waits until the client has taken the rest
            self.transport.abort()
            return
        self._checker = self._loop.call_later(CHECK_SECONDS, self._check)
