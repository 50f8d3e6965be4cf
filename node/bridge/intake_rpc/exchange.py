"""One JSON-RPC body in, one body out: the only place of this intake where verify, submit and acknowledge meet.

Between the HTTP listener and the stages. JSON-RPC 2.0, batches included.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import structlog

from node.bridge.acknowledge import rpc_error, rpc_result
from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc.methods import METHODS, SignedMethod
from node.bridge.intake_rpc.params import payment_named, pin_block_of, terms_of
from node.bridge.security.shown import Shown
from node.bridge.verify.rpc import SignedRules
from node.domain.errors import InvalidTransaction, OriginalNotFound, TillnetError
from node.domain.ids import TerminalId

_LOG = structlog.get_logger(__name__)
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
_MAX_ID: Final = 128


class RpcExchange:
    """Answers bodies. `clock` gives Unix seconds."""

    def __init__(
        self,
        ports: Ports,
        rules: SignedRules,
        *,
        max_batch: int,
        clock: Callable[[], float] = time.time,
        check_terminal: Callable[[TerminalId], None] = lambda terminal: None,
    ) -> None:
        """`check_terminal` raises WrongCertificate where the connection is not for the terminal."""
        self._ports = ports
        self._rules = rules
        self._max_batch = max_batch
        self._clock = clock
        self._check_terminal = check_terminal
        self._methods: dict[str, Callable[[object], Awaitable[Any]]] = {
            "payment_status": self._status,
            "bridge_health": self._health,
            **{name: partial(self._signed, method) for name, method in METHODS.items()},
        }

    async def answer(self, body: bytes) -> bytes:
        """The reply to a body; empty when it had notifications only. Never raises."""
        try:
            document = json.loads(body, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return encode(_failure(None, PARSE_ERROR, "The body is not JSON"))
        if not isinstance(document, list):
            reply = await self._call(document)
            return b"" if reply is None else encode(reply)
        if not 1 <= len(document) <= self._max_batch:
            return encode(_failure(None, INVALID_REQUEST, f"A batch has 1 to {self._max_batch} requests"))
        replies = await asyncio.gather(*(self._call(each) for each in document))
        answered = [reply for reply in replies if reply is not None]
        return encode(answered) if answered else b""

    async def _call(self, request: object) -> dict[str, Any] | None:
        if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not _id_fits(request.get("id")):
            return _failure(None, INVALID_REQUEST, "This is no JSON-RPC 2.0 request")
        number, name = request.get("id"), request.get("method")
        method = self._methods.get(name) if isinstance(name, str) else None
        if method is None:
            reply = _failure(number, METHOD_NOT_FOUND, "There is no such method")
        else:
            reply = await self._run(method, request.get("params", {}), number)
        return reply if "id" in request else None

    async def _run(self, method: Callable[[object], Awaitable[Any]], params: object, number: object) -> dict[str, Any]:
        try:
            return {"jsonrpc": "2.0", "id": number, "result": await method(params)}
        except TillnetError as failure:
            terminal = params.get("terminal") if isinstance(params, dict) else None
            _LOG.info(
                "message.refused",
                rpc_code=failure.rpc_code,
                reason=type(failure).__name__,
                detail=failure.detail,
                terminal=str(terminal)[:8],
            )
            return {"jsonrpc": "2.0", "id": number, "error": rpc_error(failure)}
        except Exception as failure:
            # no detail: an exception's text may quote the message
            _LOG.error("message.failed", error=type(failure).__name__)
            return {"jsonrpc": "2.0", "id": number, "error": rpc_error(None)}

    async def _signed(self, method: SignedMethod[Any], params: object) -> dict[str, Any]:
        terms, signature = terms_of(method.terms, params)
        self._check_terminal(TerminalId(terms.terminal))
        verified = method.verify(terms, signature, self._rules, int(self._clock()))
        if self._ports.gate is not None:
            await self._ports.gate.admit(
                verified.entry,
                Shown(
                    terminal=TerminalId(terms.terminal),
                    card=getattr(terms, "card", ""),
                    pin_block=pin_block_of(params),
                ),
            )
        return rpc_result(await self._ports.submit(verified.entry, verified.sealed))

    async def _status(self, params: object) -> dict[str, Any]:
        if self._ports.status is None:
            raise InvalidTransaction("statuses are not offered here")
        answer = await self._ports.status(payment_named(params))
        if answer is None:
            raise OriginalNotFound("this bridge has no payment of that id")
        return rpc_result(answer)

    async def _health(self, params: object) -> dict[str, Any]:
        known = {} if self._ports.health is None else dict(await self._ports.health())
        return {"directoryBlock": self._ports.directory().block, **known}


def _id_fits(number: object) -> bool:
    if isinstance(number, str):
        return len(number) <= _MAX_ID
    return number is None or (isinstance(number, int | float) and not isinstance(number, bool))


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


def _failure(number: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


def encode(document: object) -> bytes:
    """Compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode()
