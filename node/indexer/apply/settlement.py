"""Escrow payments, instalments, statements, fees, payouts, discounts on coins: the settlement contracts' events."""

from typing import Any, Final

from node.indexer.apply.handling import Now, on
from node.indexer.apply.held import put_aside, take_held
from node.indexer.decode import Event
from node.indexer.tables import ledger, settlement

ESCROW: Final = "SettlementEscrow"
PLANS: Final = "InstalmentPlans"
COINS: Final = 1
STATUS: Final = {
    "PaymentCaptured": "captured", "PaymentVoided": "voided", "PaymentReclaimed": "reclaimed",
    "PaymentRefunded": "refunded", "CaptureUndone": "refunded", "PaymentChargedBack": "charged back",
}  # fmt: skip
STATEMENT: Final = {
    "gross": "gross", "refunds": "refunds", "fees": "fees", "covered": "covered", "paid_at_once": "paidAtOnce",
    "restored": "restored", "net": "net", "carry_forward": "carryForward",
}  # fmt: skip


@on(ESCROW, "PaymentAuthorized")
def authorized(now: Now, event: Event) -> None:
    """Money was put aside, or all of it will be captured at once."""
    args, terms = event.args, event.args["terms"]
    row = now.rows.at(settlement.escrow_payments, args["id"])
    row.update(
        merchant=args["merchant"], member=args["member"], payer=terms["payer"], tender=terms["tender"],
        limit=terms["amount"], authorize_by=terms["authorizeBy"], capture_by=terms["captureBy"],
        refund_by=terms["refundBy"], min_fee_bps=terms["minFeeBps"], max_fee_bps=terms["maxFeeBps"],
        status="authorized",
    )  # fmt: skip
    row["authorized"] += args["amount"]
    row["capturable"] += args["amount"]
    if terms["tender"] == COINS:
        put_aside(now, row)
    _step(now, event, args["amount"])


@on(ESCROW, "PaymentCaptured")
def captured(now: Now, event: Event) -> None:
    """The merchant took a part."""
    args = event.args
    row = _payment(now, event)
    row["capturable"] -= args["amount"]
    row["captured"] += args["amount"]
    row["fees"] += args["fee"]
    row["reward"] += args["reward"]
    row["captured_at"] = now.block.time
    if row["tender"] == COINS:
        now.held.send(ESCROW, *take_held(now, row, args["amount"] * now.known.terms.units_per_minor_unit))
    _step(now, event, args["amount"], fee=args["fee"], points=args["reward"])


@on(ESCROW, "PaymentVoided", "PaymentReclaimed")
def given_back(now: Now, event: Event) -> None:
    """What was not captured went back, but for coins that had expired."""
    args = event.args
    row = _payment(now, event)
    row["capturable"] -= args["amount"]
    row["given_back"] += args["amount"]
    row["expired"] += args["expired"]
    _step(now, event, args["amount"])


@on(ESCROW, "PaymentRefunded", "PaymentChargedBack", "CaptureUndone")
def refunded(now: Now, event: Event) -> None:
    """What was captured went back; undone by a till on its day, it is put aside again (coins are not)."""
    args = event.args
    row = _payment(now, event)
    row["refunded"] += args["amount"]
    row["taken"] += args["taken"]
    if event.name == "CaptureUndone" and row["tender"] != COINS:
        row["capturable"] += args["amount"]
    _step(now, event, args["amount"], points=args["taken"], reason=args.get("reason"))


@on(ESCROW, "MerchantTermsSet")
def terms_set(now: Now, event: Event) -> None:
    """A merchant's fee, and when it is paid."""
    row = now.rows.at(ledger.merchants, event.args["merchant"])
    row.update(fee_bps=event.args["feeBps"], at_once=event.args["atOnce"])


@on(ESCROW, "Settled")
def settled(now: Now, event: Event) -> None:
    """A period was closed."""
    args, statement = event.args, event.args["statement"]
    now.rows.add(
        settlement.settlements, merchant=args["merchant"], payee=args["to"], day=args["day"],
        **{column: statement[field] for column, field in STATEMENT.items()},
    )  # fmt: skip


