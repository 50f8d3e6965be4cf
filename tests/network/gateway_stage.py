"""A gateway in this process in front of a geth that is a small HTTP server, for tests of what strangers can do."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from node.consensus.access import Access, digest_of, parse_access
from node.consensus.engine import Engine
from node.consensus.engine_metrics import EngineMetrics
from node.consensus.gateway import Gateway
from node.consensus.gateway_budget import Budget
from node.consensus.gateway_door import Door
from node.consensus.gateway_listener import Listener
from node.consensus.gateway_server import LimitedServer
from node.consensus.gateway_socket import SocketProxy
from node.consensus.metrics import Metrics
from node.consensus.rpc_roles import Role, grant
from node.consensus.rules import Head
from node.domain.ids import Hash32

CALL = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
LIMIT = 40 * 2**20
OPERATOR = grant(Role.OPERATOR)
KEYS = {role: f"till_key-of-{role}" for role in Role}


def access_by_role(**more: Any) -> Access:
    """An access file with one key a role, those of KEYS."""
    keys = [{"id": f"my-{role}", "role": role, "sha256": digest_of(key).hex()} for role, key in KEYS.items()]
    return parse_access({"keys": keys, **more}, Path())


class SmallGeth:
    """Answers every call with `answer` (called, if it can be), once `may_answer` is set; the `quick` ones at once."""

    def __init__(self) -> None:
        self.answer: Any = "0x1"
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.quick: set[str] = set()
        self.busy = self.most_busy = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = json.loads(await request.read())
        self.busy += 1
        self.most_busy = max(self.busy, self.most_busy)
        calls = call if isinstance(call, list) else [call]
        if not self.quick.issuperset(each["method"] for each in calls):
            await self.may_answer.wait()
        self.busy -= 1
        answers = [{"jsonrpc": "2.0", "id": each["id"], "result": self._result()} for each in calls]
        return web.json_response(answers if isinstance(call, list) else answers[0])

    def _result(self) -> Any:
        return self.answer() if callable(self.answer) else self.answer


class Stage:
    """A gateway in front of a small geth. `now` is the clock of keys, `tick` that of rates."""

    def __init__(self, geth: SmallGeth, geth_port: int, *, on_loopback: bool = True) -> None:
        self.geth, self.host, self.head = geth, "127.0.0.1", 1_000_000
        self.now, self.tick = 1_800_000_000.0, 0.0
        self.engine = Engine(auth_url="", rpc_url=f"http://127.0.0.1:{geth_port}", jwt_secret=b"")
        self.metrics = Metrics()
        self.door = Door(
            on_loopback=on_loopback,
            clock=lambda: self.now,
            monotonic=lambda: self.tick,
            metrics=self.metrics.gateway,
        )
        budget = Budget(LIMIT)
        admission: Any = None
        front = Gateway(
            engine=self.engine,
            admission=admission,
            sockets=SocketProxy(f"ws://127.0.0.1:{geth_port}", budget, self.door),
            budget=budget,
            door=self.door,
            metrics=self.metrics,
            engine_metrics=EngineMetrics(self.host, geth_port, geth_port),
            head=self._head,
        )
        self.server = LimitedServer(front.handle)
        self.listener = Listener(self.server, self.host, 0, self.metrics.gateway.refused)
        self.clients = lambda: self.server.connections

    async def _head(self) -> Head:
        return Head(number=self.head, hash=Hash32(bytes(32)), timestamp=0)

    @property
    def port(self) -> int:
        return self.listener.port

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        async with aiohttp.ClientSession() as session, session.post(self.url, data=body, headers=headers) as response:
            return response.status, json.loads(await response.read() or b"null")

    async def ask(self, method: str, *params: Any, key: str | None = None) -> Any:
        """The code of the answer's error, or its result."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        _, answer = await self.post(body, {"X-API-Key": key} if key else {})
        return answer["error"]["code"] if "error" in answer else answer["result"]

    async def tell(self, data: bytes) -> bytes:
        """What comes back when exactly these bytes are sent, until the gateway closes or 5 s are over."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(data)
        answer = b""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(5):
                while part := await reader.read(65_536):
                    answer += part
        writer.close()
        return answer


async def serve(server: web.Server) -> tuple[web.ServerRunner, int]:
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]


@asynccontextmanager
async def on_stage(*, on_loopback: bool = True) -> AsyncIterator[Stage]:
    """A stage that listens, without TLS."""
    geth = SmallGeth()
    below, geth_port = await serve(web.Server(geth.handle))
    stage = Stage(geth, geth_port, on_loopback=on_loopback)
    stage.listener.open(None)
    yield stage
    geth.may_answer.set()
    await stage.listener.stop()
    await stage.engine.close()
    await below.cleanup()


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
