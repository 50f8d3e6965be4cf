"""The domain's REST API: lists of all that the index has, one payment with its lines, and the API's own description.

Before it node/explorer/web; after it node/explorer/api/resources.py. Line items are not among it: the index has their
roots, and who may read them asks the bridge with the merchant's role (docs/lines.md).
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from node.domain.ids import parse_payment_id
from node.explorer.api.formats import TYPES, as_csv, as_json, as_parquet
from node.explorer.api.openapi import document
from node.explorer.api.resources import (
    DEFAULT_LIMIT,
    MAX_EXPORT,
    MAX_LIMIT,
    Resource,
    cursor_of,
    listing,
    resources,
    shown,
)
from node.explorer.queries import domain
from node.explorer.queries.index import Index
from node.explorer.web.request import Asked, BadRequest, NotAllowed, NotFound
from node.explorer.web.routes import Route
from node.indexer.tables.ledger import payment_lines, payments, refunds

ORIGIN: Final = {"Access-Control-Allow-Origin": "*"}
SEALED: Final = (
    "line items are sealed for the merchant: an account in its owner group (1) or check group (64) reads them with "
    "till lines fetch (docs/lines.md)"
)


class DomainApi:
    """The routes; `base_url` is what links begin with."""

    def __init__(self, index: Index, base_url: str) -> None:
        self._index = index
        self._base_url = base_url
        self._resources = resources()

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route(path="/v1/openapi.json", answer=self.describe, explain=explain),
            Route(path="/v1/status", answer=self.status, explain=explain),
            Route(path="/v1/payments/{id}", answer=self.payment, explain=explain),
            Route(path="/v1/payments/{id}/line-items", answer=self.line_items, explain=explain),
            Route(path="/v1/{list}", answer=self.list, explain=explain),
        ]

    async def describe(self, asked: Asked) -> web.Response:
        """The OpenAPI document."""
        return _json(document(self._resources, self._base_url))

    async def status(self, asked: Asked) -> web.Response:
        """How far the index is."""
        head, meta = await self._index.head(), await self._index.meta()
        return _json({"height": head, "chain_id": meta.get("chain_id"), "contracts": meta.get("contracts", "").split()})

    async def list(self, asked: Asked) -> web.Response:
        """A page of a list, in one of three formats."""
        resource = self._resources.get(asked.values["list"])
        if resource is None:
            raise NotFound(f"there is no list {asked.values['list'][:40]!r}; see /v1/openapi.json")
        form = asked.text("format", "json")
        if form not in TYPES:
            raise BadRequest(f"format is one of {', '.join(TYPES)}")
        most = MAX_LIMIT if form == "json" else MAX_EXPORT
        limit = asked.number("limit", DEFAULT_LIMIT if form == "json" else MAX_EXPORT, low=1, high=most)
        page = listing(resource, asked.fields, limit)
        found = await self._index.rows(page.query)
        rows, more = found[:limit], len(found) > limit
        cursor = cursor_of(page.order, rows[-1]) if more else None
        headers = dict(ORIGIN)
        if cursor is not None:
            query = urlencode({**asked.fields, "cursor": cursor})
            headers["Link"] = f'<{self._base_url}{asked.path}?{query}>; rel="next"'
        body = await asyncio.to_thread(_written, form, resource, rows, cursor)
        if form != "json":
            headers["Content-Disposition"] = f'attachment; filename="{resource.name}.{form}"'
        return web.Response(body=body, content_type=TYPES[form], headers=headers)

    async def payment(self, asked: Asked) -> web.Response:
        """A payment with its lines and what was undone of it."""
        stream, sequence = _id(asked)
        row = await self._index.row(domain.payment_by_id(stream, sequence))
        if row is None:
            raise NotFound(f"the index has no payment {stream}-{sequence}")
        lines = await self._index.rows(domain.lines_of(stream, sequence))
        undone = await self._index.rows(domain.refunds_of(stream, sequence))
        return _json(
            {
                "id": f"{stream}-{sequence}",
                **_object(payments, row),
                "transaction_hash": "0x" + row["hash"].hex(),
                "block_time": row["block_time"],
                "lines": [_object(payment_lines, each) for each in lines],
                "refunds": [_object(refunds, each) for each in undone],
            }
        )

    async def line_items(self, asked: Asked) -> web.Response:
        """Refused: the explorer has no key to them, whoever asks."""
        _id(asked)
        raise NotAllowed(SEALED)


def explain(failure: Exception, status: int) -> web.Response:
    """A failure as RFC 9457 has it."""
    problem = {"type": "about:blank", "title": type(failure).__name__, "status": status, "detail": str(failure)}
    response = _json(problem, status)
    response.content_type = "application/problem+json"
    return response


def _written(form: str, resource: Resource, rows: Any, cursor: str | None) -> bytes:
    columns = tuple(resource.table.columns)
    if form == "csv":
        return as_csv(columns, rows)
    return as_parquet(columns, rows) if form == "parquet" else as_json(columns, rows, next=cursor)


def _object(table: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    return {column.name: shown(column, row[column.name]) for column in table.columns}


def _id(asked: Asked) -> tuple[int, int]:
    try:
        return parse_payment_id(asked.values["id"])
    except ValueError as failure:
        raise BadRequest(str(failure)) from None


def _json(said: Any, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(said).encode(), status=status, content_type="application/json", headers=ORIGIN)
