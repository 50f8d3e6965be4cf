"""Completes the resale of an item: the seller is paid, what the item earned is taken back, the token is the buyer's.

    brownie run hand_over main TOKEN --network FOLDER
    brownie run hand_over resolve TOKEN sold|unwound REASON --network FOLDER

      TOKEN   the first characters of the item's number (offer_receipt offers lists them)
      REASON  why the operator decides so, in quotes

The buyer confirms with main at any time; anybody may once the dispute window has passed. `resolve` is the operator's,
for a disputed one.
"""

from typing import Final

from scripts.amounts import coins, money
from scripts.offer_receipt import NAME, find_token, line_of
from scripts.past_events import past_events
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 900_000
DECISIONS: Final = ("unwound", "sold")


@told
def main(token: str) -> None:
    """Hands an item over."""
    session = open_session()
    number = find_token(session, token)
    pipeline = session.pipeline()
    method, arguments = session[NAME].handOver, (number, line_of(session, number))
    pipeline.checked_call("hand the item over", method, arguments, gas=GAS)
    pipeline.finish()
    _show(session, number)


@told
def resolve(token: str, decision: str, reason: str) -> None:
    """Decides a dispute."""
    if decision not in DECISIONS:
        raise Trouble(f"{decision!r} is neither {' nor '.join(DECISIONS)}")
    session = open_session()
    number = find_token(session, token)
    pipeline = session.pipeline()
    arguments = (number, decision == "sold", line_of(session, number), reason)
    pipeline.checked_call("decide the dispute", session[NAME].resolve, arguments, gas=GAS)
    pipeline.finish()
    if decision == "sold":
        _show(session, number)
    else:
        print("The buyer got its money back.")


def _show(session: Session, token: int) -> None:
    sold = past_events(session, NAME, "ReceiptSold", token=token)[-1]
    rows = [
        ("buyer", sold["buyer"]),
        ("the seller got", money(sold["price"])),
        ("points taken back", coins(sold["clawedBack"])),
        ("owed by the seller", coins(sold["arrears"])),
    ]
    show(f"Receipt {token:064x}"[:24], ("", "now"), rows)
