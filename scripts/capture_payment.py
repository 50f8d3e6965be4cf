"""Takes an authorised payment, or a part of it, for the merchant.

    brownie run capture_payment main ID AMOUNT [REWARD] --network FOLDER

      ID      as authorize_payment printed it
      AMOUNT  for instance 80.00, or all
      REWARD  coins that the member gets; what the payer signed for, if left out

The merchant's CONSUME group may do this: name the clerk's key file in TILLNET_OPERATOR_KEY if it is not the operator.
"""

from scripts.amounts import coins, money, read_coins, read_money
from scripts.escrow_terms import STEP_GAS, find_payment, show_payment, standing_before
from scripts.session import open_session
from scripts.trouble import Trouble, told


@told
def main(id: str, amount: str, reward: str = "") -> None:
    """Captures and prints where the payment stands."""
    session = open_session()
    id_, terms = find_payment(session, id)
    escrow = session["SettlementEscrow"]
    capturable, _, _ = standing_before(session, id_)
    part = capturable if amount == "all" else read_money(amount, high=2**48 - 1)
    if not capturable:
        raise Trouble(f"nothing of payment {id} is left to be captured")
    needed = -(-terms.min_reward * part // terms.amount)
    units = read_coins(reward) if reward not in ("", "0") else needed if reward == "" else 0
    words = (terms.words(), part, units)
    pipeline = session.pipeline()
    pipeline.checked_call(f"capture {money(part)}", escrow.capture, words, gas=STEP_GAS)
    pipeline.finish()
    fee = part * escrow.merchantTerms(terms.merchant)[1] // 10_000
    show_payment(session, id_, terms, ("taken now", money(part)), ("fee of it", money(fee)), ("coins", coins(units)))