@on(ESCROW, "FeeCredited", "FeesClaimed")
def fee_moved(now: Now, event: Event) -> None:
    """A fee is somebody's, or was paid to it."""
    args = event.args
    now.rows.add(
        settlement.fee_moves, kind=event.name, merchant=args.get("merchant"), receiver=args["receiver"],
        amount=args["amount"],
    )  # fmt: skip
    if event.name == "FeeCredited":
        now.rows.at(ledger.merchants, args["merchant"])["fees"] += args["amount"]


@on("MerchantPayouts", "PayoutSet")
def payout_set(now: Now, event: Event) -> None:
    """Where a merchant is paid out to."""
    args = event.args
    row = now.rows.at(ledger.merchants, args["merchant"])
    row.update(payout=args["to"] if any(args["to"]) else None, payout_since=args["since"])


@on("MerchantPayouts", "PaidOut")
def paid_out(now: Now, event: Event) -> None:
    """A payable was paid out."""
    args = event.args
    now.rows.add(settlement.payouts, merchant=args["merchant"], payee=args["to"], amount=args["amount"])


@on("CoinDiscount", "DiscountGiven")
def discount_given(now: Now, event: Event) -> None:
    """A payment in coins was discounted."""
    args = event.args
    now.rows.at(settlement.coin_discounts, args["stream"], args["sequence"]).update(
        merchant=args["merchant"], member=args["member"], bearer=args["bearer"], coin_amount=args["coinAmount"],
        discount=args["discount"],
    )  # fmt: skip


@on("CoinDiscount", "DiscountTakenBack")
def discount_taken_back(now: Now, event: Event) -> None:
    """The payment was undone, and its discount."""
    args = event.args
    row = now.rows.at(settlement.coin_discounts, args["stream"], args["sequence"])
    row["taken_back"] += args["amount"]


@on(PLANS, "PlanOpened")
def plan_opened(now: Now, event: Event) -> None:
    """A sale in instalments."""
    args, plan = event.args, event.args["plan"]
    now.rows.at(settlement.instalment_plans, args["id"]).update(
        merchant=args["merchant"], member=plan["member"], payer=plan["payer"], funder=args["funder"],
        price=plan["price"], interest=plan["interest"], merchant_pays_interest=plan["merchantPaysInterest"],
        total=args["total"], advanced=args["advanced"], count=plan["count"], months=plan["months"],
        first_day=plan["firstDay"], status="open",
    )  # fmt: skip
    _instalment(now, event, args["total"], other=args["advanced"])


@on(PLANS, "InstalmentPaid", "InstalmentMissed", "PlanPaidOff", "PlanRefunded", "PlanClosed", "PlanDefaulted")
def plan_went_on(now: Now, event: Event) -> None:
    """What came of it."""
    args = event.args
    row = now.rows.at(settlement.instalment_plans, args["id"])
    amount = other = 0
    match event.name:
        case "InstalmentPaid":
            row["paid"] += (amount := args["amount"])
        case "InstalmentMissed":
            row["missed"], amount = args["instalment"], args["amount"]
        case "PlanPaidOff":
            row["paid"] += (amount := args["amount"])
            row["credited"] += (other := args["saved"])
        case "PlanRefunded":
            amount, other = args["credited"], args["returned"]
            row["credited"] += amount
            row["refunded"] += amount + other
        case "PlanClosed":
            row["status"] = "closed"
        case _:
            row["status"], amount = "defaulted", args["lost"]
            row["lost"] += amount
    _instalment(now, event, amount, other=other)


@on(PLANS, "LineSet")
def funder_line_set(now: Now, event: Event) -> None:
    """What a funder allows."""
    args = event.args
    now.rows.at(settlement.funding_lines, args["funder"], args["merchant"])["amount"] = args["amount"]


def _payment(now: Now, event: Event) -> dict[str, Any]:
    row = now.rows.at(settlement.escrow_payments, event.args["id"])
    row["status"] = STATUS[event.name]
    return row


def _step(now: Now, event: Event, amount: int, *, fee: int = 0, points: int = 0, reason: str | None = None) -> None:
    now.rows.add(
        settlement.escrow_steps, id=event.args["id"], kind=event.name, amount=amount, fee=fee, points=points,
        reason=reason,
    )  # fmt: skip


def _instalment(now: Now, event: Event, amount: int, *, other: int) -> None:
    now.rows.add(
        settlement.instalment_steps, id=event.args["id"], kind=event.name, instalment=event.args.get("instalment"),
        amount=amount, other=other,
    )  # fmt: skip
