"""The other part of a crowd: connections that are slow, broken, rude or hostile, each in one way, over and over."""

import asyncio
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from itertools import count
from typing import Final

from node.iso8583.framing import Framing, frame
from node.iso8583.packager import UnreadableMessage, unpack
from node.pos import messages
from node.pos.messages import PosTerminal, Request

HOST: Final = "127.0.0.1"
CURRENCY: Final = "840"
FIRST_STAN: Final = 800_001
STANS: Final = 199_998
FLOOD: Final = 20
"""Echoes a second, of each connection that floods."""
SMALL_BUFFER: Final = 4_096
STUFFED: Final = 25
STUFFS: Final = 2
"""Echoes that a slow reader sends at once, and how often in a second, until nothing more can be written. With many more
of them, where all run on one machine, the load's own work takes the validators' cores.
"""
PAUSE: Final = 1.0
AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: a connection is reset, not closed."""


class Nuisance(Enum):
    """What a connection does wrong."""

    SLOW_READER = "slow readers"
    HALF_FRAME = "half frames"
    GARBAGE = "garbage"
    RESET = "resets"
    FLOOD = "floods of echoes"
    SIGN_ON = "repeated sign-ons"
    UNSIGNED = "unsigned sales"
    REVERSAL = "reversals of nothing"
    SILENT = "silent"


CUT_OFF: Final = {
    Nuisance.HALF_FRAME: 0.75,
    Nuisance.GARBAGE: 0.75,
    Nuisance.SLOW_READER: 25.0,
    Nuisance.SILENT: 12.0,
}
"""Those that a bridge has to cut off, and after how many minutes at the latest it has: what a slow reader does not read
lies in the kernel's buffers first, some megabytes, and silence is suffered for ten minutes (`idle_seconds`).
"""


@dataclass(kw_only=True, slots=True)
class Suffered:
    """Of one kind: connections made, those that the bridge ended, messages sent, and replies by DE39."""

    connections: int = 0
    cut_off: int = 0
    sent: int = 0
    codes: Counter[str] = field(default_factory=Counter)


class Nuisances:
    """So many connections, of every kind in turn; one that was cut off comes again a second later."""

    def __init__(self, port: int, terminals: Sequence[PosTerminal], cards: Sequence[str], dice: random.Random) -> None:
        self._port, self._terminals, self._cards, self._dice = port, terminals, cards, dice
        self._stans = count()
        self._tasks: list[asyncio.Task[None]] = []
        self._acts: dict[Nuisance, Callable[[_Line], Awaitable[None]]] = {
            Nuisance.SLOW_READER: self._read_slowly,
            Nuisance.HALF_FRAME: self._send_half,
            Nuisance.GARBAGE: self._send_garbage,
            Nuisance.RESET: self._reset,
            Nuisance.FLOOD: self._flood,
            Nuisance.SIGN_ON: self._sign_on,
            Nuisance.UNSIGNED: self._sell_unsigned,
            Nuisance.REVERSAL: self._reverse_nothing,
            Nuisance.SILENT: _Line.ended,
        }
        self.suffered = {kind: Suffered() for kind in Nuisance}

    def start(self, connections: int) -> None:
        """Begins."""
        kinds = list(Nuisance)
        self._tasks = [asyncio.create_task(self._live(kinds[n % len(kinds)])) for n in range(connections)]

    async def stop(self) -> None:
        """Ends all; raises what went wrong with one of them."""
        for task in self._tasks:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _live(self, kind: Nuisance) -> None:
        suffered = self.suffered[kind]
        while True:
            line = _Line(suffered, kind is Nuisance.SLOW_READER)
            try:
                await line.open(self._port)
                await self._acts[kind](line)
            except (ConnectionError, TimeoutError):
                suffered.cut_off += 1
            finally:
                line.drop()
            await asyncio.sleep(PAUSE * (0.5 + self._dice.random()))

    async def _read_slowly(self, line: "_Line") -> None:
        echo = self._echo()
        while True:
            line.write(echo * STUFFED, messages=STUFFED)
            await line.drain()
            # to drain is to wait only once the bridge reads no more
            await asyncio.sleep(PAUSE / STUFFS)

    async def _send_half(self, line: "_Line") -> None:
        whole = self._echo()
        line.write(whole[: len(whole) // 2])
        await line.ended()

    async def _send_garbage(self, line: "_Line") -> None:
        while True:
            line.write(self._dice.randbytes(self._dice.randint(1, 600)))
            await line.drain()
            await line.read_for(PAUSE)

    async def _reset(self, line: "_Line") -> None:
        line.write(self._echo())
        await asyncio.sleep(self._dice.random() * PAUSE)
        line.reset()

    async def _flood(self, line: "_Line") -> None:
        while True:
            for _ in range(FLOOD):
                line.write(self._echo())
            await line.drain()
            await line.read_for(PAUSE)

    async def _sign_on(self, line: "_Line") -> None:
        await self._keep_sending(line, lambda: self._network("001"))

    async def _sell_unsigned(self, line: "_Line") -> None:
        await self._keep_sending(line, self._unsigned)

    async def _reverse_nothing(self, line: "_Line") -> None:
        await self._keep_sending(line, self._reversal)

    async def _keep_sending(self, line: "_Line", make: Callable[[], bytes]) -> None:
        while True:
            line.write(make())
            await line.drain()
            await line.read_for(PAUSE)

    def _echo(self) -> bytes:
        return self._network("301")

    def _network(self, code: str) -> bytes:
        made = messages.network(
            code, stan=self._stan(), transmitted=datetime.now(UTC), terminal=self._dice.choice(self._terminals)
        )
        return frame(Framing.NAC, made.content)

    def _unsigned(self) -> bytes:
        terminal = self._dice.choice(self._terminals)
        return frame(Framing.NAC, self._sale(PosTerminal(id=terminal.id, merchant=terminal.merchant)).content)

    def _reversal(self) -> bytes:
        never_sent = self._sale(self._dice.choice(self._terminals))
        now = datetime.now(UTC)
        return frame(Framing.NAC, messages.reversal(never_sent, stan=self._stan(), local=now, transmitted=now).content)

    def _sale(self, terminal: PosTerminal) -> Request:
        now = datetime.now(UTC)
        return messages.purchase(
            terminal,
            stan=self._stan(),
            local=now,
            transmitted=now,
            card=self._dice.choice(self._cards),
            amount=self._dice.randint(1, 1_000),
            currency=CURRENCY,
        )

    def _stan(self) -> str:
        return f"{FIRST_STAN + next(self._stans) % STANS:06d}"


class _Line:
    """One connection of a nuisance, with bytes as they are."""

    def __init__(self, suffered: Suffered, small: bool) -> None:
        self._suffered, self._small = suffered, small
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self._buffer = bytearray()

    async def open(self, port: int) -> None:
        """Connects; a slow reader with the smallest buffers that there are."""
        connected = socket.socket()
        connected.setblocking(False)
        if self._small:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        try:
            await asyncio.get_running_loop().sock_connect(connected, (HOST, port))
            limit = SMALL_BUFFER if self._small else 2**16
            self._reader, self._writer = await asyncio.open_connection(sock=connected, limit=limit)
        except OSError:
            connected.close()
            raise
        self._suffered.connections += 1

    def write(self, data: bytes, *, messages: int = 1) -> None:
        """Sends so many messages."""
        assert self._writer is not None
        self._writer.write(data)
        self._suffered.sent += messages

    async def drain(self) -> None:
        """Waits until it has left. Raises ConnectionError."""
        assert self._writer is not None
        await self._writer.drain()

    async def read_for(self, seconds: float) -> None:
        """Takes the replies of this long. Raises ConnectionError when the bridge has closed."""
        assert self._reader is not None
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    data = await self._reader.read(2**16)
            except TimeoutError:
                return
            if not data:
                raise ConnectionResetError
            self._note(data)

    async def ended(self) -> None:
        """Waits until the bridge closes, and raises ConnectionError then."""
        while True:
            await self.read_for(60.0)

    def reset(self) -> None:
        """Ends it without a word."""
        assert self._writer is not None
        connected = self._writer.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self._writer.transport.abort()

    def drop(self) -> None:
        """Lets go of it."""
        if self._writer is not None:
            self._writer.transport.abort()

    def _note(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2:
            end = 2 + int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < end:
                return
            try:
                self._suffered.codes[unpack(bytes(self._buffer[2:end])).fields.get(39, "")] += 1
            except UnreadableMessage:
                self._suffered.codes["unreadable"] += 1
            del self._buffer[:end]
