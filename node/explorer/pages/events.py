"""Server-sent events: new rows for pages that are open, as blocks come into the index.

Before it node/explorer/web; after it the index, which is asked once a second for all listeners together. Rows are
escaped markup in English words of results and methods, as short as the pages' own. Source: HTML, server-sent events.
"""

import asyncio
import json
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from node.explorer.pages import rows
from node.explorer.pages.site import Site
from node.explorer.pages.words import say_in
from node.explorer.queries import chain, domain
from node.explorer.queries.chain import Page
from node.explorer.queries.index import IndexBusy, IndexEmpty, IndexOld
from node.explorer.web.request import Asked, BadRequest, Busy

LISTENERS: Final = 64
LOOK_SECONDS: Final = 1.0
KEEP_SECONDS: Final = 15.0
LIFE_SECONDS: Final = 3_600.0
"""After so long a browser connects anew, by itself."""
NEWEST: Final = Page(count=10)
KINDS: Final = ("blocks", "transactions", "payments")


class Events:
    """What is new, for whoever listens. `run` looks while it runs."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._listeners = 0
        self._changed = asyncio.Event()
        self._height = -1
        self._news: dict[str, str] = {}
        self._numbers: dict[str, str] = {}

    async def run(self) -> None:
        """Looks for new blocks until cancelled."""
        while True:
            if self._listeners:
                # the next look finds it
                with suppress(IndexBusy, IndexEmpty, IndexOld):
                    await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def stream(self, asked: Asked) -> web.StreamResponse:
        """Events of one kind, or of all."""
        kind = asked.text("of", "all")
        if kind not in (*KINDS, "all"):
            raise BadRequest(f"of is one of {', '.join((*KINDS, 'all'))}")
        if self._listeners >= LISTENERS:
            raise Busy("too many listen already")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        self._listeners += 1
        try:
            await response.prepare(asked.raw)
            await self._send(response, kind)
        finally:
            self._listeners -= 1
        return response

    async def _send(self, response: web.StreamResponse, kind: str) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + LIFE_SECONDS
        seen = self._height
        await response.write(b"retry: 3000\n\n")
        while loop.time() < until:
            try:
                async with asyncio.timeout(KEEP_SECONDS):
                    while self._height == seen:
                        await self._changed.wait()
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            seen = self._height
            news = {name: text for name, text in self._news.items() if kind in (name, "all")}
            await response.write(_event("rows", news) + _event("numbers", self._numbers))

    async def _look(self) -> None:
        index, say = self._site.index, say_in("en")
        head = await index.head()
        if head == self._height:
            return
        known = self._height if self._height >= 0 else head - 1
        since = max(known + 1, head - NEWEST.count + 1)
        new = Page(count=NEWEST.count, first=since)
        blocks = [row for row in await index.rows(chain.newest_blocks(new)) if row["number"] >= since]
        sent = [row for row in await index.rows(chain.newest_transactions(new)) if row["block"] >= since]
        paid = [row for row in await index.rows(domain.newest_payments(new)) if row["block"] >= since]
        shown = [await rows.transaction_row(row, self._site.names, say) for row in sent]
        self._news = {
            "blocks": rows.markup([rows.block_row(row) for row in blocks], list(rows.BLOCK_HEADS)),
            "transactions": rows.markup(shown, list(rows.TRANSACTION_HEADS)),
            "payments": rows.markup([rows.payment_row(row) for row in paid], list(rows.PAYMENT_HEADS)),
        }
        self._numbers = {"head": f"{head:,}"}
        self._height = head
        # whoever waits is told by this one, and waits for the next one
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _event(name: str, said: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(said)}\n\n".encode()
