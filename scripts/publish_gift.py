"""Publishes gifts that members take for their coins, and looks after their stock.

brownie run publish_gift main MERCHANT NAME PRICE STOCK [CASH] [FROM] [UNTIL] [PERMEMBER] [HOLD] --network FOLDER

  PRICE      what it costs in coins, at par, for instance 2.50; 0 = nothing
  CASH       what it costs from stored value on top, for instance 1.00 (0)
  FROM,UNTIL 2026-11-01 or 2026-11-01T08:00, UTC (0 = from now on, for ever)
  PERMEMBER  how many one member may have (0 = no limit)
  HOLD       hours that a reservation stands (48)

brownie run publish_gift stock GIFT UNITS --network FOLDER        adds to the stock
brownie run publish_gift withdraw GIFT --network FOLDER           ends it; reservations stand

The merchant's offers group may do this: the operator for merchants that it administers, else name the key file in
TILLNET_OPERATOR_KEY. What it prints as the gift's number is what tills and members name.
"""

from typing import Final

from scripts.amounts import money, read_money, read_whole
from scripts.dates import time_of
from scripts.names import text32
from scripts.parties import read_merchant
from scripts.session import Session, open_session
from scripts.set_rule import read_time
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 300_000
HOUR: Final = 3_600
MAX_48: Final = 2**48 - 1


@told
def main(
    merchant: str,
    name: str,
    price: str,
    stock: str,
    cash: str = "0",
    starts: str = "0",
    until: str = "0",
    per_member: str = "0",
    hold: str = "48",
) -> None:
    """Publishes a gift and prints its number."""
    session = open_session()
    number = read_merchant(session, merchant)
    terms = (
        0 if price == "0" else read_money(price, high=MAX_48),
        0 if cash == "0" else read_money(cash, high=MAX_48),
        read_whole(stock, "a stock", high=2**32 - 1),
        read_time(starts),
        read_time(until),
        read_whole(per_member, "a number of gifts", high=2**16 - 1),
        read_whole(hold, "a number of hours", low=1, high=4_000) * HOUR,
    )
    gifts, pipeline = session["Gifts"], session.pipeline()
    pipeline.call(f"publish {name}", gifts.publish, (number, text32(name), terms), gas=GAS)
    pipeline.finish()
    _show(session, number << 32 | gifts.giftCount(number), name)


@told
def stock(gift: str, units: str) -> None:
    """Adds to a gift's stock."""
    session = open_session()
    number = read_gift(session, gift)
    more, pipeline = read_whole(units, "a number of gifts", low=1, high=2**32 - 1), session.pipeline()
    pipeline.call(f"add to gift {number}", session["Gifts"].addStock, (number, more), gas=GAS)
    pipeline.finish()
    _show(session, number, "")


@told
def withdraw(gift: str) -> None:
    """Ends a gift."""
    session = open_session()
    number = read_gift(session, gift)
    pipeline = session.pipeline()
    pipeline.call(f"withdraw gift {number}", session["Gifts"].withdraw, (number,), gas=GAS)
    pipeline.finish()
    _show(session, number, "")


def read_gift(session: Session, text: str) -> int:
    """A gift's number. Raises Trouble when there is none."""
    number = read_whole(text, "a gift's number", low=1)
    if not session["Gifts"].gift(number)[6]:
        raise Trouble(f"there is no gift {number}")
    return number


def _show(session: Session, number: int, name: str) -> None:
    price, cash, left, starts, until, per_member, hold, still = session["Gifts"].gift(number)
    rows = [
        ("merchant", str(number >> 32)),
        ("price in coins", money(price)),
        ("and from stored value", money(cash)),
        ("stock", f"{left:,}"),
        ("from", time_of(starts) if starts else "now"),
        ("until", time_of(until)),
        ("for one member", str(per_member or "no limit")),
        ("a reservation stands", f"{hold // HOUR} h"),
        ("state", "offered" if still else "withdrawn"),
    ]
    show(f"Gift {number} {name}".rstrip(), ("", "now"), rows)
