"""One WebSocket client: requests as over HTTP, answered as they are ready, and what it subscribed to.

Beside the HTTP handler; before it the listener, behind it the exchange. What a client can make us hold is bounded:
requests that are not answered, notifications that it does not take, the size of a message, the time that it is silent.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.web_request import BaseRequest

from node.bridge.acknowledge import rpc_error
from node.bridge.announcer import Announcer
from node.bridge.intake_rpc.exchange import RpcExchange, encode
from node.bridge.intake_rpc.in_flight import InFlight
from node.config import RpcSettings
from node.domain.announcement import Announcement
from node.domain.errors import InvalidTransaction, Overloaded

_LOG = structlog.get_logger(__name__)
HEARTBEAT_SECONDS: Final = 20.0
SEND_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 3.0
SLOW: Final = "notifications are not taken fast enough"
NOTIFICATION: Final = "till_subscription"
Ending = tuple[WSCloseCode, str]
"""Why a connection ends, as the client is told (RFC 6455, 7.4)."""


class Socket:
    """One client, from the handshake to its end; it is the exchange's session."""

    def __init__(
        self, exchange: RpcExchange, announcer: Announcer | None, in_flight: InFlight, settings: RpcSettings
    ) -> None:
        self._exchange = exchange
        self._announcer = announcer
        self._in_flight = in_flight
        self._settings = settings
        self._client = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS, max_msg_size=settings.max_body, timeout=CLOSE_SECONDS, compress=False
        )
        self._slots = asyncio.Semaphore(settings.max_pipelined)
        self._outgoing: asyncio.Queue[tuple[str, Callable[[], None]]] = asyncio.Queue()
        self._notifications = 0
        self._overflow: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._subscriptions: dict[str, Callable[[], None]] = {}
        self._named = 0
        self._answering: set[asyncio.Task[None]] = set()
        self._heard_at = asyncio.get_running_loop().time()

    async def serve(self, request: BaseRequest) -> web.WebSocketResponse:
        """Serves the client until it goes, or is sent away."""
        await self._client.prepare(request)
        loops = [asyncio.create_task(each) for each in (self._read(), self._write(), self._idle())]
        try:
            done, _ = await asyncio.wait([*loops, self._overflow], return_when=asyncio.FIRST_COMPLETED)
            code, reason = next(iter(done)).result()
            if reason:
                _LOG.info("rpc.socket_closed", reason=reason)
            self._end_subscriptions()
            for loop in loops[1:]:
                loop.cancel()
            await self._close(request, code, reason)
            if self._answering:
                await asyncio.wait(self._answering)  # what was taken in is journaled all the same
        finally:
            self._end_subscriptions()
            for task in (*loops, *self._answering):
                task.cancel()
            await asyncio.gather(*loops, *self._answering, return_exceptions=True)
        return self._client

    def subscribe(self, topic: str) -> str:
        """Begins a subscription; its name. Raises Overloaded, InvalidTransaction."""
        if self._announcer is None:
            raise InvalidTransaction("subscriptions are not offered here")
        if len(self._subscriptions) >= self._settings.max_subscriptions:
            raise Overloaded(f"a connection has at most {self._settings.max_subscriptions} subscriptions")
        self._named += 1
        name = str(self._named)
        self._subscriptions[name] = self._announcer.listen(topic, lambda told: self._notify(name, told))
        return name

    def unsubscribe(self, name: str) -> bool:
        """Ends one; whether there was one."""
        end = self._subscriptions.pop(name, None)
        if end is not None:
            end()
        return end is not None

    def _end_subscriptions(self) -> None:
        for end in self._subscriptions.values():
            end()
        self._subscriptions.clear()

    def _notify(self, name: str, told: Announcement) -> None:
        if self._overflow.done():
            return
        if self._notifications >= self._settings.subscriber_queue:
            self._overflow.set_result((WSCloseCode.POLICY_VIOLATION, SLOW))
            return
        params = {"subscription": name, "result": told.document()}
        self._notifications += 1
        self._outgoing.put_nowait(
            (json.dumps({"jsonrpc": "2.0", "method": NOTIFICATION, "params": params}), self._notification_sent)
        )

    def _notification_sent(self) -> None:
        self._notifications -= 1

    async def _read(self) -> Ending:
        async for message in self._client:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            self._heard_at = asyncio.get_running_loop().time()
            # nothing more is read while too many wait for their answers: the client's own buffers fill up
            await self._slots.acquire()
            task = asyncio.create_task(self._answer(message.data))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        return WSCloseCode.OK, ""

    async def _answer(self, body: bytes | str) -> None:
        if self._in_flight.is_full:
            reply = encode({"jsonrpc": "2.0", "id": None, "error": rpc_error(Overloaded())})
        else:
            with self._in_flight.one():
                reply = await self._exchange.answer(body, self)
        if reply:
            self._outgoing.put_nowait((reply.decode(), self._slots.release))
        else:
            self._slots.release()

    async def _write(self) -> Ending:
        while True:
            text, sent = await self._outgoing.get()
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._client.send_str(text)
            except TimeoutError:
                return WSCloseCode.POLICY_VIOLATION, SLOW
            except ConnectionError:
                return WSCloseCode.OK, ""
            sent()

    async def _idle(self) -> Ending:
        clock = asyncio.get_running_loop().time
        while True:
            if self._subscriptions or self._answering:
                self._heard_at = clock()
            left = self._heard_at + self._settings.idle_seconds - clock()
            if left <= 0:
                return WSCloseCode.GOING_AWAY, "nothing was said for too long"
            await asyncio.sleep(min(left, 1.0))

    async def _close(self, request: BaseRequest, code: WSCloseCode, reason: str) -> None:
        """Says why, if the client still listens."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS + 1):
                await self._client.close(code=code, message=reason.encode(), drain=False)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
