"""Gives merchants back their share of points that expired, as prepaid points; anybody may start it.

    brownie run claim_expired main MERCHANT [EPOCH] --network FOLDER     all closed epochs, if none is named
    brownie run claim_expired fund [EPOCH] --network FOLDER              those of epochs in which no merchant issued any
    brownie run claim_expired show --network FOLDER                      what expired, by epoch

Points that were earned in an epoch expire when the one after it ends (docs/points.md). Each merchant's share is pro
rata of what it issued in the epoch, once.
"""

from collections.abc import Sequence
from typing import Final

from scripts.amounts import coins, money, read_whole
from scripts.dates import time_of
from scripts.parties import read_merchant
from scripts.past_events import past_events
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

GAS: Final = 250_000
FUND: Final = 0  # the guarantee fund, as a merchant
OPEN: Final = 2  # this epoch and the one before have not expired
MOST: Final = 100  # epochs that are looked at


@told
def main(merchant: str, epoch: str = "") -> None:
    """Claims a merchant's share."""
    session = open_session()
    shop = read_merchant(session, merchant)
    _claim(session, shop, epoch)
    table(f"Merchant {shop}", ("", "now"), [("prepaid", coins(int(session["RewardToken"].merchant(shop)[0])))])


@told
def fund(epoch: str = "") -> None:
    """Claims what is no merchant's, for the guarantee fund."""
    session = open_session()
    _claim(session, FUND, epoch)
    table("Guarantee fund", ("", "now"), [("holds", money(int(session["RewardToken"].deposits(FUND))))])


@told
def show() -> None:
    """Prints what expired."""
    session = open_session()
    ledger = session["RewardToken"]
    length, start = int(ledger.epochLength()), int(ledger.epochStart())
    rows = []
    for epoch in _closed(session):
        issued, expired = ledger.expiry(epoch)
        ended = time_of(start + (epoch + OPEN) * length)
        rows.append((str(epoch), ended, coins(issued), coins(expired)))
    table("Points that expired", ("epoch", "ended (UTC)", "issued in it", "expired"), rows)


def _claim(session: Session, merchant: int, epoch: str) -> None:
    """Sends the claims, and prints what they gave."""
    ledger, whose = session["RewardToken"], f"merchant {merchant}" if merchant else "the guarantee fund"
    before = past_events(session, "RewardToken", "ExpiredClaimed", merchant=merchant)
    claimed = {int(event["epoch"]) for event in before}
    pipeline = session.pipeline()
    if epoch:
        which = [read_whole(epoch, "an epoch's number", high=2**16 - 1)]
        pipeline.check(f"claim for {whose}", ledger.claimExpired, (merchant, which[0]))
    else:
        which = [each for each in _closed(session) if each not in claimed and _gives(session, merchant, each)]
    if not which:
        raise Trouble(f"nothing that expired is {whose}'s and was not claimed")
    for each in which:
        pipeline.call(f"claim for {whose}", ledger.claimExpired, (merchant, each), gas=GAS)
    pipeline.finish()
    after = past_events(session, "RewardToken", "ExpiredClaimed", merchant=merchant)[len(before) :]
    table(f"Claimed for {whose}", ("epoch", "points"), [(str(it["epoch"]), coins(it["points"])) for it in after])


def _gives(session: Session, merchant: int, epoch: int) -> bool:
    """Whether a claim would give anything now."""
    issued, expired = session["RewardToken"].expiry(epoch)
    if not expired or bool(issued) == (merchant == FUND):
        return False
    try:
        session.pipeline().check("claim", session["RewardToken"].claimExpired, (merchant, epoch))
    except Trouble as trouble:
        if "NothingDue" in str(trouble):
            return False
        raise
    return True


def _closed(session: Session) -> Sequence[int]:
    """The newest epochs whose points have expired."""
    ledger = session["RewardToken"]
    if not ledger.epochLength():
        raise Trouble("points never expire on this network")
    ended = int(ledger.currentEpoch()) - OPEN + 1
    return range(max(0, ended - MOST), max(0, ended))
