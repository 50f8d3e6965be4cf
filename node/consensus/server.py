"""The socket that CometBFT talks ABCI over: four connections, each answered in its own order.

Before it comes CometBFT; after it node/consensus/application.py. Not gRPC: CometBFT's client takes at most 4 MB there,
and its consensus dies unseen; with the socket CometBFT exits and the supervisor sees it.
"""

import asyncio
from collections import deque
from typing import Any, Final

import structlog

from node.consensus.application import Application
from node.consensus.errors import explain
from node.consensus.gossip import Gossip
from node.consensus.wire import BrokenFrame, abci, encode_frame, read_request

REAP_PATIENCE_SECONDS: Final = 1.0
READ_BUFFER: Final = 1024 * 1024
OPENED_TOGETHER: Final = 4
MAX_CONNECTIONS: Final = 16
"""CometBFT opens four; one that was killed may still have four that are not seen to have ended."""
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
MAX_WAITING: Final = 4096
"""Requests of one connection that wait for their turn, and their bytes; beyond these it is not read from."""

log = structlog.get_logger()


async def start_server(application: Application, gossip: Gossip, *, host: str, port: int) -> asyncio.Server:
    """Listens for CometBFT. asyncio sets TCP_NODELAY by itself, and each answer is one write."""
    connections: dict[_Connection, None] = {}  # in the order in which they came

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(connections) >= MAX_CONNECTIONS and not _drop_a_silent_one(connections):
            log.warning("abci.too_many_connections", open=len(connections))
            writer.close()
            return
        connection = _Connection(application, gossip, reader, writer)
        connections[connection] = None
        try:
            await connection.run()
        finally:
            connections.pop(connection, None)

    def wake() -> None:
        for connection in connections:
            connection.arrived.set()

    gossip.on_fresh = wake
    return await asyncio.start_server(serve, host, port, limit=READ_BUFFER)


def _drop_a_silent_one(connections: "dict[_Connection, None]") -> bool:
    """Hangs up on the oldest that never asked anything, so that strangers who say nothing cannot keep CometBFT out.

    Not on the three that came after one that asks: those may be CometBFT's own. Its second, for snapshots, is silent
    for ever, and CometBFT exits when it ends (v0.40.0, proxy/multi_app_conn.go).
    """
    silent, after = None, OPENED_TOGETHER
    for each in connections:
        after = 0 if each.has_asked else after + 1
        if after >= OPENED_TOGETHER:
            silent = each
            break
    if silent is None:
        return False
    log.warning("abci.silent_connection_dropped", open=len(connections))
    del connections[silent]
    silent.drop()
    return True


class _Connection:
    def __init__(
        self, application: Application, gossip: Gossip, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._application = application
        self._gossip = gossip
        self._reader = reader
        self._writer = writer
        self._inbox: deque[Any] = deque()
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._ended = False
        self.has_asked = False
        self.arrived = asyncio.Event()

    def drop(self) -> None:
        """Ends it at once."""
        self._writer.transport.abort()

    async def run(self) -> None:
        reading = asyncio.create_task(self._read())
        try:
            while (request := await self._next()) is not None:
                if request.HasField("reap_txs"):
                    await self._wait_for_transactions()
                self._writer.write(encode_frame(await self._application.answer(request)))
                await self._writer.drain()
                self._application.answered(request)
        except (ConnectionError, BrokenFrame) as failure:
            log.warning("abci.connection_lost", reason=str(failure))
        except Exception as failure:
            # CometBFT exits on this answer, the supervisor starts it anew, and it replays from geth's head.
            log.error("abci.failed", **explain(failure))
            self._writer.write(encode_frame(abci.Response(exception=abci.ResponseException(error=str(failure)))))
        finally:
            reading.cancel()
            self._writer.close()

    async def _read(self) -> None:
        try:
            while (request := await read_request(self._reader)) is not None:
                self.has_asked = True
                self._inbox.append(request)
                self._waiting_bytes += request.ByteSize()
                self.arrived.set()
                while self._waiting_bytes > MAX_WAITING_BYTES or len(self._inbox) > MAX_WAITING:
                    self._room.clear()
                    await self._room.wait()
        except (ConnectionError, BrokenFrame) as failure:
            log.warning("abci.connection_lost", reason=str(failure))
        finally:
            self._ended = True
            self.arrived.set()

    async def _next(self) -> Any | None:
        while not self._inbox:
            if self._ended:
                return None
            self.arrived.clear()
            await self.arrived.wait()
        request = self._inbox.popleft()
        self._waiting_bytes -= request.ByteSize()
        self._room.set()
        return request

    async def _wait_for_transactions(self) -> None:
        """Holds ReapTxs back until there is something to say, up to a second: CometBFT asks every 20 ms.

        The connection is in order, so anything else that CometBFT asks on it ends the wait. Only the Flush that
        belongs to ReapTxs itself does not; a second one is the Flush that every block waits for.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REAP_PATIENCE_SECONDS
        while not self._gossip.has_fresh and not self._ended and not self._others_wait():
            left = deadline - loop.time()
            if left <= 0:
                return
            self.arrived.clear()
            try:
                await asyncio.wait_for(self.arrived.wait(), left)
            except TimeoutError:
                return

    def _others_wait(self) -> bool:
        return len(self._inbox) > 1 or (len(self._inbox) == 1 and not self._inbox[0].HasField("flush"))
