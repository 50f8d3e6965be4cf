"""Whether a member's data may choose what it is offered: coupons of targeted campaigns.

    brownie run set_consent main MEMBER GIVEN --network FOLDER          the member's own word
    brownie run set_consent by_operator MEMBER GIVEN --network FOLDER   a member without a key told the operator so
    brownie run set_consent show MEMBER --network FOLDER

      GIVEN  yes, or no: it counts for what the member gets from then on

The member signs (its key file in TILLNET_MEMBER_KEY), anybody sends.
"""

from typing import Any, Final

from scripts.member_key import sign_as_member
from scripts.parties import read_member
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

GAS: Final = 200_000
DOMAIN: Final = "Till Consents"
WORDS: Final = ("no", "yes")


@told
def main(member: str, given: str) -> None:
    """Gives or withdraws consent by the member's signature."""
    session = open_session()
    number, word, contract = read_member(session, member), _word(given), session["Consents"]
    fields = [("member", "uint64", number), ("given", "bool", word)]
    deadline, signature = sign_as_member(session, contract, DOMAIN, number, "Consent", fields)
    _send(session, contract.consent, (number, word, deadline, signature))


@told
def by_operator(member: str, given: str) -> None:
    """Says it for a member without a key."""
    session = open_session()
    _send(session, session["Consents"].consentFor, (read_member(session, member), _word(given)))


@told
def show(member: str) -> None:
    """Prints what a member said."""
    session = open_session()
    _show(session, read_member(session, member))


def _send(session: Session, method: Any, arguments: tuple[Any, ...]) -> None:
    pipeline = session.pipeline()
    pipeline.checked_call(f"set the consent of member {arguments[0]}", method, arguments, gas=GAS)
    pipeline.finish()
    _show(session, arguments[0])


def _show(session: Session, member: int) -> None:
    given = bool(session["Consents"].consentOf(member))
    table(f"Member {member}", ("", "now"), [("consents to targeting", WORDS[given])])


def _word(text: str) -> bool:
    if text not in WORDS:
        raise Trouble(f"{text!r} is neither yes nor no")
    return text == "yes"
