"""Pays cash into a merchant's deposit, into its payable, or into the guarantee fund.

    brownie run add_deposit main MERCHANT AMOUNT --network FOLDER      into its deposit
    brownie run add_deposit payable MERCHANT AMOUNT --network FOLDER   into its payable
    brownie run add_deposit fund AMOUNT --network FOLDER               into the guarantee fund
    brownie run add_deposit show MERCHANT --network FOLDER             what a merchant has and owes

      AMOUNT  for instance 500.00; of a deposit, what the merchant owes the guarantee fund goes there first

A merchant's sales in stored value and coins fill its payable. Before the first of them it has nothing to sell
certificates, refund, or recharge members from: put that in here. Anybody may pay. The cash is that of whoever runs it;
finance mints what is missing (deposit_cash), for money that has come in.
"""

from typing import Any, Final

from scripts.amounts import money, read_money
from scripts.parties import bring_cash, read_merchant
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import told

GAS: Final = 300_000
FUND: Final = 0  # the guarantee fund stands in the merchants' place 0


@told
def main(merchant: str, amount: str) -> None:
    """Adds to a merchant's deposit and prints what it has."""
    _add(merchant, amount, "addDeposit")


@told
def payable(merchant: str, amount: str) -> None:
    """Adds to a merchant's payable and prints what it has."""
    _add(merchant, amount, "creditPayable")


@told
def fund(amount: str) -> None:
    """Adds to the guarantee fund and prints what it has."""
    session = open_session()
    _pay(session, session["RewardToken"].addDeposit, FUND, read_money(amount))
    table("Guarantee fund", ("", "now"), [("holds", money(int(session["RewardToken"].deposits(FUND))))])


@told
def show(merchant: str) -> None:
    """Prints what a merchant has and owes."""
    session = open_session()
    _show(session, read_merchant(session, merchant))


def _add(merchant: str, amount: str, door: str) -> None:
    session = open_session()
    number = read_merchant(session, merchant)
    _pay(session, getattr(session["RewardToken"], door), number, read_money(amount))
    _show(session, number)


def _pay(session: Session, method: Any, merchant: int, amount: int) -> None:
    pipeline = session.pipeline()
    bring_cash(pipeline, session, session["RewardToken"], amount)
    pipeline.call("pay it in", method, (merchant, amount), gas=GAS)
    pipeline.finish()


def _show(session: Session, merchant: int) -> None:
    ledger = session["RewardToken"]
    rows = [
        ("payable", money(int(ledger.merchant(merchant)[1]))),
        ("deposit", money(int(ledger.deposits(merchant)))),
        ("owed to the guarantee fund", money(int(ledger.guaranteed(merchant)))),
    ]
    table(f"Merchant {merchant}", ("", "now"), rows)
