"""Gives a captured payment of the escrow, or a part of it, back to who paid.

    brownie run refund_payment main ID AMOUNT --network FOLDER

      ID      as authorize_payment printed it (payments of a till are refunded there)
      AMOUNT  for instance 20.00, or all

    brownie run refund_payment expected ID --network FOLDER    what a refund of all of it would give back; sends nothing

It is taken from the money held for the merchant, then its payable and its deposit. The merchant's
CANCEL group may do this: name the clerk's key file in TILLNET_OPERATOR_KEY if it is not the operator.
"""

from datetime import UTC, datetime

from scripts.amounts import coins, money, read_money
from scripts.escrow_terms import STEP_GAS, find_payment, show_payment, standing_before
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told


@told
def main(id: str, amount: str) -> None:
    """Refunds and prints where the payment stands."""
    session = open_session()
    id_, terms = find_payment(session, id)
    escrow = session["SettlementEscrow"]
    _, captured, refunded = standing_before(session, id_)
    part = captured - refunded if amount == "all" else read_money(amount, high=2**48 - 1)
    if captured == refunded:
        raise Trouble(f"nothing of payment {id} is captured and not refunded")
    pipeline = session.pipeline()
    pipeline.checked_call(f"refund {money(part)}", escrow.refund, (terms.words(), part), gas=STEP_GAS)
    pipeline.finish()
    show_payment(session, id_, terms, ("given back now", money(part)))


@told
def expected(id: str) -> None:
    """Prints what a refund of all that is left would do."""
    session = open_session()
    _, terms = find_payment(session, id)
    amount, until, points, funded = session["SettlementEscrow"].expectedRefund(terms.words())
    rows = [
        ("goes back", money(amount)),
        ("until", datetime.fromtimestamp(until, UTC).isoformat(" ", "minutes")),
        ("points taken back", coins(points)),
        ("the merchant's own money reaches", "yes" if funded else "no"),
    ]
    show(f"Expected refund at merchant {terms.merchant}", ("", "amount"), rows)
