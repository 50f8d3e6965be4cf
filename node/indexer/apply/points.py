"""The ledger's other events: points bought, given, owed and taken back, cash that moved, debts, pauses, streams."""

from collections.abc import Mapping
from typing import Any

from node.domain.words import Account, Merchant
from node.indexer.apply.accounts import LEDGER, member_of, owe_arrears, survivor_of, totals, touched
from node.indexer.apply.handling import Now, on
from node.indexer.apply.lines import undo
from node.indexer.apply.purses import FUND, add_deposit, add_payable, add_prepaid, add_reserve, guarantee
from node.indexer.decode import Event
from node.indexer.tables import ledger


@on(LEDGER, "Owed")
def owed(now: Now, event: Event) -> None:
    """A merchant could not give all points of a line."""
    args = event.args
    now.rows.at(ledger.debts, args["merchant"], survivor_of(now, args["member"]))["owed"] += args["points"]


@on(LEDGER, "OwedSettled")
def owed_settled(now: Now, event: Event) -> None:
    """It gave them later."""
    args = event.args
    add_prepaid(now, args["merchant"], -args["points"])
    now.rows.at(ledger.debts, args["merchant"], args["member"])["owed"] -= args["points"]
    now.today()["points_issued"] += args["points"]
    _points(now, event, args["points"])


@on(LEDGER, "ArrearsCollected")
def arrears_collected(now: Now, event: Event) -> None:
    """A member's debt was paid in points."""
    args = event.args
    add_prepaid(now, args["merchant"], args["points"])
    owe_arrears(now, args["merchant"], args["member"], -args["points"])
    now.today()["points_clawed_back"] += args["points"]
    _points(now, event, args["points"])


@on(LEDGER, "ArrearsForgiven")
def arrears_forgiven(now: Now, event: Event) -> None:
    """The operator let a member off."""
    args = event.args
    owe_arrears(now, args["merchant"], args["member"], -args["points"])
    _points(now, event, args["points"])


@on(LEDGER, "PointsClawedBack")
def clawed_back(now: Now, event: Event) -> None:
    """Points went back to a merchant outside of a refund."""
    args = event.args
    if args["arrears"]:
        owe_arrears(now, args["merchant"], args["member"], args["arrears"])
    now.rows.at(ledger.merchants, args["merchant"])["clawed_back"] += args["clawedBack"]
    add_prepaid(now, args["merchant"], args["clawedBack"])
    now.today()["points_clawed_back"] += args["clawedBack"]
    _points(now, event, args["clawedBack"], party=args["part"], arrears=args["arrears"])


@on(LEDGER, "LineSettled")
def line_settled(now: Now, event: Event) -> None:
    """The points of a part of a line were taken back for good: its goods were sold on."""
    args = event.args
    line = undo(now, args["leaf"], args["amount"], args["clawedBack"] + args["setOff"] + args["arrears"])
    merchant = member = None
    if line is not None:
        payment = now.rows.find(ledger.payments, line["stream"], line["sequence"]) or {}
        merchant, member = payment["merchant"], payment["member"]
        set_off(now, merchant, member, args["setOff"], args["arrears"])
        add_prepaid(now, merchant, args["clawedBack"])
    now.today()["points_clawed_back"] += args["clawedBack"]
    now.rows.add(
        ledger.point_moves, kind=event.name, merchant=merchant, member=member, party=args["part"],
        points=args["clawedBack"], arrears=args["arrears"], amount=args["amount"],
    )  # fmt: skip


def set_off(now: Now, merchant: int, member: int, points: int, arrears: int) -> None:
    """What undoing a line does to what is owed both ways."""
    survivor = survivor_of(now, member)
    if points:
        now.rows.at(ledger.debts, merchant, survivor)["owed"] -= points
    if arrears:
        owe_arrears(now, merchant, survivor, arrears)


@on(LEDGER, "PointsBought")
def points_bought(now: Now, event: Event) -> None:
    """A merchant's prepaid points."""
    args = event.args
    now.rows.at(ledger.merchants, args["merchant"])["points_bought"] += args["units"]
    add_prepaid(now, args["merchant"], args["units"])
    add_reserve(now, args["amount"])
    _points(now, event, args["units"], party=args["payer"], amount=args["amount"])


@on(LEDGER, "PointsIssued")
def points_issued(now: Now, event: Event) -> None:
    """Points that a merchant gave outside of a payment."""
    args = event.args
    now.rows.at(ledger.merchants, args["merchant"])["points_issued"] += args["units"]
    add_prepaid(now, args["merchant"], -args["units"])
    now.today()["points_issued"] += args["units"]
    _points(now, event, args["units"], member=member_of(args["to"]), party=args["part"])


@on(LEDGER, "PointsReturned")
def points_returned(now: Now, event: Event) -> None:
    """Coins that became prepaid points again."""
    args = event.args
    add_prepaid(now, args["merchant"], args["units"])
    now.rows.at(ledger.merchants, args["merchant"])["clawed_back"] += args["units"]
    now.today()["points_clawed_back"] += args["units"]
    _points(now, event, args["units"], party=args["from"])


@on(LEDGER, "ExpiredClaimed")
def expired_claimed(now: Now, event: Event) -> None:
    """A merchant's share of what expired; where none issued any, the guarantee fund gets the money behind it."""
    merchant, points = event.args["merchant"], event.args["points"]
    if merchant:
        add_prepaid(now, merchant, points)
    else:
        amount = points // now.known.terms.units_per_minor_unit
        add_reserve(now, -amount)
        add_deposit(now, merchant, amount)
    _points(now, event, event.args["points"])


