"""Members' cards: their kinds, and a card's life from issue to pay-out.

    brownie run manage_card kind KIND START DAYS SHARE TIER --network FOLDER

      KIND   1 to 255            START  money that a member begins with, once (0 = none)
      DAYS   valid so long (0 = for ever)      SHARE  of a programme's rebate: 100%, 150%
      TIER   0 to 15: the tier that the card gives

    brownie run manage_card issue KIND CARDS [MERCHANT] --network FOLDER   cards that a merchant's clerks may activate
    brownie run manage_card activate CARD MEMBER [MERCHANT] --network FOLDER   as the merchant's clerk, if one is named
    brownie run manage_card lock CARD --network FOLDER          no debit until it is unlocked or replaced
    brownie run manage_card unlock CARD --network FOLDER
    brownie run manage_card replace CARD NEXT --network FOLDER  a lost card: the next one has all that it opened
    brownie run manage_card expire CARD --network FOLDER        its validity is over (anybody)
    brownie run manage_card start CARD --network FOLDER         pays its starting value (anybody)
    brownie run manage_card close CARD MERCHANT CONSENT --network FOLDER
    brownie run manage_card show CARD --network FOLDER

CARDS are random numbers with commas between them. `close` gives up the card; with the member's last one its stored
value, but for what was given, goes to the merchant, whose counter hands it out. CONSENT is the text that the member
signed: its hash goes on the chain, the text into FOLDER/reasons. Members with a key lock, replace and close by
themselves, and close to any address: my_card.
"""

from typing import Any, Final

from scripts.amounts import money, read_money, read_whole
from scripts.parties import MAX_64, kept_reason, percent, read_member, read_merchant, read_numbers
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

STATES: Final = ("unknown", "issued", "active", "locked by the member", "held", "replaced", "expired", "closed")
GAS: Final = 700_000
GAS_EACH: Final = 60_000
LARGEST: Final = 2**48 - 1


@told
def kind(number: str, start: str, days: str, share: str, tier: str) -> None:
    """Sets a kind's terms and prints them."""
    session = open_session()
    terms = (
        read_whole(number, "a kind of card", low=1, high=255),
        0 if start == "0" else read_money(start, high=LARGEST),
        read_whole(days, "a number of days", high=2**16 - 1),
        _share(share),
        read_whole(tier, "a tier", high=15),
    )
    _do(session, f"set kind {terms[0]}", session["MemberCards"].setKind, terms)
    value, valid, points, its_tier, _ = session["MemberCards"].kindOf(terms[0])
    rows = [
        ("begins with", money(value)),
        ("valid", f"{valid} days" if valid else "for ever"),
        ("of a rebate", percent(points)),
        ("tier", str(its_tier)),
    ]
    table(f"Kind {terms[0]}", ("", "now"), rows)


@told
def issue(number: str, cards: str, merchant: str = "0") -> None:
    """Makes cards and prints how many."""
    session = open_session()
    numbers = read_numbers(cards, "a card's number")
    shop = 0 if merchant == "0" else read_merchant(session, merchant)
    arguments = (shop, read_whole(number, "a kind of card", low=1, high=255), numbers)
    _do(session, "issue cards", session["MemberCards"].issueCards, arguments, gas=GAS + GAS_EACH * len(numbers))
    print(f"Issued: {len(numbers)} card{'' if len(numbers) == 1 else 's'}.")


@told
def activate(card: str, member: str, merchant: str = "0") -> None:
    """Binds a card to a member and prints it."""
    session = open_session()
    number, whose = read_card(card), read_member(session, member)
    contract = session["MemberCards"]
    if merchant == "0":
        _do(session, f"activate card {number}", contract.activate, (number, whose))
    else:
        shop = read_merchant(session, merchant)
        _do(session, f"activate card {number}", contract.activateAt, (shop, number, whose))
    show_card(session, number)


@told
def lock(card: str) -> None:
    """Holds a card and prints it."""
    session = open_session()
    _do(session, f"lock card {read_card(card)}", session["MemberCards"].hold, (read_card(card),))
    show_card(session, read_card(card))


@told
def unlock(card: str) -> None:
    """Lifts a lock and prints the card."""
    session = open_session()
    _do(session, f"unlock card {read_card(card)}", session["MemberCards"].release, (read_card(card),))
    show_card(session, read_card(card))


@told
def replace(card: str, following: str) -> None:
    """Puts another card in the place of one and prints it."""
    session = open_session()
    arguments = (read_card(card), read_card(following))
    _do(session, f"replace card {arguments[0]}", session["MemberCards"].replace, arguments)
    show_card(session, arguments[1])


@told
def expire(card: str) -> None:
    """Ends a card whose validity is over."""
    session = open_session()
    _do(session, f"expire card {read_card(card)}", session["MemberCards"].expire, (read_card(card),))
    show_card(session, read_card(card))


@told
def start(card: str) -> None:
    """Pays a card's starting value."""
    session = open_session()
    _do(
        session,
        f"pay the starting value of card {read_card(card)}",
        session["StoredValue"].payStartingValue,
        (read_card(card),),
    )
    show_card(session, read_card(card))


@told
def close(card: str, merchant: str, consent: str) -> None:
    """Gives up a card, pays out at a merchant's counter, and prints the card."""
    session = open_session()
    number, shop = read_card(card), read_merchant(session, merchant)
    before = int(session["RewardToken"].merchant(shop)[1])
    digest = kept_reason(session, consent)
    _do(session, f"close card {number}", session["StoredValue"].closeCardAt, (number, shop, digest))
    paid = int(session["RewardToken"].merchant(shop)[1]) - before
    print(f"Merchant {shop} hands out {money(paid)}." if paid else "Nothing is paid out.")
    show_card(session, number)


@told
def show(card: str) -> None:
    """Prints a card."""
    session = open_session()
    show_card(session, read_card(card))


def show_card(session: Session, number: int) -> None:
    """Prints a card. Raises Trouble when there is none."""
    contract = session["MemberCards"]
    _, merchant, its_kind, state, expires, following = contract.cardOf(number)
    if not state:
        raise Trouble(f"there is no card {number}")
    good, member, _ = contract.usable(number)
    rows = [
        ("state", STATES[state]),
        ("good at a till", "yes" if good else "no"),
        ("member", str(member) if member else "none yet"),
        ("kind", str(its_kind)),
        ("handed to", f"merchant {merchant}" if merchant else "the operator"),
        ("valid until", str(expires) if expires else "for ever"),
    ]
    if following:
        rows.append(("replaced by", str(following)))
    table(f"Card {number}", ("", "now"), rows)


def _do(session: Session, what: str, method: Any, arguments: Any, *, gas: int = GAS) -> None:
    pipeline = session.pipeline()
    pipeline.checked_call(what, method, arguments, gas=gas)
    pipeline.finish()


def _share(text: str) -> int:
    if not text.endswith("%"):
        raise Trouble(f"{text!r} is not a share such as 100%")
    return read_whole(text[:-1], "a share such as 100%", high=655) * 100


def read_card(text: str) -> int:
    """A card's number."""
    return read_whole(text, "a card's number", low=1, high=MAX_64)
