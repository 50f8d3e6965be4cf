"""Etherscan's way to ask: `module` and `action` in the query or in a form, one envelope for all answers.

Before it node/explorer/web; after it a file for each module. Every value is text, as clients expect
(docs/explorer-api.md). GET and POST are the same.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from node.domain.errors import TillnetError
from node.explorer.web.request import Asked, BadRequest, hexadecimal
from node.explorer.web.routes import Route

Action = Callable[[Asked], Awaitable[Any]]
MAX_BODY: Final = 5 * 2**20
"""Of a verification request, the largest thing that anybody sends."""
OK: Final = "OK"
NOT_OK: Final = "NOTOK"


class Nothing(TillnetError):
    """No records found."""

    def __init__(self, what: str = "No records found", result: Any = ()) -> None:
        super().__init__()
        self.what = what
        self.result = result


class Plain(TillnetError):
    """A refusal whose words clients look for: they stand alone in the result."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Raw(dict[str, Any]):
    """An answer without the envelope: JSON-RPC's own, of the module proxy."""


def etherscan_routes(modules: Mapping[str, Mapping[str, Action]], path: str = "/api") -> list[Route]:
    """The routes that answer the actions of these modules; at `/api`, with or without a slash at its end."""
    api = _Etherscan(modules)
    return [
        Route(path=each, answer=api.answer, explain=explain, methods=("GET", "POST"), body=MAX_BODY)
        for each in (path, path + "/")
    ]


def explain(failure: Exception, status: int) -> web.Response:
    """A failure in the envelope."""
    words = failure.words if isinstance(failure, Plain) else str(failure)
    return _json({"status": "0", "message": NOT_OK, "result": words}, 200 if status == 400 else status)


def address_of(asked: Asked, name: str = "address") -> bytes:
    """An address among the fields. Raises BadRequest."""
    return hexadecimal(asked.text(name), 20, name)


class _Etherscan:
    def __init__(self, modules: Mapping[str, Mapping[str, Action]]) -> None:
        self._modules = modules

    async def answer(self, asked: Asked) -> web.Response:
        module = self._modules.get(asked.text("module", "").lower())
        if module is None:
            raise BadRequest(f"module is one of {', '.join(self._modules)}")
        action = module.get(asked.text("action", "").lower())
        if action is None:
            raise BadRequest(f"action is one of {', '.join(module)}")
        try:
            result = await action(asked)
        except Nothing as nothing:
            return _json({"status": "0", "message": nothing.what, "result": nothing.result})
        if isinstance(result, Raw):
            return _json(result)
        return _json({"status": "1", "message": OK, "result": result})


def _json(document: Mapping[str, Any], status: int = 200) -> web.Response:
    headers = {"Access-Control-Allow-Origin": "*"}
    return web.Response(
        body=json.dumps(document).encode(), status=status, content_type="application/json", headers=headers
    )
