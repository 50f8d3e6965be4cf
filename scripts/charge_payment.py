"""Takes a payment in one step: authorised and captured at once. For a sale whose goods go over the counter now.

    brownie run charge_payment main MERCHANT AMOUNT [FEE] --network FOLDER                   cash tokens of who pays
    brownie run charge_payment member MERCHANT MEMBER AMOUNT [TENDER] [FEE] [REWARD] --network FOLDER

      AMOUNT  for instance 120.00
      FEE     the most that may be taken from the merchant as its fee (5%)
      TENDER  value (stored value, the default) or coins
      REWARD  coins of the merchant's prepaid points that the member gets for it (0)

Who pays signs with the key file named in TILLNET_PAYER_KEY (else with the operator's); a clerk of the merchant's
(consume group) sends: its key in TILLNET_OPERATOR_KEY. A refund is possible for 90 days (refund_payment).
"""

from typing import Any, Final

from scripts.amounts import read_coins, read_whole
from scripts.authorize_payment import permit_of, read_terms, signature_of
from scripts.escrow_terms import CASH, COINS, STEP_GAS, TENDERS, VALUE, Terms, payer_key, show_payment
from scripts.session import Session, open_session
from scripts.trouble import Trouble, told

DAYS: Final = "1"


@told
def main(merchant: str, amount: str, fee: str = "5%") -> None:
    """Charges cash tokens."""
    session = open_session()
    payer = payer_key(session)
    terms = read_terms(session, merchant, amount, DAYS, fee, payer=payer.address, tender=CASH)
    _charge(session, terms, 0)


@told
def member(merchant: str, member: str, amount: str, tender: str = "value", fee: str = "5%", reward: str = "0") -> None:
    """Charges a member's stored value or coins."""
    session = open_session()
    if tender not in TENDERS[1:]:
        raise Trouble(f"{tender!r} is not value or coins")
    number = read_whole(member, "a member's number", low=1)
    units = 0 if reward == "0" else read_coins(reward)
    kind = COINS if tender == "coins" else VALUE
    terms = read_terms(session, merchant, amount, DAYS, fee, member=number, tender=kind, min_reward=units)
    _charge(session, terms, units)


def _charge(session: Session, terms: Terms, reward: int) -> None:
    escrow, cash, payer = session["SettlementEscrow"], session["CashToken"], payer_key(session)
    id_ = bytes(escrow.idOf(terms.words()))
    pipeline = session.pipeline()
    if terms.tender == CASH and cash.allowance(payer.address, escrow.address) < terms.amount:
        permit: tuple[Any, ...] = permit_of(session, payer, terms.amount)
        words = (payer.address, escrow.address, terms.amount, *permit)
        pipeline.call("let the escrow take the cash", cash.permit, words, gas=STEP_GAS)
    arguments = (terms.words(), terms.amount, reward, signature_of(payer, id_))
    pipeline.call("charge the payment", escrow.charge, arguments, gas=STEP_GAS)
    pipeline.finish()
    show_payment(session, id_, terms)
