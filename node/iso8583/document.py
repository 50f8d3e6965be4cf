"""The tables of docs/iso8583.md and rpc.md, made from the code: `python -m node.iso8583.document PAGE` writes them.

A test checks that the page is current.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from node.domain import errors
from node.domain.answer import Fact
from node.domain.errors import TillnetError
from node.iso8583.binary import size_in_bcd
from node.iso8583.network import NETWORK, TOTALS
from node.iso8583.profile import PROFILE, REPLY_TAGS, TAGS
from node.iso8583.table import TABLE, Element, Kind

_PLACE: Final = "<!-- {0}: generated -->\n{1}\n<!-- {0}: end -->"
_KINDS: Final = {Kind.NUMERIC: "n", Kind.TEXT: "an", Kind.BINARY: "b", Kind.SIGNED: "x+n", Kind.TRACK: "z"}


def elements() -> str:
    """Every data element, alike neighbours in one row."""
    rows = ["| DE | name | format | bytes in BCD |", "| --- | --- | --- | --- |"]
    group: list[Element] = []
    for element in [*TABLE.values(), None]:
        if group and (element is None or _alike(element) != _alike(group[0])):
            first, last = group[0], group[-1]
            numbers = str(first.number) if first is last else f"{first.number} - {last.number}"
            rows.append(f"| {numbers} | {first.name} | {_format(first)} | {_in_bcd(first)} |")
            group = []
        if element is not None:
            group.append(element)
    return "\n".join(rows)


def response_codes() -> str:
    """DE39 and JSON-RPC code of each failure that a message can meet."""
    rows = ["| DE39 | JSON-RPC | failure | meaning |", "| --- | --- | --- | --- |"]
    for failure in sorted(_tree(TillnetError), key=lambda each: (each.response_code, each.rpc_code)):
        meaning = (failure.__doc__ or "").strip().splitlines()[0]
        rows.append(f"| {failure.response_code} | {failure.rpc_code} | {failure.__name__} | {meaning} |")
    return "\n".join(rows)


def operations() -> str:
    """What each type with each processing code asks for."""
    rows = [
        "| type | DE3 | asks for | elements that must be there | private tags | answered |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in PROFILE:
        ends = [f"{source}00" for source in row.sources] or ["xxxx"]
        codes = ", ".join(code + end for code in row.codes for end in ends)
        tags = " ".join(f"**{tag}**" if tag in row.required else tag for tag in row.tags)
        needs = " ".join(str(number) for number in row.needs)
        types = ", ".join(mti for mti in row.types if mti.endswith("0"))
        rows.append(f"| {types} | {codes} | {row.meaning} | {needs} | {tags} | {row.answered} |")
    return "\n".join(rows)


def network() -> str:
    """What each network management code asks for."""
    rows = ["| DE70 | asks for | elements that must be there | MAC needed |", "| --- | --- | --- | --- |"]
    for row in NETWORK:
        needs = " ".join(str(number) for number in row.needs)
        rows.append(f"| {row.code} | {row.meaning} | {needs} | {row.mac.value} |")
    return "\n".join(rows)


def totals() -> str:
    """Which of a day's totals stands in which element."""
    rows = ["| DE | total |", "| --- | --- |"]
    rows += [f"| {number} | {TABLE[number].name} |" for number, _ in TOTALS]
    return "\n".join(rows)


def tags() -> str:
    """The private objects of requests and replies."""
    rows = ["| tag | in | value |", "| --- | --- | --- |"]
    rows += [f"| {tag.name} | request | {tag.value} |" for tag in TAGS]
    rows += [f"| {tag.name} | reply | {tag.value} |" for tag in REPLY_TAGS]
    return "\n".join(rows)


def facts() -> str:
    """What a JSON-RPC answer's facts are called."""
    rows = ["| fact | tag | meaning |", "| --- | --- | --- |"]
    rows += [f"| `{fact.member}` | {fact.tag} | {fact.meaning} |" for fact in Fact]
    return "\n".join(rows)


def current(page: str) -> str:
    """The page with its generated parts made anew. Raises ValueError when one of them has no end."""
    made = {
        "operations": operations(),
        "tags": tags(),
        "network": network(),
        "totals": totals(),
        "response codes": response_codes(),
        "elements": elements(),
        "facts": facts(),
    }
    for name, text in made.items():
        if f"<!-- {name}: generated -->" not in page:
            continue
        place = re.search(rf"<!-- {name}: generated -->\n.*?<!-- {name}: end -->", page, re.DOTALL)
        if place is None:
            raise ValueError(f"the page has no place for {name}")
        page = page[: place.start()] + _PLACE.format(name, text) + page[place.end() :]
    return page


def _alike(element: Element) -> tuple[str, Kind, int, int]:
    return element.name, element.kind, element.length, element.prefix


def _format(element: Element) -> str:
    kind = _KINDS[element.kind]
    if element.prefix:
        return f"{kind} {'L' * element.prefix}VAR, up to {element.length}"
    return f"{kind} {element.length}" + (" bytes, as hexadecimal digits" if element.kind is Kind.BINARY else "")


def _in_bcd(element: Element) -> str:
    most = size_in_bcd(element, element.length)
    return f"{(element.prefix + 1) // 2} + up to {most}" if element.prefix else str(most)


def _tree(root: type[TillnetError]) -> Iterable[type[TillnetError]]:
    for each in root.__subclasses__():
        # what stops the program never answers a message; other modules' refinements say the same as their parent
        if each.__module__ == errors.__name__ and each.__name__ not in ("Declined", "Retryable", "Unusable"):
            yield each
        yield from _tree(each)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(current(path.read_text()))
