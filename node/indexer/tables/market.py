"""The market: exchange of coins and tokens, payments in other assets and their prices, receipts for resale."""

from typing import Final

from sqlalchemy import Index

from node.indexer.tables.kinds import (
    NAME,
    Uint64,
    key,
    money,
    number,
    octets,
    place,
    seen,
    table,
    uint64,
    units,
    words,
)

offers: Final = table(
    "offers",
    key(Uint64, "id", "Its number"),
    octets("maker", "Who offers, if an account"),
    uint64("member", "Who offers, if a member; else 0"),
    octets("sells", "The token that is sold"),
    octets("buys", "The token that is asked for"),
    words("sell_amount", "How much is sold, decimal"),
    words("buy_amount", "For how much, decimal"),
    words("left", "What is left of it, decimal"),
    units("held_current", "Coins that are put aside, of the newer bucket"),
    units("held_previous", "Of the older one"),
    number("held_epoch", "The epoch of the two"),
    number("expiry", "Unix seconds"),
    octets("counterparty", "Who alone may take it; zeros: anybody"),
    words("state", "open, taken or cancelled"),
    *seen(),
    comment="Offers of the exchange",
)

trades: Final = table(
    "trades",
    *place(),
    uint64("offer", "Which offer"),
    octets("taker", "Who took it"),
    octets("receiver", "Who got it"),
    words("amount", "What was sold, decimal"),
    words("paid", "For how much, decimal"),
    words("fee", "Of that, the fee, decimal"),
    Index("trades_by_offer", "offer"),
    comment="Trades",
)

asset_sales: Final = table(
    "asset_sales",
    key(Uint64, "id", "Its number"),
    octets("payer", "Who pays"),
    octets("asset", "In which asset"),
    number("merchant", "To whom"),
    money("amount", "What the merchant gets"),
    words("asset_amount", "What is paid, decimal"),
    words("deposit", "What locking the rate took, decimal"),
    uint64("price", "The rate that was locked, as in docs/assets.md"),
    number("time", "Unix seconds"),
    words("state", "locked, paid, lapsed"),
    money("refunded", "What of it was given back"),
    *seen(),
    Index("asset_sales_by_merchant", "merchant"),
    comment="Payments in other assets",
)

prices: Final = table(
    "prices",
    *place(),
    octets("asset", "Of which asset"),
    words("kind", "PriceReported, PriceAccepted, FeedHalted or FeedReset"),
    octets("reporter", "Who reported it", empty=True),
    uint64("price", "As in docs/assets.md; of a halt the median"),
    Index("prices_by_asset", "asset", "block"),
    comment="Prices that were reported and accepted",
)

resales: Final = table(
    "resales",
    key(NAME, "token", "The receipt's token id, decimal"),
    uint64("member", "Who sells"),
    number("merchant", "Where it was bought"),
    number("stream", "The payment's"),
    uint64("sequence", "The payment's"),
    money("price", "What is asked"),
    money("amount", "What it cost"),
    number("until", "Unix seconds"),
    octets("buyer", "Who paid for it", empty=True),
    units("clawed_back", "Points that it cost the seller"),
    units("arrears", "Of points, what the seller owes since"),
    words("state", "offered, withdrawn, paid, disputed, sold, unwound or returned"),
    *seen(),
    Index("resales_by_member", "member"),
    comment="Purchases offered for resale",
)
