"""The domain API's description of itself, OpenAPI 3.1, made of the index's tables and their comments. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Boolean, Column, LargeBinary, Text

from node.explorer.api.resources import DEFAULT_LIMIT, MAX_EXPORT, MAX_LIMIT, Resource
from node.indexer.tables import Uint64

VERSION: Final = "1"
PROBLEM: Final = {"description": "Why not, in words.", "content": {"application/problem+json": {"schema": {
    "$ref": "#/components/schemas/Problem"}}}}  # fmt: skip


def document(lists: Mapping[str, Resource], base_url: str) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {f"/v1/{name}": {"get": _list(resource)} for name, resource in lists.items()}
    one = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9]+-[0-9]+$"}}
    paths["/v1/payments/{id}"] = {
        "get": _get("payment", "A payment with its lines and what was undone of it.", [one], {"type": "object"})
    }
    paths["/v1/payments/{id}/line-items"] = {
        "get": {**_get("lineItems", "Refused to everybody: line items are sealed for the merchant.", [one], {}),
                "responses": {"403": PROBLEM}}
    }  # fmt: skip
    paths["/v1/status"] = {"get": _get("status", "How far the index is.", [], {"type": "object"})}
    schemas: dict[str, Any] = {_title(name): _schema(resource) for name, resource in lists.items()}
    schemas["Problem"] = {
        "type": "object",
        "required": ["title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tillnet explorer",
            "version": VERSION,
            "description": "Final rows of the chain, each checked against the roots in the blocks' headers. "
            "Money in minor units, points in units of 10^-6 coin, times in Unix seconds.",
        },
        "servers": [{"url": base_url or "/"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _list(resource: Resource) -> dict[str, Any]:
    filters = [_parameter(column.name, str(column.comment or ""), _type(column)) for column in resource.filters]
    if resource.height is not None:
        for name, says in (("from_block", "The first block"), ("to_block", "The last block")):
            filters.append(_parameter(name, says, {"type": "integer", "minimum": 0}))
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_EXPORT, "default": DEFAULT_LIMIT}
    own = [
        _parameter("limit", f"Rows; at most {MAX_LIMIT} as JSON, {MAX_EXPORT} as a file.", limit),
        _parameter("cursor", "`next` of the page before.", {"type": "string"}),
        _parameter("order", "Along the list or against it.", {"type": "string", "enum": ["asc", "desc"]}),
        _parameter("format", "JSON, or a file.", {"type": "string", "enum": ["json", "csv", "parquet"]}),
    ]
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{_title(resource.name)}"}}
    page = {
        "type": "object",
        "required": ["rows", "next"],
        "properties": {
            "rows": rows,
            "next": {"type": ["string", "null"], "description": "The cursor of the next page."},
        },
    }
    got = _get(resource.table.name, str(resource.table.comment or resource.name), [*filters, *own], page)
    content = got["responses"]["200"]["content"]
    content["text/csv"] = {"schema": {"type": "string"}}
    content["application/vnd.apache.parquet"] = {"schema": {"type": "string", "contentEncoding": "binary"}}
    return got


def _get(name: str, says: str, parameters: list[dict[str, Any]], schema: dict[str, Any]) -> dict[str, Any]:
    answer = {"description": says, "content": {"application/json": {"schema": schema}}}
    refusals = {"400": PROBLEM, "404": PROBLEM, "503": PROBLEM}
    return {"operationId": name, "summary": says, "parameters": parameters, "responses": {"200": answer, **refusals}}


def _parameter(name: str, says: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": says, "schema": schema}


def _schema(resource: Resource) -> dict[str, Any]:
    columns = list(resource.table.columns)
    properties = {column.name: {**_type(column), "description": str(column.comment or "")} for column in columns}
    return {"type": "object", "required": [column.name for column in columns], "properties": properties}


def _type(column: Column[Any]) -> dict[str, Any]:
    if isinstance(column.type, Uint64):
        kind, more = "string", {"pattern": "^[0-9]{1,20}$"}
    elif isinstance(column.type, LargeBinary):
        kind, more = "string", {"pattern": "^0x([0-9a-f]{2})*$"}
    elif isinstance(column.type, Boolean):
        kind, more = "boolean", {}
    else:
        kind, more = "string" if isinstance(column.type, Text) else "integer", {}
    return {"type": [kind, "null"] if column.nullable else kind, **more}


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
