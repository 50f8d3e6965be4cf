"""Gifts, certificates, referrals, points that come later, and points for receipts that no till sent."""

from typing import Final

from node.indexer.apply.handling import Now, on
from node.indexer.apply.people import text_of
from node.indexer.decode import Event
from node.indexer.rows import Row
from node.indexer.tables import value

MASK: Final = 2**64 - 1
GIFT_STATES: Final = {"GiftHandedOver": "handed over", "GiftReleased": "released", "GiftTakenBack": "taken back"}


@on("Gifts", "GiftPublished")
def gift_published(now: Now, event: Event) -> None:
    """A gift stands in the catalogue."""
    args, terms = event.args, event.args["terms"]
    now.rows.at(value.gifts, args["gift"]).update(
        merchant=args["merchant"], name=text_of(args["name"]), price=terms["price"], cash_part=terms["cashPart"],
        stock=terms["stock"], starts=terms["starts"], until=terms["until"], per_member=terms["perMember"], open=True,
    )  # fmt: skip


@on("Gifts", "StockAdded", "GiftWithdrawn")
def gift_changed(now: Now, event: Event) -> None:
    """There is more of it, or none to be had any more."""
    row = now.rows.at(value.gifts, event.args["gift"])
    if event.name == "StockAdded":
        row["stock"] = event.args["stock"]
    else:
        row["open"] = False


@on("Gifts", "GiftReserved")
def gift_reserved(now: Now, event: Event) -> None:
    """A member's coins are held for one."""
    args = event.args
    row = _reservation(now, args["reservation"])
    row.update({name: args[name] for name in ("gift", "member", "current", "previous", "expires")})
    row.update(cash_part=args["cashPart"], epoch=now.epoch, state="reserved")
    gift = now.rows.at(value.gifts, args["gift"])
    gift["stock"] -= 1
    gift["reserved"] += 1


@on("Gifts", "GiftHandedOver", "GiftReleased", "GiftTakenBack")
def gift_ended(now: Now, event: Event) -> None:
    """The member has it, or it went back."""
    args = event.args
    row = _reservation(now, args["reservation"])
    gift = now.rows.at(value.gifts, args["gift"])
    gift["reserved" if row["state"] == "reserved" else "handed_over"] -= 1
    row["state"] = GIFT_STATES[event.name]
    if event.name == "GiftReleased":
        now.held.send("Gifts", args["current"], args["previous"])
    elif event.name == "GiftHandedOver":
        age = now.epoch - row["epoch"]
        current, previous = row["current"], row["previous"]
        now.held.send("Gifts", *((current, previous) if age == 0 else (0, current if age == 1 else 0)))
    if event.name == "GiftHandedOver":
        row["paid"] = args["amount"]
        gift["handed_over"] += 1
    else:
        gift["stock"] += 1


@on("GiftCertificates", "CertificateSold")
def certificate_sold(now: Now, event: Event) -> None:
    """A certificate was sold."""
    args = event.args
    buyer = args["buyer"]
    row = now.rows.at(value.certificates, args["certificate"])
    row.update(
        buyer_kind=args["buyerKind"], buyer=f"0x{buyer:040x}" if args["buyerKind"] == 1 else str(buyer),
        member=args["member"], merchant=args["merchant"], code=args["code"], face=args["amount"],
        left=args["amount"], until=args["until"], state="good",
    )  # fmt: skip
    _certificate(now, event, args["amount"], merchant=args["merchant"], member=args["member"])


@on("GiftCertificates", "CertificateGiven")
def certificate_given(now: Now, event: Event) -> None:
    """It is another's."""
    args = event.args
    now.rows.at(value.certificates, args["certificate"]).update(member=args["to"], code=args["code"])
    _certificate(now, event, 0, member=args["to"])


