"""Coupons: campaigns, lots, who holds which, write-offs, the issuance cap's periods. The money is incentive.py's."""

from typing import Any, Final

from node.chain.checked import CheckedLog
from node.indexer.apply.accounts import member_of
from node.indexer.apply.handling import Now, on
from node.indexer.decode import Event
from node.indexer.rows import Row
from node.indexer.tables import coupons, ledger

MERCHANT: Final = b"Tillmerchant"
PLATFORM: Final = b"Tillplatform"
NOBODY: Final = bytes(20)
TERMS: Final = {
    "starts": "starts", "until": "until", "minimum_basket": "minimumBasket", "face": "face",
    "face_value": "faceValue", "max_uses": "maxUses", "stackable": "stackable", "cash": "cash", "share": "share",
    "incentive": "incentive", "first_bps": "firstBps", "distributors_bps": "distributorsBps",
    "member_bps": "memberBps", "data_owner_bps": "dataOwnerBps", "data_user_bps": "dataUserBps",
    "data_user": "dataUser", "product_set": "productSet",
}  # fmt: skip


@on("Coupons", "CampaignDefined")
def campaign_defined(now: Now, event: Event) -> None:
    """A campaign's terms, for ever."""
    terms: dict[str, Any] = event.args["terms"]
    row = now.rows.at(coupons.campaigns, event.args["campaign"])
    row.update({column: terms[field] for column, field in TERMS.items()}, catalogue=event.args["catalogue"])


@on("Coupons", "CouponsIssued")
def issued(now: Now, event: Event) -> None:
    """A lot."""
    args = event.args
    now.rows.at(coupons.coupon_lots, args["campaign"], args["lot"])["count"] = args["count"]
    now.rows.at(coupons.campaigns, args["campaign"])["issued"] += args["count"]


@on("Coupons", "CouponsHandedOut")
def handed_out(now: Now, event: Event) -> None:
    """Coupons of a campaign went to a merchant."""
    args = event.args
    now.rows.at(coupons.campaigns, args["campaign"])["handed"] += args["count"]


@on("Coupons", "CouponTargeted")
def targeted(now: Now, event: Event) -> None:
    """A coupon is meant for a member."""
    now.rows.at(coupons.coupons, event.args["coupon"])["targeted"] = event.args["member"]


def apply_coupon(now: Now, log: CheckedLog) -> None:
    """A coupon changed hands (its ERC-721 Transfer)."""
    receiver, coupon = log.topics[2][12:], int.from_bytes(log.topics[3], "big")
    row = now.rows.at(coupons.coupons, coupon)
    row["campaign"] = coupon >> 32
    row["holder"] = receiver
    if receiver == NOBODY or receiver[:12] == PLATFORM:
        return
    merchant = int.from_bytes(receiver[12:], "big") if receiver[:12] == MERCHANT else None
    member = member_of(receiver)
    row.update(merchant=merchant, member=member, hops=row["hops"] + 1)
    if row["hops"] == 1:
        row["first_merchant"] = merchant
    hop = now.rows.at(coupons.coupon_hops, coupon, row["hops"])
    hop.update(holder=receiver, merchant=merchant, member=member)
    if member is not None and _first_member(now, row, coupon):
        now.rows.at(coupons.campaigns, row["campaign"])["held"] += 1
        known = now.rows.find(ledger.members, member)
        row["consented"] = bool(known and known["consents"])


@on("Coupons", "CouponWrittenOff")
def written_off(now: Now, event: Event) -> None:
    """A coupon was used."""
    args = event.args
    use = args["use"]
    campaign = args["coupon"] >> 32
    now.rows.at(coupons.write_offs, use >> 64, use & 2**64 - 1).update(
        coupon=args["coupon"], merchant=args["merchant"], member=args["member"], sale=args["sale"],
        amount=args["amount"], discount=args["discount"], product=args["product"],
    )  # fmt: skip
    row = now.rows.at(coupons.coupons, args["coupon"])
    row["uses"] += 1
    use_row = now.rows.at(coupons.coupon_uses, args["coupon"], row["uses"])
    use_row.update(stream=use >> 64, sequence=use & 2**64 - 1)
    row["live"] += 1
    now.rows.at(coupons.campaigns, campaign)["write_offs"] += 1
    now.rows.at(coupons.merchant_incentives, args["merchant"], _cash(now, campaign))["write_offs"] += 1


@on("Coupons", "CouponGivenBack")
def given_back(now: Now, event: Event) -> None:
    """A use was undone wholly."""
    coupon, use = event.args["coupon"], event.args["use"]
    row = now.rows.at(coupons.write_offs, use >> 64, use & 2**64 - 1)
    row["given_back"] = True
    now.rows.at(coupons.coupons, coupon)["live"] -= 1
    now.rows.at(coupons.campaigns, coupon >> 32)["write_offs"] -= 1
    now.rows.at(coupons.merchant_incentives, row["merchant"], _cash(now, coupon >> 32))["write_offs"] -= 1


@on("IssuanceCap", "PeriodClosed")
def period_closed(now: Now, event: Event) -> None:
    """A period of the cap."""
    args = event.args
    row = now.rows.at(coupons.issuance_periods, args["period"])
    row.update({name: args[name] for name in ("merchants", "members", "turnover", "issued", "cap")})


def _first_member(now: Now, row: Row, coupon: int) -> bool:
    before = now.rows.find(coupons.coupon_hops, coupon, row["hops"] - 1) if row["hops"] > 1 else None
    return before is None or before["member"] is None


def _cash(now: Now, campaign: int) -> int:
    row = now.rows.find(coupons.campaigns, campaign)
    return int(bool(row and row["cash"]))
