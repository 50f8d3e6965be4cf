"""A gateway's connection to the bridge: persistent, pipelined, replies matched as jPOS' QMUX does.

Used by the demo, the benchmark and the tests.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Self, cast

from node.domain.assignment import Item
from node.domain.errors import ChainUnreachable, MalformedMessage
from node.iso8583.framing import FrameReader, Framing, frame
from node.iso8583.packager import Message
from node.iso8583.wire import Fields, Wire
from node.pos import messages
from node.pos.messages import PosTerminal, Reply, Request, reply_key

_MAX_REPLY: Final = 8_192
_STANS: Final = 1_000_000
TPDU: Final = bytes.fromhex("6000030000")


class ReplyTimeout(ChainUnreachable):
    """No reply came in time."""


class ConnectionClosed(ChainUnreachable):
    """The bridge closed the connection."""


class PosConnection(asyncio.Protocol):
    """One TCP connection that many terminals may share. Times are `clock` readings, seconds (Unix by default)."""

    def __init__(
        self,
        *,
        framing: Framing = Framing.NAC,
        fields: Fields = Fields.ASCII,
        tpdu: bytes = b"",
        timeout: float = 25.0,
        clock: Callable[[], float] = time.time,
        local: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`local` is the terminals' clock, in their own zone; `tpdu` (5 bytes) goes before each message."""
        self._framing, self._tpdu, self._timeout = framing, tpdu, timeout
        self._clock, self._local = clock, local
        self._wire = Wire(framing=framing, fields=fields)
        self._reader = FrameReader(framing, _MAX_REPLY)
        self._pending: dict[str, tuple[Request, float, asyncio.Future[Reply]]] = {}
        self._transport: asyncio.Transport | None = None
        self._stan = 0
        self._unmatched: asyncio.Queue[Reply] = asyncio.Queue(maxsize=1_000)
        self.closed = asyncio.Event()
        self.late = 0
        """Replies that nobody waited for any more, as QMUX drops them."""
        self.last_tpdu = b""

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        *,
        framing: Framing = Framing.NAC,
        fields: Fields = Fields.ASCII,
        tpdu: bytes = b"",
        timeout: float = 25.0,
        clock: Callable[[], float] = time.time,
        local: Callable[[], datetime] = lambda: datetime.now(UTC),
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Connects. Raises OSError when nobody listens there, or the certificates are no good."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(
            lambda: cls(framing=framing, fields=fields, tpdu=tpdu, timeout=timeout, clock=clock, local=local),
            host,
            port,
            ssl=tls,
        )
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends small messages at once."""
        self._transport = cast(asyncio.Transport, transport)
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits gets ConnectionClosed."""
        self._transport = None
        for _, _, future in self._pending.values():
            if not future.done():
                future.set_exception(ConnectionClosed())
        self._pending.clear()
        self.closed.set()

    def data_received(self, data: bytes) -> None:
        """Gives each reply to the request that waits for it."""
        received_at = self._clock()
        for content in self._reader.feed(data):
            self.last_tpdu, body = self._wire.split(content)
            try:
                message = self._wire.fields.unpack(body)
            except MalformedMessage:
                self.late += 1
                continue
            self._give(message, body, received_at)

    def _give(self, message: Message, content: bytes, received_at: float) -> None:
        request, sent_at, future = self._pending.pop(reply_key(message), (None, 0.0, None))
        reply = Reply(
            mti=message.mti,
            response_code=message.fields.get(39, ""),
            fields=message.fields,
            request=request,
            content=content,
            sent_at=sent_at,
            received_at=received_at,
        )
        if future is not None and not future.done():
            future.set_result(reply)
            return
        self.late += 1
        if not self._unmatched.full():
            self._unmatched.put_nowait(reply)

    async def send(self, request: Request, *, timeout: float | None = None) -> Reply:
        """Sends a request and waits for its reply. Raises ReplyTimeout, ConnectionClosed.

        Two requests of one type class, terminal and STAN cannot wait at once, as with QMUX: ValueError.
        """
        key = request.key
        if key in self._pending:
            raise ValueError(f"a request {key} is under way already")
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[key] = (request, self._clock(), future)
        try:
            self.send_raw(frame(self._framing, self._tpdu + request.content))
            async with asyncio.timeout(self._timeout if timeout is None else timeout):
                return await future
        except TimeoutError:
            raise ReplyTimeout(key) from None
        finally:
            self._pending.pop(key, None)

    def send_raw(self, data: bytes) -> None:
        """Writes bytes as they are, framing included. Raises ConnectionClosed."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionClosed()
        self._transport.write(data)

    async def unmatched(self, *, timeout: float = 5.0) -> Reply:
        """The next reply that no request waited for (after send_raw). Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            return await self._unmatched.get()

    async def sign_on(self, terminal: PosTerminal) -> Reply:
        """0800, DE70 001."""
        return await self._network("001", terminal)

    async def sign_off(self, terminal: PosTerminal) -> Reply:
        """0800, DE70 002."""
        return await self._network("002", terminal)

    async def echo(self, terminal: PosTerminal) -> Reply:
        """0800, DE70 301."""
        return await self._network("301", terminal)

    async def change_key(self, terminal: PosTerminal) -> Reply:
        """0800, DE70 161: the reply has a new MAC key (messages.unwrap_key)."""
        return await self._network("161", terminal)

    async def cut_over(self, terminal: PosTerminal, *, day: str) -> Reply:
        """0800, DE70 201: closes the business day `day`, MMDD."""
        return await self._network("201", terminal, day=day)

    async def _network(self, code: str, terminal: PosTerminal, *, day: str = "") -> Reply:
        return await self.send(
            messages.network(code, stan=self.next_stan(), transmitted=self._utc(), terminal=terminal, day=day)
        )

    async def purchase(
        self,
        terminal: PosTerminal,
        *,
        card: str,
        amount: int,
        currency: str,
        items: Sequence[Item] = (),
        coin: int = 0,
        stored_value: int = 0,
        pin_result: str = "",
        asks: Mapping[str, str] = MappingProxyType({}),
        stan: str | None = None,
        local: datetime | None = None,
        processing_code: str = messages.PURCHASE,
    ) -> Reply:
        """0200; amounts in minor units. `stan` and `local` (the terminal's clock) are chosen if not given."""
        request = messages.purchase(
            terminal,
            stan=stan or self.next_stan(),
            local=local or self._local(),
            transmitted=self._utc(),
            card=card,
            amount=amount,
            currency=currency,
            items=items,
            coin=coin,
            stored_value=stored_value,
            pin_result=pin_result,
            processing_code=processing_code,
            asks=asks,
        )
        return await self.send(request)

    async def reverse(
        self,
        original: Request,
        *,
        mti: str = "0400",
        stan: str | None = None,
        local: datetime | None = None,
        timed_out: bool = False,
    ) -> Reply:
        """0400 or 0420 for all of a purchase that was sent (`reply.request`); a time-out keeps the original's STAN."""
        kept = original.message.fields[11]
        request = messages.reversal(
            original,
            stan=stan or (kept if timed_out else self.next_stan()),
            local=local or self._local(),
            transmitted=self._utc(),
            mti=mti,
            reason=messages.TIMED_OUT if timed_out else messages.CANCELLED,
        )
        return await self.send(request)

    async def act(self, terminal: PosTerminal, mti: str, processing_code: str, **said: Any) -> Reply:
        """An act without a sale (messages.act)."""
        return await self.send(messages.act(terminal, mti, processing_code, **self._now(), **said))

    async def refund(self, terminal: PosTerminal, *, amount: int, currency: str, **original: Any) -> Reply:
        """A refund of a part of a payment; `payment_id`, `approval_code` or `original` (a request) name it."""
        return await self.send(messages.refund(terminal, **self._now(), amount=amount, currency=currency, **original))

    async def repeat(self, request: Request, *, same_mti: bool = False) -> Reply:
        """The same message again, with the repeat digit; `same_mti` resends it byte for byte, as jPOS does."""
        return await self.send(request if same_mti else messages.repeat(request))

    async def inquire(self, terminal: PosTerminal, *, card: str) -> Reply:
        """0100, balance inquiry; DE54 of the reply has the amounts."""
        local = self._local()
        return await self.send(
            messages.inquiry(terminal, stan=self.next_stan(), local=local, transmitted=self._utc(), card=card)
        )

    def next_stan(self) -> str:
        """The next trace number of this connection, six digits, never 000000."""
        self._stan = self._stan % (_STANS - 1) + 1
        return f"{self._stan:06d}"

    def start_stans_at(self, number: int) -> None:
        """Lets trace numbers go on after this one: connections that share terminals must not share numbers."""
        self._stan = number % _STANS

    async def close(self) -> None:
        """Closes and waits for it."""
        if self._transport is not None:
            self._transport.close()
            await self.closed.wait()

    def _now(self) -> dict[str, Any]:
        return {"stan": self.next_stan(), "local": self._local(), "transmitted": self._utc()}

    def _utc(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
