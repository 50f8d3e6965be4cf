"""The discount of members who pay in the coin: its rate, who bears it at a merchant, and the platform's fund.

brownie run set_discount main RATE --network FOLDER                       operator: the network's rate, such as 5%
brownie run set_discount bearer MERCHANT WHO --network FOLDER             merchant's OFFERS group

  WHO     nobody (no discount), merchant, or platform (if the operator gave it an allowance)

brownie run set_discount allowance MERCHANT AMOUNT --network FOLDER       operator: the platform's part
brownie run set_discount fund AMOUNT --network FOLDER                     pays cash into the platform's fund
brownie run set_discount take_out ACCOUNT AMOUNT --network FOLDER         operator: takes cash out of it
brownie run set_discount take_back PAYMENT[,PAYMENT...] --network FOLDER  after refunds: the platform's share comes back

  PAYMENT STREAM-SEQUENCE as `till payment` names it, for instance 1-42; anybody brings the proof

brownie run set_discount show [MERCHANT] --network FOLDER
"""

from typing import Any, Final

from node.domain.payment import Tender
from scripts.amounts import money, read_money, read_percent
from scripts.escrow_terms import STEP_GAS, known_merchant
from scripts.open_stream import read_poster
from scripts.proofs import prove
from scripts.session import Session, open_session
from scripts.tables import show as show_table
from scripts.trouble import Trouble, told

LINE_GAS: Final = 100_000
BEARERS: Final = ("nobody", "merchant", "platform")


@told
def main(rate: str) -> None:
    """Sets the rate."""
    session = open_session()
    _send(session, "set the discount", "setRate", (read_percent(rate),))
    _show(session)


@told
def bearer(merchant: str, who: str) -> None:
    """Sets who bears the discounts of a merchant."""
    session = open_session()
    number = known_merchant(session, merchant)
    if who not in BEARERS:
        raise Trouble(f"{who!r} is not nobody, merchant or platform")
    _send(session, f"let {who} bear the discounts", "setBearer", (number, BEARERS.index(who)))
    _show(session, number)


@told
def allowance(merchant: str, amount: str) -> None:
    """Sets what the platform may bear for a merchant."""
    session = open_session()
    number = known_merchant(session, merchant)
    _send(session, "set the allowance", "setAllowance", (number, 0 if amount == "0" else read_money(amount)))
    _show(session, number)


@told
def fund(amount: str) -> None:
    """Pays cash tokens of whoever runs this into the fund."""
    session = open_session()
    minor = read_money(amount)
    discount, cash = session["CoinDiscount"], session["CashToken"]
    pipeline = session.pipeline()
    pipeline.call("approve the discount's fund", cash.approve, (discount.address, minor), gas=STEP_GAS)
    pipeline.call(f"pay {money(minor)} into the fund", discount.fillFund, (minor,), gas=STEP_GAS)
    pipeline.finish()
    _show(session)


@told
def take_out(account: str, amount: str) -> None:
    """Takes cash out of the fund."""
    session = open_session()
    minor = read_money(amount)
    _send(session, f"take {money(minor)} out of the fund", "withdrawFund", (read_poster(account), minor))
    _show(session)


@told
def take_back(payments: str) -> None:
    """Takes the platform's share of refunded payments back from their merchants."""
    session = open_session()
    lines: dict[str, list[tuple[Any, ...]]] = {}
    for line in prove(session, payments):
        if line.leaf.tender == Tender.COIN:
            lines.setdefault(line.payment, []).append(line.words)
    if not lines:
        raise Trouble("none of these payments has a line that was paid in coins")
    pipeline = session.pipeline()
    for payment, words in lines.items():
        method, gas = session["CoinDiscount"].takeBack, STEP_GAS + LINE_GAS * len(words)
        pipeline.checked_call(f"take the discount of payment {payment} back", method, (words,), gas=gas)
    pipeline.finish()
    _show(session)


@told
def show(merchant: str = "") -> None:
    """Prints rate and fund."""
    session = open_session()
    _show(session, known_merchant(session, merchant) if merchant else None)


def _send(session: Session, what: str, name: str, words: tuple[Any, ...]) -> None:
    method = getattr(session["CoinDiscount"], name)
    pipeline = session.pipeline()
    pipeline.checked_call(what, method, words, gas=STEP_GAS)
    pipeline.finish()


def _show(session: Session, merchant: int | None = None) -> None:
    discount = session["CoinDiscount"]
    rows = [("rate", f"{discount.rateBps() / 100:g}%"), ("platform's fund", money(discount.fund()))]
    if merchant is not None:
        who, left, _ = discount.ruleOf(merchant)
        rows += [(f"borne at merchant {merchant} by", BEARERS[who]), ("the platform may bear", money(left))]
    show_table("Discount for coins", ("", "now"), rows)
