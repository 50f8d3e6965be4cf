"""Pages of the domain: payments from message to block, merchants, members, coupons with their trails.

Before it node/explorer/web; after it node/explorer/queries. Line items are not here: they are sealed (docs/lines.md).
"""

from typing import Any, Final

from aiohttp import web

from node.domain.ids import parse_payment_id
from node.domain.words import FROZEN, IN_ARREARS, LOCKED
from node.explorer.pages.domain_tables import (
    lines_table,
    payment_facts,
    payments_table,
    refunds_table,
    rules_table,
    settlements_table,
    tills_table,
    way_table,
)
from node.explorer.pages.drawing import trail
from node.explorer.pages.frame import Visit, address, facts, link, pager, render, table, when
from node.explorer.pages.html import Html, el
from node.explorer.pages.site import Site, page_of
from node.explorer.queries import domain
from node.explorer.queries.chain import Page
from node.explorer.queries.index import Row
from node.explorer.tables import money, points
from node.explorer.web.request import Asked, BadRequest, NotFound, whole
from node.indexer.rolled import rolled

_STATES: Final = ((FROZEN, "frozen"), (LOCKED, "locked"), (IN_ARREARS, "in arrears"))


class DomainPages:
    """The pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def payments(self, asked: Asked) -> web.Response:
        """Payments, the newest first."""
        visit = Visit.of(asked)
        found = await self._site.index.rows(domain.newest_payments(page_of(visit)))
        live = "/events?of=payments" if visit.page == 1 else ""
        return render(visit, visit.say("Payments"), payments_table(visit, found), pager(visit, len(found)), live=live)

    async def payment(self, asked: Asked) -> web.Response:
        """One payment: message, lines, batch, transaction, block; and its proof to download."""
        visit = Visit.of(asked)
        say, text = visit.say, asked.values["id"]
        try:
            stream, sequence = parse_payment_id(text)
        except ValueError:
            raise BadRequest(say("A payment's id is written like 1-42")) from None
        index = self._site.index
        row = await index.row(domain.payment_by_id(stream, sequence))
        if row is None:
            return await self._without_effect(visit, stream, sequence, text)
        batch = await index.row(domain.batch_of(row["block"], row["log"]))
        lines = await index.rows(domain.lines_of(stream, sequence))
        undone = await index.rows(domain.refunds_of(stream, sequence))
        merchant = await index.row(domain.merchant_by_number(row["merchant"]))
        return render(
            visit,
            f"{say('Payment')} {text}",
            payment_facts(visit, row, merchant),
            way_table(visit, row, batch),
            lines_table(visit, lines),
            refunds_table(visit, undone) if undone else None,
            el(
                "p",
                link(
                    f"/payment/{text}/proof", say("Download the proof of this payment"), download=f"{text}.proof.json"
                ),
            ),
            el("p", say("It is checked without any network: till verify FILE"), class_="soft"),
        )

    async def merchants(self, asked: Asked) -> web.Response:
        """Merchants by number."""
        visit = Visit.of(asked)
        say = visit.say
        found = await self._site.index.rows(domain.all_merchants(page_of(visit)))
        shown = [
            [link(f"/merchant/{row['merchant']}", row["merchant"]), row["name"] or "–", f"{row['lines']:,}",
             money(row["turnover"]), points(row["points_given"])]
            for row in found
        ]  # fmt: skip
        heads = [
            "#" + say("Merchant"),
            say("Name"),
            "#" + say("Lines"),
            "#" + say("Turnover"),
            "#" + say("Points given"),
        ]
        content = table(say("Merchants"), heads, shown, empty=say("There is nothing here yet."))
        return render(visit, say("Merchants"), content, pager(visit, len(found)))

    async def merchant(self, asked: Asked) -> web.Response:
        """One merchant: its figures, rules, tills, payments and settlements."""
        visit = Visit.of(asked)
        say, index = visit.say, self._site.index
        number = whole(asked.values["number"], say("The merchant"), high=2**32 - 1)
        row = await index.row(domain.merchant_by_number(number))
        if row is None:
            raise NotFound(f"{say('No such merchant')}: {number}")
        found = await index.rows(domain.newest_payments(page_of(visit), merchant=number))
        rules = await index.rows(domain.rules_of(number))
        settled = await index.rows(domain.settlements_of(Page(count=25), merchant=number))
        tills = await index.rows(domain.terminals_of(number, Page(count=100)))
        about = facts(
            [
                (say("Name"), row["name"] or "–"),
                (say("Administered by"), address(row["admin"])),
                (say("May take payments"), say("yes") if row["active"] else say("no")),
                (say("Lines"), f"{row['lines']:,}"),
                (say("Turnover"), money(row["turnover"])),
                (say("Undone"), money(row["refunded"])),
                (say("Prepaid points"), points(row["prepaid"])),
                (say("To be paid out"), money(row["payable"])),
                (say("Deposit"), money(row["deposit"])),
                (say("Owed to the guarantee fund"), money(row["guaranteed"]) if row["guaranteed"] else None),
                (say("Fees of its captures"), money(row["fees"]) if row["fees"] else None),
                (say("Points given"), points(row["points_given"])),
                (say("Points bought"), points(row["points_bought"])),
                (say("Points taken back"), points(row["clawed_back"])),
            ]
        )
        title = f"{say('Merchant')} {number}" + (f": {row['name']}" if row["name"] else "")
        return render(
            visit, title, about, payments_table(visit, found), pager(visit, len(found)), rules_table(visit, rules),
            settlements_table(visit, settled), tills_table(visit, tills),
        )  # fmt: skip

    async def till(self, asked: Asked) -> web.Response:
        """One till: its payments, the newest first."""
        visit = Visit.of(asked)
        say, index, name = visit.say, self._site.index, asked.values["name"]
        row = await index.row(domain.terminal_called(name)) if len(name) <= 8 else None
        if row is None:
            raise NotFound(f"{say('No such till')}: {name}")
        found = await index.rows(domain.payments_at(row["merchant"], row["number"], page_of(visit)))
        about = facts(
            [
                (say("Merchant"), link(f"/merchant/{row['merchant']}", row["merchant"])),
                (say("Store"), row["store"]),
                (say("Stream"), row["stream"]),
                (say("Signs with"), address(row["signer"])),
                (say("In use"), say("yes") if row["active"] else say("no")),
            ]
        )
        hint = say("The chain holds no STAN: look for the time and the amount that the receipt shows.")
        note = el("p", hint, class_="soft")
        return render(
            visit, f"{say('Till')} {name}", about, note, payments_table(visit, found), pager(visit, len(found))
        )

    async def member(self, asked: Asked) -> web.Response:
        """One member: what it has now, its payments and coupons. Who it is nobody knows here."""
        visit = Visit.of(asked)
        say, index = visit.say, self._site.index
        number = whole(asked.values["number"], say("The member"), low=1, high=2**64 - 1)
        row = await index.row(domain.member_by_number(number))
        found = await index.rows(domain.newest_payments(page_of(visit), member=number))
        if row is None and not found:
            raise NotFound(f"{say('No such member')}: {number}")
        held = await index.rows(domain.coupons_of(Page(count=100), member=number))
        about = await self._holdings(visit, row)
        coupons = table(
            say("Coupons"), [say("Coupon"), "#" + say("Campaign"), "#" + say("Uses")],
            [[link(f"/coupon/{each['coupon']}", each["coupon"]), each["campaign"], each["uses"]] for each in held],
            empty=say("It holds no coupon."),
        )  # fmt: skip
        return render(
            visit, f"{say('Member')} {number}", about, payments_table(visit, found), pager(visit, len(found)), coupons
        )

    async def coupon(self, asked: Asked) -> web.Response:
        """One coupon: its trail drawn as a path with the money at each hop, and its uses."""
        visit = Visit.of(asked)
        say, index = visit.say, self._site.index
        number = whole(asked.values["number"], say("The coupon"), low=1, high=2**64 - 1)
        row = await index.row(domain.coupon_by_number(number))
        if row is None:
            raise NotFound(f"{say('Nobody holds such a coupon')}: {number}")
        hops = await index.rows(domain.hops_of(number))
        uses = await index.rows(domain.write_offs_of(number))
        written = money if row["cash"] else points
        about = facts(
            [
                (say("Campaign"), row["campaign"]),
                (say("Held by"), _holder(row)),
                (say("Good from"), when(row["starts"])),
                (say("Good until"), when(row["until"])),
                (say("Uses"), f"{row['live']} / {row['max_uses']}"),
                (say("Incentive"), written(row["generated"] or 0)),
                (say("Claimed"), written(row["claimed"] or 0)),
            ]
        )
        shown = [
            [link(f"/payment/{each['stream']}-{each['sequence']}", f"{each['stream']}-{each['sequence']}"),
             link(f"/merchant/{each['merchant']}", each["merchant"]), link(f"/member/{each['member']}", each["member"]),
             money(each["amount"]), money(each["discount"]), written(each["units"])]
            for each in uses
        ]  # fmt: skip
        heads = [
            say("Use"),
            say("Merchant"),
            say("Member"),
            "#" + say("Amount"),
            "#" + say("Discount"),
            "#" + say("Incentive"),
        ]
        path = el("figure", el("figcaption", say("Trail")), trail(hops, written, say), class_="trail", tabindex="0")
        return render(
            visit, f"{say('Coupon')} {number}", about, path,
            table(say("Uses"), heads, shown, empty=say("It has not been used.")),
        )  # fmt: skip

    async def _holdings(self, visit: Visit, row: Row | None) -> Html | None:
        if row is None or row["value"] is None:
            return None
        say = visit.say
        now = rolled(row, await self._site.coins.epoch())
        states = [say(word) for flag, word in _STATES if now.flags & flag]
        return facts(
            [
                (say("Points"), points(now.coins)),
                (say("Of these, ending with this epoch"), points(now.previous)),
                (say("Stored value"), money(now.value)),
                (say("Tier"), now.tier),
                (say("State"), ", ".join(states) or say("in order")),
                (say("Account"), address(row["holder"])),
            ]
        )

    async def _without_effect(self, visit: Visit, stream: int, sequence: int, text: str) -> web.Response:
        """A number that the ledger looked at and skipped, or a refund."""
        say = visit.say
        found = await self._site.index.rows(domain.skips_of(stream, sequence))
        if not found:
            raise NotFound(f"{say('The index has no payment')} {text}")
        shown = [[link(f"/block/{row['block']}", f"{row['block']:,}"), row["reason"]] for row in found]
        content = table(say("It had no effect"), ["#" + say("Block"), "#" + say("Reason")], shown, empty="")
        return render(visit, f"{say('Payment')} {text}", content)


def _holder(row: Row) -> Any:
    if row["member"]:
        return link(f"/member/{row['member']}", row["member"])
    if row["merchant"]:
        return link(f"/merchant/{row['merchant']}", row["merchant"])
    return address(row["holder"])
