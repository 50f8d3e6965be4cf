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
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with OPENER.open(request, timeout=seconds) as response:
            answer = json.loads(response.read())
        return answer["result"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as failure:
        # HTTPException: it was killed in the middle of its answer
        raise NoAnswer(f"{url}: {failure}") from None
