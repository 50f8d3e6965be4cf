"""Pays a merchant in another asset: at the current rate, or at one that was locked before.

    brownie run pay_with_asset main MERCHANT AMOUNT ASSET [SLIPPAGE] [REFERENCE] --network FOLDER
    brownie run pay_with_asset locked LOCK --network FOLDER
    brownie run pay_with_asset quote AMOUNT ASSET --network FOLDER

      MERCHANT   the merchant's number
      AMOUNT     what the merchant gets, money
      ASSET      a token's symbol or address
      SLIPPAGE   how much more than now it may cost when the payment is mined (1%)
      REFERENCE  the sale's own name at the merchant, up to 32 ASCII characters
      LOCK       the number that lock_rate told

Signed and paid by the key in TILLNET_OPERATOR_KEY; whoever holds it approves the gateway for what this costs.
"""

from typing import Any, Final

from web3 import Web3
from web3.logs import DISCARD

from scripts.amounts import money, read_money, read_share, read_whole
from scripts.foreign_assets import Asset, approve, asset_at, price, read_asset
from scripts.names import text32
from scripts.past_events import one_event
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

MAX_48: Final = 2**48 - 1
MERCHANTS: Final = 2**32 - 1
GAS: Final = 600_000
SALE: Final = (
    "id",
    "payer",
    "asset",
    "merchant",
    "amount",
    "assetAmount",
    "deposit",
    "price",
    "time",
    "refunds",
    "reference_",
)


@told
def main(merchant: str, amount: str, asset: str, slippage: str = "1%", reference: str = "") -> None:
    """Pays at the current rate."""
    session = open_session()
    found = read_asset(session, asset)
    terms, needed = agreed(session, found, merchant, amount, slippage, reference)
    pipeline = session.pipeline()
    approve(pipeline, found, session["AssetGateway"].address, terms[4])
    what = f"pay {money(terms[3])} in {found.symbol}"
    pipeline.call(what, session["AssetGateway"].pay, (terms, 0, b""), gas=GAS)
    receipts = pipeline.finish()
    show_sale(session, found, told_sale(session, receipts[-1], "AssetPaid"), f"quoted {found.show(needed)}")


@told
def locked(lock: str) -> None:
    """Pays at a locked rate."""
    session = open_session()
    sale = find_sale(session, read_whole(lock, "the number of a lock", low=1))
    found = asset_at(session, sale["asset"])
    pipeline = session.pipeline()
    approve(pipeline, found, session["AssetGateway"].address, sale["assetAmount"] - sale["deposit"])
    what = f"pay lock {sale['id']}"
    pipeline.call(what, session["AssetGateway"].payLocked, (words(sale), 0, b""), gas=GAS)
    pipeline.finish()
    show_sale(session, found, sale, "paid at the locked rate")


@told
def quote(amount: str, asset: str) -> None:
    """Shows what a payment would cost now."""
    session = open_session()
    found = read_asset(session, asset)
    minor = read_money(amount, high=MAX_48)
    needed, deposit, rate = _quote(session, found, minor)
    rows = [("pays", money(minor)), ("costs", found.show(needed)), ("at", price(rate))]
    show("Quote", ("", "now"), [*rows, ("deposit of a lock", found.show(deposit))])


def agreed(
    session: Session, asset: Asset, merchant: str, amount: str, slippage: str, reference: str
) -> tuple[tuple[Any, ...], int]:
    """IAssetGateway.Terms of the script's account, and what it would cost now."""
    number = read_whole(merchant, "a merchant's number", low=1, high=MERCHANTS)
    minor = read_money(amount, high=MAX_48)
    share = read_share(slippage, "a slippage")
    name = text32(reference) if reference else bytes(32)
    needed, _, _ = _quote(session, asset, minor)
    most = needed + needed * share // 10_000
    return (session.operator.address, asset.address, number, minor, most, name), needed


def find_sale(session: Session, number: int) -> dict[str, Any]:
    """A sale or a lock by its number. Raises Trouble when there is none."""
    event = one_event(session, "AssetGateway", ("AssetPaid", "RateLocked"), number, "sale or lock")
    return dict(event["sale"])


def told_sale(session: Session, receipt: Any, event: str) -> dict[str, Any]:
    """The sale that a receipt's event tells."""
    gateway = session["AssetGateway"]
    source = session.web3.eth.contract(address=gateway.address, abi=gateway.abi)
    for log in receipt["logs"]:
        if Web3.to_checksum_address(log["address"]) == gateway.address:
            decoded = source.events[event]().process_receipt({**receipt, "logs": [log]}, errors=DISCARD)
            if decoded:
                return dict(decoded[0]["args"]["sale"])
    raise Trouble(f"the transaction told no {event}")


def words(sale: dict[str, Any]) -> tuple[Any, ...]:
    """IAssetGateway.Sale as the contract takes it."""
    return tuple(sale[name] for name in SALE)


def show_sale(session: Session, asset: Asset, sale: dict[str, Any], note: str) -> None:
    """The table of a sale."""
    rows = [
        ("merchant", str(sale["merchant"])),
        ("gets", money(sale["amount"])),
        ("costs", asset.show(sale["assetAmount"])),
        ("at", price(sale["price"])),
        ("refunds", ("", "at the rate of the sale", "at the current rate")[sale["refunds"]]),
        ("", note),
    ]
    if sale["deposit"]:
        rows.insert(3, ("deposit in it", asset.show(sale["deposit"])))
    show(f"Sale {sale['id']}", ("", "now"), rows)


def _quote(session: Session, asset: Asset, minor: int) -> tuple[int, int, int]:
    method = session["AssetGateway"].quote
    session.pipeline().check("find a price", method, (asset.address, minor))
    needed, deposit, rate = method(asset.address, minor)
    return int(needed), int(deposit), int(rate)