@on("GiftCertificates", "CertificateSplit")
def certificate_split(now: Now, event: Event) -> None:
    """A part of it is a certificate of its own."""
    args = event.args
    whole = now.rows.at(value.certificates, args["certificate"])
    whole["left"] -= args["amount"]
    part = now.rows.at(value.certificates, args["part"])
    part.update({name: whole[name] for name in ("buyer_kind", "buyer", "merchant", "until")})
    part.update(
        member=args["member"], code=bytes(20), face=args["amount"], left=args["amount"], parent=args["certificate"],
        state="good",
    )  # fmt: skip
    whole["face"] -= args["amount"]
    _certificate(now, event, args["amount"], member=args["member"])


@on("GiftCertificates", "CertificateRedeemed", "CertificateRestored")
def certificate_used(now: Now, event: Event) -> None:
    """A part was spent, or came back."""
    args = event.args
    row = now.rows.at(value.certificates, args["certificate"])
    row.update(left=args["left"], state="good" if args["left"] else "used")
    _certificate(now, event, args["amount"], merchant=args["merchant"], member=args.get("member"))


@on("GiftCertificates", "CertificateExpired")
def certificate_expired(now: Now, event: Event) -> None:
    """What was left went back to whoever bought it."""
    args = event.args
    now.rows.at(value.certificates, args["certificate"]).update(left=0, state="expired")
    _certificate(now, event, args["amount"])


@on("PendingRewards", "PendingClaimed", "PendingUnwound")
def pending(now: Now, event: Event) -> None:
    """Points of a line whose return window has passed."""
    args = event.args
    now.rows.add(
        value.line_claims, kind=event.name, leaf=args["leaf"], merchant=args["merchant"], member=args["member"],
        points=args["units"], taken=args.get("clawedBack", 0),
    )  # fmt: skip


@on("Referrals", "ReferralClaimed", "ReferralUnwound")
def referral(now: Now, event: Event) -> None:
    """Points for a friend's line."""
    args = event.args
    now.rows.add(
        value.line_claims, kind=event.name, leaf=args["leaf"], programme=args["programme"], member=args["referrer"],
        points=args["units"], taken=args.get("setOff", 0),
    )  # fmt: skip


@on("Referrals", "ReferrerNamed")
def referrer_named(now: Now, event: Event) -> None:
    """Who brought a member."""
    args = event.args
    now.rows.at(value.referrers, args["scope"], args["member"])["referrer"] = args["referrer"]


@on("IssuanceCap", "SaleCounted")
def sale_counted(now: Now, event: Event) -> None:
    """A line counts for the coupons' cap."""
    args = event.args
    now.rows.add(
        value.line_claims, kind=event.name, leaf=args["leaf"], merchant=args["merchant"], programme=args["period"],
        member=args["member"],
    )  # fmt: skip


@on("MissingPoints", "ReceiptAttested")
def receipt_attested(now: Now, event: Event) -> None:
    """A clerk says that there was such a sale."""
    args = event.args
    row = now.rows.at(value.missing_claims, args["claim"])
    row.update({name: args[name] for name in ("merchant", "member", "store", "number", "amount", "time", "attester")})
    row["state"] = "attested"


@on("MissingPoints", "ClaimApproved", "ClaimRejected", "ClaimRevoked")
def claim_decided(now: Now, event: Event) -> None:
    """Another one decides."""
    args = event.args
    row = now.rows.at(value.missing_claims, args["claim"])
    row["state"] = event.name.removeprefix("Claim").lower()
    row["decider"] = args.get("approver", args.get("by"))
    if event.name == "ClaimApproved":
        row["points"] = args["units"]


def _reservation(now: Now, reservation: int) -> Row:
    return now.rows.at(value.gift_reservations, reservation >> 64, reservation & MASK)


def _certificate(
    now: Now, event: Event, amount: int, *, merchant: int | None = None, member: int | None = None
) -> None:
    now.rows.add(
        value.certificate_moves, kind=event.name, certificate=event.args["certificate"], merchant=merchant,
        member=member, amount=amount,
    )  # fmt: skip
