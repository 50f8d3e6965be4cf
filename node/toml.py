"""Tables of a TOML document as frozen dataclasses: types, limits and defaults checked, one sentence for what is wrong.

Part of config.py. A relative path in a file is relative to that file's folder.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from types import NoneType
from typing import Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

from node.domain.errors import Unusable

MAX_TABLES: Final = 16
"""Tables of one array."""
Section = TypeVar("Section")


def setting(default: Any = MISSING, *, low: int = 0, high: int = 2**31, choices: tuple[str, ...] = ()) -> Any:
    """A field of a settings dataclass. `low` and `high` bound a number, or the length of a text or a list."""
    metadata = {"low": low, "high": high, "choices": choices}
    if isinstance(default, list | tuple):
        return field(default=tuple(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def read_table(kind: type[Section], document: Mapping[str, Any], folder: Path) -> Section:
    """The settings in a document. Raises Unusable with one sentence for what is wrong."""
    return _section(kind, document, "", folder)


def _section(kind: type[Section], table: Mapping[str, Any], where: str, folder: Path) -> Section:
    known = {each.name: each for each in fields(cast(Any, kind))}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise Unusable(f"there is no setting {where}{unknown[0]}")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, each in known.items():
        if get_origin(hints[name]) is Mapping:
            values[name] = _named(each, get_args(hints[name])[1], table.get(name), f"{where}{name}", folder)
            continue
        section, optional = _table_of(hints[name])
        if section is not None and get_origin(hints[name]) is tuple:
            values[name] = _sections(section, table.get(name, []), f"{where}{name}", folder)
        elif section is not None:
            if optional and name not in table:
                values[name] = None
                continue
            inner = table.get(name, {})
            if not isinstance(inner, dict):
                raise Unusable(f"the setting {where}{name} is a table, [{where}{name}]")
            values[name] = _section(section, inner, f"{where}{name}.", folder)
        elif name in table:
            values[name] = _value(each, hints[name], table[name], f"{where}{name}", folder)
        elif each.default is MISSING:
            raise Unusable(f"the setting {where}{name} is missing")
        elif isinstance(each.default, Path):
            values[name] = folder / each.default
    return kind(**values)


def _sections(kind: type[Section], tables: Any, name: str, folder: Path) -> tuple[Section, ...]:
    """One table or an array of them. Raises Unusable when two have one `name`."""
    several = [tables] if isinstance(tables, dict) else tables
    if not isinstance(several, list) or not all(isinstance(each, dict) for each in several):
        raise Unusable(f"the setting {name} is a table, [{name}], or several, [[{name}]]")
    if len(several) > MAX_TABLES:
        raise Unusable(f"there are at most {MAX_TABLES} tables [[{name}]]")
    found = tuple(_section(kind, each, f"{name}.", folder) for each in several)
    names = [getattr(each, "name", "") for each in found]
    if len(set(names)) < len(names) or "rpc" in names:
        raise Unusable(f"each of several [[{name}]] has a name of its own, and none is called rpc")
    return found


def _named(each: "Field[Any]", kind: Any, tables: Any, where: str, folder: Path) -> Mapping[str, Any]:
    """Tables of one kind under names of the operator's choice."""
    if not isinstance(tables, dict) or not each.metadata["low"] <= len(tables) <= each.metadata["high"]:
        raise Unusable(f"there is no table [{where}.NAME], or there are too many")
    for name, table in tables.items():
        if not isinstance(table, dict) or not _NAME.fullmatch(name):
            raise Unusable(f"{where}.{name} is a table whose name has up to 32 letters, digits, _ or -")
    return {name: _section(kind, table, f"{where}.{name}.", folder) for name, table in tables.items()}


def _table_of(hint: Any) -> tuple[Any, bool]:
    """The settings class behind a type hint, if it is one, and whether its table may be left out (then it is None)."""
    options = get_args(hint) or (hint,)
    section = next((option for option in options if hasattr(option, "__dataclass_fields__")), None)
    return section, NoneType in options


def _value(each: "Field[Any]", hint: Any, value: Any, name: str, folder: Path) -> Any:
    low, high = each.metadata.get("low", 0), each.metadata.get("high", 2**31)
    choices = each.metadata.get("choices", ())
    if hint in (Path, Path | None):
        if not isinstance(value, str) or not value:
            raise Unusable(f"{name} is the name of a file or a folder, in quotes")
        return folder / value
    if hint == tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise Unusable(f"{name} is a list of texts")
        value = tuple(value)
    elif type(value) is not hint:
        raise Unusable(f"{name} is {_NAMES.get(hint, hint)}, not {value!r}")
    if choices and value not in choices:
        raise Unusable(f"{name} is one of {', '.join(choices)}, not {value!r}")
    size = value if type(value) is int else len(value) if isinstance(value, str | tuple) else low
    if not low <= size <= high:
        what = "" if type(value) is int else "the length of "
        raise Unusable(f"{what}{name} is between {low} and {high}, not {size}")
    return value


_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_NAMES: Final[dict[Any, str]] = {int: "a whole number", str: "a text in quotes", bool: "true or false"}
