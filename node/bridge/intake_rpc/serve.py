"""The JSON-RPC listener: binds, serves until cancelled, bounds bodies, connections and requests under way.

First stage of the bridge, beside the ISO 8583 listener; node/bridge/service.py starts it.
"""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web
from aiohttp.web_request import BaseRequest

from node.bridge.acknowledge import rpc_error
from node.bridge.intake_ports import Ports, cannot_listen
from node.bridge.intake_rpc.exchange import INVALID_REQUEST, RpcExchange, encode
from node.bridge.intake_rpc.guard import Guards
from node.bridge.intake_rpc.in_flight import InFlight
from node.bridge.intake_rpc.openrpc import document
from node.bridge.intake_rpc.socket import Socket
from node.bridge.security.certificates import PRESENTED, presented_by
from node.bridge.security.door import Door
from node.bridge.verify.lookup import Randomness
from node.bridge.verify.rpc_sender import SignedRules
from node.config import RpcSettings
from node.domain.errors import Overloaded, Unusable
from node.domain.ids import Address
from node.domain.terminal_terms import domain_separator

_LOG = structlog.get_logger(__name__)
_SWEEP_SECONDS: Final = 1.0
_ADDRESS_BYTES: Final = 20
_BACKLOG: Final = 512
_KEEPALIVE_SECONDS: Final = 75.0
# how long what is left of a refused body is still read, so that the refusal arrives before the reset
_LINGER_SECONDS: Final = 0.5


async def serve_rpc(
    settings: RpcSettings,
    ports: Ports,
    *,
    bound: Callable[[str, int], None] = lambda host, port: None,
    clock: Callable[[], float] = time.time,
    randomness: Randomness = os.urandom,
) -> None:
    """Serves until cancelled. Calls `bound(host, port)` once it listens.

    Raises Unusable when the port is in use, the ledger's address is none, or a certificate is no good.
    """
    door = Door(settings.tls, ports.refused, clock=clock)
    exchange = RpcExchange(
        ports,
        _rules(settings, ports, randomness),
        max_batch=settings.max_batch,
        sign_on=settings.sign_on,
        balances=settings.balances,
        document=document(settings.chain_id, settings.ledger),
        clock=clock,
        check_terminal=door.check,
    )
    handler = _Handler(exchange, settings, ports)
    server = web.Server(handler, access_log=None, keepalive_timeout=_KEEPALIVE_SECONDS, lingering_time=_LINGER_SECONDS)
    guards = Guards(settings.max_connections, server)
    handler.guards = guards
    loop = asyncio.get_running_loop()
    try:
        listener = await door.listen(guards, settings.host, settings.port, backlog=_BACKLOG)
    except OSError as failure:
        raise cannot_listen(settings.host, settings.port, failure) from None
    host, port = listener.place
    _LOG.info("rpc.listening", host=host, port=port)
    bound(host, port)
    try:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            guards.sweep(loop.time(), settings.read_seconds)
            door.refresh()
    finally:
        listener.close()
        await server.shutdown(timeout=0)


def _rules(settings: RpcSettings, ports: Ports, randomness: Randomness) -> SignedRules:
    try:
        ledger = Address(bytes.fromhex(settings.ledger.removeprefix("0x")))
    except ValueError:
        ledger = Address(b"")
    if len(ledger) != _ADDRESS_BYTES or not settings.chain_id:
        raise Unusable(f"rpc.ledger is an address, not {settings.ledger}, and rpc.chain_id is the chain's")
    return SignedRules(
        stream=ports.stream,
        utc_offset=settings.utc_offset,
        domain=domain_separator(settings.chain_id, ledger),
        replay_seconds=settings.replay_seconds,
        ahead_seconds=settings.ahead_seconds,
        directory=ports.directory,
        member_of=ports.member_of,
        randomness=randomness,
    )


class _Handler:
    """One HTTP request after another, whichever connection it comes on; a WebSocket is one long request."""

    guards: Guards

    def __init__(self, exchange: RpcExchange, settings: RpcSettings, ports: Ports) -> None:
        self._exchange = exchange
        self._settings = settings
        self._announcer = ports.announcer
        self._in_flight = InFlight(settings.max_in_flight)

    async def __call__(self, request: BaseRequest) -> web.StreamResponse:
        self.guards.begun(request)
        # tasks of a WebSocket inherit it
        PRESENTED.set(presented_by(request.transport))
        if request.headers.get("Origin"):
            # no page in a browser has business here; nobody's browser shall ask for its visitor
            return _plain(403, "Browsers are not served")
        if request.method == "GET" and request.headers.get("Upgrade", "").lower() == "websocket":
            self.guards.upgraded(request)
            return await Socket(self._exchange, self._announcer, self._in_flight, self._settings).serve(request)
        if request.method != "POST":
            return _plain(405, "POST a JSON-RPC 2.0 request", allow="POST")
        if self._in_flight.is_full:
            return _json(encode({"jsonrpc": "2.0", "id": None, "error": rpc_error(Overloaded())}), 503)
        with self._in_flight.one():
            return await self._post(request)

    async def _post(self, request: BaseRequest) -> web.StreamResponse:
        try:
            async with asyncio.timeout(self._settings.read_seconds):
                body = await self._body(request)
        except TimeoutError:
            return _plain(408, "The body took too long to arrive")
        if body is None:
            message = f"A body has at most {self._settings.max_body} bytes"
            error = {"code": INVALID_REQUEST, "message": message}
            return _json(encode({"jsonrpc": "2.0", "id": None, "error": error}), 413)
        reply = await self._exchange.answer(body)
        return _json(reply) if reply else web.Response(status=204)

    async def _body(self, request: BaseRequest) -> bytes | None:
        limit = self._settings.max_body
        if (request.content_length or 0) > limit:
            return None
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                return None
        return bytes(body)


def _json(body: bytes, status: int = 200) -> web.Response:
    response = web.Response(body=body, status=status, content_type="application/json")
    if status != 200:
        response.force_close()
    return response


def _plain(status: int, text: str, **headers: str) -> web.Response:
    response = web.Response(text=text + "\n", status=status, headers=headers)
    response.force_close()
    return response
