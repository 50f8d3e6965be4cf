"""The JSON-RPC gateway of a validator: what clients reach of geth, over HTTP and WebSocket.

Before it come clients, let in by node/consensus/gateway_door.py; after it admission (for transactions) and geth's
loopback listener. It lives in the validator application's process: a transaction then needs no second hop on its way to
the pool and to gossip, and the limits here bound what a stranger can make that process do. Source: JSON-RPC 2.0 over
HTTP.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any, Final

import structlog
from aiohttp import web

from node.consensus.admission import Admission
from node.consensus.engine import Engine
from node.consensus.engine_metrics import SOURCES, EngineMetrics
from node.consensus.errors import (
    AnswerTooLarge,
    EngineFailed,
    EngineUnreachable,
    OverRate,
    TooMuchAtOnce,
    TransactionRefused,
    explain,
)
from node.consensus.gateway_budget import Budget, Lease
from node.consensus.gateway_callers import Caller, Rejected
from node.consensus.gateway_door import Door, error_of
from node.consensus.gateway_filters import MAX_FILTERS, OPENING, Filters
from node.consensus.gateway_server import REQUEST_SECONDS
from node.consensus.gateway_slots import Slots
from node.consensus.gateway_socket import SocketProxy
from node.consensus.metrics import CONTENT_TYPE, Metrics, kind_of
from node.consensus.rpc_policy import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LIMIT_EXCEEDED,
    NOT_KNOWN,
    PARSE_ERROR,
    REFUSED,
    UNREACHABLE,
    BadBody,
    Call,
    error_answer,
    read_calls,
)
from node.consensus.rpc_roles import Role, cost_of
from node.consensus.rules import Head

METRICS_PATH: Final = "/metrics"

log = structlog.get_logger()


class Gateway:
    """Answers JSON-RPC calls: the allowed ones from geth, the others itself. `head` gives the newest final block."""

    def __init__(
        self,
        *,
        engine: Engine,
        admission: Admission,
        sockets: SocketProxy,
        budget: Budget,
        door: Door,
        metrics: Metrics,
        engine_metrics: EngineMetrics,
        head: Callable[[], Awaitable[Head]],
    ) -> None:
        self._engine = engine
        self._admission = admission
        self._sockets = sockets
        self._budget = budget
        self._door = door
        self._metrics = metrics
        self._engine_metrics = engine_metrics
        self._head = head
        self._filters = Filters(time.monotonic)
        self._slots = Slots()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One HTTP request: POST for calls, GET with an upgrade for a WebSocket, GET /metrics.. for the operator."""
        try:
            if request.method == "OPTIONS":
                return self._door.preflight(request)
            caller = self._door.admit(request)
            if request.method == "GET" and request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._sockets.serve(request, caller, self._answer_on_socket)
            if request.method == "GET" and request.path.startswith(METRICS_PATH):
                return await self._show_metrics(request.path.removeprefix(METRICS_PATH), caller)
            if request.method != "POST":
                return web.Response(status=405, headers={"Allow": "POST"}, text="JSON-RPC calls are POSTed.\n")
            with self._budget.lease() as lease:
                return await self._answer_post(request, caller, lease)
        except (Rejected, OverRate) as failure:
            status, code, headers = error_of(failure)
            answer = error_answer(None, code, str(failure))
            return _json(answer, status=status, headers={**self._door.headers_for(request), **headers})
        except BadBody as failure:
            answer = error_answer(None, failure.code, str(failure))
            return _json(answer, status=failure.status, headers=self._door.headers_for(request))
        except (web.HTTPException, ConnectionError):
            raise  # a refused handshake, a client that is gone
        except Exception as failure:
            log.error("gateway.failed", **explain(failure))
            return _json(error_answer(None, INTERNAL_ERROR, "the gateway failed"), status=500)

    async def answer(self, body: bytes | str, caller: Caller, lease: Lease) -> bytes:
        """The JSON-RPC answer to a body; what it takes in memory is added to the lease. Raises OverRate."""
        try:
            calls, is_batch = read_calls(body, caller.grant)
        except BadBody as failure:
            return _dump(error_answer(None, failure.code, str(failure)))
        self._door.charge_calls(caller, sum(cost_of(call.method) for call in calls))
        started = time.perf_counter()
        kind = max((call.method for call in calls), key=cost_of)
        calls = [await self._admit(call, caller) for call in calls]
        try:
            return await self._answer_calls(calls, is_batch, caller, lease)
        except (AnswerTooLarge, TooMuchAtOnce) as failure:
            self._metrics.gateway.refused("busy" if isinstance(failure, TooMuchAtOnce) else "memory")
            reason = str(failure)
        except (EngineUnreachable, EngineFailed) as failure:
            log.warning("gateway.engine", reason=str(failure))
            reason = "the validator's engine does not answer; try again"
        finally:
            self._metrics.gateway.seconds.labels(kind_of(kind)).observe(time.perf_counter() - started)
        self._count(calls, caller, "error")
        return _dump(error_answer(None if is_batch else calls[0].id, UNREACHABLE, reason))

    async def _answer_on_socket(self, body: bytes | str, caller: Caller, lease: Lease) -> bytes:
        try:
            self._door.charge_arrival(caller)
            return await self.answer(body, caller, lease)
        except OverRate as failure:
            return _dump(error_answer(None, LIMIT_EXCEEDED, str(failure)))

    async def _answer_post(self, request: web.BaseRequest, caller: Caller, lease: Lease) -> web.StreamResponse:
        body = await _read_body(request, caller.grant.limits.body, lease)
        request.protocol.body_arrived()  # type: ignore[attr-defined]
        answer = await self.answer(body, caller, lease)
        headers = self._door.headers_for(request)
        response = web.Response(body=answer, content_type="application/json", headers=headers)
        # sent here, not by aiohttp after it: the lease lasts until the client has taken it
        with suppress(ConnectionError):
            await response.prepare(request)
            await response.write_eof()
        return response

    async def _show_metrics(self, of: str, caller: Caller) -> web.Response:
        if caller.grant.role is not Role.OPERATOR:
            raise Rejected(403, "metrics are for the operator", NOT_KNOWN)
        if of == "":
            return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})
        if of not in SOURCES:
            return web.Response(status=404, text=f"metrics are at {METRICS_PATH}{{{','.join(('', *SOURCES))}}}\n")
        try:
            return web.Response(body=await self._engine_metrics.read(of), headers={"Content-Type": CONTENT_TYPE})
        except EngineUnreachable as failure:
            return web.Response(status=502, text=f"{failure}\n")

    async def _admit(self, call: Call, caller: Caller) -> Call:
        """The call, or one with a refusal for its answer."""
        self._filters.touched(call.method, call.params)
        if call.span is not None:
            most = caller.grant.limits.log_blocks
            if call.span.count((await self._head()).number) > most:
                return _refuse(call, f"the range is longer than {most} blocks; ask for less at a time", INVALID_PARAMS)
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

    async def _answer_calls(self, calls: list[Call], is_batch: bool, caller: Caller, lease: Lease) -> bytes:
        if is_batch:
            return await self._answer_batch(calls, caller, lease)
        return await self._answer_one(calls[0], caller, lease)

    async def _answer_one(self, call: Call, caller: Caller, lease: Lease) -> bytes:
        if call.answer is not None:
            self._count([call], caller, "refused")
            return _dump(call.answer)
        text = await self._forward(call.to_json(call.id), [call], caller, lease)
        self._count([call], caller, "ok")
        if call.raw is not None or call.place is not None:
            self._take_note(call, json.loads(text))
        return text

    async def _answer_batch(self, calls: list[Call], caller: Caller, lease: Lease) -> bytes:
        """Answers in the order of the calls. Ids may repeat in a client's batch, so geth gets places instead."""
        asked = [call.to_json(place) for place, call in enumerate(calls) if call.answer is None]
        by_place: dict[Any, dict[str, Any]] = {}
        if asked:
            found = json.loads(await self._forward(f"[{','.join(asked)}]", calls, caller, lease))
            by_place = {item.get("id"): item for item in (found if isinstance(found, list) else [])}
        answers = []
        for place, call in enumerate(calls):
            answer = call.answer or by_place.get(place) or error_answer(None, UNREACHABLE, "no answer")
            self._count([call], caller, "ok" if call.answer is None else "refused")
            self._take_note(call, answer)
            answers.append({**answer, "id": call.id})
        return _dump(answers)

    async def _forward(self, text: str, calls: list[Call], caller: Caller, lease: Lease) -> bytes:
        body = text.encode()
        lease.add(len(body))
        async with AsyncExitStack() as stack:
            await self._slots.enter(stack, max(cost_of(call.method) for call in calls), caller.grant.role)
            return await self._engine.forward(body, lease.add)

    def _count(self, calls: list[Call], caller: Caller, outcome: str) -> None:
        for call in calls:
            self._metrics.gateway.calls.labels(kind_of(call.method), caller.grant.role, outcome).inc()

    def _take_note(self, call: Call, answer: Any) -> None:
        """What geth's answer means for gossip and for the filters."""
        if call.answer is not None:
            return
        if call.raw is not None:
            self._admission.taken(call.raw, _failure(answer))
        if call.place is not None:
            self._filters.opened(call.place, answer.get("result") if isinstance(answer, dict) else None)


