"""What the gateway lets through to geth, and in which form.

Pure. A request is parsed and written anew: geth reads keys without regard to case and takes the last of a repeated
one, so a body that was only looked at could carry a second method (`"Method": "debug_…"`). Source: JSON-RPC 2.0.
"""

import json
import math
from dataclasses import dataclass
from typing import Any, Final, NoReturn

MAX_BODY_BYTES: Final = 2 * 1024 * 1024
MAX_BATCH: Final = 200
MAX_METHOD_CHARACTERS: Final = 64
MAX_KEPT_CHARACTERS: Final = 8192
"""Of the parameters that geth keeps for as long as a filter or a subscription lives."""
SEND_RAW: Final = "eth_sendRawTransaction"
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL_ERROR: Final = -32603
REFUSED, UNREACHABLE = -32000, -32091

ALLOWED: Final = frozenset(
    {
        SEND_RAW,
        "eth_accounts",
        "eth_blobBaseFee",
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_createAccessList",
        "eth_estimateGas",
        "eth_feeHistory",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getBlockReceipts",
        "eth_getBlockTransactionCountByHash",
        "eth_getBlockTransactionCountByNumber",
        "eth_getCode",
        "eth_getFilterChanges",
        "eth_getFilterLogs",
        "eth_getHeaderByHash",
        "eth_getHeaderByNumber",
        "eth_getLogs",
        "eth_getProof",
        "eth_getRawTransactionByHash",
        "eth_getStorageAt",
        "eth_getTransactionByBlockHashAndIndex",
        "eth_getTransactionByBlockNumberAndIndex",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
        "eth_getUncleCountByBlockHash",
        "eth_getUncleCountByBlockNumber",
        "eth_maxPriorityFeePerGas",
        "eth_newBlockFilter",
        "eth_newFilter",
        "eth_newPendingTransactionFilter",
        "eth_simulateV1",
        "eth_syncing",
        "eth_uninstallFilter",
        "net_listening",
        "net_peerCount",
        "net_version",
        "txpool_status",
        "web3_clientVersion",
        "web3_sha3",
    }
)
HEAVY: Final = frozenset(
    {
        "eth_call",
        "eth_createAccessList",
        "eth_estimateGas",
        "eth_feeHistory",
        "eth_getBlockReceipts",
        "eth_getFilterLogs",
        "eth_getLogs",
        "eth_getProof",
        "eth_simulateV1",
    }
)
KEPT_BY_GETH: Final = frozenset({"eth_newFilter", "eth_subscribe"})
ALLOWED_ON_WEBSOCKET: Final = ALLOWED | {"eth_subscribe", "eth_unsubscribe"}
SUBSCRIPTIONS: Final = frozenset({"newHeads", "logs", "newPendingTransactions"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of a body. `answer` is set when it does not go to geth; `raw` is a transaction to be admitted first.

    `place` is where its filter is counted (node/consensus/gateway_filters.py).
    `params` is JSON text: parsed, parameters can take twenty times as much memory for as long as geth works.
    """

    id: Any
    method: str = ""
    params: str = "[]"
    answer: dict[str, Any] | None = None
    raw: bytes | None = None
    place: object | None = None

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


def read_calls(body: bytes | str, allowed: frozenset[str]) -> tuple[list[Call], bool]:
    """The calls of a body, and whether it is a batch (of 1 to 200); raises BadBody."""
    parsed = _parse_body(body)
    if isinstance(parsed, dict):
        return [read_call(parsed, allowed)], False
    return [read_call(item, allowed) for item in parsed], True


def _parse_body(body: bytes | str) -> list[Any] | dict[str, Any]:
    try:
        parsed = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadBody(PARSE_ERROR, "the body is not JSON") from None
    if isinstance(parsed, dict):
        return parsed
    if not isinstance(parsed, list) or not parsed:
        raise BadBody(INVALID_REQUEST, "the body is neither a call nor a batch of calls")
    if len(parsed) > MAX_BATCH:
        raise BadBody(INVALID_REQUEST, f"a batch of {len(parsed)} calls, at most {MAX_BATCH} are allowed")
    return parsed


def read_call(item: Any, allowed: frozenset[str]) -> Call:
    """One call, in canonical form, or with its answer already given."""
    if not isinstance(item, dict):
        return Call(id=None, answer=error_answer(None, INVALID_REQUEST, "a call is a JSON object"))
    identity = item.get("id")
    unfit = isinstance(identity, dict | list | bool) or (isinstance(identity, float) and not math.isfinite(identity))
    if unfit or len(str(identity)) > MAX_METHOD_CHARACTERS:
        return Call(id=None, answer=error_answer(None, INVALID_REQUEST, "an id is a number, a short text or null"))
    method, params = item.get("method"), item.get("params", [])
    if not isinstance(method, str) or method not in allowed:
        shown = method[:MAX_METHOD_CHARACTERS] if isinstance(method, str) else "that"
        return _refused(identity, METHOD_NOT_FOUND, f"the method {shown} does not exist/is not available")
    if not isinstance(params, list):
        return _refused(identity, INVALID_PARAMS, "params is a list")
    if method == SEND_RAW:
        return _read_transaction(identity, method, params)
    if method == "eth_subscribe" and not _is_subscription(params):
        return _refused(identity, INVALID_PARAMS, f"subscriptions are {', '.join(sorted(SUBSCRIPTIONS))}")
    text = json.dumps(params, separators=(",", ":"))
    if method in KEPT_BY_GETH and len(text) > MAX_KEPT_CHARACTERS:
        return _refused(identity, INVALID_PARAMS, f"at most {MAX_KEPT_CHARACTERS} characters of params are kept")
    return Call(id=identity, method=method, params=text)


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


def _is_subscription(params: list[Any]) -> bool:
    return bool(params) and isinstance(params[0], str) and params[0] in SUBSCRIPTIONS


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _refused(identity: Any, code: int, message: str) -> Call:
    return Call(id=identity, answer=error_answer(identity, code, message))
