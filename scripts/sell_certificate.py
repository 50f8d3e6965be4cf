"""Sells a gift certificate.

brownie run sell_certificate main MERCHANT AMOUNT HOLDER [UNTIL] [WHERE] [BUYER] --network FOLDER

  MERCHANT  who sells: it took the money at its till, and its payable on chain pays (its finance group)
  AMOUNT    for instance 50.00
  HOLDER    a member's number, or `code`: then a secret code is made and shown once
  UNTIL     2027-11-01 (0 = a year from now)
  WHERE     the merchant where it is spent (0 = anywhere)
  BUYER     the member whose stored value gets what is left at the end (0 = the merchant)

brownie run sell_certificate cash AMOUNT HOLDER [UNTIL] [WHERE] --network FOLDER         the sender pays CashToken
brownie run sell_certificate value BUYER AMOUNT HOLDER [UNTIL] [WHERE] --network FOLDER  the buyer's stored value pays;
                                                                    its key file in TILLNET_MEMBER_KEY
"""

from collections.abc import Callable
from typing import Any, Final

from scripts.amounts import read_money
from scripts.certificates import DOMAIN, GAS, read_holder, show_certificates
from scripts.dates import DAY
from scripts.member_key import sign_as_member
from scripts.parties import read_member, read_merchant
from scripts.pipeline import Pipeline
from scripts.session import Session, open_session
from scripts.set_rule import read_time
from scripts.trouble import told

MAX_48: Final = 2**48 - 1
YEAR: Final = 365 * DAY


@told
def main(merchant: str, amount: str, holder: str, until: str = "0", where: str = "0", buyer: str = "0") -> None:
    """Sells one from a merchant's payable."""
    session = open_session()
    seller = read_merchant(session, merchant)
    heir = 0 if buyer == "0" else read_member(session, buyer)
    sell = session["GiftCertificates"].sell
    _sell(
        session, amount, holder, until, where,
        lambda pipeline, terms: pipeline.call("sell a certificate", sell, (seller, heir, terms), gas=GAS),
    )  # fmt: skip


@told
def cash(amount: str, holder: str, until: str = "0", where: str = "0") -> None:
    """Sells one for the sender's cash."""
    session = open_session()

    def send(pipeline: Pipeline, terms: tuple[Any, ...]) -> object:
        contract = session["GiftCertificates"]
        approval = (contract.address, terms[0])
        pipeline.call("approve the certificates' contract", session["CashToken"].approve, approval, gas=100_000)
        return pipeline.call("buy a certificate", contract.buy, (terms,), gas=GAS)

    _sell(session, amount, holder, until, where, send)


@told
def value(buyer: str, amount: str, holder: str, until: str = "0", where: str = "0") -> None:
    """Sells one to a member for stored value."""
    session = open_session()
    member = read_member(session, buyer)

    def send(pipeline: Pipeline, terms: tuple[Any, ...]) -> object:
        contract = session["GiftCertificates"]
        names = ("amount", "merchant", "until", "member", "code")
        kinds = ("uint64", "uint32", "uint32", "uint64", "address")
        fields = [("buyer", "uint64", member), *zip(names, kinds, terms, strict=True)]
        deadline, signature = sign_as_member(session, contract, DOMAIN, member, "Buy", fields)
        arguments = (member, terms, deadline, signature)
        return pipeline.call("buy a certificate", contract.buyWithValue, arguments, gas=GAS)

    _sell(session, amount, holder, until, where, send)


def _sell(
    session: Session,
    amount: str,
    holder: str,
    until: str,
    where: str,
    send: Callable[[Pipeline, tuple[Any, ...]], object],
) -> None:
    money = read_money(amount, high=MAX_48)
    member, address, code = read_holder(session, holder)
    ends = read_time(until) or int(session.web3.eth.get_block("latest")["timestamp"]) + YEAR
    place = 0 if where == "0" else read_merchant(session, where)
    pipeline = session.pipeline()
    send(pipeline, (money, place, ends, member, address))
    pipeline.finish()
    show_certificates(session, [session["GiftCertificates"].count()], code)
