"""Locks today's rate for a payment in another asset; the cash for it is reserved, and a deposit is taken.

    brownie run lock_rate main MERCHANT AMOUNT ASSET [SLIPPAGE] [REFERENCE] --network FOLDER
    brownie run lock_rate lapse LOCK --network FOLDER

      as pay_with_asset has them; LOCK is the number that main tells

The deposit counts towards the payment (pay_with_asset locked LOCK). A lock that is not used in time is lost with its
deposit; `lapse` frees what it held, and anybody may call it.
"""

from typing import Final

from scripts.amounts import read_whole
from scripts.foreign_assets import approve, asset_at, read_asset
from scripts.pay_with_asset import agreed, find_sale, show_sale, told_sale, words
from scripts.session import open_session
from scripts.trouble import told

GAS: Final = 600_000


@told
def main(merchant: str, amount: str, asset: str, slippage: str = "1%", reference: str = "") -> None:
    """Locks the rate and prints the lock's number."""
    session = open_session()
    found = read_asset(session, asset)
    terms, _ = agreed(session, found, merchant, amount, slippage, reference)
    gateway = session["AssetGateway"]
    pipeline = session.pipeline()
    # enough for the deposit now and the rest with the payment
    approve(pipeline, found, gateway.address, terms[4])
    pipeline.call(f"lock the rate of {found.symbol}", gateway.lockRate, (terms, 0, b""), gas=GAS)
    sale = told_sale(session, pipeline.finish()[-1], "RateLocked")
    lock_time = gateway.settings()[0]
    show_sale(session, found, sale, f"locked for {lock_time} s: pay_with_asset locked {sale['id']}")


@told
def lapse(lock: str) -> None:
    """Ends a lock that was not used in time."""
    session = open_session()
    sale = find_sale(session, read_whole(lock, "the number of a lock", low=1))
    pipeline = session.pipeline()
    pipeline.call(f"end lock {sale['id']}", session["AssetGateway"].lapse, (words(sale),), gas=GAS)
    pipeline.finish()
    show_sale(session, asset_at(session, sale["asset"]), sale, "lapsed; the deposit is forfeited")
