"""Says whether a merchant takes an asset, and at which rate it refunds sales in it.

    brownie run set_asset_terms main MERCHANT ASSET REFUNDS --network FOLDER

      MERCHANT  the merchant's number
      ASSET     a token's symbol or address; the operator has listed it
      REFUNDS   sale (at the rate of the sale), current (at the rate of the day of the refund) or none (not taken)

The merchant's finance group may do this. Sales keep the terms that they were made by.
"""

from typing import Final

from scripts.amounts import read_whole
from scripts.foreign_assets import read_asset
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

REFUNDS: Final = ("none", "sale", "current")
GAS: Final = 120_000


@told
def main(merchant: str, asset: str, refunds: str) -> None:
    """Sets a merchant's terms for an asset."""
    if refunds not in REFUNDS:
        raise Trouble(f"{refunds!r} is not one of {', '.join(REFUNDS)}")
    session = open_session()
    number = read_whole(merchant, "a merchant's number", low=1, high=2**32 - 1)
    found = read_asset(session, asset)
    arguments = (number, found.address, REFUNDS.index(refunds))
    pipeline = session.pipeline()
    pipeline.call("set the terms", session["AssetGateway"].setMerchantTerms, arguments, gas=GAS)
    pipeline.finish()
    show(f"Merchant {number}", ("", "now"), [(f"refunds of {found.symbol}", refunds)])
