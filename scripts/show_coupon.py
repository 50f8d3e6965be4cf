"""Shows a coupon with its trail and its money, a campaign, or a merchant.

    brownie run show_coupon main COUPON --network FOLDER        campaign/lot/serial, for instance 1/0/5
    brownie run show_coupon campaign CAMPAIGN --network FOLDER
    brownie run show_coupon merchant MERCHANT --network FOLDER

Money is in coins, or in money where the campaign's incentive is cash.
"""

from scripts.amounts import MAX_32, coins, money, read_whole
from scripts.coupon_terms import check_known, coupon_name, face_in_words, read_coupon
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

POOL = ("generated", "owed by merchants", "paid", "left to claim", "expired")


@told
def main(coupon: str) -> None:
    """Prints trail and money of a coupon."""
    session = open_session()
    each = read_coupon(coupon)
    source, statistics = session["Coupons"], session["CouponStatistics"]
    check_known(session, each)
    it = source.couponOf(each)
    terms, _ = source.campaignOf(each >> 32)
    trail, merchants = source.trailOf(each)
    said = money if terms[7] else coins
    rows = [("platform", ""), *((f"merchant {one}", "") for one in trail[:merchants])]
    rows += [(f"member {one}", said(statistics.claimableOf(each, one))) for one in trail[merchants:]]
    show(f"Trail of coupon {coupon_name(each)}", ("holder", "can claim"), rows)
    pool = statistics.poolOf(each)[1:]
    facts = [
        ("face", face_in_words(terms[3], terms[4])),
        ("uses that stand", f"{it[7]} of {terms[5]}"),
        ("data owner", f"member {trail[merchants]}" if it[8] else "nobody"),
        *((name, said(units)) for name, units in zip(POOL, pool, strict=True)),
    ]
    show("Coupon", ("", "now"), facts)


@told
def campaign(campaign: str) -> None:
    """Prints counts and money of a campaign."""
    session = open_session()
    number = read_whole(campaign, "a campaign's number", low=1, high=MAX_32)
    if number > session["Coupons"].campaignCount():
        raise Trouble(f"there is no campaign {number}")
    terms, _ = session["Coupons"].campaignOf(number)
    counts, sums = session["CouponStatistics"].ofCampaign(number)
    said = money if terms[7] else coins
    rows = [
        ("face", face_in_words(terms[3], terms[4])),
        ("issued", f"{counts[0]:,}"),
        ("handed to merchants", f"{counts[1]:,}"),
        ("handed to members", f"{counts[2]:,}"),
        ("write-offs", f"{sums[4]:,}"),
        ("incentive generated", said(sums[0] + sums[2])),
        ("of it owed by merchants", said(sums[2])),
        ("paid", said(sums[1])),
        ("undone", said(sums[3])),
    ]
    show(f"Campaign {number}", ("", "now"), rows)


@told
def merchant(merchant: str) -> None:
    """Prints coupons and money of a merchant."""
    session = open_session()
    number = read_whole(merchant, "a merchant's number", low=1, high=MAX_32)
    if number > session["Registry"].merchantCount():
        raise Trouble(f"there is no merchant {number}")
    handed, held, points, cash = session["CouponStatistics"].ofMerchant(number)
    pools = session["IncentivePools"]
    rows = [("coupons from the platform", f"{handed:,}", ""), ("coupons that it holds", f"{held:,}", "")]
    rows.append(("write-offs", f"{points[3]:,}", f"{cash[3]:,}"))
    for place, name in enumerate(("generated", "owed", "paid to it")):
        rows.append((name, coins(points[place]), money(cash[place])))
    due = [pools.creditOf(number, each)[0] for each in (False, True)]
    rows.append(("can claim", coins(due[0]), money(due[1])))
    owed = [pools.toSetOff(pools.subjectOf(1, number, each)) for each in (False, True)]
    rows.append(("will be set off", coins(owed[0]), money(owed[1])))
    show(f"Merchant {number}", ("", "points", "cash"), rows)
