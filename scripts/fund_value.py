"""Pays money into the funds that gifts to members and merchants come from, or takes it out again.

brownie run fund_value main FUND AMOUNT --network FOLDER
brownie run fund_value take FUND AMOUNT ACCOUNT --network FOLDER      finance does this
brownie run fund_value show --network FOLDER

  FUND  starting (starting values of cards), bonus (on points bought ahead), credit (points on credit),
        corrections (value given by hand), or a rebate programme's number
"""

from typing import Any, Final

from scripts.amounts import money, read_money, read_whole
from scripts.names import read_address
from scripts.parties import bring_cash
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

FUNDS: Final = ("starting", "bonus", "credit", "corrections")
GAS: Final = 200_000
LARGEST: Final = 2**48 - 1


@told
def main(fund: str, amount: str) -> None:
    """Pays into a fund and prints all."""
    session = open_session()
    contract, pay, _, head = _methods(session, fund)
    paid = read_money(amount, high=LARGEST)
    pipeline = session.pipeline()
    bring_cash(pipeline, session, contract, paid)
    pipeline.call(f"pay into the fund {fund}", pay, (*head, paid), gas=GAS)
    pipeline.finish()
    _show(session)


@told
def take(fund: str, amount: str, account: str) -> None:
    """Takes out of a fund and prints all."""
    session = open_session()
    _, _, method, head = _methods(session, fund)
    arguments = (*head, read_money(amount, high=LARGEST), read_address(account))
    pipeline = session.pipeline()
    pipeline.checked_call(f"take out of the fund {fund}", method, arguments, gas=GAS)
    pipeline.finish()
    _show(session)


@told
def show() -> None:
    """Prints all funds."""
    _show(open_session())


def _methods(session: Session, fund: str) -> tuple[Any, Any, Any, tuple[Any, ...]]:
    """The contract, what pays in, what takes out, and their first arguments."""
    value, sale, rebates = session["StoredValue"], session["PointSale"], session["Rebates"]
    if fund == "starting":
        return value, value.fundStartingValues, value.withdrawStartingFund, ()
    if fund in ("bonus", "credit"):
        return sale, sale.payFund, sale.takeFund, (fund == "credit",)
    if fund == "corrections":
        return session["Corrections"], session["Corrections"].payFund, session["Corrections"].takeFund, ()
    number = read_whole(fund, f"one of {', '.join(FUNDS)} or a programme's number", low=1, high=2**16 - 1)
    if number > rebates.programmeCount():
        raise Trouble(f"there is no programme {number}")
    return rebates, rebates.fundProgramme, rebates.withdrawFund, (number,)


def _show(session: Session) -> None:
    sale, rebates = session["PointSale"], session["Rebates"]
    rows = [
        ("starting", money(session["StoredValue"].startingFund()), ""),
        ("bonus", money(sale.bonusFund()), ""),
        ("credit", money(sale.creditFund()), f"{money(sale.receivables())} owed by merchants"),
        ("corrections", money(session["Corrections"].fund()), ""),
    ]
    for number in range(1, int(rebates.programmeCount()) + 1):
        fund, promised, *_ = rebates.programmeOf(number)
        rows.append((f"programme {number}", money(fund), f"{money(promised)} promised"))
    table("Funds", ("fund", "free", "beside"), rows)
