"""The money that coupons bring in: generated, credited, claimed, settled, undone, owed; and what each hop has had."""

from collections.abc import Mapping
from typing import Any, Final

from node.indexer.apply.handling import Now, on
from node.indexer.apply.shares import claim_ages, credit, trail_of
from node.indexer.decode import Event
from node.indexer.rows import Row
from node.indexer.tables import coupons

MASK: Final = 2**64 - 1
POOLS: Final = "IncentivePools"


@on("IncentivePools", "IncentiveGenerated")
def generated(now: Now, event: Event) -> None:
    """A write-off brought incentive in, or its merchant owes it."""
    args, units = event.args, event.args["units"]
    use = _use(now, args)
    use.update(units=units, funded=args["funded"], platform=args["platform"])
    if args["funded"]:
        use["epoch"] = now.epoch
        credit(now, use, units)
    pool = _pool(now, args["coupon"])
    owner = _owner(now, args["merchant"], pool["cash"])
    campaign = now.rows.at(coupons.campaigns, args["coupon"] >> 32)
    for row in (pool, owner, campaign):
        row["generated"] += units
        if not args["funded"]:
            row["owed"] += units


@on("IncentivePools", "IncentiveSettled")
def settled(now: Now, event: Event) -> None:
    """What a merchant owed was paid in."""
    args, units = event.args, event.args["units"]
    use = _use(now, args)
    use.update(funded=True, platform=args["platform"], epoch=now.epoch)
    credit(now, use, units)
    pool = _pool(now, args["coupon"])
    for row in (pool, _owner(now, args["merchant"], pool["cash"]), _campaign(now, args["coupon"])):
        row["owed"] -= units
    _note(now, event, pool["cash"], units)


@on("IncentivePools", "MerchantCredited")
def merchant_credited(now: Now, event: Event) -> None:
    """A merchant has a part of it."""
    args, units = event.args, event.args["units"]
    cash = _pool(now, args["coupon"])["cash"]
    _owner(now, args["merchant"], cash)["paid"] += units
    _note(now, event, cash, units)


@on("IncentivePools", "IncentiveClaimed")
def claimed(now: Now, event: Event) -> None:
    """A member's part was paid out to it."""
    args, units = event.args, event.args["units"]
    _pool(now, args["coupon"])["claimed"] += units
    for hop, row in enumerate(trail_of(now, args["coupon"]), 1):
        if row["member"] == args["member"]:
            now.rows.at(coupons.coupon_hops, args["coupon"], hop)["claimed"] += units
    current, previous = claim_ages(now, args["coupon"], args["member"])
    if not args["cash"]:
        before = now.held.claim or (0, 0)
        now.held.claim = (before[0] + current, before[1] + previous)
    _note(now, event, args["cash"], units)


@on("IncentivePools", "CreditClaimed")
def credit_claimed(now: Now, event: Event) -> None:
    """A merchant took what it had."""
    args = event.args
    _owner(now, args["merchant"], args["cash"])["claimed"] += args["units"]
    _note(now, event, args["cash"], args["units"])


@on("IncentivePools", "PlatformClaimed")
def platform_claimed(now: Now, event: Event) -> None:
    """The platform took what it had of coupons of a first merchant."""
    args = event.args
    now.rows.add(
        coupons.incentive_credits, kind=event.name, merchant=args["firstMerchant"], cash=args["cash"],
        units=args["units"],
    )  # fmt: skip


@on("IncentivePools", "IncentiveUnwound")
def unwound(now: Now, event: Event) -> None:
    """A sale was undone, in part or whole, and its incentive with it."""
    args, units = event.args, event.args["units"]
    use = _use(now, args)
    use["unwound"] += units
    use["to_set_off"] += args["toSetOff"]
    use["expired"] += args["expired"]
    _note(now, event, _pool(now, args["coupon"])["cash"], units)
    if args["expired"]:
        return  # what expired in the pool is not collected again, and the use keeps saying what it was
    if use["funded"]:
        credit(now, use, use["units"], sign=-1)
        credit(now, use, use["units"] - units)
    use["units"] -= units
    pool = _pool(now, args["coupon"])
    for row in (pool, _owner(now, args["merchant"], pool["cash"]), _campaign(now, args["coupon"])):
        row["generated"] -= units
        row["owed"] -= args["unowed"]


@on("IncentivePools", "SetOffRecorded", "SetOffPaid")
def set_off(now: Now, event: Event) -> None:
    """Somebody owes incentive that was undone, or paid it out of a later one."""
    args = event.args
    row = now.rows.at(coupons.set_offs, str(args["subject"]), args["merchant"])
    row["units"] += args["units"] if event.name == "SetOffRecorded" else -args["units"]
    claim = now.held.claim
    if event.name == "SetOffPaid" and claim is not None and not args["subject"] >> 72:
        old = min(args["units"], claim[1])
        now.held.claim = (claim[0] - (args["units"] - old), claim[1] - old)
        now.held.send(POOLS, args["units"] - old, old)


def _use(now: Now, args: Mapping[str, Any]) -> Row:
    use = args["use"]
    row = now.rows.at(coupons.write_offs, use >> 64, use & MASK)
    row.update(coupon=args["coupon"], merchant=args["merchant"])
    return row


def _campaign(now: Now, coupon: int) -> Row:
    return now.rows.at(coupons.campaigns, coupon >> 32)


def _pool(now: Now, coupon: int) -> Row:
    row = now.rows.at(coupons.coupon_pools, coupon)
    row["cash"] = _campaign(now, coupon)["cash"]
    return row


def _owner(now: Now, merchant: int, cash: bool) -> Row:
    return now.rows.at(coupons.merchant_incentives, merchant, int(cash))


def _note(now: Now, event: Event, cash: bool, units: int) -> None:
    args = event.args
    use = args.get("use")
    now.rows.add(
        coupons.incentive_credits, kind=event.name, coupon=args.get("coupon"),
        use_stream=None if use is None else use >> 64, use_sequence=None if use is None else use & MASK,
        merchant=args.get("merchant"), member=args.get("member"), cash=bool(cash), units=units,
    )  # fmt: skip
