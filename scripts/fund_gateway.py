"""Puts cash into the gateway's inventory, from which merchants are paid for sales in other assets; lists assets.

    brownie run fund_gateway main AMOUNT --network FOLDER
    brownie run fund_gateway list_asset ASSET PAYMENT_LIMIT DAY_LIMIT --network FOLDER
    brownie run fund_gateway take_cash AMOUNT TO --network FOLDER
    brownie run fund_gateway take_asset ASSET AMOUNT TO --network FOLDER
    brownie run fund_gateway add_asset ASSET AMOUNT --network FOLDER
    brownie run fund_gateway release ASSET DAY --network FOLDER
    brownie run fund_gateway show_vault ASSET --network FOLDER

      AMOUNT         money, for instance 50,000.00; of an asset its own units, for instance 0.5
      ASSET          a token's symbol or address
      PAYMENT_LIMIT  the largest payment in it, money
      DAY_LIMIT      what it may pay in a day (UTC), money
      TO             the address that gets it
      DAY            a day whose refund windows have passed, 2026-11-01

For the operator: list_asset; main mints the cash first, and take_cash and take_asset take out, with the role of
finance. Anybody may add to the vault and release a day.
"""

from datetime import UTC, date, datetime
from typing import Any, Final

from scripts.amounts import money, read_money
from scripts.foreign_assets import Asset, approve, read_asset
from scripts.names import read_address, text32
from scripts.pipeline import Pipeline
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

REFERENCE: Final = "gateway inventory"
GAS: Final = 300_000
MAX_48: Final = 2**48 - 1
DAY: Final = 86_400


@told
def main(amount: str) -> None:
    """Mints cash for money that came in and puts it into the inventory."""
    session = open_session()
    paid = read_money(amount)
    pipeline = session.pipeline()
    cash, gateway, operator = session["CashToken"], session["AssetGateway"], session.operator.address
    minting = (operator, paid, text32(REFERENCE))
    pipeline.checked_call("deposit cash", cash.deposit, minting, gas=GAS)
    pipeline.call("approve the gateway", cash.approve, (gateway.address, paid), gas=GAS)
    pipeline.call("fund the gateway", gateway.fund, (paid,), gas=GAS)
    pipeline.finish()
    _show_inventory(session)


@told
def list_asset(asset: str, payment_limit: str, day_limit: str) -> None:
    """Lists an asset with its limits, or changes them; 0 closes it."""
    session = open_session()
    found = read_asset(session, asset)
    limits = [0 if text == "0" else read_money(text, high=MAX_48) for text in (payment_limit, day_limit)]
    _send(session, f"list {found.symbol}", "setAsset", found.address, found.decimals, *limits)
    _show_vault(session, found)


@told
def take_cash(amount: str, to: str) -> None:
    """Takes cash that is not reserved out of the inventory."""
    session = open_session()
    _send(session, "take cash", "takeInventory", read_money(amount), read_address(to))
    _show_inventory(session)


@told
def take_asset(asset: str, amount: str, to: str) -> None:
    """Takes what is free out of the vault."""
    session = open_session()
    found = read_asset(session, asset)
    _send(session, f"take {found.symbol}", "takeAsset", found.address, found.read(amount), read_address(to))
    _show_vault(session, found)


@told
def add_asset(asset: str, amount: str) -> None:
    """Adds to the free part of the vault, so that refunds at the current rate do not fail."""
    session = open_session()
    found = read_asset(session, asset)
    added = found.read(amount)
    pipeline = session.pipeline()
    approve(pipeline, found, session["AssetGateway"].address, added)
    _finish(pipeline, session, f"add {found.show(added)}", "addAsset", found.address, added)
    _show_vault(session, found)


@told
def release(asset: str, day: str) -> None:
    """Frees what the sales of a day held, once their refund windows have passed."""
    session = open_session()
    found = read_asset(session, asset)
    _send(session, f"release {day} of {found.symbol}", "releaseDay", found.address, read_day(day))
    _show_vault(session, found)


@told
def show_vault(asset: str) -> None:
    """Shows the inventory, and an asset's limits and vault."""
    session = open_session()
    found = read_asset(session, asset)
    _show_inventory(session)
    _show_vault(session, found)


def read_day(text: str) -> int:
    """Days since 1970 of an ISO date. Raises Trouble for what is no date."""
    try:
        moment = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        raise Trouble(f"{text!r} is no day such as 2026-11-01") from None
    return max(int(moment.timestamp()) // DAY, 0)


def _send(session: Session, what: str, name: str, *arguments: Any) -> None:
    _finish(session.pipeline(), session, what, name, *arguments)


def _finish(pipeline: Pipeline, session: Session, what: str, name: str, *arguments: Any) -> None:
    pipeline.call(what, getattr(session["AssetGateway"], name), arguments, gas=GAS)
    pipeline.finish()


def _show_inventory(session: Session) -> None:
    free, reserved, sales = session["AssetGateway"].inventory()
    rows = [("free", money(free)), ("reserved by locks", money(reserved)), ("sales and locks so far", f"{sales:,}")]
    show("Cash in the gateway", ("", "now"), rows)


def _show_vault(session: Session, asset: Asset) -> None:
    gateway = session["AssetGateway"]
    _, is_listed, payment, day_limit, day, used = gateway.listing(asset.address)
    free, held = gateway.vault(asset.address)
    today = int(session.web3.eth.get_block("latest")["timestamp"]) // DAY
    rows = [
        ("listed", "yes" if is_listed else "no"),
        ("largest payment", money(payment)),
        ("a day", money(day_limit)),
        ("used today", money(used if day == today else 0)),
        ("free to take", asset.show(free)),
        ("held for locks and refunds", asset.show(held)),
    ]
    show(f"{asset.symbol} at {asset.address}", ("", "now"), rows)
