"""Pays what a merchant owes for points bought on credit.

brownie run settle_points main MERCHANT AMOUNT [FROM] --network FOLDER

  AMOUNT  money, or all
  FROM    cash (the account's own) or payable (what the ledger owes the merchant; its finance group only)

brownie run settle_points collect MERCHANT --network FOLDER   what is overdue, from payable and deposit (anybody)
brownie run settle_points show MERCHANT --network FOLDER
"""

from datetime import UTC, datetime
from typing import Final

from scripts.amounts import money, read_money
from scripts.parties import bring_cash, percent, read_merchant
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

GAS: Final = 300_000
LARGEST: Final = 2**48 - 1
SOURCES: Final = ("cash", "payable")


@told
def main(merchant: str, amount: str, source: str = "cash") -> None:
    """Settles and prints what is still owed."""
    session = open_session()
    shop = read_merchant(session, merchant)
    if source not in SOURCES:
        raise Trouble(f"{source!r} is neither {' nor '.join(SOURCES)}")
    contract = session["PointSale"]
    owed = int(contract.lineOf(shop)[1])
    if not owed:
        raise Trouble(f"merchant {shop} owes nothing")
    paid = owed if amount == "all" else read_money(amount, high=LARGEST)
    pipeline = session.pipeline()
    if source == "cash":
        bring_cash(pipeline, session, contract, paid)
    method = contract.settle if source == "cash" else contract.settleFromPayable
    pipeline.call(f"settle for merchant {shop}", method, (shop, paid), gas=GAS)
    pipeline.finish()
    _show(session, shop)


@told
def collect(merchant: str) -> None:
    """Collects what is overdue and prints what is still owed."""
    session = open_session()
    shop = read_merchant(session, merchant)
    pipeline = session.pipeline()
    pipeline.checked_call(f"collect from merchant {shop}", session["PointSale"].collect, (shop,), gas=GAS)
    pipeline.finish()
    _show(session, shop)


@told
def show(merchant: str) -> None:
    """Prints a merchant's credit."""
    session = open_session()
    _show(session, read_merchant(session, merchant))


def _show(session: Session, shop: int) -> None:
    limit, owed, due, term, cover = session["PointSale"].lineOf(shop)
    rows = [
        ("credit", money(limit)),
        ("owed", money(owed)),
        ("due", datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%d %H:%M UTC") if due else "nothing"),
        ("term", f"{term / 86_400:g} days"),
        ("of what is owed must be deposited", percent(cover)),
    ]
    table(f"Merchant {shop}", ("", "now"), rows)
