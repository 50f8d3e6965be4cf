"""Questions that are passed on to the chain: Etherscan's `module=proxy`, and JSON-RPC's `eth_*` at `/rpc`.

Only methods that read, of those the gateway lets the public use (docs/access.md): whatever key the explorer has is for
its own work. Answers are the gateway's, which the index has not checked.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from node.chain.rpc import Rpc, RpcRefused
from node.explorer.api.etherscan import Action, Raw
from node.explorer.web.request import Asked, BadRequest
from node.explorer.web.routes import Route

MAX_BATCH: Final = 20
MAX_BODY: Final = 256 * 1024
MAX_BLOCKS: Final = 1_000
"""Blocks of one eth_getLogs."""
METHODS: Final = frozenset(
    {
        "eth_blockNumber", "eth_call", "eth_chainId", "eth_estimateGas", "eth_feeHistory", "eth_gasPrice",
        "eth_getBalance", "eth_getBlockByHash", "eth_getBlockByNumber", "eth_getBlockReceipts",
        "eth_getBlockTransactionCountByHash", "eth_getBlockTransactionCountByNumber", "eth_getCode", "eth_getLogs",
        "eth_getProof", "eth_getStorageAt", "eth_getTransactionByBlockHashAndIndex",
        "eth_getTransactionByBlockNumberAndIndex", "eth_getTransactionByHash", "eth_getTransactionCount",
        "eth_getTransactionReceipt", "eth_getUncleCountByBlockNumber", "eth_maxPriorityFeePerGas", "eth_syncing",
        "net_version", "web3_clientVersion",
    }
)  # fmt: skip
# the query's names for the positional parameters of each method, with what stands for a missing one
_PARAMETERS: Final[Mapping[str, tuple[tuple[str, str | None], ...]]] = {
    "eth_blockNumber": (),
    "eth_gasPrice": (),
    "eth_chainId": (),
    "eth_getBlockByNumber": (("tag", None), ("boolean", "false")),
    "eth_getUncleCountByBlockNumber": (("tag", None),),
    "eth_getBlockTransactionCountByNumber": (("tag", None),),
    "eth_getTransactionByHash": (("txhash", None),),
    "eth_getTransactionReceipt": (("txhash", None),),
    "eth_getTransactionByBlockNumberAndIndex": (("tag", None), ("index", None)),
    "eth_getTransactionCount": (("address", None), ("tag", "latest")),
    "eth_getCode": (("address", None), ("tag", "latest")),
    "eth_getStorageAt": (("address", None), ("position", None), ("tag", "latest")),
    "eth_getBalance": (("address", None), ("tag", "latest")),
}
_CALL: Final = ("from", "to", "data", "value", "gas", "gasPrice")


class Proxy:
    """Passes questions on."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def actions(self) -> Mapping[str, Action]:
        """Those of `module=proxy`, by name."""
        plain = {method.lower(): self._plain(method, names) for method, names in _PARAMETERS.items()}
        return {**plain, "eth_call": self.call, "eth_estimategas": self.estimate_gas}

    def routes(self) -> list[Route]:
        """JSON-RPC's own way."""
        return [Route(path="/rpc", answer=self.post, explain=explain, methods=("POST",), body=MAX_BODY)]

    async def call(self, asked: Asked) -> Raw:
        """eth_call."""
        return await self._pass("eth_call", [_call(asked), asked.text("tag", "latest")], 1)

    async def estimate_gas(self, asked: Asked) -> Raw:
        """eth_estimateGas."""
        return await self._pass("eth_estimateGas", [_call(asked)], 1)

    async def post(self, asked: Asked) -> web.Response:
        """A JSON-RPC call, or a batch of them."""
        document = asked.json()
        calls = document if isinstance(document, list) else [document]
        if not 1 <= len(calls) <= MAX_BATCH:
            raise BadRequest(f"a batch has between 1 and {MAX_BATCH} calls")
        answers = [await self._answer(call) for call in calls]
        return _json(answers if isinstance(document, list) else answers[0])

    async def _answer(self, call: Any) -> Mapping[str, Any]:
        if not isinstance(call, dict) or not isinstance(call.get("params", []), list):
            return _error(None, -32600, "this is no JSON-RPC call")
        id_ = call.get("id")
        id_ = id_ if isinstance(id_, str | int | float | None) else None
        method, params = call.get("method"), call.get("params", [])
        if method not in METHODS:
            return _error(id_, -32601, f"the explorer does not pass {str(method)[:60]} on")
        if method == "eth_getLogs" and _span(params) > MAX_BLOCKS:
            return _error(
                id_, -32005, f"a search of logs spans {MAX_BLOCKS} blocks; the explorer's own has no such limit"
            )
        return await self._pass(str(method), params, id_)

    async def _pass(self, method: str, params: list[Any], id_: Any) -> Raw:
        try:
            return Raw(jsonrpc="2.0", id=id_, result=await self._rpc.call(method, *params))
        except RpcRefused as refusal:
            return _error(id_, refusal.code, refusal.text, refusal.data)

    def _plain(self, method: str, names: tuple[tuple[str, str | None], ...]) -> Callable[[Asked], Awaitable[Raw]]:
        async def answer(asked: Asked) -> Raw:
            return await self._pass(method, [_value(name, asked.text(name, default)) for name, default in names], 1)

        return answer


def explain(failure: Exception, status: int) -> web.Response:
    """A failure as JSON-RPC says it."""
    return _json(_error(None, -32600 if status < 500 else -32603, str(failure)), status)


def _error(id_: Any, code: int, text: str, data: Any = None) -> Raw:
    return Raw(jsonrpc="2.0", id=id_, error={"code": code, "message": text} | ({} if data is None else {"data": data}))


def _call(asked: Asked) -> dict[str, str]:
    found = {name: asked.text(name, "") for name in _CALL}
    if not found["to"]:
        raise BadRequest("to is missing")
    return {name: value for name, value in found.items() if value}


def _value(name: str, text: str) -> Any:
    if name == "boolean":
        return text.lower() == "true"
    # numbers are written in either way
    return hex(int(text)) if name in ("tag", "index", "position") and text.isascii() and text.isdigit() else text


def _span(params: list[Any]) -> int:
    """How many blocks a search spans; unknown ends count as too many."""
    query = params[0] if params and isinstance(params[0], dict) else {}
    if "blockHash" in query:
        return 1
    try:
        return int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1
    except (KeyError, ValueError, TypeError):
        return MAX_BLOCKS if query.get("fromBlock") == query.get("toBlock") == "latest" else MAX_BLOCKS + 1


def _json(document: Any, status: int = 200) -> web.Response:
    headers = {"Access-Control-Allow-Origin": "*"}
    return web.Response(
        body=json.dumps(document).encode(), status=status, content_type="application/json", headers=headers
    )
