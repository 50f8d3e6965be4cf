"""The JSON-RPC gateway of a validator: what clients reach of geth, over HTTP and WebSocket.

Before it come clients; after it admission (for transactions) and geth's loopback listener. It lives in the validator
application's process: a transaction then needs no second hop on its way to the pool and to gossip, and the limits
here bound what a stranger can make that process do. Source: JSON-RPC 2.0 over HTTP.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any, Final

import structlog
from aiohttp import web

from node.consensus.admission import Admission
from node.consensus.engine import Engine
from node.consensus.errors import (
    AnswerTooLarge,
    EngineFailed,
    EngineUnreachable,
    TooMuchAtOnce,
    TransactionRefused,
    explain,
)
from node.consensus.gateway_budget import Budget, Lease
from node.consensus.gateway_filters import MAX_FILTERS, OPENING, Filters
from node.consensus.gateway_server import REQUEST_SECONDS
from node.consensus.gateway_socket import SocketProxy
from node.consensus.rpc_policy import (
    ALLOWED,
    HEAVY,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    MAX_BODY_BYTES,
    PARSE_ERROR,
    REFUSED,
    UNREACHABLE,
    BadBody,
    Call,
    error_answer,
    read_calls,
)

MAX_AT_ONCE: Final = 64
"""Requests that are with geth at the same time; more wait here."""
MAX_HEAVY_AT_ONCE: Final = 4
"""Of those, such as make geth execute or search: with 64 of them a block took four seconds on two cores."""
WAIT_SECONDS: Final = 10.0

log = structlog.get_logger()


class Gateway:
    """Answers JSON-RPC calls: the allowed ones from geth, the others itself."""

    def __init__(self, engine: Engine, admission: Admission, sockets: SocketProxy, budget: Budget) -> None:
        self._engine = engine
        self._admission = admission
        self._sockets = sockets
        self._budget = budget
        self._filters = Filters(time.monotonic)
        self._busy = asyncio.Semaphore(MAX_AT_ONCE)
        self._heavy = asyncio.Semaphore(MAX_HEAVY_AT_ONCE)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One HTTP request: POST for calls, GET with an upgrade for a WebSocket."""
        try:
            if request.method == "GET" and request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._sockets.serve(request, self.answer)
            if request.method != "POST":
                return web.Response(status=405, headers={"Allow": "POST"}, text="JSON-RPC calls are POSTed.\n")
            with self._budget.lease() as lease:
                return await self._answer_post(request, lease)
        except BadBody as failure:
            return _json(error_answer(None, failure.code, str(failure)), status=failure.status)
        except (web.HTTPException, ConnectionError):
            raise  # a refused handshake, a client that is gone
        except Exception as failure:
            log.error("gateway.failed", **explain(failure))
            return _json(error_answer(None, INTERNAL_ERROR, "the gateway failed"), status=500)

    async def answer(self, body: bytes | str, allowed: frozenset[str], lease: Lease) -> bytes:
        """The JSON-RPC answer to a body; what it takes in memory is added to the lease."""
        try:
            calls, is_batch = read_calls(body, allowed)
        except BadBody as failure:
            return _dump(error_answer(None, failure.code, str(failure)))
        calls = [await self._admit(call) for call in calls]
        try:
            return await (self._answer_batch(calls, lease) if is_batch else self._answer_one(calls[0], lease))
        except (AnswerTooLarge, TooMuchAtOnce) as failure:
            reason = str(failure)
        except (EngineUnreachable, EngineFailed) as failure:
            log.warning("gateway.engine", reason=str(failure))
            reason = "the validator's engine does not answer; try again"
        return _dump(error_answer(None if is_batch else calls[0].id, UNREACHABLE, reason))

    async def _answer_post(self, request: web.BaseRequest, lease: Lease) -> web.StreamResponse:
        body = await _read_body(request, lease)
        answer = await self.answer(body, ALLOWED, lease)
        response = web.Response(body=answer, content_type="application/json")
        # sent here, not by aiohttp after it: the lease lasts until the client has taken it
        with suppress(ConnectionError):
            await response.prepare(request)
            await response.write_eof()
        return response

    async def _admit(self, call: Call) -> Call:
        """The call, or one with a refusal for its answer."""
        self._filters.touched(call.method, call.params)
        if call.method in OPENING:
            place = self._filters.reserve()
            return replace(call, place=place) if place else _refuse(call, f"more than {MAX_FILTERS} filters are open")
        if call.raw is None:
            return call
        try:
            await self._admission.check(call.raw)
        except TransactionRefused as refusal:
            return _refuse(call, str(refusal))
        return call

    async def _answer_one(self, call: Call, lease: Lease) -> bytes:
        if call.answer is not None:
            return _dump(call.answer)
        text = await self._forward(call.to_json(call.id), lease, heavy=call.method in HEAVY)
        if call.raw is not None or call.place is not None:
            self._take_note(call, json.loads(text))
        return text

    async def _answer_batch(self, calls: list[Call], lease: Lease) -> bytes:
        """Answers in the order of the calls. Ids may repeat in a client's batch, so geth gets places instead."""
        asked = [call.to_json(place) for place, call in enumerate(calls) if call.answer is None]
        heavy = any(call.method in HEAVY for call in calls)
        by_place: dict[Any, dict[str, Any]] = {}
        if asked:
            found = json.loads(await self._forward(f"[{','.join(asked)}]", lease, heavy=heavy))
            by_place = {item.get("id"): item for item in (found if isinstance(found, list) else [])}
        answers = []
        for place, call in enumerate(calls):
            answer = call.answer or by_place.get(place) or error_answer(None, UNREACHABLE, "no answer")
            self._take_note(call, answer)
            answers.append({**answer, "id": call.id})
        return _dump(answers)

    async def _forward(self, text: str, lease: Lease, *, heavy: bool) -> bytes:
        body = text.encode()
        lease.add(len(body))
        async with AsyncExitStack() as slots:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    if heavy:
                        await slots.enter_async_context(self._heavy)
                    await slots.enter_async_context(self._busy)
            except TimeoutError:
                raise TooMuchAtOnce from None
            return await self._engine.forward(body, lease.add)

    def _take_note(self, call: Call, answer: Any) -> None:
        """What geth's answer means for gossip and for the filters."""
        if call.answer is not None:
            return
        if call.raw is not None:
            self._admission.taken(call.raw, _failure(answer))
        if call.place is not None:
            self._filters.opened(call.place, answer.get("result") if isinstance(answer, dict) else None)


async def _read_body(request: web.BaseRequest, lease: Lease) -> bytes:
    """The body; raises BadBody when it is too large, too slow, broken, or one too many."""
    body = bytearray()
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            async for part in request.content.iter_any():
                lease.add(len(part))
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise BadBody(INVALID_REQUEST, f"the body is larger than {MAX_BODY_BYTES} bytes", 413)
    except TimeoutError:
        raise BadBody(INVALID_REQUEST, "the request took too long", 408) from None
    except TooMuchAtOnce as failure:
        raise BadBody(UNREACHABLE, str(failure), 503) from None
    except web.RequestPayloadError:
        raise BadBody(PARSE_ERROR, "the body cannot be read", 400) from None
    return bytes(body)


def _refuse(call: Call, reason: str) -> Call:
    return Call(id=call.id, answer=error_answer(call.id, REFUSED, reason))


def _failure(answer: Any) -> str | None:
    error = answer.get("error") if isinstance(answer, dict) else {"message": "no answer"}
    return str(error.get("message", "")) if error else None


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _json(value: Any, *, status: int) -> web.Response:
    # what is left of the request is not read any more
    headers = {"Connection": "close"}
    return web.Response(body=_dump(value), status=status, content_type="application/json", headers=headers)
