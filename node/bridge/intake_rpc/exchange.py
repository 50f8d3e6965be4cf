"""One JSON-RPC body in, one body out: the only place of this intake where verify, submit and acknowledge meet.

Between the listener (HTTP or WebSocket) and the stages. JSON-RPC 2.0, batches included.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import structlog

from node.bridge.acknowledge import rpc_error, rpc_result
from node.bridge.announcer import terminal_topic
from node.bridge.at_hand import with_all_at_hand
from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import params as asked
from node.bridge.intake_rpc.lines import read_lines
from node.bridge.intake_rpc.methods import METHODS, SignedMethod
from node.bridge.journal.claims import Claim
from node.bridge.security.shown import Shown
from node.bridge.verify.lookup import Verified, check_active
from node.bridge.verify.rpc import REVERSAL_CLASS, bodies_of, key_of
from node.bridge.verify.rpc_sender import Proved, SignedRules, prove
from node.domain.answer import Answer
from node.domain.errors import (
    Declined,
    DuplicateOtherBody,
    IdempotencyConflict,
    InvalidTransaction,
    OriginalNotFound,
    TillnetError,
)
from node.domain.ids import PaymentId, TerminalId
from node.domain.payment import Entry
from node.domain.terminal_terms import Terms

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


class RefusedBefore(Exception):
    """This very request was refused before, with the error object `answer`."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self.answer = answer


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
    ) -> None:
        """`check_terminal` raises WrongCertificate where the connection is not for the terminal."""
        self._ports = ports
        self._rules = rules
        self._max_batch = max_batch
        self._document = document or {}
        self._clock = clock
        self._check_terminal = check_terminal
        self.methods: Mapping[str, Method] = {
            "rpc.discover": self._discover,
            "payment_status": self._status,
            "bridge_health": self._health,
            "lines_read": self._lines,
            "till_subscribe": self._subscribe,
            "till_unsubscribe": self._unsubscribe,
            **{name: partial(self._signed, method) for name, method in METHODS.items()},
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

    async def _signed(self, method: SignedMethod[Any], params: object, session: Session | None) -> dict[str, Any]:
        self._ports.came("rpc")
        terms, signature = asked.terms_of(method.terms, params)
        key, pin_block = asked.idempotency_key(params), asked.pin_block_of(params)
        self._check_terminal(TerminalId(terms.terminal))
        proved = prove(terms, signature, self._rules, int(self._clock()))
        claim = self._claim(proved, method.mti_class, key)
        undoes = method.mti_class == REVERSAL_CLASS
        try:
            await self._take(claim)
            if not undoes:
                check_active(proved.terminal)
            verified = await with_all_at_hand(partial(_verify, method, proved))
            await self._admit(verified.entry, proved, pin_block)
            return rpc_result(await self._ports.submit(verified.entry, verified.basket))
        except (DuplicateOtherBody, IdempotencyConflict):
            # another copy came first, with another PIN block or card: what that one is answered stands
            raise
        except (Declined, RefusedBefore) as failure:
            if undoes:
                raise  # it may be taken yet
            answer = await self._accepted_before(proved)
            if answer is not None:
                return rpc_result(answer)
            # else a copy of it might be accepted when the clerk has long taken cash
            if self._ports.claims is not None and isinstance(failure, Declined):
                await self._ports.claims.refuse(claim, json.dumps(rpc_error(failure)))
            raise

    async def _accepted_before(self, proved: Proved[Terms]) -> Answer | None:
        """What the same message was answered when it was accepted: what is true today does not count for it."""
        if self._ports.recall is None:
            return None
        return await self._ports.recall(key_of(proved), partial(bodies_of, proved))

    async def _admit(self, entry: Entry, proved: Proved[Terms], pin_block: bytes) -> None:
        if self._ports.gate is not None:
            card = getattr(proved.terms, "card", "")
            await self._ports.gate.admit(entry, Shown(terminal=proved.terminal.id, card=card, pin_block=pin_block))

    def _claim(self, proved: Proved[Terms], kind: str, key: str = "", *, once: bool = False) -> Claim:
        terms, terminal = proved.terms, proved.terminal.id
        return Claim(
            nonce=f"n|{terminal}|{kind}|{terms.stan}|{terms.time}",
            # a digest: whatever a client builds its keys from stays out of the journal
            key=f"k|{terminal}|{hashlib.sha256(key.encode()).hexdigest()}" if key else "",
            said=proved.said,
            until=(terms.time + self._rules.replay_seconds + 1) * 1_000,
            once=once,
        )

    async def _take(self, claim: Claim) -> None:
        refused = None if self._ports.claims is None else await self._ports.claims.take(claim)
        if refused is not None:
            raise RefusedBefore(json.loads(refused))

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
        await self._take(self._claim(proved, "subscription", once=True))
        return {"subscription": session.subscribe(terminal_topic(proved.terminal.id)), "payment": None}

    async def _unsubscribe(self, params: object, session: Session | None) -> bool:
        name = asked.subscription_named(params)
        return session is not None and session.unsubscribe(name)


async def _verify(method: SignedMethod[Any], proved: Proved[Any]) -> Verified:
    return method.verify(proved)


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
