"""Trades coin, cash and other assets among members, through the PeerExchange.

    brownie run offer_coins main --network FOLDER                               lists open offers
    brownie run offer_coins make SELL AMOUNT BUY AMOUNT [DAYS] [COUNTERPARTY] --network FOLDER
    brownie run offer_coins make_for_member MEMBER COINS BUY AMOUNT [DAYS] [COUNTERPARTY] --network FOLDER
    brownie run offer_coins take OFFER [AMOUNT] --network FOLDER
    brownie run offer_coins take_for_member MEMBER OFFER [AMOUNT] --network FOLDER
    brownie run offer_coins cancel OFFER --network FOLDER
    brownie run offer_coins cancel_for_member OFFER --network FOLDER
    brownie run offer_coins claim ASSET [TO] --network FOLDER
    brownie run offer_coins list_token ASSET [yes|no] --network FOLDER
    brownie run offer_coins set_fee SHARE --network FOLDER
    brownie run offer_coins take_fees ASSET TO --network FOLDER

      SELL, BUY     coin, cash, or a token's symbol or address; AMOUNT in its own units, for all of the offer
      DAYS          how long it stands (7)
      COUNTERPARTY  the only address that may take it
      OFFER         its number
      take AMOUNT   how much of what is sold (all that is left)

Signed by the key in TILLNET_OPERATOR_KEY. For coins in a member's account (.. for_member) the member signs, by the
key file in TILLNET_MEMBER_KEY, and anybody sends; or its own key sends, without that. The last three are the
operator's and finance's. Coins keep their age; the list shows how many are of this epoch.
"""

import os
from collections.abc import Iterable
from typing import Any, Final

from scripts.amounts import read_share, read_whole
from scripts.foreign_assets import Asset, approve, asset_at, read_asset
from scripts.member_key import MEMBER_KEY, Field, sign_as_member
from scripts.names import ZERO, read_address
from scripts.past_events import one_event, past_events
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 600_000
DAY: Final = 86_400
OFFER: Final = ("id", "maker", "member", "sell", "buy", "sellAmount", "buyAmount", "expiry", "counterparty")
NAME: Final = "PeerExchange"
TERMS: Final = ("buy", "sellAmount", "buyAmount", "expiry", "counterparty")
TYPES: Final = ("address", "uint128", "uint128", "uint32", "address")


@told
def main() -> None:
    """Lists what is open."""
    session = open_session()
    now, rows = _now(session), []
    for event in past_events(session, NAME, "OfferMade"):
        offer = dict(event["offer"])
        left, current = session[NAME].leftOf(words(offer))
        if not left or offer["expiry"] <= now:
            continue
        sell, buy = asset_at(session, offer["sell"]), asset_at(session, offer["buy"])
        of_epoch = sell.show(current) if _is_coin(session, sell) else ""
        cost = session[NAME].costOf(words(offer), left)
        hours = (offer["expiry"] - now) // 3_600
        rows.append((str(offer["id"]), sell.show(left), of_epoch, buy.show(cost), f"{hours} h"))
    show("Open offers", ("offer", "sells", "of this epoch", "for", "ends in"), rows)


@told
def make(sell: str, sell_amount: str, buy: str, buy_amount: str, days: str = "7", counterparty: str = "") -> None:
    """Offers tokens or coins of this key."""
    session = open_session()
    sold, bought = read_asset(session, sell), read_asset(session, buy)
    amounts = sold.read(sell_amount), bought.read(buy_amount)
    pipeline = session.pipeline()
    approve(pipeline, sold, session[NAME].address, amounts[0])
    arguments = (sold.address, bought.address, *amounts, *_until(session, days, counterparty))
    pipeline.call(f"offer {sold.show(amounts[0])}", session[NAME].make, arguments, gas=GAS)
    pipeline.finish()
    _show_newest(session)


