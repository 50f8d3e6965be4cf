"""Accepts the gateway's connections: so many and no more, whoever has been idle longest making room for the next.

Before it come clients; after it node/consensus/gateway_server.py reads their requests. The gateway accepts by itself,
not through asyncio's server, since that one would take any number of clients that never finish their TLS handshake.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog

from node.consensus.gateway_server import LimitedServer
from node.domain.errors import Unusable

MAX_CONNECTIONS: Final = 512
MAX_PER_ADDRESS: Final = 128
"""Of those, from one address that is not loopback."""
HANDSHAKE_SECONDS: Final = 10.0
BACKLOG: Final = 128
CROWDED_PAUSE_SECONDS: Final = 0.005
"""Between two clients when there is no room: consensus runs in this process, and a flood has to wait for it."""
TROUBLE_PAUSE_SECONDS: Final = 0.2
CLOSE_SECONDS: Final = 2.0

log = structlog.get_logger()


class Listener:
    """Listens on `host` and `port` for a server, with TLS or without. `refused` is told of each client turned away.

    `name` is what it is called when it cannot listen.
    """

    def __init__(
        self, server: LimitedServer, host: str, port: int, refused: Callable[[str], None], name: str = "the gateway"
    ) -> None:
        self._name = name
        self._server = server
        self._host = host
        self._port = port
        self._refused = refused
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._context: ssl.SSLContext | None = None
        # in the order of their arrival
        self._greeting: dict[asyncio.Task[None], None] = {}

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._socket is not None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._socket.getsockname()[1]) if self._socket is not None else self._port

    def open(self, context: ssl.SSLContext | None) -> None:
        """Starts to listen, with TLS if there is a context. Raises Unusable when the port is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            self._socket = socket.create_server((self._host, self._port), family=family, backlog=BACKLOG)
        except OSError as failure:
            raise Unusable(f"{self._name} cannot listen on {self._host}:{self._port}: {failure.strerror}") from None
        self._socket.setblocking(False)
        self._context = context
        self._accepting = asyncio.create_task(self._accept(self._socket))

    async def close(self) -> None:
        """Stops listening; open connections go on."""
        if self._accepting is not None:
            self._accepting.cancel()
            with suppress(asyncio.CancelledError):
                await self._accepting
        for task in list(self._greeting):
            task.cancel()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._accepting = None

    async def stop(self) -> None:
        """Stops listening and ends the open connections."""
        await self.close()
        self._server.pre_shutdown()
        await self._server.shutdown(CLOSE_SECONDS)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(listening)
            except OSError as failure:
                # out of file handles, or the client was gone already
                log.warning("gateway.not_accepted", reason=str(failure))
                await asyncio.sleep(TROUBLE_PAUSE_SECONDS)
                continue
            crowded = self._crowded(str(address[0]))
            if crowded is not None and not self._make_room(crowded):
                client.close()
                self._refused("connections")
            else:
                task = asyncio.create_task(self._greet(client))
                self._greeting[task] = None
                task.add_done_callback(lambda done: self._greeting.pop(done, None))
            if crowded is not None:
                await asyncio.sleep(CROWDED_PAUSE_SECONDS)

    def _crowded(self, address: str) -> str | None:
        """Of which address a connection has to go for one more: of any (""), of this one, or of none (None)."""
        if len(self._greeting) + len(self._server.connections) >= MAX_CONNECTIONS:
            return ""
        return address if self._server.count_from(address) >= MAX_PER_ADDRESS else None

    def _make_room(self, address: str) -> bool:
        if self._server.drop_idlest(address):
            self._refused("idle")
            return True
        if address or not self._greeting:
            return False
        next(iter(self._greeting)).cancel()
        self._refused("handshake")
        return True

    async def _greet(self, client: socket.socket) -> None:
        """Hands a new connection to the server, after the TLS handshake if there is one."""
        options: dict[str, Any] = {}
        if self._context is not None:
            options = {"ssl": self._context, "ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": 2.0}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._server, client, **options)
        except (OSError, TimeoutError):
            self._refused("handshake")
            client.close()
        except asyncio.CancelledError:
            client.close()
