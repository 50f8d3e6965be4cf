"""Etherscan's paging: `page` and `offset`, `sort`, `startblock` and `endblock`; never more than 10,000 rows deep."""

from typing import Final

from node.explorer.api.etherscan import Plain
from node.explorer.queries.chain import Page
from node.explorer.web.request import Asked, BadRequest

WINDOW: Final = 10_000


def page_of(asked: Asked, *, first: str = "startblock", last: str = "endblock", most: int = WINDOW) -> Page:
    """The page that is asked for; all of the window without one. Raises Plain beyond it, BadRequest."""
    page, offset = asked.number("page", 1, low=1), asked.number("offset", most, low=1)
    if offset > most or page * offset > WINDOW:
        raise Plain(
            "Result window is too large, PageNo x Offset size must be less than or equal to "
            f"{WINDOW if most == WINDOW else f'{WINDOW}, offset to {most}'}"
        )
    sort = asked.text("sort", "asc").lower()
    if sort not in ("asc", "desc"):
        raise BadRequest("sort is asc or desc")
    return Page(
        count=offset,
        skip=(page - 1) * offset,
        newest_first=sort == "desc",
        first=asked.number(first, 0),
        last=_last(asked, last),
    )


def _last(asked: Asked, name: str) -> int:
    return 2**62 if asked.text(name, "").lower() in ("", "latest") else asked.number(name, 0, high=2**62)
