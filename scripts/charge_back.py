"""Gives a captured payment back to who paid against the merchant's will, within the network's window.

    brownie run charge_back main ID AMOUNT REASON --network FOLDER

      ID      as authorize_payment printed it
      AMOUNT  for instance 20.00, or all
      REASON  a text that goes on the chain, for instance "goods not delivered"; no personal data

Operator only.
"""

from scripts.amounts import money, read_money
from scripts.escrow_terms import STEP_GAS, find_payment, show_payment, standing_before
from scripts.session import open_session
from scripts.trouble import Trouble, told

LONGEST_REASON = 200


@told
def main(id: str, amount: str, reason: str) -> None:
    """Charges back and prints where the payment stands."""
    session = open_session()
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Trouble(f"a chargeback has a reason of 1 to {LONGEST_REASON} characters")
    id_, terms = find_payment(session, id)
    escrow = session["SettlementEscrow"]
    _, captured, refunded = standing_before(session, id_)
    part = captured - refunded if amount == "all" else read_money(amount, high=2**48 - 1)
    words = (terms.words(), part, reason)
    pipeline = session.pipeline()
    pipeline.checked_call(f"charge back {money(part)}", escrow.chargeBack, words, gas=STEP_GAS)
    pipeline.finish()
    show_payment(session, id_, terms, ("charged back now", money(part)), ("reason", reason))
