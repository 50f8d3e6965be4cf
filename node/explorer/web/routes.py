"""Which route answers which path: a short table, matched in its order, with a bound of the body for each.

Before it node/explorer/web/serve.py; after it the routes of the APIs and pages.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from node.explorer.web.request import Asked

Answer = Callable[[Asked], Awaitable[web.StreamResponse]]
Explain = Callable[[Exception, int], web.Response]
SMALL_BODY: Final = 64 * 1024
_PART: Final = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """What answers a path; `{name}` in it stands for what is between two slashes. `explain` says failures its way."""

    path: str
    answer: Answer
    explain: Explain
    methods: tuple[str, ...] = ("GET",)
    body: int = SMALL_BODY
    seconds: float = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A route with the named parts of the path that led to it."""

    route: Route
    values: dict[str, str]


class Routes:
    """The table."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [(_pattern(route.path), route) for route in routes]

    def find(self, method: str, path: str) -> Found | tuple[str, ...]:
        """The route of a path; the methods that it knows when this is none of them, none when there is no such path."""
        known: tuple[str, ...] = ()
        for pattern, route in self._routes:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if method in route.methods or (method == "HEAD" and "GET" in route.methods):
                return Found(route=route, values=found.groupdict())
            known += route.methods
        return known


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(_PART.sub(r"(?P<\1>[^/]{1,200})", path))
