"""Buys an item that a member sells on; the money waits in the market until it is handed over.

    brownie run buy_receipt main TOKEN MOST --network FOLDER
    brownie run buy_receipt dispute TOKEN REASON --network FOLDER

      TOKEN   the first characters of the item's number (offer_receipt offers lists them)
      MOST    the most that it may cost, money
      REASON  what is wrong, in quotes: the operator then decides

Paid in cash tokens of the key in TILLNET_OPERATOR_KEY. Confirm the hand-over with hand_over; when the dispute window
passes in silence, the seller is paid.
"""

from typing import Final

from scripts.amounts import money, read_money
from scripts.foreign_assets import approve, read_asset
from scripts.offer_receipt import MAX_48, NAME, find_token
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 400_000


@told
def main(token: str, most: str) -> None:
    """Pays for an item."""
    session = open_session()
    number = find_token(session, token)
    bound = read_money(most, high=MAX_48)
    price = int(session[NAME].listing(number)[2])
    if price > bound:
        raise Trouble(f"it costs {money(price)}, more than {money(bound)}")
    pipeline = session.pipeline()
    approve(pipeline, read_asset(session, "cash"), session[NAME].address, price)
    pipeline.call(f"pay {money(price)}", session[NAME].buy, (number, bound), gas=GAS)
    pipeline.finish()
    until = session[NAME].listing(number)[5]
    rows = [("paid", money(price)), ("dispute until", str(until)), ("then, or with hand_over", "the seller is paid")]
    show(f"Receipt {number:064x}"[:24], ("", "now"), rows)


@told
def dispute(token: str, reason: str) -> None:
    """Stops the payment until the operator has decided."""
    session = open_session()
    number = find_token(session, token)
    pipeline = session.pipeline()
    pipeline.call("dispute the sale", session[NAME].dispute, (number, reason), gas=GAS)
    pipeline.finish()
    print("The money waits until the operator has decided.")
