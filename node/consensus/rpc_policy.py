"""What the gateway lets through to geth, and in which form.

Pure. A request is parsed and written anew: geth reads keys without regard to case and takes the last of a repeated
one, so a body that was only looked at could carry a second method (`"Method": "debug_…"`). Source: JSON-RPC 2.0.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

MAX_BODY_BYTES: Final = 2 * 1024 * 1024
MAX_BATCH: Final = 200
MAX_METHOD_CHARACTERS: Final = 64
SEND_RAW: Final = "eth_sendRawTransaction"
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
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
ALLOWED_ON_WEBSOCKET: Final = ALLOWED | {"eth_subscribe", "eth_unsubscribe"}
SUBSCRIPTIONS: Final = frozenset({"newHeads", "logs", "newPendingTransactions"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of a body. `answer` is set when it does not go to geth; `raw` is a transaction to be admitted first."""

    id: Any
    method: str = ""
    params: Any = None
    answer: dict[str, Any] | None = None
    raw: bytes | None = None

    def to_json(self, identity: Any) -> dict[str, Any]:
        """The call as geth gets it."""
        return {"jsonrpc": "2.0", "id": identity, "method": self.method, "params": self.params}


class BadBody(Exception):
    """The body is no JSON-RPC; `code` says in which way."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def parse_body(body: bytes | str) -> list[Any] | dict[str, Any]:
    """A call or a batch of 1 to 200; raises BadBody."""
    try:
        parsed = json.loads(body)
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
    if isinstance(identity, dict | list | bool) or len(str(identity)) > MAX_METHOD_CHARACTERS:
        return Call(id=None, answer=error_answer(None, INVALID_REQUEST, "an id is a number, a short text or null"))
    method, params = item.get("method"), item.get("params", [])
    if not isinstance(method, str) or method not in allowed:
        shown = method[:MAX_METHOD_CHARACTERS] if isinstance(method, str) else "that"
        return _refused(identity, METHOD_NOT_FOUND, f"the method {shown} does not exist/is not available")
    if not isinstance(params, list):
        return _refused(identity, INVALID_PARAMS, "params is a list")
    if method == SEND_RAW:
        return _read_transaction(identity, method, params)
    if method == "eth_subscribe" and (not params or params[0] not in SUBSCRIPTIONS):
        return _refused(identity, INVALID_PARAMS, f"subscriptions are {', '.join(sorted(SUBSCRIPTIONS))}")
    return Call(id=identity, method=method, params=params)


def error_answer(identity: Any, code: int, message: str) -> dict[str, Any]:
    """A JSON-RPC error."""
    return {"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": message}}


def _read_transaction(identity: Any, method: str, params: list[Any]) -> Call:
    try:
        (text,) = params
        raw = bytes.fromhex(text.removeprefix("0x"))
    except (ValueError, AttributeError):
        return _refused(identity, INVALID_PARAMS, "one raw transaction in hex is expected")
    return Call(id=identity, method=method, params=["0x" + raw.hex()], raw=raw)


def _refused(identity: Any, code: int, message: str) -> Call:
    return Call(id=identity, answer=error_answer(identity, code, message))
