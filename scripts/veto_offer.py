"""Ends what a merchant offers, as the operator: an offer's version, a set of products, a discount of cards.

    brownie run veto_offer main MERCHANT VERSION REASON --network FOLDER     its lines earn the base from the next block
    brownie run veto_offer products PRODUCTS REASON --network FOLDER         no offer may use this set any more
    brownie run veto_offer discount MERCHANT NUMBER --network FOLDER         a discount published by set_card_discount

      VERSION   as set_rule show lists it
      PRODUCTS  a file with one product code a line, or the set's root (0x..); another list is another set
      REASON    why, in quotes; it stands on the chain for all to read

Nothing that was given is taken back, and a veto cannot be undone.
"""

from typing import Final

from node.domain.merkle import product_set_root
from scripts.amounts import MAX_32, read_whole
from scripts.names import read_products, typed_path
from scripts.parties import read_merchant
from scripts.past_events import past_events
from scripts.session import open_session
from scripts.set_rule import show_rules
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 300_000
AT_ONCE: Final = 50  # offers that a transaction ends
OFFER_GAS: Final = 60_000
LONGEST: Final = 200  # characters of a reason
LAST_VERSION: Final = 2**16 - 1


@told
def main(merchant: str, version: str, reason: str) -> None:
    """Vetoes one version of a merchant's offers."""
    session = open_session()
    shop, number = read_merchant(session, merchant), read_whole(version, "a version", low=1, high=LAST_VERSION)
    arguments = (shop, number, _reason(reason))
    pipeline = session.pipeline()
    method = session["RewardRules"].vetoVersion
    pipeline.checked_call(f"veto version {number} of merchant {shop}", method, arguments, gas=GAS)
    pipeline.finish()
    show_rules(session, shop)


@told
def products(products: str, reason: str) -> None:
    """Vetoes a set of products and ends all offers on it."""
    session = open_session()
    root, why = _root(products), _reason(reason)
    offers = past_events(session, "RewardRules", "RuleDefined", productSet=root)
    pipeline = session.pipeline()
    method, arguments = session["RewardRules"].vetoProductSet, (root, AT_ONCE, why)
    pipeline.check("veto the product set", method, arguments)
    for _ in range(max(1, -(-len(offers) // AT_ONCE))):
        pipeline.call("veto the product set", method, arguments, gas=GAS + OFFER_GAS * AT_ONCE)
    pipeline.finish()
    merchants = sorted({int(offer["merchant"]) for offer in offers})
    rows = [
        ("root", f"0x{root.hex()}"),
        ("offers ended, now or before", f"{len(offers):,}"),
        ("of merchants", ", ".join(map(str, merchants)) or "none"),
    ]
    show("Product set vetoed", ("", "now"), rows)


@told
def discount(merchant: str, number: str) -> None:
    """Ends a discount of cards."""
    session = open_session()
    shop, which = read_merchant(session, merchant), read_whole(number, "a discount's number", low=1, high=MAX_32)
    pipeline = session.pipeline()
    what = f"veto discount {which} of merchant {shop}"
    pipeline.checked_call(what, session["CardDiscounts"].veto, (shop, which), gas=GAS)
    pipeline.finish()
    print(f"Ended: discount {which} of merchant {shop}.")


def _root(text: str) -> bytes:
    if not text.startswith("0x"):
        return product_set_root(read_products(typed_path(text)))
    try:
        root = bytes.fromhex(text[2:])
    except ValueError:
        root = b""
    if len(root) != 32:
        raise Trouble(f"{text} is no root of a product set: 0x and 64 hexadecimal digits")
    return root


def _reason(text: str) -> str:
    if not text.strip() or len(text) > LONGEST:
        raise Trouble(f"a veto has a reason of 1 to {LONGEST} characters")
    return text
