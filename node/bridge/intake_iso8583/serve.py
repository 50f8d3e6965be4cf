"""The ISO 8583 listener: binds, serves until cancelled, and sweeps its connections once a second.

First stage of the bridge; node/bridge/service.py starts it.
"""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Final

import structlog

from node.bridge.intake_iso8583.connection import Connection, ConnectionLimits
from node.bridge.intake_iso8583.exchange import Exchange
from node.bridge.intake_ports import Ports, cannot_listen
from node.bridge.verify.iso8583 import Rules
from node.bridge.verify.lookup import Randomness
from node.bridge.verify.mac_keys import MacKeys
from node.config import Iso8583Settings
from node.iso8583.framing import Framing

_LOG = structlog.get_logger(__name__)
_SWEEP_SECONDS: Final = 1.0
_BACKLOG: Final = 512


async def serve_iso8583(
    settings: Iso8583Settings,
    ports: Ports,
    *,
    bound: Callable[[str, int], None] = lambda host, port: None,
    clock: Callable[[], float] = time.time,
    randomness: Randomness = os.urandom,
) -> None:
    """Serves until cancelled; then it closes, and what is in flight ends without a reply.

    Calls `bound(host, port)` once it listens. Raises Unusable when the port is in use or the key file is no good.
    """
    framing = Framing(settings.framing)
    keys = MacKeys(settings.mac_key_file)
    rules = Rules(
        stream=ports.stream,
        utc_offset=settings.utc_offset,
        mac_required=settings.mac_required,
        keys=keys,
        directory=ports.directory,
        member_of=ports.member_of,
        randomness=randomness,
    )
    exchange = Exchange(ports, rules, framing, clock=clock)
    limits = ConnectionLimits(
        framing=framing,
        max_message=settings.max_message,
        max_in_flight=settings.max_in_flight,
        idle_seconds=settings.idle_seconds,
        read_seconds=settings.read_seconds,
    )
    connections: set[Connection] = set()

    def opened(connection: Connection) -> bool:
        if len(connections) >= settings.max_connections:
            return False
        connections.add(connection)
        return True

    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(
            lambda: Connection(exchange.answer, limits, opened, connections.discard),
            settings.host,
            settings.port,
            backlog=_BACKLOG,
        )
    except OSError as failure:
        raise cannot_listen(settings.host, settings.port, failure) from None
    host, port = server.sockets[0].getsockname()[:2]
    _LOG.info("iso8583.listening", host=host, port=port, framing=settings.framing, mac_keys=len(keys))
    bound(host, port)
    try:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = loop.time()
            for connection in tuple(connections):
                connection.sweep(now)
            keys.refresh()
    finally:
        server.close()
        for connection in tuple(connections):
            connection.abort("the bridge stops")