@on(LEDGER, "Redeemed")
def redeemed(now: Now, event: Event) -> None:
    """Coins that became cash."""
    args = event.args
    now.today()["points_redeemed"] += args["units"]
    add_reserve(now, -args["amount"])
    _points(now, event, args["units"], party=args["holder"], amount=args["amount"])


@on(LEDGER, "CoinsRestored")
def coins_restored(now: Now, event: Event) -> None:
    """A redemption was undone."""
    args = event.args
    add_reserve(now, args["amount"])
    _points(now, event, args["current"] + args["previous"], party=args["part"], amount=args["amount"])


@on(LEDGER, "DepositAdded", "PayableCredited", "PayableTaken", "FundRepaid", "DrawnOn", "Guaranteed")
def money_moved(now: Now, event: Event) -> None:
    """Cash that moved inside the ledger, to or from a merchant."""
    args = event.args
    fund = args.get("toFund", args.get("fromFund", 0))
    amount = args["amount"] if "amount" in args else args["fromPayable"] + args["fromDeposit"] + fund
    now.rows.add(
        ledger.money_moves, kind=event.name, merchant=args["merchant"], party=args.get("payer", args.get("to")),
        amount=amount, from_deposit=args.get("fromDeposit", 0), from_fund=fund,
    )  # fmt: skip
    _book_money(now, event.name, args, amount)


def _book_money(now: Now, name: str, args: Mapping[str, Any], amount: int) -> None:
    merchant = args["merchant"]
    match name:
        case "DepositAdded":
            add_deposit(now, merchant, amount - args["toFund"])
            add_deposit(now, FUND, args["toFund"])
            if args["toFund"]:
                now.rows.at(ledger.merchants, merchant)["guaranteed"] -= args["toFund"]
        case "PayableCredited":
            add_payable(now, merchant, amount)
        case "PayableTaken":
            add_payable(now, merchant, -amount)
        case "FundRepaid":
            add_payable(now, merchant, -amount)
            guarantee(now, merchant, -amount)
        case "DrawnOn":
            add_payable(now, merchant, -args["fromPayable"])
            add_deposit(now, merchant, -args["fromDeposit"])
        case "Guaranteed":
            # what the fund pays stands in this event alone, before a refund or DrawnOn
            guarantee(now, merchant, amount)


@on(LEDGER, "Paused", "Unpaused")
def paused(now: Now, event: Event) -> None:
    """Earning was stopped, or goes on."""
    totals(now)["paused"] = event.name == "Paused"


@on(LEDGER, "StreamSet")
def stream_set(now: Now, event: Event) -> None:
    """Who posts a stream."""
    args = event.args
    row = now.rows.at(ledger.streams, args["stream"])
    row.update(poster=args["poster"], daily_limit=args["dailyLimit"], refund_limit=args["refundLimit"])


@on(LEDGER, "PredecessorSet", "SuccessorSet")
def succession(now: Now, event: Event) -> None:
    """The ledger before, or after."""
    row = totals(now)
    row.update({name: address for name, address in event.args.items() if name in row})


@on(LEDGER, "HolderImmigrated", "HolderEmigrated")
def holder_moved(now: Now, event: Event) -> None:
    """A holder's word came from the predecessor, or went to the successor."""
    came = event.name == "HolderImmigrated"
    holder, word = event.args["holder"], Account.unpack(event.args["word"])
    row = touched(now, holder)
    totals(now)["holders_come" if came else "holders_gone"] += 1
    totals(now)["value"] += word.value if came else -word.value
    # the cash that goes with it was, or will be, counted as reserve (coins.apply_cash)
    add_reserve(now, -word.value if came else word.value)
    if came:
        row.update(value=word.value, current=word.current, previous=word.previous, tier=word.tier, flags=word.flags)
        member = member_of(holder)
        if member is not None and word.flags & 1:
            now.rows.at(ledger.members, member)
    else:
        row.update(value=0, current=0, previous=0)


@on(LEDGER, "MerchantImmigrated", "MerchantEmigrated")
def merchant_moved(now: Now, event: Event) -> None:
    """A merchant's word came from the predecessor, or went to the successor."""
    came = event.name == "MerchantImmigrated"
    merchant, state = event.args["merchant"], event.args["state"]
    totals(now)["merchants_come" if came else "merchants_gone"] += 1
    sign = 1 if came else -1
    word = Merchant.unpack(state["word"])
    if merchant:
        add_prepaid(now, merchant, sign * word.prepaid)
        add_payable(now, merchant, sign * word.payable)
        if state["guaranteed"]:
            now.rows.at(ledger.merchants, merchant)["guaranteed"] += sign * state["guaranteed"]
    add_deposit(now, merchant, sign * state["deposit"])
    add_reserve(now, -sign * ((word.payable if merchant else 0) + state["deposit"]))


@on(LEDGER, "DebtImmigrated", "DebtEmigrated")
def debt_moved(now: Now, event: Event) -> None:
    """What a merchant and a member owe each other came, or went."""
    args = event.args
    sign = 1 if event.name == "DebtImmigrated" else -1
    now.rows.at(ledger.debts, args["merchant"], args["member"])["owed"] += sign * args["owed"]
    if args["arrears"]:
        owe_arrears(now, args["merchant"], args["member"], sign * args["arrears"])


def _points(
    now: Now, event: Event, points: int, *, member: int | None = None, party: bytes | None = None, arrears: int = 0,
    amount: int = 0,
) -> None:  # fmt: skip
    args = event.args
    now.rows.add(
        ledger.point_moves, kind=event.name, merchant=args.get("merchant"), member=args.get("member", member),
        party=party, points=points, arrears=arrears, amount=amount,
    )  # fmt: skip
