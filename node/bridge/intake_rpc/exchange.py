"""One JSON-RPC body in, one body out: the only place of this intake where verify, submit and acknowledge meet.

Between the listener (HTTP or WebSocket) and the stages. JSON-RPC 2.0, batches included.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import structlog

from node.bridge.acknowledge import rpc_error, rpc_result
from node.bridge.announcer import terminal_topic
from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import params as asked
from node.bridge.intake_rpc.desk import DESK
from node.bridge.intake_rpc.lines import read_lines
from node.bridge.intake_rpc.methods import METHODS
from node.bridge.intake_rpc.signed import RefusedBefore, SignedRequests
from node.bridge.verify.lookup import check_active
from node.bridge.verify.rpc_sender import SignedRules, prove
from node.domain.answer import Answer
from node.domain.errors import (
    InvalidTransaction,
    OriginalNotFound,
    TillnetError,
)
from node.domain.ids import PaymentId, TerminalId

_LOG = structlog.get_logger(__name__)
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
_MAX_ID: Final = 128


class Session(Protocol):
    """A connection that can be told something unasked: a WebSocket."""

    def subscribe(self, topic: str) -> str:
        """Begins a subscription; its name. Raises Overloaded."""
        ...

    def unsubscribe(self, name: str) -> bool:
        """Ends one; whether there was one."""
        ...


Method = Callable[[object, Session | None], Awaitable[Any]]


class RpcExchange:
    """Answers bodies. `clock` gives Unix seconds; `document` is what `rpc.discover` says."""

    def __init__(
        self,
        ports: Ports,
        rules: SignedRules,
        *,
        max_batch: int,
        document: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
        check_terminal: Callable[[TerminalId], None] = lambda terminal: None,
        sign_on: bool = False,
        balances: bool = False,
    ) -> None:
        """`check_terminal` raises WrongCertificate where the connection is not for the terminal; `sign_on` and
        `balances` are those of SignedRequests.
        """
        self._ports = ports
        self._rules = rules
        self._max_batch = max_batch
        self._document = document or {}
        self._clock = clock
        self._check_terminal = check_terminal
        self._requests = SignedRequests(
            ports, rules, clock=clock, check_terminal=check_terminal, sign_on=sign_on, balances=balances
        )
        self.methods: Mapping[str, Method] = {
            "rpc.discover": self._discover,
            "payment_status": self._status,
            "bridge_health": self._health,
            "lines_read": self._lines,
            "till_subscribe": self._subscribe,
            "till_unsubscribe": self._unsubscribe,
            **{name: partial(self._signed, self._requests.payment, method) for name, method in METHODS.items()},
            **{name: partial(self._signed, self._requests.desk, method) for name, method in DESK.items()},
        }

    async def answer(self, body: bytes | str, session: Session | None = None) -> bytes:
        """The reply to a body; empty when it had notifications only. Never raises."""
        try:
            document = json.loads(body, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return encode(_failure(None, PARSE_ERROR, "The body is not JSON"))
        if not isinstance(document, list):
            reply = await self._call(document, session)
            return b"" if reply is None else encode(reply)
        if not 1 <= len(document) <= self._max_batch:
            return encode(_failure(None, INVALID_REQUEST, f"A batch has 1 to {self._max_batch} requests"))
        replies = await asyncio.gather(*(self._call(each, session) for each in document))
        answered = [reply for reply in replies if reply is not None]
        return encode(answered) if answered else b""

    async def _call(self, request: object, session: Session | None) -> dict[str, Any] | None:
        if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not _id_fits(request.get("id")):
            return _failure(None, INVALID_REQUEST, "This is no JSON-RPC 2.0 request")
        number, name = request.get("id"), request.get("method")
        method = self.methods.get(name) if isinstance(name, str) else None
        if method is None:
            reply = _failure(number, METHOD_NOT_FOUND, "There is no such method")
        else:
            reply = await self._run(method, request.get("params", {}), number, session)
        return reply if "id" in request else None

    async def _run(self, method: Method, params: object, number: object, session: Session | None) -> dict[str, Any]:
        try:
            return {"jsonrpc": "2.0", "id": number, "result": await method(params, session)}
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
        except RefusedBefore as failure:
            return {"jsonrpc": "2.0", "id": number, "error": failure.answer}
        except Exception as failure:
            # no detail: an exception's text may quote the message
            _LOG.error("message.failed", error=type(failure).__name__)
            return {"jsonrpc": "2.0", "id": number, "error": rpc_error(None)}

    async def _signed(
        self, answer: Callable[[Any, object], Awaitable[Any]], method: object, params: object, session: Session | None
    ) -> Any:
        self._ports.came("rpc")
        return await answer(method, params)

    async def _status(self, params: object, session: Session | None) -> dict[str, Any]:
        return rpc_result(await self._payment(asked.payment_named(params)))

    async def _payment(self, payment: PaymentId) -> Answer:
        if self._ports.status is None:
            raise InvalidTransaction("statuses are not offered here")
        answer = await self._ports.status(payment)
        if answer is None:
            raise OriginalNotFound("this bridge has no payment of that id")
        return answer

    async def _health(self, params: object, session: Session | None) -> dict[str, Any]:
        known = {} if self._ports.health is None else dict(await self._ports.health())
        return {"directoryBlock": self._ports.directory().block, **known}

    async def _lines(self, params: object, session: Session | None) -> dict[str, Any]:
        self._ports.came("rpc")
        return await read_lines(params, self._ports, self._rules, int(self._clock()))

    async def _discover(self, params: object, session: Session | None) -> Mapping[str, Any]:
        asked.nothing_asked(params)
        return self._document

    async def _subscribe(self, params: object, session: Session | None) -> dict[str, Any]:
        wanted = asked.subscription_asked(params)
        if session is None:
            raise InvalidTransaction("subscriptions need a WebSocket")
        if isinstance(wanted, str):
            name = session.subscribe(wanted)  # before its state is read, so that nothing is missed between the two
            try:
                return {"subscription": name, "payment": rpc_result(await self._payment(wanted))}
            except TillnetError:
                session.unsubscribe(name)
                raise
        self._check_terminal(TerminalId(wanted[0].terminal))
        proved = prove(*wanted, self._rules, int(self._clock()))
        check_active(proved.terminal)
        await self._requests.claim(proved, "subscription", once=True)
        return {"subscription": session.subscribe(terminal_topic(proved.terminal.id)), "payment": None}

    async def _unsubscribe(self, params: object, session: Session | None) -> bool:
        name = asked.subscription_named(params)
        return session is not None and session.unsubscribe(name)


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
