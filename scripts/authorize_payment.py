"""Puts a payer's money aside for a merchant, who takes it later (capture_payment) or gives it back (void_payment).

    brownie run authorize_payment main MERCHANT AMOUNT [DAYS] [FEE] --network FOLDER

      AMOUNT  for instance 120.00, in cash tokens of who pays
      DAYS    until when it may be captured (7); refunds are possible for 90 days more
      FEE     the most that may be taken from the merchant as its fee (5%)

    brownie run authorize_payment member MERCHANT MEMBER AMOUNT [TENDER] [DAYS] [FEE] [REWARD] --network FOLDER

      MEMBER  who pays; its registered key signs
      TENDER  value (stored value, the default) or coins
      REWARD  the coins that the member gets at least when all of it is captured (0)

Who pays signs with the key file named in TILLNET_PAYER_KEY (else with the operator's); TILLNET_OPERATOR_KEY carries it,
the payer's own or that of a clerk of the merchant's (consume group). Prints the payment's id.
"""

import secrets
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from scripts.amounts import read_coins, read_money, read_percent, read_whole
from scripts.escrow_terms import CASH, COINS, STEP_GAS, TENDERS, VALUE, Terms, known_merchant, payer_key, show_payment
from scripts.names import ZERO
from scripts.session import Session, open_session
from scripts.trouble import Trouble, told

HOUR: Final = 3_600
DAY: Final = 86_400
REFUND_DAYS: Final = 90
LONGEST: Final = 3_650  # days
MAX_48: Final = 2**48 - 1


@told
def main(merchant: str, amount: str, days: str = "7", fee: str = "5%") -> None:
    """Authorises cash tokens."""
    session = open_session()
    payer = payer_key(session)
    terms = read_terms(session, merchant, amount, days, fee, payer=payer.address, tender=CASH)
    pipeline = session.pipeline()
    escrow = session["SettlementEscrow"]
    id_ = bytes(escrow.idOf(terms.words()))
    allowed = session["CashToken"].allowance(payer.address, escrow.address)
    words: tuple[Any, ...] = (terms.words(), terms.amount, signature_of(payer, id_))
    method = escrow.authorize
    if allowed < terms.amount:
        method = escrow.authorizeWithPermit
        words = (*words, permit_of(session, payer, terms.amount))
    pipeline.checked_call("authorize the payment", method, words, gas=STEP_GAS)
    pipeline.finish()
    show_payment(session, id_, terms)


@told
def member(
    merchant: str,
    member: str,
    amount: str,
    tender: str = "value",
    days: str = "7",
    fee: str = "5%",
    reward: str = "0",
) -> None:
    """Authorises a member's stored value or coins."""
    session = open_session()
    if tender not in TENDERS[1:]:
        raise Trouble(f"{tender!r} is not value or coins")
    number = read_whole(member, "a member's number", low=1)
    units = 0 if reward == "0" else read_coins(reward)
    kind = COINS if tender == "coins" else VALUE
    terms = read_terms(session, merchant, amount, days, fee, member=number, tender=kind, min_reward=units)
    pipeline = session.pipeline()
    escrow = session["SettlementEscrow"]
    id_ = bytes(escrow.idOf(terms.words()))
    words = (terms.words(), terms.amount, signature_of(payer_key(session), id_))
    pipeline.checked_call("authorize the payment", escrow.authorize, words, gas=STEP_GAS)
    pipeline.finish()
    show_payment(session, id_, terms, ("signed for at least", f"{units:,} units"))


def read_terms(session: Session, merchant: str, amount: str, days: str, fee: str, **fields: Any) -> Terms:
    number = known_merchant(session, merchant)
    minor = read_money(amount, high=MAX_48)
    until = read_whole(days, "a number of days", low=1, high=LONGEST)
    most = read_percent(fee)
    if not session["SettlementEscrow"].merchantTerms(number)[0]:
        raise Trouble(f"no fee is agreed with merchant {number}: first brownie run settle_merchant terms")
    now = int(session.web3.eth.get_block("latest")["timestamp"])
    usual = {"payer": ZERO, "member": 0, "min_reward": 0}
    times = {
        "authorize_by": now + HOUR,
        "capture_by": now + until * DAY,
        "refund_by": now + (until + REFUND_DAYS) * DAY,
    }
    amounts = {"amount": minor, "min_fee_bps": 0, "max_fee_bps": most, "salt": secrets.randbits(256)}
    return Terms(**({"merchant": number} | usual | times | amounts | fields))


def signature_of(payer: LocalAccount, id_: bytes) -> bytes:
    return bytes(payer.unsafe_sign_hash(id_).signature)


def permit_of(session: Session, payer: LocalAccount, amount: int) -> tuple[Any, ...]:
    """ERC-2612: the payer lets the escrow take just this amount."""
    cash = session["CashToken"]
    deadline = int(session.web3.eth.get_block("latest")["timestamp"]) + HOUR
    domain = {
        "name": cash.name(),
        "version": "1",
        "chainId": session.web3.eth.chain_id,
        "verifyingContract": cash.address,
    }
    names = {"owner": "address", "spender": "address", "value": "uint256", "nonce": "uint256", "deadline": "uint256"}
    message = {
        "owner": payer.address,
        "spender": session["SettlementEscrow"].address,
        "value": amount,
        "nonce": cash.nonces(payer.address),
        "deadline": deadline,
    }
    types = {"Permit": [{"name": name, "type": kind} for name, kind in names.items()]}
    made = payer.sign_typed_data(domain, types, message)
    return deadline, made.v, made.r.to_bytes(32, "big"), made.s.to_bytes(32, "big")
