"""Rows as JSON, CSV and Parquet. A spreadsheet never sees a formula: a text that begins like one gets an apostrophe.

Before it node/explorer/api/domain.py. Numbers in Parquet have their own types; in JSON a uint64 is text.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Boolean, Column, LargeBinary, Text

from node.explorer.api.resources import shown
from node.indexer.tables import Uint64

TYPES: Final = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"-?\d+", re.ASCII)
Rows = Sequence[Mapping[str, Any]]


def as_json(columns: Sequence[Column[Any]], rows: Rows, **more: Any) -> bytes:
    """One object: the rows under `rows`, and what else is said."""
    found = [{column.name: shown(column, row[column.name]) for column in columns} for row in rows]
    return json.dumps({"rows": found, **more}).encode()


def as_csv(columns: Sequence[Column[Any]], rows: Rows) -> bytes:
    """A table with a line of names, as RFC 4180 has it."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow([column.name for column in columns])
    ways = [(column.name, _way(column)) for column in columns]
    writer.writerows([None if (value := row[name]) is None else way(value) for name, way in ways] for row in rows)
    return written.getvalue().encode()


def as_parquet(columns: Sequence[Column[Any]], rows: Rows) -> bytes:
    """A Parquet file; bytes stay bytes."""
    import polars  # here, for it takes a while, and few ask

    schema = {column.name: _kind(column, polars) for column in columns}
    data = {
        column.name: [bytes(value) if isinstance(value := row[column.name], memoryview) else value for row in rows]
        for column in columns
    }
    written = io.BytesIO()
    polars.DataFrame(data, schema=schema).write_parquet(written)
    return written.getvalue()


def _kind(column: Column[Any], polars: Any) -> Any:
    if isinstance(column.type, Uint64):
        return polars.UInt64
    if isinstance(column.type, LargeBinary):
        return polars.Binary
    if isinstance(column.type, Boolean):
        return polars.Boolean
    return polars.String if isinstance(column.type, Text) else polars.Int64


def _way(column: Column[Any]) -> Callable[[Any], Any]:
    """How a column's values are written; chosen once, for there are many rows."""
    if isinstance(column.type, Boolean):
        return lambda value: "true" if value else "false"
    if isinstance(column.type, Text):
        return _cell
    if isinstance(column.type, LargeBinary):
        return lambda value: "0x" + bytes(value).hex()
    return lambda value: value


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA) and _NUMBER.fullmatch(value) is None:
        return "'" + value
    return value