@told
def make_for_member(
    member: str, coins: str, buy: str, buy_amount: str, days: str = "7", counterparty: str = ""
) -> None:
    """Offers coins in a member's account, by the member's key."""
    session = open_session()
    number = read_whole(member, "a member's number", low=1)
    coin, bought = read_asset(session, "coin"), read_asset(session, buy)
    amounts = coin.read(coins), bought.read(buy_amount)
    values = (bought.address, *amounts, *_until(session, days, counterparty))
    arguments = (number, *values, *_signed(session, number, "MakeOffer", zip(TERMS, TYPES, values, strict=True)))
    pipeline = session.pipeline()
    pipeline.call(f"offer {coin.show(amounts[0])}", session[NAME].makeForMember, arguments, gas=GAS)
    pipeline.finish()
    _show_newest(session)


@told
def take(offer: str, amount: str = "") -> None:
    """Takes an offer, or a part of it."""
    session = open_session()
    found = _find(session, offer)
    sold, bought = asset_at(session, found["sell"]), asset_at(session, found["buy"])
    units = _part(session, found, sold, amount)
    left, current = session[NAME].leftOf(words(found))
    cost = int(session[NAME].costOf(words(found), units))
    # not older than they are now: those of the epoch before go first
    fresh = max(int(current) - (int(left) - units), 0) if _is_coin(session, sold) else 0
    pipeline = session.pipeline()
    approve(pipeline, bought, session[NAME].address, cost)
    arguments = (words(found), units, fresh, pipeline.account.address)
    pipeline.call(f"take {sold.show(units)}", session[NAME].take, arguments, gas=GAS)
    pipeline.finish()
    rows = [("got", sold.show(units)), ("paid, fee included", bought.show(cost)), ("left", sold.show(left - units))]
    show(f"Offer {found['id']}", ("", "now"), rows)


@told
def take_for_member(member: str, offer: str, amount: str = "") -> None:
    """Takes an offer that wants coins with those in a member's account."""
    session = open_session()
    number, found = read_whole(member, "a member's number", low=1), _find(session, offer)
    sold, bought = asset_at(session, found["sell"]), asset_at(session, found["buy"])
    units = _part(session, found, sold, amount)
    left, cost = int(session[NAME].leftOf(words(found))[0]), int(session[NAME].costOf(words(found), units))
    fields = [("offer", "bytes32", bytes(session[NAME].hashOf(words(found)))), ("amount", "uint128", units)]
    arguments = (number, words(found), units, *_signed(session, number, "TakeOffer", fields))
    pipeline = session.pipeline()
    pipeline.checked_call(f"take {sold.show(units)}", session[NAME].takeForMember, arguments, gas=GAS)
    pipeline.finish()
    rows = [("got by the member's key", sold.show(units)), ("paid by the member, fee included", bought.show(cost))]
    show(f"Offer {found['id']}", ("", "now"), [*rows, ("left", sold.show(left - units))])


@told
def cancel(offer: str) -> None:
    """Takes back what is left of an offer."""
    session = open_session()
    found = _find(session, offer)
    _send(session, f"cancel offer {found['id']}", "cancel", words(found))
    _show_cancelled(session, found)


@told
def cancel_for_member(offer: str) -> None:
    """Takes back what is left of an offer of a member's coins."""
    session = open_session()
    found = _find(session, offer)
    if not found["member"]:
        raise Trouble(f"offer {found['id']} is of no member's account: brownie run offer_coins cancel")
    fields = [("offer", "bytes32", bytes(session[NAME].hashOf(words(found))))]
    signed = _signed(session, found["member"], "CancelOffer", fields)
    _send(session, f"cancel offer {found['id']}", "cancelForMember", words(found), *signed)
    _show_cancelled(session, found)


@told
def claim(asset: str, to: str = "") -> None:
    """Sends what could not be sent to this key before."""
    session = open_session()
    found = read_asset(session, asset)
    receiver = read_address(to) if to else session.operator.address
    waiting = session[NAME].claimable(found.address, session.operator.address)
    _send(session, f"claim {found.symbol}", "claim", found.address, receiver)
    show(found.symbol, ("", "now"), [("sent", found.show(waiting)), ("to", receiver)])


