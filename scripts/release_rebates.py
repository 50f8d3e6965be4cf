"""Pays rebates whose months have passed to the members' stored value. Anybody may do this; run it once a day.

brownie run release_rebates main [MEMBERS] --network FOLDER

  MEMBERS  members' numbers with commas between them; all that were ever promised something, if none is named

What was forfeited (the member gave up its last card) goes back to its programme's fund.
"""

from typing import Final

from scripts.amounts import money
from scripts.parties import read_numbers
from scripts.past_events import past_events
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import told

AT_ONCE: Final = 40  # promises in one transaction
GAS: Final = 150_000
GAS_EACH: Final = 60_000


@told
def main(members: str = "") -> None:
    """Releases everything that is due and prints what was paid."""
    session = open_session()
    contract = session["Rebates"]
    numbers = read_numbers(members, "a member's number") if members else _promised_to(session)
    pipeline = session.pipeline()
    rows = []
    for member in numbers:
        due, forfeited, total = _due(session, member)
        for first in range(0, len(due), AT_ONCE):
            part = due[first : first + AT_ONCE]
            what = f"release rebates of member {member}"
            pipeline.call(what, contract.releaseRebates, (member, part), gas=GAS + GAS_EACH * len(part))
        for index in forfeited:
            pipeline.call(f"sweep a promise to member {member}", contract.sweepPromise, (member, index), gas=GAS)
        if due or forfeited:
            rows.append((str(member), str(len(due)), money(total), str(len(forfeited))))
    if not rows:
        print("Nothing is due.")
        return
    pipeline.finish()
    show("Released", ("member", "promises", "paid", "forfeited"), rows)


def _due(session: Session, member: int) -> tuple[list[int], list[int], int]:
    """Promises with something due, those that are forfeited, and the sum that is due."""
    contract = session["Rebates"]
    due, forfeited, total = [], [], 0
    closed_at, count = int(contract.balanceOf(member)[4]), int(contract.balanceOf(member)[3])
    for index in range(count):
        instalments, amount = contract.dueOf(member, index)
        _, start, _, months, released = contract.promiseOf(member, index)
        if instalments and amount:
            due.append(index)
            total += int(amount)
        elif released < months and start <= closed_at:
            forfeited.append(index)
    return due, forfeited, total


def _promised_to(session: Session) -> list[int]:
    """Every member that a rebate was promised to, from the contract's events."""
    return list(dict.fromkeys(int(event["member"]) for event in past_events(session, "Rebates", "RebatePromised")))
