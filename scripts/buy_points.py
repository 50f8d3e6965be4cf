"""Buys prepaid points for a merchant: ahead, with a bonus for large amounts, or on credit.

    brownie run buy_points main MERCHANT AMOUNT [ATLEAST] [FROM] --network FOLDER

      MERCHANT  the merchant's number
      AMOUNT    money; points are bought at par, and a bonus fund of the operator adds to it by steps
      ATLEAST   refuse when the bonus is less than this
      FROM      cash (the account's own) or payable (what the ledger owes the merchant)

    brownie run buy_points credit MERCHANT AMOUNT --network FOLDER

The operator's credit fund pays, and the merchant owes it until it is due (settle_points).

    brownie run buy_points steps STEPS --network FOLDER

      STEPS  what the operator adds: 1000.00=2%,10000.00=5%; none: no bonus

For the merchant's finance group: the operator for merchants that it administers, else name the key file in
TILLNET_OPERATOR_KEY. At par, without bonus and for anybody: fund_points.
"""

from datetime import UTC, datetime
from typing import Final

from scripts.amounts import coins, money, read_money
from scripts.parties import bring_cash, percent, read_merchant, read_percent
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 600_000
LARGEST: Final = 2**48 - 1
SOURCES: Final = ("cash", "payable")


@told
def main(merchant: str, amount: str, at_least: str = "0", source: str = "cash") -> None:
    """Buys ahead and prints what the merchant has."""
    session = open_session()
    shop, paid = read_merchant(session, merchant), read_money(amount, high=LARGEST)
    if source not in SOURCES:
        raise Trouble(f"{source!r} is neither {' nor '.join(SOURCES)}")
    least = 0 if at_least == "0" else read_money(at_least, high=LARGEST)
    contract = session["PointSale"]
    before = int(contract.bonusFund())
    pipeline = session.pipeline()
    if source == "cash":
        bring_cash(pipeline, session, contract, paid)
    arguments = (shop, paid, least, source == "payable")
    pipeline.call(f"buy points for merchant {shop}", contract.buyAhead, arguments, gas=GAS)
    pipeline.finish()
    bonus = before - int(contract.bonusFund())
    _show(session, shop, ("paid", money(paid)), ("bonus", money(bonus)))


@told
def credit(merchant: str, amount: str) -> None:
    """Buys on credit and prints what the merchant has and owes."""
    session = open_session()
    shop, paid = read_merchant(session, merchant), read_money(amount, high=LARGEST)
    contract = session["PointSale"]
    pipeline = session.pipeline()
    pipeline.checked_call(f"buy points for merchant {shop}", contract.buyOnCredit, (shop, paid), gas=GAS)
    pipeline.finish()
    limit, owed, due, _, _ = contract.lineOf(shop)
    day = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%d %H:%M UTC")
    _show(session, shop, ("bought", money(paid)), ("owed", f"{money(owed)} of {money(limit)}"), ("due", day))


@told
def steps(listed: str) -> None:
    """Sets the steps of the bonus and prints them."""
    session = open_session()
    read = [] if listed == "none" else [_step(part.strip()) for part in listed.split(",")]
    pipeline = session.pipeline()
    pipeline.checked_call("set the steps", session["PointSale"].setSteps, (read,), gas=GAS)
    pipeline.finish()
    show("Bonus", ("from", "of what is paid"), [(money(start), percent(bps)) for start, bps in read])


def _show(session: Session, shop: int, *rows: tuple[str, str]) -> None:
    prepaid = int(session["RewardToken"].merchant(shop)[0])
    show(f"Merchant {shop}", ("", "now"), [*rows, ("prepaid points", coins(prepaid))])


def _step(text: str) -> tuple[int, int]:
    start, sign, share = text.partition("=")
    if not sign:
        raise Trouble(f"{text!r} is no step such as 1000.00=2%")
    return read_money(start, high=LARGEST), read_percent(share)
