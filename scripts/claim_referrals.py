"""Gives referrers what they are due for payments of those whom they referred. Anybody may run it.

brownie run claim_referrals main PROGRAMME PAYMENT[,PAYMENT...] --network FOLDER

  PAYMENT  STREAM-SEQUENCE, as `till payment` names it, for instance 1-42

brownie run claim_referrals carry PROGRAMME MEMBER --network FOLDER

  MEMBER   a referrer that was merged into another: what it owes the programme is the other's debt

Only lines that were paid from outside count, when the programme's days have passed; a line that was refunded since it
gave points is taken account of by bringing it again.
"""

from typing import Final

from scripts.amounts import coins, read_whole
from scripts.later_points import claim_gas, parts, read_programme
from scripts.proofs import prove
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

CARRY_GAS: Final = 200_000


@told
def main(programme: str, payments: str) -> None:
    """Brings the proofs and prints what each line gave."""
    session = open_session()
    number, contract = read_programme(session, programme), session["Referrals"]
    lines = [line for line in prove(session, payments) if line.leaf.tender == 0]
    if not lines:
        raise Trouble("none of these payments has a line that was paid from outside")
    pipeline = session.pipeline()
    for some in parts(lines):
        arguments = (number, [line.words for line in some])
        pipeline.call(f"claim for programme {number}", contract.claim, arguments, gas=claim_gas(some))
    pipeline.finish()
    rows = []
    for line in lines:
        units, referrer = contract.givenFor(number, line.leaf.hash)
        rows.append((f"{line.payment}/{line.leaf.line}", str(line.leaf.member), str(referrer), coins(units)))
    show(f"Programme {number}", ("line", "member", "referrer", "given in all"), rows)


@told
def carry(programme: str, member: str) -> None:
    """Moves what a merged referrer owes."""
    session = open_session()
    number, contract = read_programme(session, programme), session["Referrals"]
    source = read_whole(member, "a member's number", low=1)
    into = int(session["RewardToken"].survivorOf(source))
    if into == source:
        raise Trouble(f"member {source} was not merged into another")
    pipeline = session.pipeline()
    pipeline.checked_call(f"carry the debt of member {source}", contract.carryDebt, (number, source), gas=CARRY_GAS)
    pipeline.finish()
    owes = [(str(each), coins(contract.earningsOf(number, each)[2])) for each in (source, into)]
    show(f"Programme {number}", ("member", "owes"), owes)
