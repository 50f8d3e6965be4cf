"""Publishes what a merchant's tills take off, for some products and some kinds of cards.

    brownie run set_card_discount main MERCHANT SHARE [KIND] [PRODUCTS] [FROM] [UNTIL] --network FOLDER

      SHARE        10% off
      KIND         a kind of card (0 = every member)
      PRODUCTS     a file with one product code a line; all = all products
      FROM, UNTIL  2026-11-01 or 2026-11-01T08:00, UTC; 0 = from now, until it is ended

    brownie run set_card_discount end MERCHANT NUMBER --network FOLDER
    brownie run set_card_discount show MERCHANT --network FOLDER

Terms never change: end them and publish others. Of all that apply the largest counts. The till takes it off before the
member pays; points are earned on what is paid. For the merchant's offers group. The list of products is published as
FOLDER/product-sets/ROOT.txt.
"""

from datetime import UTC, datetime
from typing import Final

from node.domain.merkle import product_set_root
from scripts.amounts import read_whole
from scripts.names import read_products, typed_path
from scripts.parties import percent, read_merchant, read_percent
from scripts.session import Session, open_session
from scripts.set_rule import publish, read_time
from scripts.tables import show as table
from scripts.trouble import told

GAS: Final = 400_000
ALL: Final = "all"


@told
def main(merchant: str, share: str, kind: str = "0", products: str = ALL, starts: str = "0", until: str = "0") -> None:
    """Publishes a discount and prints those that stand."""
    session = open_session()
    shop = read_merchant(session, merchant)
    root, catalogue = bytes(32), ""
    if products != ALL:
        codes = read_products(typed_path(products))
        root, catalogue = product_set_root(codes), publish(session, codes)
    number = read_whole(kind, "a kind of card", high=255)
    arguments = (shop, root, number, read_percent(share), read_time(starts), read_time(until), catalogue)
    contract = session["CardDiscounts"]
    pipeline = session.pipeline()
    pipeline.checked_call("publish the discount", contract.publish, arguments, gas=GAS)
    pipeline.finish()
    _show(session, shop)


@told
def end(merchant: str, number: str) -> None:
    """Ends a discount and prints those that stand."""
    session = open_session()
    shop = read_merchant(session, merchant)
    arguments = (shop, read_whole(number, "a discount's number", low=1, high=2**32 - 1))
    contract = session["CardDiscounts"]
    pipeline = session.pipeline()
    pipeline.checked_call("end the discount", contract.end, arguments, gas=GAS)
    pipeline.finish()
    _show(session, shop)


@told
def show(merchant: str) -> None:
    """Prints the discounts that stand."""
    session = open_session()
    _show(session, read_merchant(session, merchant))


def _show(session: Session, shop: int) -> None:
    contract = session["CardDiscounts"]
    rows = []
    for number in sorted(contract.standing(shop)):
        root, bps, kind, _, starts, until = contract.termsOf(shop, number)
        products = f"0x{bytes(root).hex()[:16]}.." if any(root) else "all"
        rows.append((str(number), percent(bps), str(kind) if kind else "all", products, _day(starts), _day(until)))
    table(f"Discounts of merchant {shop}", ("number", "off", "kind", "products", "from", "until"), rows)


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M") if seconds else "open"
