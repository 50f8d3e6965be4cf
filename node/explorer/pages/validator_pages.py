"""The page of validators with their record, and what a block's page says of who signed it.

Before it node/explorer/web; after it node/explorer/queries/validators.py. The record follows from CometBFT's headers
and commits, which the index checked (docs/indexer.md); it is one block behind.
"""

from typing import Any, Final

from aiohttp import web

from node.explorer.pages.frame import Visit, address, facts, link, render, table
from node.explorer.pages.html import Html, el
from node.explorer.pages.site import Site
from node.explorer.pages.words import Say
from node.explorer.queries import validators
from node.explorer.queries.index import Index, Row
from node.explorer.web.request import Asked

UNKNOWN: Final = "–"
MISSED_SHOWN: Final = 25
STATES: Final = ("active", "voted", "left", "double signed")
"""What a validator's row says of it: at work, or why it was removed."""


class ValidatorPages:
    """The page."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def validators(self, asked: Asked) -> web.Response:
        """Validators with their record, and the newest blocks that somebody did not sign."""
        visit = Visit.of(asked)
        say, index = visit.say, self._site.index
        found = await index.rows(validators.all_validators())
        heads = [
            say("Name"), say("Address"), say("State"), "#" + say("Votes"), "#" + say("Proposed"), "#" + say("Signed"),
            "#" + say("Missed"), "#" + say("Share signed"),
        ]  # fmt: skip
        about = facts([(say("Record up to block"), await _known_to(index))])
        record = table(
            say("Validators"), heads, [_record(row, say) for row in found], empty=say("There is nothing here yet.")
        )
        missed = [
            [link(f"/block/{row['number']}", f"{row['number']:,}"), row["name"] or UNKNOWN, address(row["validator"]),
             say("voted for no block") if row["for_none"] else say("not in time")]
            for row in await index.rows(validators.newest_missed(MISSED_SHOWN))
        ]  # fmt: skip
        lacking = table(
            say("Missed last"), ["#" + say("Block"), say("Name"), say("Address"), say("Why")], missed,
            empty=say("All that are known were signed by everybody."),
        )  # fmt: skip
        return render(visit, say("Validators"), about, record, lacking)


async def signed_facts(index: Index, number: int, paid: bytes, say: Say) -> list[tuple[str, Any]]:
    """Who proposed a block and who signed it; `paid` is its fee recipient, for where nothing else is known."""
    row = await index.row(validators.signed_block(number))
    if row is None:
        return [(say("Proposer"), address(paid))]
    missed = await index.rows(validators.missed_at(number))
    lacking: list[Html] = [el("span", address(each["validator"], each["name"] or ""), " ") for each in missed]
    return [
        (say("Proposer"), address(row["proposer"], row["name"] or "")),
        (say("Signed by"), f"{row['signed']} / {row['signed'] + row['missed']}"),
        (say("Not signed by"), el("span", *lacking) if lacking else None),
        (say("Round"), row["round"] or None),
    ]


async def _known_to(index: Index) -> str:
    newest = await index.row(validators.newest_signed())
    return UNKNOWN if newest is None else f"{newest['number']:,}"


def _record(row: Row, say: Say) -> list[Any]:
    proposed, signed, missed = (row[name] for name in ("proposed", "signed", "missed"))
    shown = [UNKNOWN if count is None else f"{count:,}" for count in (proposed, signed, missed)]
    of = 0 if signed is None else signed + missed
    share = f"{signed * 10_000 // of / 100:.2f} %" if of else UNKNOWN
    return [row["name"] or UNKNOWN, address(row["account"]), say(row["status"]), f"{row['power']:,}", *shown, share]
