"""Adds coins to the budget of something that a merchant's points pay for.

    brownie run raise_budget main MERCHANT VERSION COINS --network FOLDER           an offer; set_rule show lists them
    brownie run raise_budget programme PROGRAMME COINS --network FOLDER             referrals
    brownie run raise_budget pending MERCHANT COINS [VERSION] --network FOLDER      pending points; the newest terms

      COINS  what it may give more, for instance 10,000

The merchant's offers group may do this (its key file in TILLNET_OPERATOR_KEY). An offer without a budget gives without
bound already.
"""

from typing import Final

from scripts.amounts import coins, read_coins, read_whole
from scripts.later_points import read_programme
from scripts.parties import read_merchant
from scripts.session import open_session
from scripts.set_rule import show_rules
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 200_000
LAST_VERSION: Final = 2**16 - 1


@told
def main(merchant: str, version: str, more: str) -> None:
    """Raises an offer's budget."""
    session = open_session()
    shop, number = read_merchant(session, merchant), read_whole(version, "a version", low=1, high=LAST_VERSION)
    arguments = (shop, number, read_coins(more))
    pipeline = session.pipeline()
    method = session["RewardRules"].raiseBudget
    pipeline.checked_call(f"raise the budget of version {number}", method, arguments, gas=GAS)
    pipeline.finish()
    show_rules(session, shop)


@told
def programme(programme: str, more: str) -> None:
    """Raises a referral programme's budget."""
    session = open_session()
    number, units = read_programme(session, programme), read_coins(more)
    contract, pipeline = session["Referrals"], session.pipeline()
    pipeline.checked_call(f"raise the budget of programme {number}", contract.raiseBudget, (number, units), gas=GAS)
    pipeline.finish()
    show(f"Programme {number}", ("", "now"), [("budget left", coins(contract.programmeOf(number)[6]))])


@told
def pending(merchant: str, more: str, version: str = "0") -> None:
    """Raises the budget of pending points."""
    session = open_session()
    shop, units, contract = read_merchant(session, merchant), read_coins(more), session["PendingRewards"]
    newest = int(contract.versionCount(shop))
    number = read_whole(version, "a version", high=LAST_VERSION) or newest
    if not 1 <= number <= newest:
        raise Trouble(f"merchant {shop} has no pending points{f' of version {number}' if number else ''}")
    pipeline = session.pipeline()
    what = f"raise the budget of merchant {shop}'s pending points"
    pipeline.checked_call(what, contract.raiseBudget, (shop, number, units), gas=GAS)
    pipeline.finish()
    rows = [("version", str(number)), ("budget left", coins(contract.termsOf(shop, number)[4]))]
    show(f"Pending points of merchant {shop}", ("", "now"), rows)
