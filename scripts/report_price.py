"""Tells the price of an asset, as one of the network's reporters; shows a price; for the operator: opens and resets it.

    brownie run report_price main ASSET PRICE --network FOLDER
    brownie run report_price show_feed ASSET --network FOLDER
    brownie run report_price open_feed ASSET PRICE [REPORTS] [AGE] [BOUND] --network FOLDER
    brownie run report_price reset ASSET PRICE REASON --network FOLDER
    brownie run report_price drop ASSET REPORTER --network FOLDER

      ASSET     a token's symbol or address
      PRICE     of one whole unit in the network's money, for instance 65,000.00
      REPORTS   how many reporters must agree, 3 at least (3)
      AGE       seconds after which a report no longer counts (900)
      BOUND     how far the median may move in such a time (10%)
      REASON    why the operator goes on after a halt, in quotes
      REPORTER  the address whose last word is taken away

A reporter has role 7; name its key file in TILLNET_OPERATOR_KEY.
"""

from typing import Any, Final

from scripts.amounts import read_share, read_whole
from scripts.foreign_assets import Asset, price, read_asset, read_price
from scripts.names import read_address
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import told

GAS: Final = 400_000


@told
def main(asset: str, price: str) -> None:
    """Reports a price and shows what is accepted."""
    session = open_session()
    found = read_asset(session, asset)
    told_price = read_price(price)
    _send(session, f"report the price of {found.symbol}", "report", [found.address], [told_price])
    _show(session, found)


@told
def show_feed(asset: str) -> None:
    """Shows the accepted price and what each reporter said last."""
    session = open_session()
    _show(session, read_asset(session, asset))


@told
def open_feed(asset: str, price: str, reports: str = "3", age: str = "900", bound: str = "10%") -> None:
    """Opens the feed of an asset, or sets it anew, from this price."""
    session = open_session()
    found = read_asset(session, asset)
    terms = (
        read_price(price),
        read_whole(reports, "a number of reports", low=3, high=16),
        read_whole(age, "an age in seconds", low=60, high=86_400),
        read_share(bound, "a bound", low=1, high=5_000),
    )
    _send(session, f"open the feed of {found.symbol}", "setFeed", found.address, *terms)
    _show(session, found)


@told
def reset(asset: str, price: str, reason: str) -> None:
    """Goes on after a halt, from this price."""
    session = open_session()
    found = read_asset(session, asset)
    _send(session, f"reset the feed of {found.symbol}", "reset", found.address, read_price(price), reason)
    _show(session, found)


@told
def drop(asset: str, reporter: str) -> None:
    """Takes a reporter's last word away."""
    session = open_session()
    found = read_asset(session, asset)
    _send(session, f"drop a report on {found.symbol}", "drop", found.address, read_address(reporter))
    _show(session, found)


def _send(session: Session, what: str, name: str, *arguments: Any) -> None:
    pipeline = session.pipeline()
    method = getattr(session["PriceOracle"], name)
    pipeline.checked_call(what, method, arguments, gas=GAS)
    pipeline.finish()


def _show(session: Session, asset: Asset) -> None:
    oracle = session["PriceOracle"]
    accepted, anchor, fresh_until, _, age, bound, minimum, halted = oracle.feed(asset.address)
    now = int(session.web3.eth.get_block("latest")["timestamp"])
    if not minimum:
        state = "no feed"
    elif halted:
        state = "halted: the operator must reset it"
    else:
        state = "stale" if now > fresh_until else f"good for {fresh_until - now} s"
    rows = [
        ("price of one", price(accepted)),
        ("state", state),
        ("anchor", price(anchor)),
        ("may move", f"{bound / 100:g}% in {age} s"),
        ("reports needed", str(minimum)),
    ]
    for reporter, said, time in oracle.reports(asset.address):
        rows.append((f"report of {now - time} s ago" if time else "dropped", f"{reporter} {price(said)}"))
    show(f"{asset.symbol} at {asset.address}", ("", "now"), rows)
