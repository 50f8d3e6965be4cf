"""Points and value by hand, with a second approver.

    brownie run correct_points propose WHAT MEMBER AMOUNT REASON [MERCHANT] --network FOLDER

      WHAT      grant (a merchant's points to a member), clawback (back from it), give, take (stored value)
      AMOUNT    coins for grant and clawback, money for give and take
      REASON    a text: its hash goes on the chain, the text into FOLDER/reasons
      MERCHANT  whose points they are; for take: whose payable gets the money (0 = the correction fund)

The operator proposes; a merchant's own people do with the key file in TILLNET_OPERATOR_KEY (propose_as_merchant).

    brownie run correct_points propose_as_merchant WHAT MEMBER AMOUNT REASON MERCHANT --network FOLDER
    brownie run correct_points show NUMBER --network FOLDER

Another account than the proposer's approves, or it is taken back (proposals): of a grant the merchant's finance group,
of all else finance of the network. How much a day: set_limits correct.
"""

from datetime import UTC, datetime
from typing import Final

from scripts.amounts import coins, money, read_coins, read_money, read_whole
from scripts.parties import kept_reason, read_member, read_merchant
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

KINDS: Final = ("none", "grant", "clawback", "give", "take")
OF_POINTS: Final = ("grant", "clawback")
STATUSES: Final = ("none", "open", "done", "cancelled")
GRANT: Final = 1
GAS: Final = 600_000


@told
def propose(what: str, member: str, amount: str, reason: str, merchant: str = "0") -> None:
    """Proposes as the operator and prints the proposal."""
    _propose(what, member, amount, reason, merchant, by_merchant=False)


@told
def propose_as_merchant(what: str, member: str, amount: str, reason: str, merchant: str) -> None:
    """Proposes as a merchant's person and prints the proposal."""
    if what not in OF_POINTS:
        raise Trouble("a merchant proposes a grant or a clawback")
    _propose(what, member, amount, reason, merchant, by_merchant=True)


@told
def show(number: str) -> None:
    """Prints a proposal."""
    session = open_session()
    _show(session, _number(session, number))


def _propose(what: str, member: str, amount: str, reason: str, merchant: str, *, by_merchant: bool) -> None:
    session = open_session()
    if what not in KINDS[1:]:
        raise Trouble(f"{what!r} is none of {', '.join(KINDS[1:])}")
    shop = 0 if merchant == "0" else read_merchant(session, merchant)
    if what in OF_POINTS and not shop:
        raise Trouble(f"a {what} is of one merchant: name it")
    units = read_coins(amount) if what in OF_POINTS else read_money(amount)
    whose = read_member(session, member)
    contract = session["Corrections"]
    method = contract.propose if by_merchant else contract.proposeFor
    arguments = (KINDS.index(what), shop, whose, units, kept_reason(session, reason))
    pipeline = session.pipeline()
    pipeline.checked_call("propose the correction", method, arguments, gas=GAS)
    pipeline.finish()
    _show(session, int(contract.proposalCount()))


def _show(session: Session, number: int) -> None:
    proposer, expires, kind, status, merchant, member, amount, reason = session["Corrections"].proposalOf(number)
    said = coins if KINDS[kind] in OF_POINTS else money
    rows = [
        ("what", KINDS[kind]),
        ("amount", said(amount)),
        ("member", str(member)),
        ("merchant", str(merchant) if merchant else "none"),
        ("reason", f"0x{bytes(reason).hex()}"),
        ("proposed by", proposer),
        ("to be approved until", datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("status", STATUSES[status]),
    ]
    table(f"Correction {number}", ("", "now"), rows)


def _number(session: Session, text: str) -> int:
    number = read_whole(text, "a correction's number", low=1)
    if number > session["Corrections"].proposalCount():
        raise Trouble(f"there is no correction {number}")
    return number
