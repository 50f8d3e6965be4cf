"""Writes a coupon off at a merchant, without a payment in the bridge's batch; or takes that back.

    brownie run write_off main MERCHANT COUPON BASKET SALE [PRODUCT PRODUCTS] --network FOLDER

      MERCHANT  the number of the merchant that sells
      COUPON    campaign/lot/serial, for instance 1/0/5; its holder is who presents it
      BASKET    what is bought, before the discount, for instance 123.45
      SALE      the merchant's own number of the sale; a coupon that cannot be stacked is the only one of it
      PRODUCT   a code that was bought, if the campaign is for a set of products; PRODUCTS is the set's file

    brownie run write_off cancel COUPON [NUMBER] --network FOLDER

      NUMBER    which of the coupon's uses, from 1; the last one if not said. On its day or the next.

    brownie run write_off annul COUPON REASON [NUMBER] --network FOLDER

      REASON    why, for all to read: the holder was not there. The operator, within 120 days.

    brownie run write_off refunded PAYMENT[,PAYMENT...] --network FOLDER

      PAYMENT   STREAM-SEQUENCE of a till's payment that came with a coupon, for instance 1-42: the incentive of what
                was refunded of it goes back; anybody brings the proof

The merchant's clerks do the first two (the groups consume and cancel): name the key file in TILLNET_OPERATOR_KEY. A
holder that has a key signs for its coupon (its key file in TILLNET_MEMBER_KEY). The incentive comes out of the
merchant's prepaid points or its payable; what it cannot pay it owes (claim_incentive settle).
"""

from typing import Any, Final

from web3.logs import DISCARD

from node.domain.acts.coupon import Face, discount_due_down
from node.domain.merkle import product_leaf, product_leaves, proof_of
from scripts.amounts import MAX_32, coins, money, read_money, read_whole
from scripts.coupon_terms import check_known, coupon_name, read_coupon
from scripts.member_key import sign_as_member
from scripts.names import read_products, typed_path
from scripts.proofs import prove
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

WRITE_OFF_GAS: Final = 600_000
CANCEL_GAS: Final = 1_500_000
MOST: Final = 2**40 - 1  # minor units
MAX_64: Final = 2**64 - 1


@told
def main(merchant: str, coupon: str, basket: str, sale: str, product: str = "", products: str = "") -> None:
    """Writes off and prints what was given and what it generated."""
    session = open_session()
    number = read_whole(merchant, "a merchant's number", low=1, high=MAX_32)
    each = read_coupon(coupon)
    check_known(session, each)
    worth = read_money(basket, high=MOST)
    reference = read_whole(sale, "a sale's number", low=1)
    terms = session["Coupons"].campaignOf(each >> 32)[0]
    discount = discount_due_down(Face(terms[3]), terms[4], worth)
    code, proof = _product(product, products)
    paid = worth - discount
    consent = _consent(session, number, each, reference, paid, discount)
    arguments = (number, each, reference, paid, discount, code, proof, *consent)
    pipeline = session.pipeline()
    pipeline.checked_call(
        f"write off coupon {coupon_name(each)}", session["Coupons"].writeOff, arguments, gas=WRITE_OFF_GAS
    )
    pipeline.finish()
    use = session["Coupons"].usesOf(each)[-1]
    _, _, _, units, _, _, _, funded, _, _ = session["IncentivePools"].useOf(use)
    amount = money(units) if terms[7] else f"{coins(units)} coins"
    rows = [
        ("basket", money(worth)),
        ("discount", money(discount)),
        ("paid", money(paid)),
        ("incentive", amount),
        ("from merchant", f"{number}" if funded else f"{number}, which owes it"),
    ]
    show(f"Coupon {coupon_name(each)} written off", ("", "now"), rows)


@told
def cancel(coupon: str, number: str = "0") -> None:
    """Takes a write-off back."""
    session = open_session()
    _take_back(session, coupon, number, "cancel", session["IncentivePools"].cancel)


