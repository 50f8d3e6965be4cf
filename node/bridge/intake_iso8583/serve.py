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
from node.bridge.keys.vault import Vault
from node.bridge.security.door import Door
from node.bridge.verify.iso8583 import Rules
from node.bridge.verify.key_change import KeyEncryptingKeys
from node.bridge.verify.lookup import Randomness
from node.bridge.verify.mac_keys import MacKeys
from node.config import ANY_MAC, Iso8583Settings
from node.iso8583.framing import Framing
from node.iso8583.mac import MacAlgorithm
from node.iso8583.wire import Fields, Tpdu, Wire

_LOG = structlog.get_logger(__name__)
_SWEEP_SECONDS: Final = 1.0
_BACKLOG: Final = 512
_GRACE_SECONDS: Final = 1.0


async def serve_iso8583(
    settings: Iso8583Settings,
    ports: Ports,
    *,
    keys: MacKeys | None = None,
    vault: Vault | None = None,
    bound: Callable[[str, int], None] = lambda host, port: None,
    clock: Callable[[], float] = time.time,
    randomness: Randomness = os.urandom,
) -> None:
    """Serves until cancelled; then it takes no more, and gives what is in flight a second to be answered.

    `vault` opens the files of keys. Calls `bound(host, port)` once it listens. Raises Unusable when the port is in
    use, or a file of keys or certificates is no good.
    """
    if keys is None:
        keys = MacKeys(settings.mac_key_file, vault, clock=clock)
    over = settings.key_encrypting_file
    key_encrypting = None if over is None else KeyEncryptingKeys(over, vault)
    rules = Rules(
        stream=ports.stream,
        utc_offset=settings.utc_offset,
        mac_required=settings.mac_required,
        keys=keys,
        directory=ports.directory,
        member_of=ports.member_of,
        randomness=randomness,
        sign_on=settings.sign_on,
        key_encrypting=key_encrypting,
        mac=None if settings.mac == ANY_MAC else MacAlgorithm(settings.mac),
    )
    wire = Wire(framing=Framing(settings.framing), tpdu=Tpdu(settings.tpdu), fields=Fields(settings.fields))
    door = Door(settings.tls, ports.refused, clock=clock)
    exchange = Exchange(ports, rules, wire, balances=settings.balances, clock=clock, check_terminal=door.check)
    connections = Connections(settings, exchange)
    loop = asyncio.get_running_loop()
    try:
        server = await door.listen(connections.make, settings.host, settings.port, backlog=_BACKLOG)
    except OSError as failure:
        raise cannot_listen(settings.host, settings.port, failure) from None
    host, port = server.place
    _LOG.info(
        "iso8583.listening",
        name=settings.name,
        host=host,
        port=port,
        framing=settings.framing,
        fields=settings.fields,
        mac_keys=len(keys),
    )
    bound(host, port)
    try:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            connections.sweep(loop.time())
            # a token may take its time
            await asyncio.to_thread(keys.refresh)
            if key_encrypting is not None:
                await asyncio.to_thread(key_encrypting.refresh)
            door.refresh()
    finally:
        server.close()
        await connections.close(_GRACE_SECONDS)


class Connections:
    """The listener's connections, at most as many as the settings allow."""

    def __init__(self, settings: Iso8583Settings, exchange: Exchange) -> None:
        self._answer = exchange.answer
        self._most = settings.max_connections
        self._limits = ConnectionLimits(
            framing=Framing(settings.framing),
            max_message=settings.max_message,
            max_in_flight=settings.max_in_flight,
            idle_seconds=settings.idle_seconds,
            read_seconds=settings.read_seconds,
        )
        self._open: set[Connection] = set()

    def make(self) -> Connection:
        """A protocol for a new connection."""
        return Connection(self._answer, self._limits, self._opened, self._open.discard)

    def sweep(self, now: float) -> None:
        """Closes those that are too slow or silent."""
        for connection in tuple(self._open):
            connection.sweep(now)

    async def close(self, grace: float) -> None:
        """Reads no more, waits `grace` seconds for what is in flight, and closes."""
        for connection in self._open:
            connection.stop_reading()
        tasks = [task for connection in self._open for task in connection.in_flight]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        for connection in tuple(self._open):
            connection.close()

    def _opened(self, connection: Connection) -> bool:
        if len(self._open) >= self._most:
            return False
        self._open.add(connection)
        return True
