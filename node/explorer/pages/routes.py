"""All pages by their paths, and failures as a page.

Before it node/explorer/run.py; after it the pages of this folder.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from node.domain.ids import PaymentId, parse_payment_id
from node.explorer.pages.audit_pages import AuditPages
from node.explorer.pages.chain_pages import ChainPages
from node.explorer.pages.domain_pages import DomainPages
from node.explorer.pages.entry_pages import EntryPages
from node.explorer.pages.events import LIFE_SECONDS, Events
from node.explorer.pages.frame import Visit, render
from node.explorer.pages.html import el
from node.explorer.pages.site import Site
from node.explorer.pages.token_pages import TokenPages
from node.explorer.pages.validator_pages import ValidatorPages
from node.explorer.pages.words import say_in
from node.explorer.web.request import Asked, BadRequest, Busy, NotFound
from node.explorer.web.routes import Route

Prove = Callable[[PaymentId], Awaitable[str]]
PROOFS_AT_ONCE: Final = 2
PROOF_SECONDS: Final = 60.0


def page_routes(site: Site, events: Events, prove: Prove | None) -> list[Route]:
    """The routes. Without `prove` there are no proofs to download."""
    entry, of_chain, of_domain, tokens = EntryPages(site), ChainPages(site), DomainPages(site), TokenPages(site)
    audits = AuditPages(site)
    pages = {
        "/": entry.home,
        "/search": entry.search,
        "/statistics": entry.statistics,
        "/docs": entry.docs,
        "/language/{language}": entry.language,
        "/static/{name}": entry.static,
        "/blocks": of_chain.blocks,
        "/block/{block}": of_chain.block,
        "/transactions": of_chain.transactions,
        "/tx/{hash}": of_chain.transaction,
        "/address/{address}": of_chain.address,
        "/address/{address}/source": tokens.source,
        "/tokens": tokens.tokens,
        "/token/{address}": tokens.token,
        "/payments": of_domain.payments,
        "/payment/{id}": of_domain.payment,
        "/merchants": of_domain.merchants,
        "/merchant/{number}": of_domain.merchant,
        "/till/{name}": of_domain.till,
        "/member/{number}": of_domain.member,
        "/coupon/{number}": of_domain.coupon,
        "/audits": audits.audits,
        "/audit/{name}": audits.audit,
        "/validators": ValidatorPages(site).validators,
    }
    return [
        *(Route(path=path, answer=answer, explain=explain) for path, answer in pages.items()),
        Route(path="/events", answer=events.stream, explain=explain, seconds=LIFE_SECONDS + 60),
        Route(path="/payment/{id}/proof", answer=_Proofs(prove).answer, explain=explain, seconds=PROOF_SECONDS),
    ]


def explain(failure: Exception, status: int) -> web.Response:
    """A failure as a page, in English."""
    visit = Visit(say=say_in("en"), language="en", path="", query="", page=1)
    titles = {404: "Not found", 403: "Not for everybody", 413: "Too much at once", 503: "Try again"}
    return render(visit, titles.get(status, "This did not work"), el("p", str(failure), role="alert"), status=status)


class _Proofs:
    """Proofs to download, made when they are asked for, a few at a time."""

    def __init__(self, prove: Prove | None) -> None:
        self._prove = prove
        self._places = asyncio.Semaphore(PROOFS_AT_ONCE)

    async def answer(self, asked: Asked) -> web.Response:
        name = asked.values["id"]
        try:
            stream, sequence = parse_payment_id(name)
        except ValueError as failure:
            raise BadRequest(str(failure)) from None
        if self._prove is None:
            raise NotFound("this explorer has no way to signed headers; till prove payment makes the proof")
        if self._places.locked():
            raise Busy("other proofs are being made")
        async with self._places:
            proof = await self._prove(PaymentId(f"{stream}-{sequence}"))
        headers = {"Content-Disposition": f'attachment; filename="{stream}-{sequence}.proof.json"'}
        return web.Response(text=proof, content_type="application/json", headers=headers)
