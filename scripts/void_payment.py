"""Gives back what was authorised and not captured.

brownie run void_payment main ID --network FOLDER       the merchant does not want it (CANCEL group)
brownie run void_payment reclaim ID --network FOLDER    it was not captured in time; anybody, it goes to the payer
"""

from scripts.escrow_terms import STEP_GAS, find_payment, show_payment
from scripts.session import open_session
from scripts.trouble import told


@told
def main(id: str) -> None:
    """Voids and prints where the payment stands."""
    _give_back(id, "void")


@told
def reclaim(id: str) -> None:
    """Reclaims and prints where the payment stands."""
    _give_back(id, "reclaim")


def _give_back(text: str, step: str) -> None:
    session = open_session()
    id_, terms = find_payment(session, text)
    method = getattr(session["SettlementEscrow"], step)
    pipeline = session.pipeline()
    pipeline.checked_call(f"{step} the payment", method, (terms.words(),), gas=STEP_GAS)
    pipeline.finish()
    show_payment(session, id_, terms)
