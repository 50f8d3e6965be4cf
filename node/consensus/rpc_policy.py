"""What the gateway lets through to geth, and in which form.

Pure. A request is parsed and written anew: geth reads keys without regard to case and takes the last of a repeated
one, so a body that was only looked at could carry a second method (`"Method": "debug_…"`). Which methods go through
stands in node/consensus/rpc_roles.py. Source: JSON-RPC 2.0.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from node.consensus.rpc_params import TRACE_CONFIG_PLACE, BadParams, Span, bound_trace, read_log_filter
from node.consensus.rpc_roles import METHODS, SUBSCRIBING, Grant

MAX_METHOD_CHARACTERS: Final = 64
MAX_KEPT_CHARACTERS: Final = 8192
"""Of the parameters that geth keeps for as long as a filter or a subscription lives."""
SEND_RAW: Final = "eth_sendRawTransaction"
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL_ERROR: Final = -32603
REFUSED, UNREACHABLE = -32000, -32091
LIMIT_EXCEEDED: Final = -32005
"""EIP-1474."""
NOT_KNOWN: Final = -32092
"""The caller's key is none, or an anonymous caller is not let in."""

LOG_SEARCHES: Final = frozenset({"eth_getLogs", "eth_newFilter"})
KEPT_BY_GETH: Final = frozenset({"eth_newFilter", "eth_subscribe"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of a body. `answer` is set when it does not go to geth; `raw` is a transaction to be admitted first.

    `place` is where its filter is counted (node/consensus/gateway_filters.py).
    `params` is JSON text: parsed, parameters can take twenty times as much memory for as long as geth works.
    `span` is of a search of logs: which blocks it looks at.
    """

    id: Any
    method: str = ""
    params: str = "[]"
    answer: dict[str, Any] | None = None
    raw: bytes | None = None
    place: object | None = None
    span: Span | None = None

    def to_json(self, identity: Any) -> str:
        """The call as geth gets it."""
        named = f'"id":{json.dumps(identity)},"method":{json.dumps(self.method)}'
        return f'{{"jsonrpc":"2.0",{named},"params":{self.params}}}'


class BadBody(Exception):
    """The body is no JSON-RPC; `code` says in which way, and `status` is HTTP's."""

    def __init__(self, code: int, reason: str, status: int = 200) -> None:
        super().__init__(reason)
        self.code = code
        self.status = status


def read_calls(body: bytes | str, grant: Grant) -> tuple[list[Call], bool]:
    """The calls of a body, and whether it is a batch; raises BadBody."""
    parsed = _parse_body(body, grant.limits.batch)
    if isinstance(parsed, dict):
        return [read_call(parsed, grant)], False
    return [read_call(item, grant) for item in parsed], True


def _parse_body(body: bytes | str, most: int) -> list[Any] | dict[str, Any]:
    try:
        parsed = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadBody(PARSE_ERROR, "the body is not JSON") from None
    if isinstance(parsed, dict):
        return parsed
    if not isinstance(parsed, list) or not parsed:
        raise BadBody(INVALID_REQUEST, "the body is neither a call nor a batch of calls")
    if len(parsed) > most:
        raise BadBody(INVALID_REQUEST, f"a batch of {len(parsed)} calls, at most {most} are allowed")
    return parsed


def read_call(item: Any, grant: Grant, *, on_socket: bool = False) -> Call:
    """One call, in canonical form, or with its answer already given. Subscriptions are allowed on a WebSocket only."""
    if not isinstance(item, dict):
        return Call(id=None, answer=error_answer(None, INVALID_REQUEST, "a call is a JSON object"))
    identity = item.get("id")
    unfit = isinstance(identity, dict | list | bool) or (isinstance(identity, float) and not math.isfinite(identity))
    if unfit or len(str(identity)) > MAX_METHOD_CHARACTERS:
        return Call(id=None, answer=error_answer(None, INVALID_REQUEST, "an id is a number, a short text or null"))
    method, params = item.get("method"), item.get("params", [])
    if not isinstance(method, str) or not _may_call(method, grant, on_socket):
        return _refused(identity, METHOD_NOT_FOUND, _why_not(method, grant))
    if not isinstance(params, list):
        return _refused(identity, INVALID_PARAMS, "params is a list")
    if method == SEND_RAW:
        return _read_transaction(identity, method, params)
    try:
        return _read_params(identity, method, params, grant)
    except BadParams as failure:
        return _refused(identity, INVALID_PARAMS, str(failure))


def _read_params(identity: Any, method: str, params: list[Any], grant: Grant) -> Call:
    span = None
    if method == "eth_subscribe":
        _check_subscription(params, grant)
    elif method in LOG_SEARCHES:
        span = read_log_filter(params)
    elif method in TRACE_CONFIG_PLACE:
        params = bound_trace(method, params)
    text = json.dumps(params, separators=(",", ":"))
    if method in KEPT_BY_GETH and len(text) > MAX_KEPT_CHARACTERS:
        raise BadParams(f"at most {MAX_KEPT_CHARACTERS} characters of params are kept")
    return Call(id=identity, method=method, params=text, span=span)


def _may_call(method: str, grant: Grant, on_socket: bool) -> bool:
    return method in grant.methods or (on_socket and method in SUBSCRIBING)


def _why_not(method: Any, grant: Grant) -> str:
    shown = method[:MAX_METHOD_CHARACTERS] if isinstance(method, str) else "that"
    if isinstance(method, str) and method in METHODS and method not in SUBSCRIBING:
        return f"the method {shown} is not available to the role {grant.role}"
    return f"the method {shown} does not exist/is not available"


def error_answer(identity: Any, code: int, message: str) -> dict[str, Any]:
    """A JSON-RPC error."""
    return {"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": message}}


def _read_transaction(identity: Any, method: str, params: list[Any]) -> Call:
    try:
        (text,) = params
        raw = bytes.fromhex(text.removeprefix("0x"))
    except (ValueError, AttributeError):
        return _refused(identity, INVALID_PARAMS, "one raw transaction in hex is expected")
    return Call(id=identity, method=method, params=f'["0x{raw.hex()}"]', raw=raw)


def _check_subscription(params: list[Any], grant: Grant) -> None:
    if not params or not isinstance(params[0], str) or params[0] not in grant.subscriptions:
        raise BadParams(f"subscriptions are {', '.join(sorted(grant.subscriptions))}")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _refused(identity: Any, code: int, message: str) -> Call:
    return Call(id=identity, answer=error_answer(identity, code, message))
