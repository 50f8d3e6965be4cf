"""Shows what a merchant's open period would settle, what is on its way to it, and what the escrow's cash is for.

brownie run show_statement main MERCHANT --network FOLDER
brownie run show_statement cash --network FOLDER
"""

from collections.abc import Sequence

from scripts.amounts import money
from scripts.escrow_terms import known_merchant
from scripts.names import ZERO
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

ROWS = (
    "gross",
    "refunds and chargebacks",
    "fees",
    "of the refunds, paid from payable, deposit or fund",
    "paid at each capture",
    "back to the deposit",
    "net",
    "carried forward",
)


@told
def main(merchant: str) -> None:
    """Prints a merchant's statement."""
    session = open_session()
    number = known_merchant(session, merchant)
    escrow = session["SettlementEscrow"]
    admitted, fee, at_once, _ = escrow.merchantTerms(number)
    if not admitted:
        raise Trouble(f"no fee is agreed with merchant {number}: first brownie run settle_merchant terms")
    pending, day, payable = escrow.creditProcessing(number)
    to = session["MerchantPayouts"].payoutNow(number)
    rows = [
        *statement_rows(escrow.statementOf(number)),
        ("fee agreed", f"{fee / 100:g}%{', paid at each capture' if at_once else ''}"),
        ("on its way, from network day", f"{money(pending)}, {day} (today {session['RewardToken'].currentDay()})"),
        ("payable in the ledger", money(payable)),
        ("payout address", to if to != ZERO else "none: to its payable"),
    ]
    show(f"Merchant {number}, open period", ("", "amount"), rows)


@told
def cash() -> None:
    """Prints what the escrow's cash is for, and the difference to what it has."""
    session = open_session()
    escrow = session["SettlementEscrow"]
    names = ("authorised", "held for merchants", "fees of open periods", "fees to be claimed")
    holdings = escrow.holdings()
    held = session["CashToken"].balanceOf(escrow.address)
    rows = [(name, money(amount)) for name, amount in zip(names, holdings, strict=True)]
    show("Escrow", ("", "amount"), [*rows, ("cash", money(held)), ("difference", money(held - sum(holdings)))])


def statement_rows(statement: Sequence[int]) -> list[tuple[str, str]]:
    """IMerchantSettlement.Statement in words."""
    return [(name, money(amount)) for name, amount in zip(ROWS, statement, strict=True)]
