"""Sets points that wait until goods can no longer be returned.

brownie run set_pending main MERCHANT RATE DAYS BUDGET [FROM] [UNTIL] --network FOLDER

  RATE    1% of what is paid from outside or from stored value, at par, or units of coin for 10,000 minor units; on top
          of what the merchant's base and offers give at once
  DAYS    whole days to wait after a payment's own
  BUDGET  coins that it may give in all, for instance 50,000
  FROM    2026-11-30, the first day that counts (0 = today, or tomorrow if there are terms for today)
  UNTIL   the day on which it ends (0 = no end)

brownie run set_pending end MERCHANT DATE --network FOLDER      ends the newest terms on a day, tomorrow at the earliest

The merchant's offers group may do this. Terms of a day never change once the day has come. Members get their points by
claim_pending, which anybody may run.
"""

from typing import Final

from scripts.amounts import coins, read_coins, read_whole
from scripts.dates import date_of, read_date
from scripts.later_points import read_rate
from scripts.parties import read_merchant
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import told

GAS: Final = 300_000


@told
def main(merchant: str, rate: str, days: str, budget: str, starts: str = "0", until: str = "0") -> None:
    """Sets terms and prints their version."""
    session = open_session()
    number, contract = read_merchant(session, merchant), session["PendingRewards"]
    terms = (
        read_rate(session, rate),
        read_date(starts, default=_first_day(session, number)),
        read_date(until, default=0),
        read_whole(days, "a number of days", high=365),
        read_coins(budget),
    )
    pipeline = session.pipeline()
    pipeline.call(f"set pending points of merchant {number}", contract.set, (number, terms), gas=GAS)
    pipeline.finish()
    _show(session, number)


@told
def end(merchant: str, date: str) -> None:
    """Ends the newest terms on a day."""
    session = open_session()
    number, day = read_merchant(session, merchant), read_date(date, default=0)
    pipeline = session.pipeline()
    what = f"end the pending points of merchant {number}"
    pipeline.call(what, session["PendingRewards"].end, (number, day), gas=GAS)
    pipeline.finish()
    _show(session, number)


def _first_day(session: Session, merchant: int) -> int:
    """Today, or tomorrow when terms for today are there already."""
    contract, today = session["PendingRewards"], int(session["RewardToken"].currentDay())
    version = int(contract.versionCount(merchant))
    until = contract.termsOf(merchant, version)[2] if version else today
    return today + 1 if until == 0 or until > today else today


def _show(session: Session, merchant: int) -> None:
    contract = session["PendingRewards"]
    rows = []
    for version in range(1, int(contract.versionCount(merchant)) + 1):
        rate, first, until, window, budget = contract.termsOf(merchant, version)
        rows.append((str(version), f"{rate:,}", date_of(first), date_of(until), str(window), coins(budget)))
    head = ("version", "units for 10,000", "from", "until", "days to wait", "budget left")
    show(f"Pending points of merchant {merchant}", head, rows)
