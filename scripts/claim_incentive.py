"""Pays incentive of coupons to whom it belongs; anybody may start it.

    brownie run claim_incentive main MEMBER COUPONS --network FOLDER     a member's parts: coins, or stored value
    brownie run claim_incentive merchant MERCHANT --network FOLDER       a merchant's: prepaid points, and payable
    brownie run claim_incentive platform --network FOLDER                the platform's: to the treasury
    brownie run claim_incentive treasury ACCOUNT --network FOLDER        says where that is; the network's admin
    brownie run claim_incentive settle COUPONS --network FOLDER          takes what merchants owe, if they can pay

      COUPONS  campaign/lot/serial, for instance 1/0/5 or 1/0/5-20, separated by commas

What was claimed of a sale that is undone later comes out of the next claims.
"""

from typing import Final

from scripts.amounts import MAX_32, coins, money, read_whole
from scripts.coupon_terms import coupon_name, read_coupons
from scripts.open_stream import read_poster
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

CLAIM_GAS: Final = 400_000
EACH_GAS: Final = 150_000
MOST: Final = 50  # coupons, or merchants, a transaction


@told
def main(member: str, coupons: str) -> None:
    """Claims a member's parts and prints them."""
    session = open_session()
    number = read_whole(member, "a member's number", low=1)
    ids = read_coupons(coupons)
    statistics, pools, ledger = session["CouponStatistics"], session["IncentivePools"], session["RewardToken"]
    due = [each for each in ids if statistics.claimableOf(each, number)]
    if not due:
        raise Trouble(f"member {number} has nothing to claim of these coupons")
    before = ledger.account(number)
    pipeline = session.pipeline()
    for at in range(0, len(due), MOST):
        part = due[at : at + MOST]
        pipeline.call("claim", pools.claim, (number, part), gas=CLAIM_GAS + EACH_GAS * len(part))
    pipeline.finish()
    after = ledger.account(number)
    rows = [
        ("coupons", f"{len(due):,}"),
        ("coins", coins(after[1] + after[2] - before[1] - before[2])),
        ("stored value", money(after[0] - before[0])),
    ]
    show(f"Member {number}", ("claimed", "now"), rows)


@told
def merchant(merchant: str) -> None:
    """Claims a merchant's credits."""
    session = open_session()
    number = read_whole(merchant, "a merchant's number", low=1, high=MAX_32)
    pools = session["IncentivePools"]
    due = {cash: int(pools.creditOf(number, cash)[0]) for cash in (False, True)}
    if not any(due.values()):
        raise Trouble(f"merchant {number} has nothing to claim")
    pipeline = session.pipeline()
    for cash, units in due.items():
        if units:
            pipeline.call("claim", pools.claimMerchant, (number, cash), gas=CLAIM_GAS)
    pipeline.finish()
    rows = [("prepaid points", coins(due[False])), ("payable", money(due[True]))]
    show(f"Merchant {number}", ("claimed, before what it owed", "now"), rows)


@told
def platform() -> None:
    """Claims the platform's share of all merchants' coupons."""
    session = open_session()
    pools = session["IncentivePools"]
    merchants = range(1, int(session["Registry"].merchantCount()) + 1)
    pipeline = session.pipeline()
    rows = []
    for cash in (False, True):
        due = {each: int(pools.creditOf(each, cash)[1]) for each in merchants}
        some = [each for each, units in due.items() if units]
        for at in range(0, len(some), MOST):
            part = some[at : at + MOST]
            pipeline.call("claim", pools.claimPlatform, (part, cash), gas=CLAIM_GAS + EACH_GAS * len(part))
        total = sum(due.values())
        rows.append(("cash" if cash else "coins", money(total) if cash else coins(total)))
        if some and not int(pools.treasury(), 16):
            raise Trouble(
                "nobody said where the platform's share goes; the admin does: brownie run claim_incentive treasury"
            )
    if not pipeline.finish():
        raise Trouble("the platform has nothing to claim")
    show(f"To the treasury {pools.treasury()}", ("claimed, before what it owed", "now"), rows)


@told
def treasury(account: str) -> None:
    """Says where the platform's share goes."""
    session = open_session()
    to, pools = read_poster(account), session["IncentivePools"]
    pipeline = session.pipeline()
    pipeline.checked_call("set the treasury", pools.setTreasury, (to,), gas=CLAIM_GAS)
    pipeline.finish()
    print(f"The platform's share goes to {to}.")


@told
def settle(coupons: str) -> None:
    """Takes owed incentive from merchants that can pay it."""
    session = open_session()
    pools, source = session["IncentivePools"], session["Coupons"]
    pipeline = session.pipeline()
    rows = []
    for each in read_coupons(coupons):
        for use in source.usesOf(each):
            _, owner, _, units, _, _, _, funded, _, _ = pools.useOf(use)
            if not funded and units:
                pipeline.checked_call(f"settle coupon {coupon_name(each)}", pools.settle, (use,), gas=CLAIM_GAS)
                cash = source.campaignOf(each >> 32)[0][7]
                rows.append((coupon_name(each), f"merchant {owner}", money(units) if cash else coins(units)))
    if not rows:
        raise Trouble("nothing is owed for these coupons")
    pipeline.finish()
    show("Settled", ("coupon", "by", "incentive"), rows)