@told
def annul(coupon: str, reason: str, number: str = "0") -> None:
    """Takes back a write-off that the holder did not ask for."""
    session = open_session()
    _take_back(session, coupon, number, "annul", session["IncentivePools"].annul, reason)


def _take_back(session: Session, coupon: str, number: str, what: str, call: Any, *more: Any) -> None:
    each = read_coupon(coupon)
    uses = session["Coupons"].usesOf(each)
    if not uses:
        raise Trouble(f"coupon {coupon_name(each)} was never written off")
    place = read_whole(number, "the number of a use", high=len(uses)) or len(uses)
    pipeline = session.pipeline()
    label = f"{what} use {place} of coupon {coupon_name(each)}"
    pipeline.checked_call(label, call, (uses[place - 1], *more), gas=CANCEL_GAS)
    pipeline.finish()
    left = session["Coupons"].couponOf(each)
    rows = [("uses that stand", str(left[7])), ("of", str(session["Coupons"].campaignOf(each >> 32)[0][5]))]
    show(f"Coupon {coupon_name(each)}: use {place} taken back", ("", "now"), rows)


@told
def refunded(payments: str) -> None:
    """Takes back the incentive of what was refunded of payments."""
    session = open_session()
    pools, ledger = session["IncentivePools"], session["RewardToken"]
    lines = [line for line in prove(session, payments) if int(ledger.refunded(line.leaf.hash)[0])]
    if not lines:
        raise Trouble("nothing of these payments was refunded")
    pipeline = session.pipeline()
    for line in lines:
        what = f"undo the incentive of line {line.payment}/{line.leaf.line}"
        pipeline.checked_call(what, pools.unwind, (line.words,), gas=CANCEL_GAS)
    receipts = pipeline.finish()
    names = [f"{line.payment}/{line.leaf.line}" for line in lines]
    rows = [(name, *_undone(session, receipt)) for name, receipt in zip(names, receipts, strict=True)]
    show("Incentive taken back", ("line", "coupon", "incentive"), rows)


def _undone(session: Session, receipt: Any) -> tuple[str, str]:
    """The coupon whose incentive a transaction took back, and how much."""
    pools = session["IncentivePools"]
    told_of = session.web3.eth.contract(address=pools.address, abi=pools.abi).events["IncentiveUnwound"]
    args = told_of.process_receipt(receipt, errors=DISCARD)[0]["args"]
    in_cash = session["Coupons"].campaignOf(args["coupon"] >> 32)[0][7]
    return coupon_name(args["coupon"]), money(args["units"]) if in_cash else f"{coins(args['units'])} coins"


def _consent(session: Session, merchant: int, coupon: int, sale: int, amount: int, discount: int) -> tuple[int, bytes]:
    """Deadline and signature of a holder that has a key; nothing of one without."""
    coupons = session["Coupons"]
    owner = int(str(coupons.ownerOf(coupon)), 16)
    holder = int(session["RewardToken"].survivorOf(owner & MAX_64))
    is_member = owner >> 64 == int(str(session["RewardToken"].memberAccount(holder)), 16) >> 64
    if not is_member or int(str(session["Registry"].memberKey(holder)), 16) == 0:
        return 0, b""
    fields = [
        ("coupon", "uint64", coupon),
        ("merchant", "uint32", merchant),
        ("sale", "uint64", sale),
        ("amount", "uint64", amount),
        ("discount", "uint64", discount),
    ]
    return sign_as_member(session, coupons, "Till Coupon", holder, "WriteOff", fields)


def _product(product: str, products: str) -> tuple[bytes, list[bytes]]:
    """The code and its proof in the set of the file."""
    if not product:
        return b"", []
    if not products:
        raise Trouble("name the file of the product set after the product")
    codes = read_products(typed_path(products))
    if product not in codes:
        raise Trouble(f"{product} is not in {products}")
    leaves = product_leaves(codes)
    return product.encode("ascii"), list(proof_of(leaves, leaves.index(product_leaf(product))))
