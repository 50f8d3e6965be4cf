"""Gives an account CashToken for money that came in, or takes cash tokens off the chain for money that goes out.

    brownie run deposit_cash main ACCOUNT AMOUNT [REFERENCE] --network FOLDER

      ACCOUNT    who gets the cash: an address, or the file of its key
      AMOUNT     money that came in, for instance 1,000.00
      REFERENCE  what the bank calls it, 32 characters at most

Finance does this: as much cash comes into being, and the bank account holds the money for it.

    brownie run deposit_cash withdraw AMOUNT [REFERENCE] --network FOLDER

The cash of whoever runs it ends; finance pays the money out. Name the key file in TILLNET_OPERATOR_KEY.

    brownie run deposit_cash show ACCOUNT --network FOLDER

What an account has. Stored value on members' cards is no cash of their keys: recharge_member puts that there.
"""

from typing import Final

from scripts.amounts import money, read_money
from scripts.names import text32
from scripts.open_stream import read_poster
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import told

GAS: Final = 200_000


@told
def main(account: str, amount: str, reference: str = "deposit") -> None:
    """Mints cash for an account and prints what it has."""
    session = open_session()
    holder = read_poster(account)
    arguments = (holder, read_money(amount), text32(reference))
    pipeline = session.pipeline()
    pipeline.checked_call("deposit cash", session["CashToken"].deposit, arguments, gas=GAS)
    pipeline.finish()
    _show(session, holder)


@told
def withdraw(amount: str, reference: str = "withdrawal") -> None:
    """Burns the sender's cash and prints what is left."""
    session = open_session()
    arguments = (read_money(amount), text32(reference))
    pipeline = session.pipeline()
    pipeline.checked_call("withdraw cash", session["CashToken"].withdraw, arguments, gas=GAS)
    pipeline.finish()
    _show(session, session.operator.address)


@told
def show(account: str) -> None:
    """Prints what an account has."""
    _show(open_session(), read_poster(account))


def _show(session: Session, holder: str) -> None:
    cash = session["CashToken"]
    rows = [("has", money(int(cash.balanceOf(holder)))), ("all cash there is", money(int(cash.totalSupply())))]
    table(f"Cash of {holder}", ("", cash.symbol()), rows)
