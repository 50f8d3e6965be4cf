"""The JSON-RPC gateway of a validator: what clients reach of geth, over HTTP and WebSocket.

Before it come clients; after it admission (for transactions) and geth's loopback listener. It lives in the validator
application's process: a transaction then needs no second hop on its way to the pool and to gossip, and the limits
here bound what a stranger can make that process do. Source: JSON-RPC 2.0 over HTTP.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from node.consensus.admission import Admission
from node.consensus.engine import Engine
from node.consensus.errors import EngineFailed, EngineUnreachable, TransactionRefused
from node.consensus.gateway_socket import SocketProxy
from node.consensus.rpc_policy import (
    ALLOWED,
    INVALID_REQUEST,
    MAX_BODY_BYTES,
    REFUSED,
    UNREACHABLE,
    BadBody,
    Call,
    error_answer,
    parse_body,
    read_call,
)

MAX_CONNECTIONS: Final = 512
REQUEST_SECONDS: Final = 10.0
"""A request, head and body, has to be here within this time of its first byte (or of the connection)."""
IDLE_SECONDS: Final = 75.0
CHECK_SECONDS: Final = 2.0
MAX_AT_ONCE: Final = 64
"""Requests that are with geth at the same time; more wait here."""

log = structlog.get_logger()


class Gateway:
    """Answers JSON-RPC calls: the allowed ones from geth, the others itself."""

    def __init__(self, engine: Engine, admission: Admission, sockets: SocketProxy) -> None:
        self._engine = engine
        self._admission = admission
        self._sockets = sockets
        self._busy = asyncio.Semaphore(MAX_AT_ONCE)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One HTTP request: POST for calls, GET with an upgrade for a WebSocket."""
        if request.method == "GET" and request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._sockets.serve(request, self.answer)
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"}, text="JSON-RPC calls are POSTed.\n")
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408, text="The request took too long.\n", headers={"Connection": "close"})
        except web.HTTPRequestEntityTooLarge:
            message = f"the body is larger than {MAX_BODY_BYTES} bytes"
            return _json(error_answer(None, INVALID_REQUEST, message), status=413)
        async with self._busy:
            return web.Response(body=await self.answer(body), content_type="application/json")

    async def answer(self, body: bytes | str, allowed: frozenset[str] = ALLOWED) -> bytes:
        """The JSON-RPC answer to a body."""
        try:
            parsed = parse_body(body)
        except BadBody as failure:
            return _dump(error_answer(None, failure.code, str(failure)))
        try:
            if isinstance(parsed, dict):
                return await self._answer_one(await self._admit(read_call(parsed, allowed)))
            return await self._answer_batch([await self._admit(read_call(item, allowed)) for item in parsed])
        except (EngineUnreachable, EngineFailed) as failure:
            log.warning("gateway.engine", reason=str(failure))
            first = parsed if isinstance(parsed, dict) else {}
            return _dump(
                error_answer(first.get("id"), UNREACHABLE, "the validator's engine does not answer; try again")
            )

    async def _admit(self, call: Call) -> Call:
        if call.raw is None:
            return call
        try:
            await self._admission.check(call.raw)
        except TransactionRefused as refusal:
            return Call(id=call.id, answer=error_answer(call.id, REFUSED, str(refusal)))
        return call

    async def _answer_one(self, call: Call) -> bytes:
        if call.answer is not None:
            return _dump(call.answer)
        answer = await self._engine.forward(_dump(call.to_json(call.id)))
        if call.raw is not None:
            self._admission.taken(call.raw, _failure(json.loads(answer)))
        return answer

    async def _answer_batch(self, calls: list[Call]) -> bytes:
        """Answers in the order of the calls. Ids may repeat in a client's batch, so geth gets places instead."""
        asked = [(place, call) for place, call in enumerate(calls) if call.answer is None]
        by_place: dict[Any, dict[str, Any]] = {}
        if asked:
            text = await self._engine.forward(_dump([call.to_json(place) for place, call in asked]))
            found = json.loads(text)
            by_place = {item.get("id"): item for item in (found if isinstance(found, list) else [])}
        answers = []
        for place, call in enumerate(calls):
            answer = call.answer or by_place.get(place) or error_answer(None, UNREACHABLE, "no answer")
            if call.raw is not None and call.answer is None:
                self._admission.taken(call.raw, _failure(answer))
            answers.append({**answer, "id": call.id})
        return _dump(answers)


class LimitedServer(web.Server):
    """aiohttp's server with a limit of connections, and of the time that a request may take to arrive."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(
            handler,
            request_factory=self._make_limited_request,
            keepalive_timeout=IDLE_SECONDS,
            access_log=None,
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
    """Drops a connection that has sent no full request head in time: a byte a minute keeps no connection open."""

    _waiting_since: float | None = None
    _checker: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._manager is None or len(self._manager.connections) > MAX_CONNECTIONS:
            transport.close()
            return
        self._waiting_since = self._loop.time()
        self._checker = self._loop.call_later(REQUEST_SECONDS, self._check)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._checker is not None:
            self._checker.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waiting_since is None and self._current_request is None:
            self._waiting_since = self._loop.time()
        super().data_received(data)

    def request_arrived(self) -> None:
        """A full request head is here; its body has a limit of its own (Gateway.handle)."""
        self._waiting_since = None

    def _check(self) -> None:
        if self._waiting_since is not None and self._loop.time() - self._waiting_since >= REQUEST_SECONDS:
            self.force_close()
            return
        self._checker = self._loop.call_later(CHECK_SECONDS, self._check)


def _failure(answer: Any) -> str | None:
    error = answer.get("error") if isinstance(answer, dict) else {"message": "no answer"}
    return str(error.get("message", "")) if error else None


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _json(value: Any, *, status: int) -> web.Response:
    return web.Response(body=_dump(value), status=status, content_type="application/json")
