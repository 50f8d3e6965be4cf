"""Names who referred a member, and opens programmes that give the referrer points on its friend's spending.

brownie run refer_member main MEMBER REFERRER [MERCHANT] --network FOLDER

  MERCHANT  the merchant that records it, for its own programmes (its consume group); 0 = the operator, for all

brownie run refer_member sign MEMBER REFERRER --network FOLDER       the member itself: its key in TILLNET_MEMBER_KEY

brownie run refer_member programme SPONSOR RATE BUDGET [WINDOW] [PERMEMBER] [PERREFERRER] [EVERYWHERE] --network FOLDER

  SPONSOR      the merchant whose prepaid points pay (its offers group)
  RATE         1% of what the referred member pays, at par, or units of coin for 10,000 minor units
  BUDGET       coins that it may give in all, for instance 10,000
  WINDOW       whole days to wait until a line counts: the return window (14)
  PERMEMBER    coins for all that one referred member brings (0 = no cap)
  PERREFERRER  coins for one referrer in an epoch (0 = no cap)
  EVERYWHERE   yes = lines of all merchants count (no)

brownie run refer_member end PROGRAMME DATE --network FOLDER         lines from this day on give nothing
"""

from typing import Final

from scripts.amounts import coins, read_coins, read_whole
from scripts.dates import date_of, read_date
from scripts.later_points import read_programme, read_rate
from scripts.member_key import sign_as_member
from scripts.parties import read_member, read_merchant
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 400_000


@told
def main(member: str, referrer: str, merchant: str = "0") -> None:
    """Records who referred a member."""
    session = open_session()
    pair = (read_member(session, member), read_member(session, referrer))
    shop = 0 if merchant == "0" else read_merchant(session, merchant)
    contract, pipeline = session["Referrals"], session.pipeline()
    what = f"record the referrer of member {pair[0]}"
    if shop:
        pipeline.call(what, contract.recordReferrer, (shop, *pair), gas=GAS)
    else:
        pipeline.call(what, contract.enrolReferred, pair, gas=GAS)
    pipeline.finish()
    print(f"Member {pair[1]} referred member {pair[0]}{f', at merchant {shop}' if shop else ''}.")


@told
def sign(member: str, referrer: str) -> None:
    """Names a member's referrer by the member's signature."""
    session = open_session()
    contract, friend, other = session["Referrals"], read_member(session, member), read_member(session, referrer)
    fields = [("member", "uint64", friend), ("referrer", "uint64", other)]
    deadline, signature = sign_as_member(session, contract, "Tillnet Referrals", friend, "Refer", fields)
    pipeline = session.pipeline()
    arguments = (friend, other, deadline, signature)
    pipeline.call(f"name the referrer of member {friend}", contract.nameReferrer, arguments, gas=GAS)
    pipeline.finish()
    print(f"Member {other} referred member {friend}.")


@told
def programme(
    sponsor: str,
    rate: str,
    budget: str,
    window: str = "14",
    per_member: str = "0",
    per_referrer: str = "0",
    everywhere: str = "no",
) -> None:
    """Opens a programme from today on and prints its number."""
    session = open_session()
    if everywhere not in ("yes", "no"):
        raise Trouble(f"{everywhere!r} is neither yes nor no")
    terms = (
        read_merchant(session, sponsor),
        read_rate(session, rate),
        int(session["RewardToken"].currentDay()),
        0,
        read_whole(window, "a number of days", high=365),
        everywhere == "yes",
        read_coins(budget),
        0 if per_member == "0" else read_coins(per_member),
        0 if per_referrer == "0" else read_coins(per_referrer),
    )
    contract, pipeline = session["Referrals"], session.pipeline()
    pipeline.call(f"open a programme of merchant {terms[0]}", contract.open, (terms,), gas=GAS)
    pipeline.finish()
    _show(session, int(contract.programmeCount()))


@told
def end(programme: str, date: str) -> None:
    """Ends a programme on a day."""
    session = open_session()
    number, day = read_programme(session, programme), read_date(date, default=0)
    pipeline = session.pipeline()
    pipeline.call(f"end programme {number}", session["Referrals"].end, (number, day), gas=GAS)
    pipeline.finish()
    _show(session, number)


def _show(session: Session, number: int) -> None:
    sponsor, rate, first, until, window, everywhere, budget, per_member, per_referrer = session[
        "Referrals"
    ].programmeOf(number)
    rows = [
        ("sponsor", f"merchant {sponsor}"),
        ("units for 10,000 minor units", f"{rate:,}"),
        ("lines of", f"{date_of(first)} to {date_of(until)}"),
        ("at", "all merchants" if everywhere else "the sponsor"),
        ("days to wait", str(window)),
        ("budget left", coins(budget)),
        ("for one referred member", coins(per_member) if per_member else "no cap"),
        ("for one referrer and epoch", coins(per_referrer) if per_referrer else "no cap"),
    ]
    show(f"Programme {number}", ("", "now"), rows)
