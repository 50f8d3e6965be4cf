"""The rows that a range of blocks makes: what is appended, and what is changed, before anything is written.

The stages of apply see the index through this alone: `add` appends a row that nothing changes later, `at` gives one
that events change, fetched by its key or begun empty. No I/O but the `load` that was given; after it the store.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Boolean, Integer, LargeBinary, SmallInteger, Table

from node.indexer.tables import Uint64, metadata

Row = dict[str, Any]
Key = tuple[Any, ...]
Load = Callable[[Table, Key], Row | None]
KEPT: Final = 200_000
"""Rows that are kept in memory from one range to the next."""


class Rows:
    """Rows of the index while a range is applied: `first` is its first block, `block` and `log` are looked at."""

    def __init__(self, load: Load, load_line: Callable[[bytes], Key | None]) -> None:
        self._load, self._load_line = load, load_line
        self._lines: dict[bytes, Key] = {}
        self._kept: dict[str, dict[Key, Row | None]] = {table.name: {} for table in metadata.sorted_tables}
        self._size = 0
        self.block = self.log = self.first = 0
        self.added: dict[str, list[tuple[Any, ...] | None]] = {}
        self._fresh: dict[str, dict[Key, int]] = {}
        self.changed: dict[str, dict[Key, Row]] = {}
        self.removed: dict[str, set[Key]] = {}

    def unknown(self, table: Table, keys: Iterable[Key]) -> list[Key]:
        """Those of these keys whose rows are not in memory."""
        kept = self._kept[table.name]
        return [key for key in keys if key not in kept]

    def keep(self, table: Table, keys: Iterable[Key], found: Iterable[Row]) -> None:
        """What the database has under these keys, so that nobody asks again."""
        kept = self._kept[table.name]
        kept.update(dict.fromkeys(keys))
        for row in found:
            kept[key_of(table, row)] = row
        self._size = sum(len(each) for each in self._kept.values())

    def add(self, table: Table, /, **values: Any) -> None:
        """Appends a row under the place, or its own key; what is not said is empty."""
        shape = _shape(table)
        blank = shape.blank.copy()
        if shape.placed:
            blank["block"], blank["log"] = self.block, self.log
        blank.update(values)
        self.added.setdefault(table.name, []).append(tuple(blank.values()))

    def append(self, table: Table, row: tuple[Any, ...]) -> None:
        """Appends a row whose values are all there, in the order of the columns: for what comes in thousands."""
        self.added.setdefault(table.name, []).append(row)

    def begin(self, table: Table, key: Key, row: tuple[Any, ...]) -> None:
        """Appends a row that a later event of the same range may change."""
        rows = self.added.setdefault(table.name, [])
        self._fresh.setdefault(table.name, {})[key] = len(rows)
        rows.append(row)

    def begin_line(self, leaf: bytes, key: Key) -> None:
        """Notes whose leaf this is."""
        self._lines[leaf] = key

    def line_of(self, leaf: bytes) -> Key | None:
        """The key of the line with this leaf; None if the index has none."""
        return self._lines.get(leaf) or self._load_line(leaf)

    def find(self, table: Table, *key: Any) -> Row | None:
        """The row with this key, to be looked at; None if there is none."""
        kept = self._kept[table.name]
        if key not in kept:
            index = self._fresh.get(table.name, {}).pop(key, None)
            if index is not None:
                rows = self.added[table.name]
                row, rows[index] = rows[index], None
                found = dict(zip(_shape(table).blank, row or (), strict=True))
                self.changed.setdefault(table.name, {})[key] = found
                kept[key] = found
            else:
                kept[key] = self._load(table, key)
            self._size += 1
        return kept[key]

    def at(self, table: Table, *key: Any) -> Row:
        """The row with this key, to be changed; begun empty if there is none."""
        changed = self.changed.get(table.name)
        if changed is None:
            changed = self.changed[table.name] = {}
        row = changed.get(key)
        if row is None:
            row = self.find(table, *key)
            changed = self.changed.setdefault(table.name, changed)
            shape = _shape(table)
            if row is None:
                row = shape.blank.copy()
                row.update(zip(shape.key, key, strict=True))
                if shape.seen:
                    row["block"], row["log"] = self.block, self.log
                self._kept[table.name][key] = row
                self.removed.get(table.name, set()).discard(key)
            changed[key] = row
            shape.stamp(row, self.block)
        elif _shape(table).stamped:
            row["block"] = self.block
        return row

    def drop(self, table: Table, *key: Any) -> None:
        """Takes a row out, if it is there."""
        self._kept[table.name][key] = None
        self.changed.get(table.name, {}).pop(key, None)
        self.removed.setdefault(table.name, set()).add(key)

    def written(self) -> None:
        """What was there is in the database now."""
        self.added, self.changed, self.removed, self._fresh = {}, {}, {}, {}
        self._lines.clear()
        if self._size > KEPT:
            self.forget()

    def forget(self) -> None:
        """Nothing is kept in memory."""
        for kept in self._kept.values():
            kept.clear()
        self._size = 0


class _Shape:
    """What is known of a table's columns."""

    def __init__(self, table: Table) -> None:
        names = [column.name for column in table.columns]
        self.key = tuple(column.name for column in table.primary_key.columns)
        self.blank: Row = {column.name: _empty(column) for column in table.columns}
        self.placed = self.key == ("block", "log")
        self.seen = not self.placed and "block" in names and "log" in names and "block" not in self.key
        self.stamped = any(column.info.get("changed") for column in table.columns)

    def stamp(self, row: Row, block: int) -> None:
        if self.stamped:
            row["block"] = block


def _empty(column: Any) -> Any:
    if column.nullable and not column.primary_key:
        return None
    kind = column.type
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Integer | SmallInteger | Uint64):
        return 0
    return b"" if isinstance(kind, LargeBinary) else ""


_SHAPES: dict[str, _Shape] = {}


def _shape(table: Table) -> _Shape:
    shape = _SHAPES.get(table.name)
    if shape is None:
        shape = _SHAPES[table.name] = _Shape(table)
    return shape


def key_of(table: Table, row: Mapping[str, Any]) -> Key:
    """The key of a row."""
    return tuple(row[name] for name in _shape(table).key)
