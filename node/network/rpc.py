"""A JSON-RPC call to a validator's gateway or geth, for status and supervision; no library, it has to start fast."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any, Final

from node.domain.errors import Retryable

CALL_SECONDS: Final = 3.0
OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoAnswer(Retryable):
    """A validator does not answer."""


def call(url: str, method: str, params: list[Any], *, seconds: float = CALL_SECONDS) -> Any:
    """The result of a call; raises NoAnswer when there is none."""
    answer = _exchange(url, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, seconds)
    try:
        return answer["result"]
    except (KeyError, TypeError) as failure:
        raise NoAnswer(f"{url}: {failure}") from None


def call_many(url: str, calls: list[tuple[str, list[Any]]], *, seconds: float = CALL_SECONDS) -> list[Any]:
    """The results of calls sent as one batch, in their order; raises NoAnswer unless each has one."""
    batch = [
        {"jsonrpc": "2.0", "id": n, "method": method, "params": params} for n, (method, params) in enumerate(calls)
    ]
    answers = _exchange(url, batch, seconds)
    try:
        results = {answer["id"]: answer["result"] for answer in answers}
        return [results[number] for number in range(len(calls))]
    except (KeyError, TypeError) as failure:
        raise NoAnswer(f"{url}: {failure}") from None


def _exchange(url: str, body: Any, seconds: float) -> Any:
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    try:
        with OPENER.open(request, timeout=seconds) as response:
            return json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as failure:
        # HTTPException: it was killed in the middle of its answer
        raise NoAnswer(f"{url}: {failure}") from None
