"""A gateway of the tests between bridge and node, which on command does to calls what networks and nodes do to them.

HTTP and WebSocket, one call a request, as the bridge makes them. What a fault does stands at its name in `Fault`.
"""

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

SEND: Final = "eth_sendRawTransaction"
SECONDS: Final = 0.7
"""How long a delayed call takes more."""
ABORT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends RST."""
NO_BLOCK: Final = {"code": -32000, "message": "header not found"}


class Fault(Enum):
    """What is done to a call; what a node says is said to transactions only."""

    LOST = "reply lost after the node accepted"
    TWICE = "request sent twice"
    DELAYED = "delayed"
    RESET = "connection reset"
    TOO_MANY = "429"
    LIMITED = "429 as a JSON-RPC error"
    KNOWN = "already known"
    NONCE_USED = "nonce too low"
    UNDERPRICED = "replacement transaction underpriced"
    BEHIND = "a validator some blocks behind"
    SILENT = "no answer at all"


SAID: Final = {
    Fault.KNOWN: "already known",
    Fault.NONCE_USED: "nonce too low",
    Fault.UNDERPRICED: "replacement transaction underpriced",
}


class NodeProxy:
    """One gateway before the node at `node` (an HTTP URL). `hits` counts the calls that suffered, by fault, `sends` the
    transactions among them; `methods` all calls.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._fault: Fault | None = None
        self._methods: Collection[str] | None = None
        self._every = 1
        self._calls: Counter[str] = Counter()
        self.lag = 0
        self.hits: Counter[Fault] = Counter()
        self.sends: Counter[Fault] = Counter()
        self.methods: Counter[str] = Counter()
        self.url = self.websocket = ""
        self._session: aiohttp.ClientSession | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    @classmethod
    @asynccontextmanager
    async def before(cls, node: str) -> AsyncIterator[Self]:
        """A proxy that listens until the block ends."""
        proxy = cls(node)
        gateway = web.Application()
        gateway.router.add_post("/", proxy._post)
        gateway.router.add_get("/", proxy._listen)
        async with aiohttp.ClientSession() as proxy._session, TestServer(gateway) as server:
            proxy.url = str(server.make_url("/"))
            proxy.websocket = proxy.url.replace("http", "ws", 1)
            try:
                yield proxy
            finally:
                proxy.heal()

    def suffer(self, fault: Fault, *, methods: Collection[str] | None = None, every: int = 1, lag: int = 0) -> None:
        """From now on every so many-th call (of these methods) suffers; `lag` in blocks, for BEHIND."""
        self._fault, self._methods, self._every, self.lag = fault, methods, every, lag
        if fault is Fault.RESET:
            for each in self._sockets:
                _abort(each._req)  # the subscription breaks with the rest

    def heal(self) -> None:
        """All goes through again."""
        self._fault = None

    async def _post(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = json.loads(body)
        method = str(call["method"])
        self.methods[method] += 1
        fault = self._fault
        if fault is None or (self._methods is not None and method not in self._methods):
            return await self._through(body)
        self._calls[method] += 1  # each method's by itself, so that transactions get their part
        if self._calls[method] % self._every or (fault in SAID and method != SEND):
            return await self._through(body)
        self.hits[fault] += 1
        self.sends[fault] += method == SEND
        if fault is Fault.BEHIND:
            return await self._behind(call)
        return await self._faulty(fault, request, body, call)

    async def _faulty(self, fault: Fault, request: web.Request, body: bytes, call: Any) -> web.StreamResponse:
        match fault:
            case Fault.LOST:
                await self._through(body)
                _abort(request)
            case Fault.TWICE:
                await self._through(body)
            case Fault.DELAYED:
                await asyncio.sleep(SECONDS)
            case Fault.RESET:
                _abort(request)
            case Fault.TOO_MANY:
                return web.Response(status=429, text="Too Many Requests")
            case Fault.LIMITED:
                return _error(call, {"code": -32005, "message": "rate limit exceeded"}, status=429)
            case Fault.SILENT:
                while self._fault is Fault.SILENT:
                    await asyncio.sleep(0.05)
                _abort(request)
            case Fault.KNOWN | Fault.NONCE_USED | Fault.UNDERPRICED:
                if self.hits[fault] % 2:
                    await self._through(body)  # it is true every second time
                return _error(call, {"code": -32000, "message": SAID[fault]})
            case Fault.BEHIND:
                raise AssertionError("see _behind")
        return await self._through(body)

    async def _through(self, body: bytes) -> web.Response:
        assert self._session is not None
        async with self._session.post(self._node, data=body, headers={"content-type": "application/json"}) as answer:
            return web.Response(body=await answer.read(), content_type="application/json")

    async def _ask(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        return json.loads((await self._through(body)).body or b"{}").get("result")  # type: ignore[arg-type]

    async def _behind(self, call: Any) -> web.StreamResponse:
        """What a node says whose head is `lag` blocks before the newest one."""
        head = max(0, int(await self._ask("eth_blockNumber"), 16) - self.lag)
        method, params = call["method"], list(call["params"])
        if method == SEND:
            return await self._behind_takes(call)
        if method == "eth_blockNumber":
            return _result(call, hex(head))
        for at, each in enumerate(params):
            if each in ("latest", "finalized", "pending"):
                params[at] = hex(head)
            elif method in ("eth_call", "eth_getBlockByNumber") and _is_later(each, head):
                return _result(call, None) if method == "eth_getBlockByNumber" else _error(call, NO_BLOCK)
        if method == "eth_getTransactionReceipt":
            receipt = await self._ask(method, *params)
            return _result(call, receipt if receipt and int(receipt["blockNumber"], 16) <= head else None)
        if method == "eth_getLogs" and "blockHash" in params[0]:
            block = await self._ask("eth_getBlockByHash", params[0]["blockHash"], False)
            if block is None or int(block["number"], 16) > head:
                return _error(call, {"code": -32000, "message": "unknown block"})
        return await self._through(json.dumps(call | {"params": params}).encode())

    async def _behind_takes(self, call: Any) -> web.StreamResponse:
        """It gossips what it takes; what is in a block that it does not know yet is in its pool."""
        answer = await self._through(json.dumps(call).encode())
        refused = json.loads(answer.body or b"{}").get("error")  # type: ignore[arg-type]
        if refused and "nonce too low" in refused["message"]:
            return _error(call, {"code": -32000, "message": "already known"})
        return answer

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        bridge = web.WebSocketResponse()
        await bridge.prepare(request)
        self._sockets.add(bridge)
        try:
            async with self._session.ws_connect(self._node.replace("http", "ws", 1)) as node:
                there = asyncio.create_task(_pass_on(bridge, node))
                try:
                    await _pass_on(node, bridge)
                finally:
                    there.cancel()
        finally:
            self._sockets.discard(bridge)
        return bridge


async def _pass_on(source: Any, sink: Any) -> None:
    async for message in source:
        if message.type != aiohttp.WSMsgType.TEXT:
            return
        await sink.send_str(message.data)


def _is_later(tag: object, head: int) -> bool:
    return isinstance(tag, str) and tag.startswith("0x") and len(tag) < 20 and int(tag, 16) > head


def _abort(request: Any) -> None:
    """Closes the connection with a reset."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        transport.abort()


def _result(call: Any, result: Any) -> web.Response:
    return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": result})


def _error(call: Any, error: dict[str, Any], *, status: int = 200) -> web.Response:
    return web.json_response({"jsonrpc": "2.0", "id": call["id"], "error": error}, status=status)
