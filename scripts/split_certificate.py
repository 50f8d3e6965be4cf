"""Splits a member's gift certificate: each amount becomes a certificate of its own, to be given on.

brownie run split_certificate main CERTIFICATE AMOUNT[,AMOUNT...] --network FOLDER

  AMOUNT  for instance 20.00; something stays in the first

The member signs: its key file in TILLNET_MEMBER_KEY.
"""

from typing import Final

from scripts.amounts import read_money
from scripts.certificates import DOMAIN, GAS, holder_of, read_certificate, show_certificates
from scripts.member_key import sign_as_member
from scripts.session import open_session
from scripts.trouble import Trouble, told

PARTS: Final = 50
MAX_48: Final = 2**48 - 1


@told
def main(certificate: str, amounts: str) -> None:
    """Splits a certificate and prints the parts."""
    session = open_session()
    contract, number = session["GiftCertificates"], read_certificate(session, certificate)
    # no thousands' separators here: the comma parts the amounts
    parts = [read_money(part.strip(), high=MAX_48) for part in amounts.split(",")]
    if len(parts) > PARTS:
        raise Trouble(f"a certificate is split into {PARTS} at once, at most")
    holder = holder_of(session, number)
    fields = [("from", "uint64", holder), ("certificate", "uint64", number), ("amounts", "uint64[]", parts)]
    deadline, signature = sign_as_member(session, contract, DOMAIN, holder, "Split", fields)
    pipeline = session.pipeline()
    gas = GAS + 150_000 * len(parts)
    pipeline.call(f"split certificate {number}", contract.split, (number, parts, deadline, signature), gas=gas)
    pipeline.finish()
    count = int(contract.count())
    show_certificates(session, [number, *range(count - len(parts) + 1, count + 1)])
