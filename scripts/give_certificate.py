"""Gives a gift certificate to a member, or to whoever has a code.

brownie run give_certificate main CERTIFICATE TO --network FOLDER     TO: a member's number, or `code` for a new code
brownie run give_certificate claim CODE MEMBER --network FOLDER       the certificate of a code becomes a member's

The member that holds it signs (its key file in TILLNET_MEMBER_KEY); of a code the code signs, for this member alone,
so nobody who sees the transaction can take it.
"""

from scripts.certificates import (
    DOMAIN,
    GAS,
    holder_of,
    of_code,
    read_certificate,
    read_holder,
    show_certificates,
    uses_of,
)
from scripts.member_key import sign_as_member, sign_terms
from scripts.parties import read_member
from scripts.session import open_session
from scripts.trouble import told


@told
def main(certificate: str, to: str) -> None:
    """Gives a member's certificate away."""
    session = open_session()
    contract, number = session["GiftCertificates"], read_certificate(session, certificate)
    member, address, code = read_holder(session, to)
    holder = holder_of(session, number)
    fields = [("from", "uint64", holder), ("certificate", "uint64", number), ("to", "uint64", member)]
    fields.append(("code", "address", address))
    deadline, signature = sign_as_member(session, contract, DOMAIN, holder, "Give", fields)
    pipeline = session.pipeline()
    arguments = (number, member, address, deadline, signature)
    pipeline.call(f"give certificate {number}", contract.give, arguments, gas=GAS)
    pipeline.finish()
    show_certificates(session, [number], code)


@told
def claim(code: str, member: str) -> None:
    """Makes the certificate of a code a member's."""
    session = open_session()
    contract, holder = session["GiftCertificates"], read_member(session, member)
    number, key = of_code(session, code)
    fields = [("certificate", "uint64", number), ("member", "uint64", holder)]
    fields.append(("uses", "uint32", uses_of(session, number)))
    signature = sign_terms(session, contract, DOMAIN, key, "Claim", fields)
    pipeline = session.pipeline()
    pipeline.call(f"claim certificate {number}", contract.claim, (number, holder, signature), gas=GAS)
    pipeline.finish()
    show_certificates(session, [number])
