"""WebSocket clients of the gateway: calls are answered as over HTTP, subscriptions are passed through to geth.

Before it comes node/consensus/gateway.py; after it geth's own WebSocket, one connection for each client that
subscribes. Source: geth's eth_subscribe (newHeads, logs, newPendingTransactions).
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import structlog
from aiohttp import web

from node.consensus.errors import OverRate
from node.consensus.gateway_budget import Budget, Lease
from node.consensus.gateway_callers import Caller
from node.consensus.gateway_door import Door
from node.consensus.rpc_policy import LIMIT_EXCEEDED, REFUSED, UNREACHABLE, Call, error_answer, read_call
from node.consensus.rpc_roles import SUBSCRIBING

MAX_SOCKETS: Final = 128
"""Of all callers; how many one may have, and how many subscriptions in a socket's life, its role says."""
MAX_MESSAGE_BYTES: Final = 512 * 1024
"""A transaction has 256 KB in hex at most; a client may stop in the middle of a message for as long as it likes."""
HEARTBEAT_SECONDS: Final = 20.0
SEND_SECONDS: Final = 10.0
NO_LONGER_ADMITTED: Final = 1008
"""WebSocket's "policy violation" (RFC 6455)."""

log = structlog.get_logger()

AnswerCall = Callable[[bytes | str, Caller, Lease], Awaitable[bytes]]


class Expired(Exception):
    """The caller's key was removed, or has expired, since the handshake."""


class SocketProxy:
    """Serves WebSocket clients. `url` is geth's loopback WebSocket; `answer_call` answers what is no subscription."""

    def __init__(self, url: str, budget: Budget, door: Door) -> None:
        self._url = url
        self._budget = budget
        self._door = door
        self._open: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many are open."""
        return self._open.total()

    async def serve(self, request: web.BaseRequest, caller: Caller, answer_call: AnswerCall) -> web.StreamResponse:
        """One client, until it goes, or does not take its messages within 10 s, or answers no ping, or its key ends."""
        limits = caller.grant.limits
        if self.open >= MAX_SOCKETS or self._open[caller.bucket] >= limits.sockets:
            self._door.complain(caller.name, "sockets")
            return web.Response(status=503, text="Too many WebSocket connections.\n")
        size = min(MAX_MESSAGE_BYTES, limits.body)
        client = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, max_msg_size=size, compress=False)
        session = _Session(client, caller, answer_call, url=self._url, budget=self._budget, door=self._door)
        request.protocol.body_arrived()  # type: ignore[attr-defined]
        self._open[caller.bucket] += 1
        try:
            await client.prepare(request)
            await session.run()
        except Expired:
            await client.close(code=NO_LONGER_ADMITTED, message=b"the key is not good any more")
        except (TimeoutError, ConnectionError):
            log.info("gateway.socket_lost")
        finally:
            self._open[caller.bucket] -= 1
            if not self._open[caller.bucket]:
                del self._open[caller.bucket]
            await session.close()
        return client


class _Session:
    def __init__(
        self,
        client: web.WebSocketResponse,
        caller: Caller,
        answer_call: AnswerCall,
        *,
        url: str,
        budget: Budget,
        door: Door,
    ) -> None:
        self._client = client
        self._caller = caller
        self._answer_call = answer_call
        self._url = url
        self._budget = budget
        self._door = door
        self._http: aiohttp.ClientSession | None = None
        self._upstream: aiohttp.ClientWebSocketResponse | None = None
        self._pump: asyncio.Task[None] | None = None
        self._subscriptions = 0

    async def run(self) -> None:
        async for message in self._client:
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                break
            if not self._door.still_admits(self._caller):
                raise Expired
            call = self._subscription(message.data)
            if call is None:
                with self._budget.lease() as lease:
                    answer = await self._answer_call(message.data, self._caller, lease)
                    await self._send(answer.decode())
            else:
                await self._pass_on(call)

    async def close(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
        if self._upstream is not None:
            await self._upstream.close()
        if self._http is not None:
            await self._http.close()
        if self._client.prepared:
            await self._client.close()

    def _subscription(self, data: str | bytes) -> Call | None:
        """The call if it is about subscriptions, None for anything else (also batches, which may not subscribe)."""
        try:
            item: Any = json.loads(data)
        except (ValueError, RecursionError):
            return None
        method = item.get("method") if isinstance(item, dict) else None
        if not isinstance(method, str) or method not in SUBSCRIBING:
            return None
        return read_call(item, self._caller.grant, on_socket=True)

    async def _pass_on(self, call: Call) -> None:
        try:
            self._door.charge_arrival(self._caller)
        except OverRate as failure:
            await self._send(json.dumps(error_answer(call.id, LIMIT_EXCEEDED, str(failure))))
            return
        if call.answer is not None:
            await self._send(json.dumps(call.answer))
            return
        if call.method == "eth_subscribe":
            most = self._caller.grant.limits.subscriptions
            if self._subscriptions >= most:
                text = f"at most {most} subscriptions a connection"
                await self._send(json.dumps(error_answer(call.id, REFUSED, text)))
                return
            self._subscriptions += 1
        try:
            if self._upstream is None:
                self._http = self._http or aiohttp.ClientSession()
                self._upstream = await self._http.ws_connect(self._url, max_msg_size=0)
                self._pump = asyncio.create_task(self._pump_back(self._upstream))
            await self._upstream.send_str(call.to_json(call.id))
        except (aiohttp.ClientError, OSError):
            text = "the validator's engine does not answer; try again"
            await self._send(json.dumps(error_answer(call.id, UNREACHABLE, text)))

    async def _pump_back(self, upstream: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async for message in upstream:
                if not self._door.still_admits(self._caller):
                    break
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._send(message.data)
        except (TimeoutError, aiohttp.ClientError, OSError):
            log.info("gateway.subscriber_lost")
        finally:
            # the subscriptions are gone with geth's connection; a client that is told so subscribes again
            await self._client.close()

    async def _send(self, text: str) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._client.send_str(text)
