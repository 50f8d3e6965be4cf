"""Tables and lists of facts that the domain's pages are made of. Pure; after node/explorer/pages/domain_pages.py."""

from typing import Final

from node.domain.act import ActKind
from node.domain.payment import Tender
from node.explorer.pages import rows
from node.explorer.pages.frame import Visit, code, digest, facts, link, table, when
from node.explorer.pages.html import Html, el
from node.explorer.queries.index import Row
from node.explorer.tables import money, points

_TENDERS: Final = {each.value: each.name.lower().replace("_", " ") for each in Tender}
_ACTS: Final = {each.value: each.name.lower().replace("_", " ") for each in ActKind}
_KINDS: Final = {1: "refund", 2: "void", 3: "reversal"}


def payments_table(visit: Visit, found: list[Row]) -> Html:
    """Payments."""
    say = visit.say
    shown = [rows.payment_row(row) for row in found]
    heads = rows.heads(say, rows.PAYMENT_HEADS)
    return table(say("Payments"), heads, shown, empty=say("There is nothing here yet."), id_="payments")


def payment_facts(visit: Visit, row: Row, merchant: Row | None) -> Html:
    """What a payment was."""
    say = visit.say
    name = merchant["name"] if merchant is not None else ""
    return facts(
        [
            (say("Merchant"), link(f"/merchant/{row['merchant']}", f"{row['merchant']} {name}".strip())),
            (say("Till"), row["terminal"]),
            (say("Member"), link(f"/member/{row['member']}", row["member"])),
            (say("Amount"), money(row["amount"])),
            (say("Of it, stored value"), money(row["value"]) if row["value"] else None),
            (say("Of it, points"), money(row["coins"]) if row["coins"] else None),
            (say("Points given"), points(row["points"])),
            (say("Points owed by the merchant"), points(row["owed"]) if row["owed"] else None),
            (say("Undone"), money(row["refunded"]) if row["refunded"] else None),
            (say("Act"), _ACTS.get(row["act"], row["act"]) if row["act"] is not None else None),
            (say("Line items"), code(row["items_root"]) if row["items_root"] else None),
        ]
    )


def way_table(visit: Visit, row: Row, batch: Row | None) -> Html:
    """From the till's message to the block, step by step."""
    say = visit.say
    steps = [
        (say("Message at the till"), when(row["time"])),
        (say("Terminal's authorisation"), code(row["authorisation"]) if row["authorisation"] else None),
        (say("Batch"), None if batch is None else f"{batch['leaves']:,} {say('lines')}"),
        (say("Root of the batch's lines"), None if batch is None else code(batch["root"])),
        (say("Transaction"), digest("/tx", row["hash"])),
        (say("Final in block"), link(f"/block/{row['block']}", f"{row['block']:,}")),
        (say("Time (UTC)"), when(row["block_time"])),
    ]
    return el("section", el("h2", say("From the message to the block")), facts(steps))


def lines_table(visit: Visit, found: list[Row]) -> Html:
    """Accepted lines with their rule versions."""
    say = visit.say
    shown = [
        [row["line"], say(_TENDERS.get(row["tender"], str(row["tender"]))), money(row["amount"]), row["rule_version"],
         f"{row['tier_bps'] / 100:g} %", points(row["points"]), money(row["refunded"]) if row["refunded"] else "–"]
        for row in found
    ]  # fmt: skip
    heads = ["#" + say("Line"), say("Tender"), "#" + say("Amount"), "#" + say("Rule"), "#" + say("Tier")]
    heads += ["#" + say("Points"), "#" + say("Undone")]
    return table(say("Lines"), heads, shown, empty=say("It has no line."))


def refunds_table(visit: Visit, found: list[Row]) -> Html:
    """What was undone."""
    say = visit.say
    shown = [
        [f"{row['stream']}-{row['sequence']}", link(f"/block/{row['block']}", f"{row['block']:,}"),
         say(_KINDS.get(row["kind"], str(row["kind"]))), money(row["amount"]), points(row["clawed_back"])]
        for row in found
    ]  # fmt: skip
    heads = [say("Number"), "#" + say("Block"), say("Kind"), "#" + say("Amount"), "#" + say("Points taken back")]
    return table(say("Undone"), heads, shown, empty="")


def rules_table(visit: Visit, found: list[Row]) -> Html:
    """Rule versions."""
    say = visit.say
    shown = [
        [row["version"], row["kind"], f"{row['rate']:,}", when(row["starts"]), when(row["until"]),
         points(row["budget"]) if row["budget"] else "–", points(row["points"]), row["vetoed"] or "–"]
        for row in found
    ]  # fmt: skip
    heads = ["#" + say("Rule"), say("Kind"), "#" + say("Units for 100.00"), say("From"), say("Until")]
    heads += ["#" + say("Budget"), "#" + say("Points given"), say("Vetoed")]
    return table(say("Rules"), heads, shown, empty=say("There is nothing here yet."))


def settlements_table(visit: Visit, found: list[Row]) -> Html:
    """Settlement statements."""
    say = visit.say
    shown = [
        [link(f"/block/{row['block']}", f"{row['block']:,}"), money(row["gross"]), money(row["refunds"]),
         money(row["fees"]), money(row["net"]), money(row["carry_forward"])]
        for row in found
    ]  # fmt: skip
    heads = ["#" + say("Block"), "#" + say("Captured"), "#" + say("Undone"), "#" + say("Fees"), "#" + say("Paid"),
             "#" + say("Carried forward")]  # fmt: skip
    return table(say("Settlements"), heads, shown, empty=say("There is nothing here yet."))


def tills_table(visit: Visit, found: list[Row]) -> Html:
    """Terminals."""
    say = visit.say
    shown = [
        [row["terminal"], row["store"], row["stream"], say("yes") if row["active"] else say("no")] for row in found
    ]
    heads = [say("Till"), "#" + say("Store"), "#" + say("Stream"), say("In use")]
    return table(say("Tills"), heads, shown, empty=say("There is nothing here yet."))
