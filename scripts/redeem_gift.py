"""Reserves a gift for a member's coins, and hands it over.

brownie run redeem_gift main MEMBER GIFT --network FOLDER            reserves; prints the reservation's number
brownie run redeem_gift confirm RESERVATION --network FOLDER         hands over: the coins become the merchant's money

The member signs (its key file in TILLNET_MEMBER_KEY), the operator sends. The merchant's consume group confirms. At a
till both come at once, by the card.
"""

from typing import Final

from scripts.amounts import coins, money, read_whole
from scripts.dates import time_of
from scripts.member_key import sign_as_member
from scripts.parties import read_member
from scripts.publish_gift import read_gift
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 700_000
STATES: Final = ("none", "reserved", "handed over", "released", "taken back")


@told
def main(member: str, gift: str) -> None:
    """Reserves a gift by the member's signature."""
    session = open_session()
    gifts, number, wanted = session["Gifts"], read_member(session, member), read_gift(session, gift)
    fields = [("member", "uint64", number), ("gift", "uint64", wanted)]
    deadline, signature = sign_as_member(session, gifts, "Tillnet Gifts", number, "Reserve", fields)
    pipeline = session.pipeline()
    pipeline.call(f"reserve gift {wanted}", gifts.reserve, (wanted, number, deadline, signature), gas=GAS)
    (receipt,) = pipeline.finish()
    show_reservation(session, _reserved(session, receipt))


@told
def confirm(reservation: str) -> None:
    """Hands a reserved gift over."""
    session = open_session()
    number, pipeline = read_reservation(session, reservation), session.pipeline()
    pipeline.call(f"hand over reservation {number}", session["Gifts"].confirm, (number,), gas=GAS)
    pipeline.finish()
    show_reservation(session, number)


def read_reservation(session: Session, text: str) -> int:
    """A reservation's number. Raises Trouble when there is none."""
    number = read_whole(text, "a reservation's number", low=1, high=2**128 - 1)
    if not session["Gifts"].reservation(number)[4]:
        raise Trouble(f"there is no reservation {number}")
    return number


def show_reservation(session: Session, number: int) -> None:
    """Prints where a reservation stands."""
    gift, member, expires, _, state, (current, previous, _) = session["Gifts"].reservation(number)
    rows = [
        ("gift", str(gift)),
        ("member", str(member)),
        ("coins", coins(current + previous)),
        ("of these from the epoch before", coins(previous)),
        ("from stored value", money(session["Gifts"].gift(gift)[1])),
        ("stands until", time_of(expires)),
        ("state", STATES[state]),
    ]
    show(f"Reservation {number}", ("", "now"), rows)


def _reserved(session: Session, receipt: object) -> int:
    """The number in the receipt's GiftReserved."""
    address = session["Gifts"].address
    topics = [log["topics"] for log in receipt["logs"] if log["address"] == address]  # type: ignore[index]
    return int.from_bytes(bytes(topics[0][1]), "big")
