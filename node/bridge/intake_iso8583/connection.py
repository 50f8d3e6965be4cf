"""One TCP connection of a POS gateway: its limits, its deadlines, and one write for each reply.

Before the exchange, which answers a message at a time and in any order; QMUX matches replies by DE41 and DE11.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import structlog

from node.bridge.security.certificates import PRESENTED, Presented, presented_by
from node.iso8583.framing import FrameReader, Framing, frame
from node.iso8583.packager import UnreadableMessage

_LOG = structlog.get_logger(__name__)
_MAX_UNREADABLE: Final = 3
_TURN: Final = 16
"""Messages that a connection may begin before the others have their turn: one that floods holds nobody up."""
Answering = Callable[[bytes], Awaitable[bytes | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionLimits:
    """What one connection may do. Seconds and bytes."""

    framing: Framing
    max_message: int
    max_in_flight: int
    idle_seconds: float
    read_seconds: float


class Connection(asyncio.Protocol):
    """Reads while there is room for what it reads; `sweep` closes it when it is too slow or silent."""

    def __init__(
        self,
        answer: Answering,
        limits: ConnectionLimits,
        opened: "Callable[[Connection], bool]",
        closed: "Callable[[Connection], None]",
    ) -> None:
        """`opened` says whether there is room for one more connection; `closed` comes once for each that was opened."""
        self._answer = answer
        self._limits = limits
        self._opened, self._closed = opened, closed
        self._reader = FrameReader(limits.framing, limits.max_message)
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None
        self._presented: Presented | None = None
        self._unreadable = 0
        self._full = self._paused = self._stopped = self._next_turn = False
        self._choked: float | None = None
        self._began: float | None = None
        self._heard = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes the connection, or closes it at once when there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        self._presented = presented_by(transport)
        connected = transport.get_extra_info("socket")
        if connected is not None:
            # Nagle's algorithm would hold a small reply back for 40 ms
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._opened(self):
            self.abort("too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """What is in flight goes on to its end; only its reply has nowhere to go."""
        self._transport = None
        self._waiting.clear()
        self._closed(self)

    def data_received(self, data: bytes) -> None:
        """Starts on every message that is complete, up to the limit of messages in flight."""
        if self._transport is None:
            return
        frames = self._reader.feed(data)
        self._heard = self._loop.time()
        if not self._reader.partial:
            self._began = None
        elif frames or self._began is None:
            self._began = self._heard
        self._waiting += frames
        self._start()
        if self._reader.fault is not None:
            self.abort(str(self._reader.fault))

    def pause_writing(self) -> None:
        """The peer does not read its replies: nothing more is read from it."""
        self._choked = self._loop.time()
        self._throttle()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._choked = None
        self._throttle()

    def sweep(self, now: float) -> None:
        """Closes the connection if a message takes too long to arrive, or nothing has come for too long."""
        if self._began is not None and not self._paused and now - self._began > self._limits.read_seconds:
            self.abort("a message took too long to arrive")
        elif self._choked is not None and now - self._choked > self._limits.read_seconds:
            self.abort("it does not read its replies")
        elif not self._tasks and now - self._heard > self._limits.idle_seconds:
            self.abort("it was idle")

    def abort(self, reason: str) -> None:
        """Closes at once, and says why in the log."""
        if self._transport is not None:
            peer = self._transport.get_extra_info("peername")
            _LOG.info("connection.closed", peer=str(peer), reason=reason)
            self._transport.abort()
            self._transport = None

    def stop_reading(self) -> None:
        """Takes nothing more; what is in flight is still answered."""
        self._waiting.clear()
        self._stopped = True
        self._throttle()

    def close(self) -> None:
        """Closes once the replies that were written have left."""
        if self._transport is not None:
            self._transport.close()

    @property
    def in_flight(self) -> frozenset[asyncio.Task[None]]:
        """The tasks of the messages that have no reply yet."""
        return frozenset(self._tasks)

    def _start(self) -> None:
        room = self._limits.max_in_flight - len(self._tasks)
        for _ in range(0 if self._next_turn else min(room, _TURN, len(self._waiting))):
            task = self._loop.create_task(self._serve(self._waiting.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._finished)
        self._full = bool(self._waiting)
        if room > _TURN:
            self._ask_for_a_turn()
        self._throttle()

    def _ask_for_a_turn(self) -> None:
        if self._full and not self._next_turn:
            self._next_turn = True
            self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._next_turn = False
        self._start()

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._ask_for_a_turn()

    def _throttle(self) -> None:
        pause = self._full or self._stopped or self._choked is not None
        if self._transport is None or self._transport.is_closing() or pause == self._paused:
            return
        self._paused = pause
        if pause:
            self._transport.pause_reading()
            return
        # what arrived meanwhile waited for us, not for the peer
        self._began = self._loop.time() if self._began is not None else None
        self._transport.resume_reading()

    async def _serve(self, content: bytes) -> None:
        PRESENTED.set(self._presented)
        try:
            reply = await self._answer(content)
        except UnreadableMessage as failure:
            self._unreadable += 1
            _LOG.info("message.unreadable", detail=failure.detail)
            if self._unreadable >= _MAX_UNREADABLE:
                self.abort("it does not speak ISO 8583")
            return
        except Exception as failure:
            # the exchange answers 96 itself; this is for a fault in answering, and must not disturb other messages
            _LOG.error("message.unanswered", error=type(failure).__name__)
            return
        if reply is not None and self._transport is not None:
            self._transport.write(frame(self._limits.framing, reply))
