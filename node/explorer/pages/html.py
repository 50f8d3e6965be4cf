"""HTML as Python builds it: whatever is no Html is escaped, so that no text of a stranger becomes markup.

Pure. Used by all pages. `el("a", "text", href="/x")` is an element; None leaves a child or an attribute out.
"""

from collections.abc import Iterable
from html import escape
from typing import Any, Final

_VOID: Final = frozenset({"input", "meta", "link", "br"})


class Html(str):
    """Markup; made only here and by `el`."""

    __slots__ = ()


def el(name: str, /, *children: Any, **attributes: Any) -> Html:
    """An element. `class_` and `for_` are class and for, `aria_label` is aria-label; True is an attribute alone."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[Any]) -> Html:
    """Children one after another: Html as it is, all else as escaped text, lists flattened."""
    return Html("".join(_child(each) for each in children))


def _child(child: Any) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, list | tuple):
        return join(child)
    return escape(str(child), quote=True)


def _attribute(key: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if name == "href" and not str(value).startswith(("/", "#", "?", "https://", "http://")):
        raise ValueError("a link leads to a path or to the web")
    return f" {name}" if value is True else f' {name}="{escape(str(value), quote=True)}"'
