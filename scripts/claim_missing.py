"""Gives a member points that a till did not give, by a receipt and two people of the merchant.

brownie run claim_missing attest MERCHANT STORE NUMBER AMOUNT TIME MEMBER --network FOLDER

  STORE   the store's number within the merchant, from 0
  NUMBER  what stands on the receipt, 1 to 32 characters
  AMOUNT  what earns: without what was paid in coins, by certificate or coupon
  TIME    2026-11-01T08:00, UTC

brownie run claim_missing show CLAIM --network FOLDER
brownie run claim_missing revoke CLAIM --network FOLDER     takes the points back, for goods that were returned

The merchant's reconcile group attests, its finance group or owner approves or rejects (proposals), which gives what the
merchant's base gives: never the same account. Name the key file in TILLNET_OPERATOR_KEY.
"""

import re
from typing import Final

from scripts.amounts import coins, money, read_money, read_whole
from scripts.names import text32
from scripts.parties import read_member, read_merchant
from scripts.session import Session, open_session
from scripts.set_rule import read_time
from scripts.tables import show as table
from scripts.trouble import Trouble, told

GAS: Final = 400_000
STATES: Final = ("none", "attested", "approved", "rejected", "revoked")


@told
def attest(merchant: str, store: str, number: str, amount: str, time: str, member: str) -> None:
    """Attests a receipt and prints the claim."""
    session = open_session()
    shop, place = read_merchant(session, merchant), read_whole(store, "a store's number", high=2**32 - 1)
    paid, moment = read_money(amount), read_time(time)
    receipt = (shop, place, text32(number), paid, moment, read_member(session, member))
    contract, pipeline = session["MissingPoints"], session.pipeline()
    pipeline.call(f"attest receipt {number}", contract.attest, (receipt,), gas=GAS)
    pipeline.finish()
    _show(session, bytes(contract.idOf(shop, place, receipt[2], moment)))


@told
def show(claim: str) -> None:
    """Prints a claim."""
    session = open_session()
    _show(session, _read(session, claim))


@told
def revoke(claim: str) -> None:
    """Takes back what a claim gave."""
    session = open_session()
    number = _read(session, claim)
    pipeline = session.pipeline()
    pipeline.call("revoke the claim", session["MissingPoints"].revoke, (number,), gas=GAS)
    pipeline.finish()
    _show(session, number)


def _read(session: Session, text: str) -> bytes:
    if not re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", text):
        raise Trouble(f"{text!r} is no claim: 64 hexadecimal digits")
    claim = bytes.fromhex(text.removeprefix("0x"))
    if not session["MissingPoints"].claimOf(claim)[4]:
        raise Trouble(f"there is no claim 0x{claim.hex()}")
    return claim


def _show(session: Session, claim: bytes) -> None:
    member, amount, merchant, units, state, attester, _ = session["MissingPoints"].claimOf(claim)
    rows = [
        ("claim", f"0x{claim.hex()}"),
        ("merchant", str(merchant)),
        ("member", str(member)),
        ("amount", money(amount)),
        ("points given", coins(units)),
        ("state", STATES[state]),
        ("attested by", str(attester)),
    ]
    table("Claim of a receipt", ("", "now"), rows)
