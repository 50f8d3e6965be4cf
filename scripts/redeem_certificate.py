"""Spends a gift certificate, in whole or in part, and undoes it.

brownie run redeem_certificate main CERTIFICATE MERCHANT AMOUNT --network FOLDER    a member's; its key file in
                                                                                    TILLNET_MEMBER_KEY
brownie run redeem_certificate code CODE MERCHANT AMOUNT --network FOLDER           by its code
brownie run redeem_certificate give_back CERTIFICATE MERCHANT AMOUNT --network FOLDER
                        the merchant (cancel group) gives back what it was paid, for goods that were returned
brownie run redeem_certificate expire CERTIFICATE --network FOLDER
                        what is left of one that ended goes to who bought it; anybody may ask for it

The amount goes to the merchant's payable. At a till a certificate pays a part of a sale, by the card or the code.
"""

from typing import Final

from scripts.amounts import read_money
from scripts.certificates import DOMAIN, GAS, holder_of, of_code, read_certificate, show_certificates, uses_of
from scripts.member_key import sign_as_member, sign_terms
from scripts.parties import read_merchant
from scripts.session import Session, open_session
from scripts.trouble import told

MAX_48: Final = 2**48 - 1


@told
def main(certificate: str, merchant: str, amount: str) -> None:
    """Spends a member's certificate."""
    session = open_session()
    contract, number = session["GiftCertificates"], read_certificate(session, certificate)
    shop, money = read_merchant(session, merchant), read_money(amount, high=MAX_48)
    holder = holder_of(session, number)
    fields = [("member", "uint64", holder), ("certificate", "uint64", number), ("merchant", "uint32", shop)]
    fields.append(("amount", "uint64", money))
    deadline, signature = sign_as_member(session, contract, DOMAIN, holder, "Spend", fields)
    _send(session, number, "redeem", (number, shop, money, deadline, signature))


@told
def code(code: str, merchant: str, amount: str) -> None:
    """Spends a certificate by its code."""
    session = open_session()
    contract = session["GiftCertificates"]
    shop, money = read_merchant(session, merchant), read_money(amount, high=MAX_48)
    number, key = of_code(session, code)
    fields = [("certificate", "uint64", number), ("merchant", "uint32", shop), ("amount", "uint64", money)]
    fields.append(("uses", "uint32", uses_of(session, number)))
    signature = sign_terms(session, contract, DOMAIN, key, "Redeem", fields)
    _send(session, number, "redeemByCode", (number, shop, money, signature))


@told
def give_back(certificate: str, merchant: str, amount: str) -> None:
    """Gives back a part of what was spent."""
    session = open_session()
    number, shop = read_certificate(session, certificate), read_merchant(session, merchant)
    _send(session, number, "giveBack", (number, shop, read_money(amount, high=MAX_48)))


@told
def expire(certificate: str) -> None:
    """Pays what is left of a certificate that ended to its buyer."""
    session = open_session()
    number = read_certificate(session, certificate)
    _send(session, number, "expire", (number,))


def _send(session: Session, number: int, name: str, arguments: tuple[object, ...]) -> None:
    pipeline = session.pipeline()
    what = {"giveBack": "give back to", "expire": "end"}.get(name, "redeem")
    pipeline.call(f"{what} certificate {number}", getattr(session["GiftCertificates"], name), arguments, gas=GAS)
    pipeline.finish()
    show_certificates(session, [number])
