"""Gives members the pending points of their payments. Anybody may run it.

brownie run claim_pending main PAYMENT[,PAYMENT...] --network FOLDER

  PAYMENT  STREAM-SEQUENCE, as `till payment` names it, for instance 1-42

Each line gives what its merchant's terms of its day say, for what was not refunded, once its days have passed. What the
merchant's prepaid points or budget do not reach stays claimable. Lines paid in coins give nothing.
"""

from collections import defaultdict

from scripts.amounts import coins
from scripts.later_points import COIN, claim_gas, parts
from scripts.proofs import Proven, prove
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told


@told
def main(payments: str) -> None:
    """Brings the proofs and prints what each line gave."""
    session = open_session()
    contract, lines = session["PendingRewards"], prove(session, payments)
    lines = [line for line in lines if line.leaf.tender != COIN]
    if not lines:
        raise Trouble("all lines of these payments were paid in coins")
    by_terms: dict[tuple[int, int], list[Proven]] = defaultdict(list)
    for line in lines:
        by_terms[line.leaf.merchant, _version(session, line)].append(line)
    pipeline = session.pipeline()
    for (merchant, version), of_terms in by_terms.items():
        for some in parts(of_terms):
            arguments = (merchant, version, [line.words for line in some])
            what = f"claim pending points of merchant {merchant}"
            pipeline.call(what, contract.claim, arguments, gas=claim_gas(some))
    pipeline.finish()
    rows = [
        (f"{line.payment}/{line.leaf.line}", str(line.leaf.member), coins(contract.givenFor(line.leaf.hash)[0]))
        for line in lines
    ]
    show("Pending points", ("line", "member", "given in all"), rows)


def _version(session: Session, line: Proven) -> int:
    """The version of the merchant's terms for the day on which a line was posted."""
    contract, merchant = session["PendingRewards"], line.leaf.merchant
    day = int(session["RewardToken"].rootDay(line.words[4]))
    for version in range(1, int(contract.versionCount(merchant)) + 1):
        _, first, until, _, _ = contract.termsOf(merchant, version)
        if first <= day and (until == 0 or day < until):
            return version
    raise Trouble(f"merchant {merchant} had no pending points on the day of payment {line.payment}")
