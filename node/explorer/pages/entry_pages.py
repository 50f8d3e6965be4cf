"""The first page, search, statistics, the choice of a language, and the files that pages need.

Before it node/explorer/web; after it node/explorer/queries.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from node.explorer.pages import rows
from node.explorer.pages.domain_tables import payments_table
from node.explorer.pages.drawing import bars
from node.explorer.pages.find import find
from node.explorer.pages.frame import Visit, link, render, table
from node.explorer.pages.html import Html, el
from node.explorer.pages.site import Site
from node.explorer.pages.words import LANGUAGES
from node.explorer.queries import chain, domain
from node.explorer.queries.chain import Page
from node.explorer.queries.index import Row
from node.explorer.tables import money, points
from node.explorer.web.request import Asked, BadRequest, NotFound

STATIC: Final = Path(__file__).with_name("static")
TYPES: Final = {"explorer.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
NEWEST: Final = Page(count=10)
MAX_DAYS: Final = 366
_DAY_ZERO: Final = date(1970, 1, 1)


class EntryPages:
    """The pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def home(self, asked: Asked) -> web.Response:
        """What is new, and how much there is."""
        visit = Visit.of(asked)
        say, index, names = visit.say, self._site.index, self._site.names
        blocks = await index.rows(chain.newest_blocks(NEWEST))
        sent = await index.rows(chain.newest_transactions(NEWEST))
        paid = await index.rows(domain.newest_payments(NEWEST))
        total = await index.row(domain.all_days()) or {}
        count = await index.row(domain.counts()) or {}
        head = blocks[0]["number"] if blocks else 0
        numbers = (
            ("head", "Block", f"{head:,}"),
            ("paid", "Payments", f"{total.get('payments') or 0:,}"),
            ("turnover", "Turnover", money(total.get("amount") or 0)),
            ("given", "Points given", f"{(total.get('points_given') or 0) // 10**6:,}"),
            ("people", "Members", f"{count.get('members') or 0:,}"),
            ("shops", "Merchants", f"{count.get('merchants') or 0:,}"),
        )
        cards = el("ul", *(el("li", say(name), el("b", text, id=id_)) for id_, name, text in numbers), class_="cards")
        new_blocks = table(
            say("Blocks"), rows.heads(say, rows.BLOCK_HEADS), [rows.block_row(row) for row in blocks],
            empty=say("There is nothing here yet."), id_="blocks",
        )  # fmt: skip
        shown = [await rows.transaction_row(row, names, say) for row in sent]
        new_sent = table(
            say("Transactions"), rows.heads(say, rows.TRANSACTION_HEADS), shown,
            empty=say("There is nothing here yet."), id_="transactions",
        )  # fmt: skip
        both = el("div", new_blocks, new_sent, class_="two")
        return render(visit, say("What is new"), cards, payments_table(visit, paid), both, live="/events?of=all")

    async def search(self, asked: Asked) -> web.Response:
        """Whatever somebody types: leads there, or shows what it may be."""
        visit = Visit.of(asked)
        say, text = visit.say, visit.query.strip()
        found = await find(self._site.index, text) if text else []
        if len(found) == 1:
            return web.Response(status=303, headers={"Location": found[0].path})
        shown = [[say(each.kind), link(each.path, each.name)] for each in found]
        empty = say("Nothing is called like that.") if text else say("Type something to look for.")
        content = table(say("Found"), [say("Kind"), say("Name")], shown, empty=empty)
        return render(visit, say("Search"), content, status=200 if found or not text else 404)

    async def statistics(self, asked: Asked) -> web.Response:
        """Charts by day."""
        visit = Visit.of(asked)
        say = visit.say
        count = asked.number("days", 30, low=1, high=MAX_DAYS)
        found = _without_gaps(await self._site.index.rows(domain.newest_days(count)))
        choice = el(
            "nav",
            *(link(f"/statistics?days={each}", f"{each} {say('days')}", aria_current="page" if each == count else None)
              for each in (7, 30, 90, 366)),
            class_="pager", aria_label=say("Days"),
        )  # fmt: skip
        charts = [
            _chart(found, say("Payments"), "payments", _plain),
            _chart(found, say("Turnover"), "amount", money),
            _chart(found, say("Points given"), "points_given", points),
            _chart(found, say("Points issued outside of payments"), "points_issued", points),
            _chart(found, say("Points redeemed"), "points_redeemed", points, "bar2"),
            _chart(found, say("Points expired"), "points_expired", points, "bar3"),
            _chart(found, say("Points in circulation"), "coins", points, "bar2"),
            _chart(found, say("Stored value"), "stored_value", money, "bar2"),
            _chart(
                found, say("Cash that the ledger owes; the line: what it holds"), "cash_owed", money, over="cash_held"
            ),
            _chart(found, say("Gas"), "gas_used", _plain),
        ]
        heads = [
            say("Day"),
            "#" + say("Blocks"),
            "#" + say("Transactions"),
            "#" + say("Payments"),
            "#" + say("Turnover"),
        ]
        heads += [
            "#" + say("Points given"),
            "#" + say("Points redeemed"),
            "#" + say("Cash held"),
            "#" + say("Cash owed"),
        ]
        heads.append("#" + say("Gas"))
        shown = [
            [str(_date(row["day"])), _plain(row["blocks"]), _plain(row["transactions"]), _plain(row["payments"]),
             money(row["amount"]), points(row["points_given"]), points(row["points_redeemed"]), money(row["cash_held"]),
             money(row["cash_owed"]), _plain(row["gas_used"])]
            for row in reversed(found)
        ]  # fmt: skip
        figures = table(say("By day"), heads, shown, empty=say("There is nothing here yet."))
        return render(visit, say("Statistics"), choice, el("div", *charts, class_="two"), figures)

    async def language(self, asked: Asked) -> web.Response:
        """Keeps the choice of a language, and leads back."""
        chosen, back = asked.values["language"], asked.text("back", "/")
        if chosen not in LANGUAGES:
            raise NotFound("no such language")
        if not back.startswith("/") or back.startswith(("//", "/\\")) or not back.isprintable():
            raise BadRequest("back is a path of this explorer")
        response = web.Response(status=303, headers={"Location": back})
        response.set_cookie("lang", chosen, max_age=31_536_000, samesite="Lax", httponly=True)
        return response

    async def docs(self, asked: Asked) -> web.Response:
        """What programs can ask, and where it is described."""
        visit = Visit.of(asked)
        say = visit.say
        ways = (
            ("/v1/openapi.json", say("All that the index has, as lists with cursors; CSV and Parquet too")),
            ("/api", say("Etherscan's way: module and action")),
            ("/v2", say("Sourcify's way, for verified sources")),
            ("/rpc", say("JSON-RPC, passed on to the chain")),
        )
        shown = [[link(path, path) if path.endswith(".json") else el("code", path), text] for path, text in ways]
        return render(visit, "API", table("API", [say("Path"), say("What it is")], shown, empty=""))

    async def static(self, asked: Asked) -> web.Response:
        """A file that pages need."""
        name = asked.values["name"]
        if name not in TYPES:
            raise NotFound
        headers = {"Cache-Control": "max-age=300"}
        return web.Response(
            body=(STATIC / name).read_bytes(), content_type=TYPES[name], charset="utf-8", headers=headers
        )


def _chart(days: list[Row], title: str, name: str, written: Any, kind: str = "bar", *, over: str = "") -> Html:
    dates, values = [str(_date(row["day"])) for row in days], [row[name] for row in days]
    return bars(title, dates, values, written, kind, over=[row[over] for row in days] if over else ())


def _without_gaps(newest_first: list[Row]) -> list[Row]:
    """Days from the oldest to the newest; one without a block counts nothing, and stands as the day before did."""
    found: list[Row] = []
    for row in reversed(newest_first):
        while found and found[-1]["day"] + 1 < row["day"] and len(found) < MAX_DAYS:
            kept = {name: found[-1][name] for name in ("coins", "stored_value", "cash_held", "cash_owed", "block")}
            found.append({**dict.fromkeys(row, 0), **kept, "day": found[-1]["day"] + 1})
        found.append(row)
    return found[-MAX_DAYS:]


def _date(day: int) -> date:
    return _DAY_ZERO + timedelta(days=day)


def _plain(value: int) -> str:
    return f"{value:,}"
