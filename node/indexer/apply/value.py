"""Stored value: recharges, rebates, cards, corrections, merges, points that merchants buy through the sale."""

from typing import Final

from node.indexer.apply.handling import Now, on
from node.indexer.decode import Event
from node.indexer.tables import ledger, value

STATES: Final = {
    "CardUnlocked": "active", "CardReplaced": "replaced", "CardExpired": "expired", "CardClosed": "closed",
}  # fmt: skip


@on("StoredValue", "ValueRecharged", "RechargeUndone", "StartingValuePaid", "CardPaidOut", "ValueArrearsForgiven")
def recharged(now: Now, event: Event) -> None:
    """Stored value came in, or went back."""
    args = event.args
    now.rows.add(
        value.recharges, kind=event.name, merchant=args.get("merchant"), member=args["member"],
        party=args.get("by", args.get("to")), amount=args["amount"], repaid=args.get("repaid", args.get("owed", 0)),
        base=args.get("base", 0),
    )  # fmt: skip


@on("Advices", "AdviceBooked")
def advice_booked(now: Now, event: Event) -> None:
    """A sale that overdrew is booked in the part that the member has."""
    args, its = event.args, event.args["booking"]
    guaranteed = its["fundValue"] + its["fundCoins"]
    now.rows.at(value.advices, args["stream"], args["sequence"]).update(
        original=args["original"], merchant=its["merchant"], member=args["member"], guaranteed=guaranteed,
        taken=args["credited"] - guaranteed + args["due"], due=args["due"],
        owed=guaranteed + its["shopValue"] + its["shopCoins"], state="booked",
    )  # fmt: skip


@on("Advices", "AdviceUndone")
def advice_undone(now: Now, event: Event) -> None:
    """Its sale was reversed."""
    now.rows.at(value.advices, event.args["stream"], event.args["sequence"])["state"] = "undone"


@on("Rebates", "ProgrammeDefined", "ProgrammeOpened", "ProgrammeFunded", "FundWithdrawn")
def programme(now: Now, event: Event) -> None:
    """A rebate programme, its fund."""
    args = event.args
    row = now.rows.at(value.rebate_programmes, args["programme"])
    match event.name:
        case "ProgrammeDefined":
            row.update(bps=args["bps"], months=args["months"], min_amount=args["minAmount"], open=True)
        case "ProgrammeOpened":
            row["open"] = args["open"]
        case "ProgrammeFunded":
            row["fund"] += args["amount"]
        case _:
            row["fund"] -= args["amount"]


@on("Rebates", "RebatePromised")
def promised(now: Now, event: Event) -> None:
    """A rebate in parts."""
    args = event.args
    row = now.rows.at(value.rebates, args["member"], args["index"])
    row.update(programme=args["programme"], base=args["base"], wanted=args["wanted"], total=args["total"])
    now.rows.at(value.rebate_programmes, args["programme"])["fund"] -= args["total"]


@on("Rebates", "RebateReleased")
def released(now: Now, event: Event) -> None:
    """Parts of it were paid."""
    args = event.args
    row = now.rows.at(value.rebates, args["member"], args["index"])
    row["instalments"] += args["instalments"]
    row["released"] += args["amount"]


@on("Rebates", "RebateForfeited")
def forfeited(now: Now, event: Event) -> None:
    """The rest went back to its fund."""
    args = event.args
    row = now.rows.at(value.rebates, args["member"], args["index"])
    row["forfeited"] += args["amount"]
    now.rows.at(value.rebate_programmes, row["programme"])["fund"] += args["amount"]


@on("MemberCards", "KindSet")
def kind_set(now: Now, event: Event) -> None:
    """A kind of cards."""
    terms = event.args["terms"]
    now.rows.at(value.card_kinds, event.args["kind"]).update(
        starting_value=terms["startingValue"], valid_days=terms["validDays"], rebate_bps=terms["rebateBps"],
        tier=terms["tier"],
    )  # fmt: skip


@on("MemberCards", "CardIssued")
def card_issued(now: Now, event: Event) -> None:
    """A card was made."""
    args = event.args
    now.rows.at(value.cards, args["card"]).update(kind=args["kind"], merchant=args["merchant"], state="issued")


@on("MemberCards", "CardActivated")
def card_activated(now: Now, event: Event) -> None:
    """It is a member's."""
    args = event.args
    row = now.rows.at(value.cards, args["card"])
    row.update(member=args["member"], kind=args["kind"], expires=args["expires"], state="active")


@on("MemberCards", "CardLocked", "CardUnlocked", "CardReplaced", "CardExpired", "CardClosed")
def card_changed(now: Now, event: Event) -> None:
    """It is locked, good again, replaced, expired or closed."""
    args = event.args
    row = now.rows.at(value.cards, args["card"])
    if event.name == "CardLocked":
        row["state"] = "held" if args["held"] else "locked"
        return
    row["state"] = STATES[event.name]
    if event.name == "CardReplaced":
        row["next"] = args["next"]
        fresh = now.rows.at(value.cards, args["next"])
        fresh.update(member=args["member"], state="active", expires=row["expires"], kind=row["kind"])


@on("Corrections", "CorrectionProposed")
def correction_proposed(now: Now, event: Event) -> None:
    """Somebody wants to correct by hand."""
    args = event.args
    now.rows.at(value.corrections, args["id"]).update(
        merchant=args["merchant"], member=args["member"], kind=args["kind"], amount=args["amount"],
        reason=args["reason"], proposer=args["proposer"], expires=args["expires"], status="open",
    )  # fmt: skip


@on("Corrections", "CorrectionApproved", "CorrectionCancelled")
def correction_decided(now: Now, event: Event) -> None:
    """Somebody else agreed, or it was taken back."""
    args = event.args
    row = now.rows.at(value.corrections, args["id"])
    if event.name == "CorrectionApproved":
        row.update(status="done", done=args["amount"], decider=args["approver"])
    else:
        row.update(status="cancelled", decider=args["by"])


@on("MemberMerge", "MergeProposed")
def merge_proposed(now: Now, event: Event) -> None:
    """Two members shall be one."""
    args = event.args
    row = now.rows.at(value.merge_proposals, args["from"], args["into"])
    row.update(consent=args["consent"], proposer=args["proposer"], expires=args["expires"])


@on("MemberMerge", "Merged")
def merge_done(now: Now, event: Event) -> None:
    """They are."""
    args = event.args
    row = now.rows.at(value.merge_proposals, args["from"], args["into"])
    row.update(consent=args["consent"], merged_by=args["by"])


@on("PointSale", "LineSet")
def credit_line_set(now: Now, event: Event) -> None:
    """A merchant may buy points on credit."""
    now.rows.at(ledger.merchants, event.args["merchant"])["credit_limit"] = event.args["limit"]


@on("PointSale", "PointsBoughtAhead", "PointsBoughtOnCredit", "CreditSettled")
def points_sold(now: Now, event: Event) -> None:
    """Points were bought, or paid for later."""
    args = event.args
    if event.name != "PointsBoughtAhead":
        row = now.rows.at(ledger.merchants, args["merchant"])
        row["credit_owed"] = args["owed"]
        row["credit_due"] = args.get("due", row["credit_due"]) if args["owed"] else None
    now.rows.add(
        value.point_sales, kind=event.name, merchant=args["merchant"], party=args["by"],
        amount=args.get("amount", args.get("paid")), bonus=args.get("bonus", 0), owed=args.get("owed", 0),
    )  # fmt: skip
