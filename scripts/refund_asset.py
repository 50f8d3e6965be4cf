"""Gives back a sale that was paid in another asset, whole or in part, to whoever paid.

    brownie run refund_asset main SALE [AMOUNT] --network FOLDER
    brownie run refund_asset claim ASSET [TO] --network FOLDER

      SALE    the number that pay_with_asset told
      AMOUNT  money of the sale to give back (all that is left)
      ASSET   a token's symbol or address
      TO      who gets what could not be sent to this key before (the key itself)

The merchant's finance or cancel group refunds: its payable and deposit give the money back to the gateway, and the
asset goes to the payer, at the rate that the merchant's terms said when it was sold.
"""

from typing import Final

from scripts.amounts import money, read_money, read_whole
from scripts.foreign_assets import asset_at, read_asset
from scripts.names import read_address
from scripts.past_events import past_events
from scripts.pay_with_asset import MAX_48, find_sale, words
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 500_000


@told
def main(sale: str, amount: str = "") -> None:
    """Refunds a sale."""
    session = open_session()
    found = find_sale(session, read_whole(sale, "the number of a sale", low=1))
    gateway = session["AssetGateway"]
    _, refunded = gateway.stateOf(gateway.hashOf(words(found)))
    minor = read_money(amount, high=MAX_48) if amount else found["amount"] - refunded
    if not minor:
        raise Trouble(f"sale {found['id']} is refunded already")
    pipeline = session.pipeline()
    pipeline.call(f"refund sale {found['id']}", gateway.refund, (words(found), minor), gas=GAS)
    pipeline.finish()
    asset = asset_at(session, found["asset"])
    back = past_events(session, "AssetGateway", "AssetRefunded", id=found["id"])[-1]["assetAmount"]
    left = found["amount"] - refunded - minor
    rows = [("given back", money(minor)), ("as", asset.show(back)), ("to", found["payer"]), ("left", money(left))]
    show(f"Sale {found['id']}", ("", "now"), rows)


@told
def claim(asset: str, to: str = "") -> None:
    """Sends what could not be sent to this key before."""
    session = open_session()
    found = read_asset(session, asset)
    receiver = read_address(to) if to else session.operator.address
    waiting = session["AssetGateway"].claimable(found.address, session.operator.address)
    pipeline = session.pipeline()
    pipeline.call(f"claim {found.symbol}", session["AssetGateway"].claim, (found.address, receiver), gas=GAS)
    pipeline.finish()
    show(found.symbol, ("", "now"), [("sent", found.show(waiting)), ("to", receiver)])
