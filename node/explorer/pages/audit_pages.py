"""The pages of audits: the last ones with their verdicts, and one of them with its backing and what it found.

Before it node/explorer/web; after it node/explorer/audits.py. The explorer audits nothing itself: it shows what
`till audit run -o` wrote.
"""

from typing import Any, Final

from aiohttp import web

from node.explorer.audits import DIFFERENT, AuditRun, NoAudit
from node.explorer.pages.frame import Visit, facts, link, render, table, when
from node.explorer.pages.html import Html, el
from node.explorer.pages.site import Site
from node.explorer.pages.words import Say
from node.explorer.tables import money, points
from node.explorer.web.request import Asked, NotFound

SHOWN: Final = 200
"""Findings of an audit that its page shows; its file has the rest."""
COINS: Final = "coins"


class AuditPages:
    """The pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def audits(self, asked: Asked) -> web.Response:
        """The last audits, the newest first."""
        visit = Visit.of(asked)
        say = visit.say
        heads = [
            say("Audit"), say("Written"), say("Verdict"), "#" + say("From block"), "#" + say("To block"),
            "#" + say("Differences"), "#" + say("Payments"), "#" + say("Seconds"), "#" + say("Payments a second"),
        ]  # fmt: skip
        found = await self._site.audits.newest()
        shown = [_row(each, say) for each in found]
        hint = el(
            "p", say("An audit is made by till audit run -o FOLDER/NAME.json; this page only shows it."), class_="soft"
        )
        empty = say("There is no audit in the folder that the explorer was given.")
        return render(visit, say("Audits"), table(say("Audits"), heads, shown, empty=empty), hint)

    async def audit(self, asked: Asked) -> web.Response:
        """One audit: its verdict, what each contract holds and owes, and what was found."""
        visit = Visit.of(asked)
        say = visit.say
        found = await self._site.audits.named(asked.values["name"])
        if found is None:
            raise NotFound(say("There is no such audit"))
        about = facts(
            [
                (say("Verdict"), _verdict(found, say)),
                (say("Differences"), f"{found.differences:,}"),
                (say("Blocks"), f"{found.first:,} – {found.last:,}"),
                (say("Time of the last block (UTC)"), when(found.time)),
                (say("Written"), when(found.ran)),
                (say("Payments"), f"{found.payments:,}"),
                (say("Took"), f"{found.seconds:,.1f} s, {found.rate:,.0f} / s"),
            ]
        )
        backing = table(
            say("Backing"), [say("Contract"), say("Of"), "#" + say("Holds"), "#" + say("Owes"), "#" + say("Free")],
            [_backing(*each) for each in found.backing], empty=say("There is nothing here yet."),
        )  # fmt: skip
        ordered = sorted(found.findings, key=lambda each: each[0] not in DIFFERENT)
        listed = [
            [kind, link(f"/block/{block}", f"{block:,}") if block else "–", subject or "–", text]
            for kind, block, subject, text in ordered[:SHOWN]
        ]
        heads = [say("Kind"), "#" + say("Block"), say("Of what"), say("What was found")]
        what = table(say("What was found"), heads, listed, empty=say("Nothing was found."))
        return render(visit, f"{say('Audit')} {found.name}", about, backing, what)


def _row(run: AuditRun | NoAudit, say: Say) -> list[Any]:
    if isinstance(run, NoAudit):
        return [run.name, when(run.ran), say("this file is no audit"), "–", "–", "–", "–", "–", "–"]
    return [
        link(f"/audit/{run.name}", run.name), when(run.ran), _verdict(run, say), f"{run.first:,}", f"{run.last:,}",
        f"{run.differences:,}", f"{run.payments:,}", f"{run.seconds:,.1f}", f"{run.rate:,.0f}",
    ]  # fmt: skip


def _verdict(run: AuditRun, say: Say) -> Html:
    if run.agrees:
        return el("span", say("agrees to the last unit"), class_="good")
    return el("span", say("DIFFERS"), class_="bad")


def _backing(part: str, what: str, holds: int, owes: int) -> list[Any]:
    written = points if what == COINS else money
    free = holds - owes
    return [part, what, written(holds), written(owes), ("-" if free < 0 else "") + written(abs(free))]
