"""Buys prepaid points for a merchant: what it pays goes into the redemption reserve and backs every coin it gives.

    brownie run fund_points main MERCHANT AMOUNT --network FOLDER

      MERCHANT  the merchant's number
      AMOUNT    money, for instance 10,000.00; the merchant gets points for it at par

The operator first mints that much cash to itself (the money has come in), then pays it into the ledger.
"""

from collections.abc import Mapping
from typing import Final

from scripts.amounts import MAX_56, coins, money, read_money, read_whole
from scripts.names import text32
from scripts.pipeline import Pipeline
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

REFERENCE: Final = "merchant points"


@told
def main(merchant: str, amount: str) -> None:
    """Buys points for one merchant and prints what it has."""
    session = open_session()
    number = read_whole(merchant, "a merchant's number", low=1, high=2**32 - 1)
    if number > session["Registry"].merchantCount():
        raise Trouble(f"there is no merchant {number}")
    paid = read_money(amount)
    pipeline = session.pipeline()
    check_points(pipeline, session, paid)
    buy_points(pipeline, session, {number: paid})
    pipeline.finish()
    account = session["RewardToken"].merchant(number)
    show(f"Merchant {number}", ("", "amount"), [("paid now", money(paid)), ("prepaid points", coins(account[0]))])


def check_points(pipeline: Pipeline, session: Session, total: int) -> None:
    """Raises Trouble when the ledger cannot take `total` minor units, or the operator may not deposit them.

    Before anything is sent: else cash would be minted for points that nobody gets.
    """
    if not total:
        return
    ledger = session["RewardToken"]
    _, _, reserve, _ = ledger.totals()
    room = MAX_56 // int(ledger.unitsPerMinorUnit()) - reserve
    if total > room:
        raise Trouble(f"{money(total)} is too much: the ledger has room for {money(max(room, 0))} more")
    arguments = (session.operator.address, total, text32(REFERENCE))
    pipeline.check("deposit cash", session["CashToken"].deposit, arguments)


def buy_points(pipeline: Pipeline, session: Session, amounts: Mapping[int, int]) -> None:
    """Sends the purchases of all merchants (number -> minor units), with one deposit and one approval for the sum."""
    total = sum(amounts.values())
    if not total:
        return
    ledger, cash = session["RewardToken"], session["CashToken"]
    operator = session.operator.address
    pipeline.call("deposit cash", cash.deposit, (operator, total, text32(REFERENCE)), gas=200_000)
    pipeline.call("approve the ledger", cash.approve, (ledger.address, total), gas=100_000)
    for merchant, amount in amounts.items():
        if amount:
            pipeline.call(f"buy points for merchant {merchant}", ledger.buyPoints, (merchant, amount), gas=300_000)