async def _read_body(request: web.BaseRequest, most: int, lease: Lease) -> bytes:
    """The body; raises BadBody when it is too large, too slow, broken, or one too many."""
    body = bytearray()
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            async for part in request.content.iter_any():
                lease.add(len(part))
                body += part
                if len(body) > most:
                    raise BadBody(INVALID_REQUEST, f"the body is larger than {most} bytes", 413)
    except TimeoutError:
        raise BadBody(INVALID_REQUEST, "the request took too long", 408) from None
    except TooMuchAtOnce as failure:
        raise BadBody(UNREACHABLE, str(failure), 503) from None
    except web.RequestPayloadError:
        raise BadBody(PARSE_ERROR, "the body cannot be read", 400) from None
    return bytes(body)


def _refuse(call: Call, reason: str, code: int = REFUSED) -> Call:
    return Call(id=call.id, method=call.method, answer=error_answer(call.id, code, reason))


def _failure(answer: Any) -> str | None:
    error = answer.get("error") if isinstance(answer, dict) else {"message": "no answer"}
    return str(error.get("message", "")) if error else None


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _json(value: Any, *, status: int, headers: dict[str, str] | None = None) -> web.Response:
    # what is left of the request is not read any more
    closing = {**(headers or {}), "Connection": "close"}
    return web.Response(body=_dump(value), status=status, content_type="application/json", headers=closing)
