"""Whose a use's incentive is: the parts of everybody in the coupon's trail (contracts/libraries/Incentives.sol).

Each part is rounded down on its own; the platform has what is left. Used by apply/incentive.py.
"""

from typing import Final

from node.indexer.apply.handling import Now
from node.indexer.rows import Row
from node.indexer.tables import coupons

ALL: Final = 10_000


def trail_of(now: Now, coupon: int) -> list[Row]:
    """The hops of a coupon, the first holder first."""
    held = now.rows.find(coupons.coupons, coupon)
    found = [now.rows.find(coupons.coupon_hops, coupon, hop) for hop in range(1, (held["hops"] if held else 0) + 1)]
    return [row for row in found if row is not None]


def parts_of(now: Now, coupon: int, writer: int, units: int) -> list[int]:
    """What each hop of the trail has of a use's `units`; a merchant has nothing of what it wrote off itself."""
    trail = trail_of(now, coupon)
    campaign = now.rows.find(coupons.campaigns, coupon >> 32)
    held = now.rows.find(coupons.coupons, coupon)
    if campaign is None or held is None or not trail:
        return []
    between = len(trail) - 2
    merchants = sum(1 for row in trail if row["merchant"] is not None)
    each = units * campaign["distributors_bps"] // (ALL * between) if between > 0 else 0
    found: list[int] = []
    for place, row in enumerate(trail):
        if row["merchant"] is not None:
            part = units * campaign["first_bps"] // ALL if place == 0 else each
            found.append(0 if row["merchant"] == writer else part)
            continue
        part = units * campaign["member_bps"] // ALL if place + 1 == len(trail) else each
        if place == merchants and held["consented"]:
            part += units * campaign["data_owner_bps"] // ALL
        found.append(part)
    return found


def credit(now: Now, use: Row, units: int, *, sign: int = 1) -> None:
    """Everybody in the trail has its part of so many units of a use, or (sign -1) has not."""
    coupon = use["coupon"]
    for hop, part in enumerate(parts_of(now, coupon, use["merchant"], units), 1):
        if part:
            now.rows.at(coupons.coupon_hops, coupon, hop)["credited"] += sign * part


def claim_ages(now: Now, coupon: int, member: int) -> tuple[int, int]:
    """The ages of what a member claims now of a coupon, by the epochs of its uses' funding; notes the claim."""
    trail = trail_of(now, coupon)
    place = next((at for at, row in enumerate(trail) if row["member"] == member), None)
    held = now.rows.find(coupons.coupons, coupon)
    current = previous = 0
    for number in range(1, (held["uses"] if held else 0) + 1):
        entry = now.rows.find(coupons.coupon_uses, coupon, number)
        use = None if entry is None else now.rows.find(coupons.write_offs, entry["stream"], entry["sequence"])
        if place is None or use is None or not use["funded"] or use["claimed"] & 1 << place:
            continue
        part = parts_of(now, coupon, use["merchant"], use["units"])[place]
        age = now.epoch - use["epoch"]
        if not part or age > 1:
            continue
        now.rows.at(coupons.write_offs, use["stream"], use["sequence"])["claimed"] |= 1 << place
        current, previous = (current + part, previous) if age == 0 else (current, previous + part)
    return current, previous
