"""Moves members' tiers up and down by what they earned. Anybody may; run it before an epoch ends.

    brownie run review_tiers main MEMBERS --network FOLDER

      MEMBERS  members' numbers with commas between them

    brownie run review_tiers terms COINS HOLD --network FOLDER

      COINS  what must be earned in one epoch for tiers 1, 2, ..: 100,500,2000 (with commas between them)
      HOLD   for how many epochs after it a tier stays

A tier that was reached counts at once; it falls at once too when what earned it is refunded in the same epoch.
"""

from typing import Final

from scripts.amounts import coins, read_coins, read_whole
from scripts.parties import read_member, read_numbers
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 200_000
MAX_48: Final = 2**48 - 1


@told
def main(members: str) -> None:
    """Reviews members and prints their tiers."""
    session = open_session()
    numbers = [read_member(session, str(number)) for number in read_numbers(members, "a member's number")]
    ledger, pipeline = session["RewardToken"], session.pipeline()
    before = {number: ledger.account(number)[5] for number in numbers}
    for number in numbers:
        pipeline.call(f"review member {number}", session["MemberCards"].review, (number,), gas=GAS)
    pipeline.finish()
    rows = [(str(n), coins(int(ledger.account(n)[3])), str(before[n]), str(ledger.account(n)[5])) for n in numbers]
    show("Tiers", ("member", "earned in this epoch", "before", "now"), rows)


@told
def terms(earned: str, hold: str) -> None:
    """Sets what tiers need and prints it."""
    session = open_session()
    thresholds = [read_coins(part.strip()) for part in earned.split(",")]
    if max(thresholds) > MAX_48:
        raise Trouble(f"{coins(max(thresholds))} is more than the ledger counts for one member and epoch")
    arguments = (thresholds, read_whole(hold, "a number of epochs", high=2**16 - 1))
    pipeline = session.pipeline()
    pipeline.checked_call("set the tiers", session["MemberCards"].setTierTerms, arguments, gas=GAS * 2)
    pipeline.finish()
    show("Tiers", ("tier", "earned in one epoch"), [(str(n + 1), coins(units)) for n, units in enumerate(thresholds)])
