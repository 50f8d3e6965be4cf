"""The door of the gateway: lets callers in by their keys, and counts what they ask against their rates.

Used by node/consensus/gateway.py and gateway_socket.py. `access` is replaced while it is in use
(node/consensus/access_watch.py); a WebSocket asks again for every message.
"""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from node.consensus.access import Access
from node.consensus.errors import OverRate
from node.consensus.gateway_callers import Caller, Rejected, address_of, check_origin, identify, still_admitted
from node.consensus.gateway_rates import Complaints, Rates
from node.consensus.metrics import GatewayMetrics
from node.consensus.rpc_policy import LIMIT_EXCEEDED
from node.consensus.rpc_roles import HEAVY, Role

ARRIVAL_COST: Final = 1
"""Of a request, before it is known what it asks; its calls cost the rest."""
PREFLIGHT_SECONDS: Final = "600"


class Door:
    """Who may come in. `clock` gives Unix seconds, `monotonic` seconds for rates."""

    def __init__(
        self,
        *,
        on_loopback: bool,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        metrics: GatewayMetrics,
    ) -> None:
        self.access = Access()
        self._on_loopback = on_loopback
        self._clock = clock
        self._rates = Rates(monotonic)
        self._complaints = Complaints(monotonic)
        self._metrics = metrics

    def admit(self, request: web.BaseRequest) -> Caller:
        """The caller of a request that may go on; raises Rejected, or OverRate."""
        try:
            caller = identify(request, self.access, on_loopback=self._on_loopback, now=self._clock())
        except Rejected as refusal:
            self._reject(request, refusal)
            raise
        self.charge_arrival(caller)
        return caller

    def charge_arrival(self, caller: Caller) -> None:
        """Counts a request or a message, before it is read; raises OverRate."""
        self._charge(caller, ARRIVAL_COST)

    def charge_calls(self, caller: Caller, cost: int) -> None:
        """Counts what a request asked beyond its arrival; raises OverRate."""
        if cost > ARRIVAL_COST:
            self._charge(caller, cost - ARRIVAL_COST)

    def still_admits(self, caller: Caller) -> bool:
        """Whether a caller on a WebSocket may go on: its key was not removed, and has not expired."""
        return still_admitted(caller, self.access, self._clock())

    def complain(self, name: str, kind: str) -> None:
        """Something else was refused to this caller."""
        self._metrics.refused(kind)
        self._complaints.note(name, kind)

    def headers_for(self, request: web.BaseRequest) -> dict[str, str]:
        """What a browser needs to see before it lets a page of a listed origin read the answer."""
        origin = request.headers.get("Origin")
        if origin is None or (origin not in self.access.origins and "*" not in self.access.origins):
            return {}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}

    def preflight(self, request: web.BaseRequest) -> web.Response:
        """The answer to a browser that asks whether a page may call; raises Rejected (CORS, fetch standard)."""
        if check_origin(request, self.access) is None:
            raise Rejected(405, "JSON-RPC calls are POSTed")
        allowed = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, X-API-Key",
            "Access-Control-Max-Age": PREFLIGHT_SECONDS,
        }
        return web.Response(status=204, headers={**self.headers_for(request), **allowed})

    def _charge(self, caller: Caller, cost: int) -> None:
        try:
            self._rates.take(caller.bucket, cost, caller.grant.limits)
        except OverRate:
            self._metrics.refused("rate")
            self._complaints.note(caller.name, "rate", role=caller.grant.role)
            raise

    def _reject(self, request: web.BaseRequest, refusal: Rejected) -> None:
        """Counts an attempt against the address, so that keys cannot be tried out fast; raises OverRate."""
        address = f"address {address_of(request)}"
        self._metrics.refused("key" if refusal.status == 401 else "origin")
        self._complaints.note(address, "key" if refusal.status == 401 else "origin", reason=str(refusal))
        self._rates.take(f"tries {address}", HEAVY, self.access.grants[Role.PUBLIC].limits)


def error_of(failure: Rejected | OverRate) -> tuple[int, int, dict[str, str]]:
    """HTTP's status, JSON-RPC's code and the headers of a refusal."""
    if isinstance(failure, OverRate):
        return 429, LIMIT_EXCEEDED, {"Retry-After": str(failure.seconds)}
    challenge = {"WWW-Authenticate": 'Bearer realm="tillnet"'} if failure.status == 401 else {}
    return failure.status, failure.code, challenge
