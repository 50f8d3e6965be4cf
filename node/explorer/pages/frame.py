"""What all pages have: head, search, navigation, languages, and the few shapes that they are made of.

Before it the pages; after it node/explorer/pages/html.py. Works without scripts, by keyboard and for screen readers:
one h1, landmarks, a link past the navigation, tables with captions and column headers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from aiohttp import web

from node.explorer.pages.html import Html, el
from node.explorer.pages.words import LANGUAGES, Say, language_of, say_in
from node.explorer.web.request import Asked

ROWS: Final = 25
"""Rows of a page."""
DEEPEST: Final = 400
"""Pages of a list; further back leads a search, or the API's cursors."""
CHECKED: Final = (
    "Blocks, transactions and events were checked against the roots in the blocks' headers; "
    "what a contract answers now is the node's word."
)
NAVIGATION: Final = (
    ("/blocks", "Blocks"),
    ("/transactions", "Transactions"),
    ("/payments", "Payments"),
    ("/merchants", "Merchants"),
    ("/tokens", "Tokens"),
    ("/validators", "Validators"),
    ("/statistics", "Statistics"),
    ("/audits", "Audits"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """Who looks at which page, in which language."""

    say: Say
    language: str
    path: str
    query: str
    page: int

    @classmethod
    def of(cls, asked: Asked) -> "Visit":
        """By the request's headers. Raises BadRequest."""
        language = language_of(asked.headers.get("cookie", ""), asked.headers.get("accept-language", ""))
        return cls(
            say=say_in(language),
            language=language,
            path=asked.path,
            query=asked.fields.get("q", "")[:200],
            page=asked.number("page", 1, low=1, high=DEEPEST),
        )


def render(visit: Visit, title: str, *content: Any, status: int = 200, live: str = "") -> web.Response:
    """A whole page. `live` names the stream of events that its script follows."""
    say = visit.say
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} · Tillnet"),
        el("link", rel="stylesheet", href="/static/explorer.css"),
        el("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        el("script", src="/static/live.js", defer=True) if live else None,
    )
    main = el("main", el("h1", title), *content, id="main", tabindex="-1", data_live=live or None)
    skip = el("a", say("Skip to the content"), href="#main", class_="skip")
    body = el("body", skip, _header(visit), main, _footer(visit))
    text = "<!doctype html>" + el("html", head, body, lang=visit.language)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def facts(rows: Iterable[tuple[str, Any]]) -> Html:
    """Names with values, one under another; a value None leaves its name out."""
    return el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in rows if value is not None))


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str, id_: str = "") -> Html:
    """A table; a sentence where it has no rows. Heads with `#` before them are of numbers."""
    if not rows:
        return el("section", el("h2", caption), el("p", empty, class_="empty"), id=id_ or None)
    numeric = [head.startswith("#") for head in heads]
    top = el("tr", *(el("th", head.removeprefix("#"), scope="col", class_="n" if number else None)
                     for head, number in zip(heads, numeric, strict=True)))  # fmt: skip
    body = [
        el("tr", *(el("td", cell, class_="n" if number else None, data_label=head.removeprefix("#"))
                   for cell, head, number in zip(row, heads, numeric, strict=True)))
        for row in rows
    ]  # fmt: skip
    whole = el("table", el("caption", caption), el("thead", top), el("tbody", *body))
    return el("div", whole, class_="wide stack", id=id_ or None, role="region", aria_label=caption, tabindex="0")


def pager(visit: Visit, count: int, **fields: str) -> Html | None:
    """Links to the page before and after; `count` are the rows of this one."""
    links = []
    for number, word, there in (
        (visit.page - 1, "Newer", visit.page > 1),
        (visit.page + 1, "Older", count == ROWS and visit.page < DEEPEST),
    ):
        if there:
            links.append(el("a", visit.say(word), href="?" + urlencode({**fields, "page": number}), rel="nofollow"))
    return el("nav", *links, class_="pager", aria_label=visit.say("Pages")) if links else None


def when(seconds: int | None) -> Html | str:
    """A time in UTC."""
    if not seconds:
        return "–"
    moment = datetime.fromtimestamp(seconds, UTC)
    return el("time", f"{moment:%Y-%m-%d %H:%M:%S}", datetime=f"{moment:%Y-%m-%dT%H:%M:%SZ}")


def link(path: str, text: Any, **attributes: Any) -> Html:
    """A link inside the explorer."""
    return el("a", text, href=quote(path, safe="/?=&#"), **attributes)


def address(value: bytes | None, name: str = "") -> Html | str:
    """An account or a contract, short, with its name if it has one."""
    if not value:
        return "–"
    whole = "0x" + bytes(value).hex()
    return link(f"/address/{whole}", name or f"{whole[:10]}…{whole[-6:]}", title=whole, class_=None if name else "hex")


def digest(path: str, value: bytes) -> Html:
    """A hash, short, that leads to what it is of."""
    whole = "0x" + bytes(value).hex()
    return link(f"{path}/{whole}", f"{whole[:12]}…", title=whole, class_="hex")


def code(value: bytes | str) -> Html:
    """Bytes as they are."""
    return el("code", value if isinstance(value, str) else "0x" + bytes(value).hex(), class_="hex whole")


def _header(visit: Visit) -> Html:
    say = visit.say
    field = el(
        "input", type="search", name="q", id="q", value=visit.query, maxlength="200", autocomplete="off",
        placeholder=say("Block, transaction, address, payment, till and STAN, coupon, member, merchant"),
    )  # fmt: skip
    label, button = el("label", say("Search"), for_="q", class_="hidden"), el("button", say("Search"), type="submit")
    form = el(
        "form", label, field, button, action="/search", method="get", role="search",
    )  # fmt: skip
    links = [
        el("li", el("a", say(name), href=path, aria_current="page" if visit.path == path else None))
        for path, name in NAVIGATION
    ]
    home = el("a", "Tillnet", href="/", class_="home")
    return el("header", home, form, el("nav", el("ul", *links), aria_label=say("Main")))


def _footer(visit: Visit) -> Html:
    back = quote(visit.path)
    languages = [
        el("li", el("a", name, href=f"/language/{key}?back={back}", lang=key, hreflang=key,
                    aria_current="true" if key == visit.language else None))
        for key, name in LANGUAGES.items()
    ]  # fmt: skip
    return el(
        "footer",
        el("p", visit.say(CHECKED)),
        el("nav", el("ul", *languages), aria_label=visit.say("Language")),
        el("p", el("a", "API", href="/docs")),
    )
