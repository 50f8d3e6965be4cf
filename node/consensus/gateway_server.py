"""The HTTP server below the gateway: aiohttp's, with limits of connections and of the time that a client may take.

After it node/consensus/gateway.py answers the requests.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from node.consensus.rpc_policy import MAX_BODY_BYTES

MAX_CONNECTIONS: Final = 512
REQUEST_SECONDS: Final = 10.0
"""A request, head and body, has to be here within this time of its first byte (or of the connection)."""
SEND_SECONDS: Final = 30.0
"""An answer has to be taken within this time."""
IDLE_SECONDS: Final = 75.0
CHECK_SECONDS: Final = 2.0

# aiohttp writes a traceback for whatever a stranger sends; failures of our own are logged by the gateway
_SILENT: Final = logging.Logger("tillnet.gateway", logging.CRITICAL + 1)


class LimitedServer(web.Server):
    """Serves `handler`. A client that is too slow in sending or taking is dropped."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(
            handler,
            request_factory=self._make_limited_request,
            keepalive_timeout=IDLE_SECONDS,
            access_log=None,
            logger=_SILENT,
            tcp_keepalive=True,
        )

    def __call__(self) -> RequestHandler:
        """The protocol of a new connection."""
        return _PunctualHandler(self, loop=asyncio.get_running_loop(), **self._kwargs)

    def _make_limited_request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> Any:
        protocol.request_arrived()
        return web.BaseRequest(
            message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=MAX_BODY_BYTES
        )


class _PunctualHandler(RequestHandler):
    """Drops a connection that has sent no full request head in time, or does not take what it asked for."""

    _waiting_since: float | None = None
    _stuck_since: float | None = None
    _checker: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._manager is None or len(self._manager.connections) > MAX_CONNECTIONS:
            transport.close()
            return
        self._waiting_since = self._loop.time()
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
