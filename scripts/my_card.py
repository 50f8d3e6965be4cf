"""A member's own card, by the member's key: locks and unlocks it, replaces a lost one, gives it up.

    brownie run my_card lock CARD --network FOLDER              no debit until it is unlocked or replaced
    brownie run my_card unlock CARD --network FOLDER            not what the operator holds
    brownie run my_card replace CARD NEXT --network FOLDER      by a card of the same kind
    brownie run my_card close CARD TO --network FOLDER

      TO  where the stored value goes with the member's last card, but for what was given: an address, or the number of
          the merchant whose counter hands it out

The member signs (its key file in TILLNET_MEMBER_KEY), the operator or anybody else sends. For members without a key the
operator does it: manage_card.
"""

from typing import Any, Final

from scripts.manage_card import read_card, show_card
from scripts.member_key import Field, sign_as_member
from scripts.names import ZERO, read_address
from scripts.parties import read_merchant
from scripts.session import Session, open_session
from scripts.trouble import Trouble, told

GAS: Final = 700_000
CARDS: Final = "Tillnet cards"
VALUE: Final = "Tillnet stored value"


@told
def lock(card: str) -> None:
    """Locks a card."""
    session, number = open_session(), read_card(card)
    _send(session, "lock", session["MemberCards"].lockMine, CARDS, "LockCard", [("card", "uint64", number)])
    show_card(session, number)


@told
def unlock(card: str) -> None:
    """Unlocks a card."""
    session, number = open_session(), read_card(card)
    _send(session, "unlock", session["MemberCards"].unlockMine, CARDS, "UnlockCard", [("card", "uint64", number)])
    show_card(session, number)


@told
def replace(card: str, following: str) -> None:
    """Puts another card in the place of a lost one."""
    session, number, following_one = open_session(), read_card(card), read_card(following)
    fields = [("card", "uint64", number), ("next", "uint64", following_one)]
    _send(session, "replace", session["MemberCards"].replaceMine, CARDS, "ReplaceCard", fields)
    show_card(session, following_one)


@told
def close(card: str, to: str) -> None:
    """Gives a card up."""
    session, number = open_session(), read_card(card)
    counter = 0 if to.startswith("0x") else read_merchant(session, to)
    receiver = ZERO if counter else read_address(to)
    fields = [("card", "uint64", number), ("to", "address", receiver), ("counter", "uint32", counter)]
    _send(session, "close", session["StoredValue"].closeCard, VALUE, "CloseCard", fields, contract="StoredValue")
    show_card(session, number)


def _send(
    session: Session,
    verb: str,
    method: Any,
    domain: str,
    primary: str,
    fields: list[Field],
    *,
    contract: str = "MemberCards",
) -> None:
    card = fields[0][2]
    member = int(session["MemberCards"].cardOf(card)[0])
    if not member:
        raise Trouble(f"card {card} is nobody's")
    whose = int(session["MemberCards"].survivorOf(member))
    deadline, signature = sign_as_member(session, session[contract], domain, whose, primary, fields)
    arguments = (*(value for _, _, value in fields), deadline, signature)
    pipeline = session.pipeline()
    pipeline.checked_call(f"{verb} card {card}", method, arguments, gas=GAS)
    pipeline.finish()
