"""Listens, reads each request within its bounds, finds its route, and says failures as that route says them.

Before it clients; after it node/explorer/web/routes.py. Connections are bounded and timed as the gateway's are.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web

from node.consensus.errors import TooMuchAtOnce
from node.consensus.gateway_budget import Budget, Lease
from node.consensus.gateway_listener import Listener
from node.consensus.gateway_server import LimitedServer
from node.domain.errors import ChainUnreachable, TillnetError
from node.explorer.queries.index import IndexBusy, IndexEmpty, IndexOld
from node.explorer.web.request import (
    Asked,
    BadRequest,
    Busy,
    NotAllowed,
    NotFound,
    TooLarge,
    fields_of,
)
from node.explorer.web.routes import Explain, Found, Routes

MAX_AT_ONCE: Final = 128
"""Requests that are worked on; the next one is told to try again."""
MAX_HELD: Final = 64 * 2**20
"""Bytes of all bodies together."""
BODY_SECONDS: Final = 20.0
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
_STATUS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (TooLarge, 413),
    (NotFound, 404),
    (NotAllowed, 403),
    (Busy, 503),
    (IndexBusy, 503),
    (IndexEmpty, 503),
    (IndexOld, 503),
    (ChainUnreachable, 503),
    (TillnetError, 400),
)
_LOG = structlog.get_logger(__name__)


async def serve(
    routes: Routes,
    host: str,
    port: int,
    *,
    explain: Explain,
    bound: Callable[[int], None] = lambda port: None,
) -> None:
    """Serves until cancelled; calls `bound(port)` once it listens. Raises Unusable when the port is taken."""
    handler = _Handler(routes, explain)
    server = LimitedServer(handler.answer)
    listener = Listener(server, host, port, _refused, name="the explorer")
    listener.open(None)
    _LOG.info("explorer.listening", host=host, port=listener.port)
    bound(listener.port)
    try:
        await asyncio.Event().wait()
    finally:
        await listener.stop()


def _refused(reason: str) -> None:
    _LOG.info("explorer.turned_away", reason=reason)


class _Handler:
    def __init__(self, routes: Routes, explain: Explain) -> None:
        self._routes = routes
        self._explain = explain
        self._budget = Budget(MAX_HELD)
        self._at_once = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        found = self._routes.find(request.method, request.path)
        if not isinstance(found, Found):
            return self._nowhere(request, found)
        explain = found.route.explain
        if self._at_once >= MAX_AT_ONCE:
            return _guarded(explain(Busy(), 503))
        self._at_once += 1
        try:
            with self._budget.lease() as lease:
                asked = await _read(request, found, lease)
                async with asyncio.timeout(found.route.seconds):
                    return _guarded(await found.route.answer(asked))
        except TillnetError as failure:
            status = next(status for kind, status in _STATUS if isinstance(failure, kind))
            return _guarded(explain(failure, status))
        except TimeoutError:
            return _guarded(explain(Busy("this took too long"), 503))
        except (web.HTTPException, ConnectionError):
            raise  # a client that is gone
        except Exception as failure:
            _LOG.exception("explorer.failed", path=found.route.path, kind=type(failure).__name__)
            return _guarded(explain(Busy("something is wrong with the explorer, and is in its log"), 500))
        finally:
            self._at_once -= 1

    def _nowhere(self, request: web.BaseRequest, methods: tuple[str, ...]) -> web.StreamResponse:
        if not methods:
            return _guarded(self._explain(NotFound(), 404))
        response = self._explain(BadRequest(f"this is asked with {' or '.join(methods)}"), 405)
        response.headers["Allow"] = ", ".join(methods)
        return _guarded(response)


async def _read(request: web.BaseRequest, found: Found, lease: Lease) -> Asked:
    most = found.route.body
    if (request.content_length or 0) > most:
        raise TooLarge(f"a body has at most {most} bytes here")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                lease.add(len(part))
                body += part
                if len(body) > most:
                    raise TooLarge(f"a body has at most {most} bytes here")
    except TimeoutError:
        raise BadRequest("the body took too long to arrive") from None
    except TooMuchAtOnce:
        raise Busy from None
    except web.RequestPayloadError:
        raise BadRequest("the body cannot be read") from None
    request.protocol.body_arrived()  # type: ignore[attr-defined]
    return Asked(
        method=request.method,
        path=request.path,
        fields=fields_of(request.rel_url.raw_query_string, bytes(body), request.content_type),
        values=found.values,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=bytes(body),
        raw=request,
    )


def _guarded(response: web.StreamResponse) -> web.StreamResponse:
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response
