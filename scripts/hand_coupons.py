"""Hands coupons on: the platform to merchants, merchants to members, members to members.

    brownie run hand_coupons main COUPONS MERCHANT --network FOLDER        the platform's, to their first merchant
    brownie run hand_coupons lot CAMPAIGN/LOT MERCHANT --network FOLDER    a whole lot, for the price of one word
    brownie run hand_coupons on HOLDER COUPONS MERCHANT --network FOLDER   a merchant's, to another merchant
    brownie run hand_coupons give HOLDER COUPONS MEMBERS --network FOLDER  a merchant's, to members, one each
    brownie run hand_coupons pass_on COUPON FROM TO --network FOLDER       a member's, at its request, to another member
    brownie run hand_coupons sign COUPON FROM TO --network FOLDER          the same by the member's key

      COUPONS  campaign/lot/serial, for instance 1/0/5 or 1/0/5-20, separated by commas
      HOLDER   the number of the merchant that holds them
      MEMBERS  members' numbers, separated by commas, as many as coupons

The operator hands out and passes on; a merchant's offers group (for `give` also its clerks) does the rest: name the
key file in TILLNET_OPERATOR_KEY. With `sign` the member itself passes on (its key file in TILLNET_MEMBER_KEY),
and anybody sends. Nobody holds a coupon twice, 16 hold it at most, and what was used stays.
"""

from collections.abc import Sequence
from typing import Any, Final

from scripts.amounts import MAX_32, read_whole
from scripts.coupon_terms import coupon_name, read_coupon, read_coupons
from scripts.member_key import sign_as_member
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

AT_ONCE: Final = 100
BASE_GAS: Final = 200_000
EACH_GAS: Final = 120_000
EVENT_GAS: Final = 3_000
SHOWN: Final = 20


@told
def main(coupons: str, merchant: str) -> None:
    """Hands coupons of the platform to a merchant."""
    session = open_session()
    ids, to = read_coupons(coupons), _number(merchant)
    _send(session, "handOut", [(ids[at : at + AT_ONCE], to) for at in range(0, len(ids), AT_ONCE)])
    _handed(ids, f"merchant {to}")


@told
def lot(campaign_and_lot: str, merchant: str) -> None:
    """Hands a whole lot of the platform to a merchant."""
    session = open_session()
    campaign, slash, number = campaign_and_lot.partition("/")
    if not slash:
        raise Trouble(f"{campaign_and_lot!r} is not a lot such as 1/0")
    key = (_number(campaign), read_whole(number, "a lot's number", high=2**16 - 1))
    to = _number(merchant)
    pipeline = session.pipeline()
    coupons = session["Coupons"]
    pipeline.check("hand the lot over", coupons.handLot, (*key, to))
    _, count, _ = coupons.lotOf(*key)
    pipeline.call("hand the lot over", coupons.handLot, (*key, to), gas=BASE_GAS + EVENT_GAS * int(count))
    pipeline.finish()
    show(f"Lot {campaign_and_lot}", ("", "now"), [("coupons", f"{count:,}"), ("holder", f"merchant {to}")])


@told
def on(holder: str, coupons: str, merchant: str) -> None:
    """Hands a merchant's coupons to another merchant."""
    session = open_session()
    ids, to = read_coupons(coupons), _number(merchant)
    _send(session, "handOn", [(_number(holder), ids[at : at + AT_ONCE], to) for at in range(0, len(ids), AT_ONCE)])
    _handed(ids, f"merchant {to}")


@told
def give(holder: str, coupons: str, members: str) -> None:
    """Hands a merchant's coupons to members."""
    session = open_session()
    ids = read_coupons(coupons)
    receivers = [read_whole(each.strip(), "a member's number", low=1) for each in members.split(",")]
    if len(ids) != len(receivers):
        raise Trouble(f"{len(ids):,} coupons do not go to {len(receivers):,} members one each")
    parts = range(0, len(ids), AT_ONCE)
    calls = [(_number(holder), ids[at : at + AT_ONCE], receivers[at : at + AT_ONCE]) for at in parts]
    _send(session, "give", calls)
    rows = [(coupon_name(each), f"member {to}") for each, to in zip(ids, receivers, strict=True)]
    _show(rows)


@told
def pass_on(coupon: str, sender: str, receiver: str) -> None:
    """Hands a member's coupon to another member."""
    session = open_session()
    each = read_coupon(coupon)
    from_, to = (read_whole(text, "a member's number", low=1) for text in (sender, receiver))
    _send(session, "passOnFor", [(each, from_, to)])
    _show([(coupon_name(each), f"member {to}")])


@told
def sign(coupon: str, sender: str, receiver: str) -> None:
    """Hands a member's coupon to another member by the member's signature."""
    session = open_session()
    contract, each = session["Coupons"], read_coupon(coupon)
    from_, to = (read_whole(text, "a member's number", low=1) for text in (sender, receiver))
    fields = [("coupon", "uint64", each), ("from", "uint64", from_), ("to", "uint64", to)]
    deadline, signature = sign_as_member(session, contract, "Till Coupon", from_, "PassOn", fields)
    _send(session, "passOn", [(each, from_, to, deadline, signature)])
    _show([(coupon_name(each), f"member {to}")])


def _send(session: Session, name: str, calls: Sequence[tuple[Any, ...]]) -> None:
    method = getattr(session["Coupons"], name)
    pipeline = session.pipeline()
    pipeline.check("hand the coupons on", method, calls[0])
    for arguments in calls:
        most = max((len(each) for each in arguments if isinstance(each, list)), default=1)
        pipeline.call("hand the coupons on", method, arguments, gas=BASE_GAS + EACH_GAS * most)
    pipeline.finish()


def _handed(ids: Sequence[int], holder: str) -> None:
    _show([(coupon_name(each), holder) for each in ids])


def _show(rows: Sequence[tuple[str, str]]) -> None:
    more = [(f"and {len(rows) - SHOWN:,} more", "")] if len(rows) > SHOWN else []
    show(f"Handed on: {len(rows):,} coupons", ("coupon", "holder"), [*rows[:SHOWN], *more])


def _number(text: str) -> int:
    return read_whole(text, "a merchant's number" if "/" not in text else "a number", low=1, high=MAX_32)
