"""What the domain's API serves: every table of the index as a list, filtered by what an index leads to, with cursors.

Pure. Before it node/explorer/api/domain.py; after it node/explorer/queries/index.py. A cursor is where the page before
ended, by the columns that the list is ordered by; it holds nothing else, and is checked as strangers' text.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Boolean, Column, ColumnElement, LargeBinary, Select, Table, Text, and_, or_, select
from sqlalchemy import Index as TableIndex

from node.explorer.web.request import BadRequest
from node.indexer.tables import Uint64, metadata

HIDDEN: Final = frozenset({"meta"})
BY_NUMBER: Final = frozenset({"blocks", "signed-blocks", "missed-blocks"})
"""Lists whose `number` is their block's."""
MAX_LIMIT: Final = 1_000
MAX_EXPORT: Final = 10_000
DEFAULT_LIMIT: Final = 50
MAX_CURSOR: Final = 2_000
OWN_FIELDS: Final = frozenset({"limit", "cursor", "order", "format", "from_block", "to_block"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """A table as a list. `keys` are its primary key's columns, `paths` the columns of each of its indexes."""

    name: str
    table: Table
    keys: tuple[Column[Any], ...]
    paths: tuple[tuple[Column[Any], ...], ...]

    @property
    def filters(self) -> tuple[Column[Any], ...]:
        """Columns that a list may be filtered by: those that an index, or the key, begins with."""
        first = [self.keys[0], *(path[0] for path in self.paths)]
        return tuple(dict.fromkeys(first))

    @property
    def height(self) -> Column[Any] | None:
        """The column that says in which block a row came, if there is one."""
        columns = self.table.columns
        return columns.get("number" if self.name in BY_NUMBER else "block")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A question for a page of a list, and the columns that its cursors are of."""

    query: Select[Any]
    order: tuple[Column[Any], ...]
    limit: int


def resources() -> dict[str, Resource]:
    """All lists by their names, with hyphens."""
    found = {}
    for table in metadata.sorted_tables:
        if table.name in HIDDEN:
            continue
        name = table.name.replace("_", "-")
        indexes: list[TableIndex] = sorted(table.indexes, key=lambda each: str(each.name))
        paths = tuple(tuple(column for column in each.columns) for each in indexes)
        found[name] = Resource(name=name, table=table, keys=tuple(table.primary_key.columns), paths=paths)
    return found


def listing(resource: Resource, fields: Mapping[str, str], limit: int) -> Listing:
    """The page that the fields ask for. Raises BadRequest, naming what is wrong."""
    allowed = {column.name: column for column in resource.filters}
    unknown = sorted(set(fields) - set(allowed) - OWN_FIELDS)
    if unknown:
        raise BadRequest(f"{resource.name} has no filter {unknown[0][:40]!r}; it has {', '.join(sorted(allowed))}")
    wanted = {name: parse(column, fields[name]) for name, column in allowed.items() if name in fields}
    order = _order(resource, wanted, by_block="from_block" in fields or "to_block" in fields)
    backwards = _backwards(fields.get("order", "asc"))
    query = select(resource.table).where(*(allowed[name] == value for name, value in wanted.items()))
    query = query.where(*_range(resource, fields))
    if "cursor" in fields:
        query = query.where(_after(order, _read_cursor(order, fields["cursor"]), backwards))
    query = query.order_by(*(column.desc() if backwards else column.asc() for column in order)).limit(limit + 1)
    return Listing(query=query, order=order, limit=limit)


def cursor_of(order: Sequence[Column[Any]], row: Mapping[str, Any]) -> str:
    """Where a page ended."""
    values = [shown(column, row[column.name]) for column in order]
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def shown(column: Column[Any], value: Any) -> Any:
    """A value as JSON has it: bytes in hexadecimal with 0x, uint64 in decimal text, numbers as they are."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(column.type, Uint64):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return "0x" + bytes(value).hex()
    return value


def parse(column: Column[Any], text: str) -> Any:
    """A value of a column from text. Raises BadRequest."""
    try:
        if isinstance(column.type, Uint64):
            return _whole(text, 2**64 - 1)
        if isinstance(column.type, LargeBinary):
            if text[:2].lower() != "0x":
                raise ValueError
            return bytes.fromhex(text[2:])
        if isinstance(column.type, Boolean):
            return {"true": True, "false": False}[text]
        if isinstance(column.type, Text):
            return text
        return _whole(text, 2**63 - 1)
    except (ValueError, KeyError):
        raise BadRequest(f"{column.name} is {kind_of(column)}") from None


def kind_of(column: Column[Any]) -> str:
    """What a column's values are, in words."""
    if isinstance(column.type, Uint64):
        return "a whole number below 2^64, as text"
    if isinstance(column.type, LargeBinary):
        return "bytes in hexadecimal, with 0x"
    if isinstance(column.type, Boolean):
        return "true or false"
    return "text" if isinstance(column.type, Text) else "a whole number"


def _whole(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) > most:
        raise ValueError
    return int(text)


def _order(resource: Resource, wanted: Mapping[str, Any], *, by_block: bool) -> tuple[Column[Any], ...]:
    """The columns of the index that the filters lead to, then the key: what the database walks along anyway.

    Blocks alone lead along the index that begins with them, where there is one.
    """
    for path in (resource.keys, *resource.paths):
        if wanted and path[0].name in wanted:
            return tuple(column for column in dict.fromkeys((*path, *resource.keys)) if column.name not in wanted) or (
                resource.keys
            )
    for path in resource.paths if by_block and not wanted else ():
        if path[0] is resource.height:
            return tuple(dict.fromkeys((*path, *resource.keys)))
    return resource.keys


def _backwards(text: str) -> bool:
    if text not in ("asc", "desc"):
        raise BadRequest("order is asc or desc")
    return text == "desc"


def _range(resource: Resource, fields: Mapping[str, str]) -> list[ColumnElement[bool]]:
    column = resource.height
    found: list[ColumnElement[bool]] = []
    for name in ("from_block", "to_block"):
        if name not in fields:
            continue
        if column is None:
            raise BadRequest(f"{resource.name} are of no block")
        value = parse(column, fields[name])
        found.append(column >= value if name == "from_block" else column <= value)
    return found


def _read_cursor(order: Sequence[Column[Any]], text: str) -> list[Any]:
    try:
        if len(text) > MAX_CURSOR:
            raise ValueError
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(values, list) or len(values) != len(order):
            raise ValueError
        return [parse(column, str(value)) for column, value in zip(order, values, strict=True)]
    except (ValueError, RecursionError, BadRequest):
        raise BadRequest("this cursor is of another list") from None


def _after(order: Sequence[Column[Any]], values: Sequence[Any], backwards: bool) -> ColumnElement[bool]:
    """Rows behind a place in the order: (a, b) > (x, y), written out."""
    cases = []
    for place, column in enumerate(order):
        same = [before == value for before, value in zip(order[:place], values[:place], strict=True)]
        cases.append(and_(*same, column < values[place] if backwards else column > values[place]))
    return or_(*cases)
