"""The market: offers and trades, payments in other assets, prices, purchases offered for resale."""

from typing import Final

from node.indexer.apply.handling import Now, on
from node.indexer.apply.held import EXCHANGE, put_aside, take_held
from node.indexer.decode import Event
from node.indexer.tables import market

RESALES: Final = {
    "ReceiptWithdrawn": "withdrawn", "ReceiptPaid": "paid", "ReceiptDisputed": "disputed", "ReceiptSold": "sold",
    "ReceiptUnwound": "unwound", "ItemReturned": "returned",
}  # fmt: skip


@on("PeerExchange", "OfferMade")
def offer_made(now: Now, event: Event) -> None:
    """Somebody offers."""
    args, offer = event.args, event.args["offer"]
    now.rows.at(market.offers, args["id"]).update(
        maker=args["maker"], member=args["member"], sells=offer["sell"], buys=offer["buy"],
        sell_amount=str(offer["sellAmount"]), buy_amount=str(offer["buyAmount"]), left=str(offer["sellAmount"]),
        expiry=offer["expiry"], counterparty=offer["counterparty"], state="open",
    )  # fmt: skip
    if offer["sell"] == now.known.ledger:
        put_aside(now, now.rows.at(market.offers, args["id"]))


@on("PeerExchange", "OfferTaken")
def offer_taken(now: Now, event: Event) -> None:
    """Somebody takes it, or a part."""
    args = event.args
    row = now.rows.at(market.offers, args["id"])
    row.update(left=str(args["left"]), state="open" if args["left"] else "taken")
    if row["sells"] == now.known.ledger:
        now.held.send(EXCHANGE, *take_held(now, row, args["amount"]))
    elif row["buys"] == now.known.ledger:
        now.held.fee = args["fee"]
    now.rows.add(
        market.trades, offer=args["id"], taker=args["taker"], receiver=args["receiver"], amount=str(args["amount"]),
        paid=str(args["paid"]), fee=str(args["fee"]),
    )  # fmt: skip


@on("PeerExchange", "OfferCancelled")
def offer_cancelled(now: Now, event: Event) -> None:
    """It is taken back."""
    row = now.rows.at(market.offers, event.args["id"])
    row.update(left="0", state="cancelled")
    if row["sells"] == now.known.ledger:
        now.held.send(EXCHANGE, *take_held(now, row, None))


@on("AssetGateway", "RateLocked", "AssetPaid")
def asset_sale(now: Now, event: Event) -> None:
    """A rate is locked, or paid."""
    sale = event.args["sale"]
    now.rows.at(market.asset_sales, event.args["id"]).update(
        payer=sale["payer"], asset=sale["asset"], merchant=sale["merchant"], amount=sale["amount"],
        asset_amount=str(sale["assetAmount"]), deposit=str(sale["deposit"]), price=sale["price"], time=sale["time"],
        state="locked" if event.name == "RateLocked" else "paid",
    )  # fmt: skip


@on("AssetGateway", "LockLapsed")
def lock_lapsed(now: Now, event: Event) -> None:
    """A locked rate was not paid."""
    now.rows.at(market.asset_sales, event.args["id"])["state"] = "lapsed"


@on("AssetGateway", "AssetRefunded")
def asset_refunded(now: Now, event: Event) -> None:
    """A part was given back."""
    now.rows.at(market.asset_sales, event.args["id"])["refunded"] += event.args["amount"]


@on("PriceOracle", "PriceReported", "PriceAccepted", "FeedHalted", "FeedReset")
def price(now: Now, event: Event) -> None:
    """What an asset is worth, it is said."""
    args = event.args
    now.rows.add(
        market.prices, asset=args["asset"], kind=event.name, reporter=args.get("reporter"),
        price=args.get("price", args.get("median", args.get("anchor", 0))),
    )  # fmt: skip


@on("ReceiptMarket", "ReceiptOffered")
def receipt_offered(now: Now, event: Event) -> None:
    """Goods are for sale again."""
    args = event.args
    now.rows.at(market.resales, str(args["token"])).update(
        member=args["member"], merchant=args["merchant"], stream=args["stream"], sequence=args["sequence"],
        price=args["price"], amount=args["amount"], until=args["until"], state="offered",
    )  # fmt: skip


@on("ReceiptMarket", *RESALES)
def receipt_changed(now: Now, event: Event) -> None:
    """They are paid, sold, or not."""
    args = event.args
    row = now.rows.at(market.resales, str(args["token"]))
    row["state"] = RESALES[event.name]
    if event.name == "ReceiptPaid":
        row["buyer"] = args["buyer"]
    elif event.name == "ReceiptSold":
        row["clawed_back"] += args["clawedBack"]
        row["arrears"] += args["arrears"]


@on("ReceiptMarket", "DisputeResolved")
def dispute_resolved(now: Now, event: Event) -> None:
    """Somebody decided who is right; what follows says its own event."""
    now.rows.at(market.resales, str(event.args["token"]))["state"] = "sold" if event.args["sold"] else "unwound"