@told
def list_token(asset: str, listed: str = "yes") -> None:
    """Lets a token be traded, or no longer."""
    if listed not in ("yes", "no"):
        raise Trouble(f"{listed!r} is neither yes nor no")
    session = open_session()
    found = read_asset(session, asset)
    _send(session, f"list {found.symbol}", "setToken", found.address, listed == "yes")
    show(found.symbol, ("", "now"), [("traded", listed)])


@told
def set_fee(share: str) -> None:
    """Sets the fee, 0.1 % at most."""
    session = open_session()
    _send(session, "set the fee", "setFee", read_share(share, "a fee", high=10))
    show("Exchange", ("", "now"), [("fee", f"{session[NAME].feeBps() / 100:g}%")])


@told
def take_fees(asset: str, to: str) -> None:
    """Sends the fees in a token."""
    session = open_session()
    found = read_asset(session, asset)
    waiting = session[NAME].feesOf(found.address)
    _send(session, f"take the fees in {found.symbol}", "takeFees", found.address, read_address(to))
    show(found.symbol, ("", "now"), [("fees sent", found.show(waiting)), ("to", read_address(to))])


def words(offer: dict[str, Any]) -> tuple[Any, ...]:
    """IPeerExchange.Offer as the contract takes it."""
    return tuple(offer[name] for name in OFFER)


def _find(session: Session, text: str) -> dict[str, Any]:
    number = read_whole(text, "an offer's number", low=1)
    return dict(one_event(session, NAME, ("OfferMade",), number, "offer")["offer"])


def _part(session: Session, found: dict[str, Any], sold: Asset, amount: str) -> int:
    """How much of an offer is taken. Raises Trouble when there is not so much left."""
    left = int(session[NAME].leftOf(words(found), block_identifier=session.web3.eth.block_number)[0])
    units = sold.read(amount) if amount else left
    if not 0 < units <= left:
        raise Trouble(f"of offer {found['id']} there are {sold.show(left)} left")
    return units


def _signed(session: Session, member: int, primary: str, fields: Iterable[Field]) -> tuple[int, bytes]:
    """Deadline and signature of the member's key; none of both when it sends by itself."""
    if not os.environ.get(MEMBER_KEY):
        return 0, b""
    whole = [("member", "uint64", member), *fields]
    return sign_as_member(session, session[NAME], NAME, member, primary, whole)


def _show_cancelled(session: Session, found: dict[str, Any]) -> None:
    returned = past_events(session, NAME, "OfferCancelled", id=found["id"])[-1]["returned"]
    show(f"Offer {found['id']}", ("", "now"), [("given back", asset_at(session, found["sell"]).show(returned))])


def _until(session: Session, days: str, counterparty: str) -> tuple[int, str]:
    length = read_whole(days, "a number of days", low=1, high=3_650)
    return _now(session) + length * DAY, read_address(counterparty) if counterparty else ZERO


def _show_newest(session: Session) -> None:
    offer = dict(past_events(session, NAME, "OfferMade")[-1]["offer"])
    sold, bought = asset_at(session, offer["sell"]), asset_at(session, offer["buy"])
    rows = [("sells", sold.show(offer["sellAmount"])), ("for", bought.show(offer["buyAmount"]))]
    show(f"Offer {offer['id']}", ("", "now"), rows)


def _send(session: Session, what: str, name: str, *arguments: Any) -> None:
    pipeline = session.pipeline()
    pipeline.call(what, getattr(session[NAME], name), arguments, gas=GAS)
    pipeline.finish()


def _is_coin(session: Session, asset: Asset) -> bool:
    return asset.address == session["RewardToken"].address


def _now(session: Session) -> int:
    return int(session.web3.eth.get_block("latest")["timestamp"])
