"""Ends a gift's reservation, or takes back a gift that was handed over.

brownie run release_gift main RESERVATION --network FOLDER      by the merchant, or by anybody when its time is over
brownie run release_gift cancel RESERVATION --network FOLDER    by the member (its key file in TILLNET_MEMBER_KEY)
brownie run release_gift take_back RESERVATION --network FOLDER by the merchant's cancel group, which pays for it

Coins go back with the age that they have now; what expired while it was held is gone, as it would have been.
"""

from typing import Final

from scripts.member_key import sign_as_member
from scripts.redeem_gift import read_reservation, show_reservation
from scripts.session import Session, open_session
from scripts.trouble import told

GAS: Final = 700_000


@told
def main(reservation: str) -> None:
    """Ends a reservation."""
    session = open_session()
    number = read_reservation(session, reservation)
    _send(session, number, "release", (number,))


@told
def cancel(reservation: str) -> None:
    """Ends a reservation by the member's signature."""
    session = open_session()
    gifts, number = session["Gifts"], read_reservation(session, reservation)
    member = gifts.reservation(number)[1]
    fields = [("member", "uint64", member), ("reservation", "uint128", number)]
    deadline, signature = sign_as_member(session, gifts, "Tillnet Gifts", member, "Cancel", fields)
    _send(session, number, "cancel", (number, deadline, signature))


@told
def take_back(reservation: str) -> None:
    """Takes back a gift that was handed over."""
    session = open_session()
    number = read_reservation(session, reservation)
    _send(session, number, "takeBack", (number,))


def _send(session: Session, number: int, name: str, arguments: tuple[object, ...]) -> None:
    pipeline = session.pipeline()
    what = "take back the gift of" if name == "takeBack" else "release"
    pipeline.call(f"{what} reservation {number}", getattr(session["Gifts"], name), arguments, gas=GAS)
    pipeline.finish()
    show_reservation(session, number)
