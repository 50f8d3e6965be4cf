"""What one person has proposed and another has to approve: lists it, approves it, takes it back.

    brownie run proposals --network FOLDER                what waits, for whom, and until when
    brownie run proposals approve NAME --network FOLDER   shows it and does it, by another account than proposed
    brownie run proposals cancel NAME --network FOLDER    it will not be done

      NAME  as the list has it, or its beginning: correction-5, key-7, groups-1, merge-7-8, receipt-7b1e

Corrections by hand (correct_points propose), members' keys (enrol_members propose_key), merchants' groups (grant_groups
propose), merges of members (merge_members propose) and points by receipts (claim_missing attest). Name the key's file
in TILLNET_OPERATOR_KEY: finance of the network approves, or the merchant's finance group where its points are given.
Keys, groups and merges cannot be taken back: they are void when their time is over.
"""

from typing import Final

from scripts.dates import time_of
from scripts.proposed import Answer, Proposed, proposed
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

HEAD: Final = ("name", "what", "until (UTC)")
SHOWN: Final = 24  # characters of a name that is long


@told
def main() -> None:
    """Lists what waits for a second person."""
    _show("Proposals", proposed(open_session()))


@told
def approve(name: str) -> None:
    """Approves a proposal, which does it."""
    session = open_session()
    found = _find(session, name)
    _answer(session, found, "approve", found.approve)
    print(f"Approved: {found.what}.")


@told
def cancel(name: str) -> None:
    """Takes a proposal back."""
    session = open_session()
    found = _find(session, name)
    if found.cancel is None:
        raise Trouble(f"{_short(found)} cannot be taken back; unapproved, it is void after {time_of(found.until)} UTC")
    _answer(session, found, "cancel", found.cancel)
    print(f"Cancelled: {found.what}.")


def _answer(session: Session, found: Proposed, verb: str, answer: Answer) -> None:
    _show("Proposal", [found])
    pipeline = session.pipeline()
    pipeline.checked_call(f"{verb} {_short(found)}", answer.method, answer.arguments, gas=answer.gas)
    pipeline.finish()


def _find(session: Session, name: str) -> Proposed:
    waiting = proposed(session)
    exact = [each for each in waiting if each.name == name]
    begins = name.rstrip(".").lower()  # the list shortens long names so
    fitting = exact or [each for each in waiting if each.name.lower().startswith(begins)]
    if len(fitting) != 1:
        many = f"{len(fitting)} open proposals begin with" if fitting else "there is no open proposal"
        raise Trouble(f"{many} {name}; see brownie run proposals")
    return fitting[0]


def _show(title: str, found: list[Proposed]) -> None:
    rows = [
        (_short(each), f"{each.what}\nby {each.by}, for {each.second} to approve", time_of(each.until))
        for each in found
    ]
    show(title, HEAD, rows)


def _short(found: Proposed) -> str:
    return found.name if len(found.name) <= SHOWN else f"{found.name[:SHOWN]}.."
