"""Issues coupons to the platform, within the cap of this period.

    brownie run issue_coupons main CAMPAIGN COUNT --network FOLDER

      CAMPAIGN  its number, as `campaign` printed it
      COUNT     how many; more than 65,536 become several lots

    brownie run issue_coupons campaign TERMS.toml [CATALOGUE] --network FOLDER

      TERMS      what the campaign fixes for ever:
                   face = "percentage"      or "sum", "gift"
                   value = "10%"            or "5.00", a gift's number
                   incentive = "5%"         of what is paid, or "0.50" a write-off
                   paid_in = "points"       the writing merchant's prepaid points; or "cash", from its payable
                   minimum_basket = "20.00" before the discount
                   from = 2026-11-01        UTC; until = 2026-12-01
                   uses = 1                 up to 255
                   stackable = false        with other coupons in one sale
                   products = "list.txt"    a file with one product code a line
                   targeted_by = 3          the merchant that paid for targeting
                   [weights]                in per cent; the platform has the rest
                   first = "20%"            distributors, member, data_owner, data_user
      CATALOGUE  where people read what it is

The operator does this.
"""

from typing import Final

from scripts.amounts import MAX_32, read_whole
from scripts.coupon_terms import face_in_words, read_terms
from scripts.names import typed_path
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

LOT: Final = 65_536
DEFINE_GAS: Final = 500_000
ISSUE_GAS: Final = 300_000
EVENT_GAS: Final = 3_000  # one Transfer a coupon
AT_ONCE: Final = 4_000  # coupons a transaction


@told
def main(campaign: str, count: str) -> None:
    """Issues and prints the lots."""
    session = open_session()
    number = read_whole(campaign, "a campaign's number", low=1, high=MAX_32)
    wanted = read_whole(count, "a number of coupons", low=1, high=MAX_32)
    coupons, cap = session["Coupons"], session["IssuanceCap"]
    if number > coupons.campaignCount():
        raise Trouble(f"there is no campaign {number}")
    left = int(cap.left())
    if wanted > left:
        raise Trouble(f"{wanted:,} coupons are too many: {left:,} may be issued in this period still")
    first = int(coupons.campaignOf(number)[1][3])
    sizes = [AT_ONCE] * (wanted // AT_ONCE) + [wanted % AT_ONCE] * (wanted % AT_ONCE != 0)
    pipeline = session.pipeline()
    for size in sizes:
        pipeline.call(f"issue {size:,} coupons", coupons.issue, (number, size), gas=ISSUE_GAS + EVENT_GAS * size)
    pipeline.finish()
    rows = [(f"{number}/{first + place}", f"0-{size - 1}") for place, size in enumerate(sizes)]
    show(f"Issued {wanted:,} of campaign {number}; {left - wanted:,} more in this period", ("lot", "serials"), rows)


@told
def campaign(terms: str, catalogue: str = "") -> None:
    """Defines a campaign and prints its number."""
    session = open_session()
    words = read_terms(typed_path(terms))
    coupons = session["Coupons"]
    pipeline = session.pipeline()
    pipeline.check("define the campaign", coupons.defineCampaign, (words, catalogue))
    number = int(coupons.campaignCount()) + 1
    pipeline.call("define the campaign", coupons.defineCampaign, (words, catalogue), gas=DEFINE_GAS)
    pipeline.finish()
    weights = words[10:15]
    rows = [
        ("face", face_in_words(words[3], words[4])),
        ("uses", str(words[5])),
        ("incentive", f"{words[9] / 100:g}% of what is paid" if words[8] else f"{words[9] / 100:.2f} a write-off"),
        ("paid from", "payable" if words[7] else "prepaid points"),
        ("first merchant, distributors, member", ", ".join(f"{each / 100:g}%" for each in weights[:3])),
        ("data owner, data user", ", ".join(f"{each / 100:g}%" for each in weights[3:])),
        ("platform", f"{(10_000 - sum(weights)) / 100:g}%, and what division leaves"),
    ]
    show(f"Campaign {number}", ("", "for ever"), rows)
