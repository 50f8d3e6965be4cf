"""Offers a purchased item for resale; its record becomes a token.

    brownie run offer_receipt main RECEIPT ITEM PRICE [DAYS] --network FOLDER
    brownie run offer_receipt withdraw TOKEN --network FOLDER
    brownie run offer_receipt unwind TOKEN --network FOLDER
    brownie run offer_receipt returned RECEIPT ITEM --network FOLDER
    brownie run offer_receipt offers --network FOLDER

      RECEIPT  a JSON file: {"payment": "1-42", "seed": "0x..", "items": [{"product": "..", "quantity": 1,
               "amount": 1299}, ..]}, amounts in minor units
      ITEM     the item's place in the receipt, from 0
      PRICE    money
      DAYS     how long the offer stands (30)
      TOKEN    the number that main tells; its first characters are enough

The member's key signs (TILLNET_MEMBER_KEY), and the script's key sends. `unwind` gives the buyer its money back: the
seller's key, or anybody when the goods went back to the shop. `returned` is for the merchant's cancel group: these
goods came back.
"""

from typing import Any, Final

from scripts.amounts import money, read_money, read_whole
from scripts.member_key import sign_as_member
from scripts.names import typed_path
from scripts.past_events import past_events
from scripts.proofs import Proven, prove
from scripts.receipt_file import Receipt, read_receipt
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

NAME: Final = "ReceiptMarket"
GAS: Final = 900_000
DAY: Final = 86_400
MAX_48: Final = 2**48 - 1
STATES: Final = ("none", "offered", "paid", "disputed", "sold")


@told
def main(receipt: str, item: str, price: str, days: str = "30") -> None:
    """Offers an item and prints its token."""
    session = open_session()
    found, place = _item(receipt, item)
    line = _line(session, found, place)
    asked = read_money(price, high=MAX_48)
    until = _now(session) + read_whole(days, "a number of days", low=1, high=3_650) * DAY
    token, member = found.token(place, line.leaf.stream, line.leaf.sequence), int(line.leaf.member)
    fields = [
        ("member", "uint64", member),
        ("token", "uint256", token),
        ("leaf", "bytes32", bytes(line.leaf.hash)),
        ("price", "uint64", asked),
        ("until", "uint32", until),
    ]
    deadline, signature = sign_as_member(session, session[NAME], NAME, member, "OfferReceipt", fields)
    arguments = (member, line.words, found.words(place), asked, until, deadline, signature)
    _send(session, f"offer item {place}", "offer", *arguments)
    _show(session, token)


@told
def withdraw(token: str) -> None:
    """Ends an offer; the script's key is the member's."""
    session = open_session()
    _send(session, "withdraw the offer", "withdraw", find_token(session, token))
    print("The offer is withdrawn.")


@told
def unwind(token: str) -> None:
    """Gives the buyer its money back."""
    session = open_session()
    number = find_token(session, token)
    price = session[NAME].listing(number)[2]
    _send(session, "unwind the sale", "unwind", number)
    print(f"The buyer got {money(price)} back.")


@told
def returned(receipt: str, item: str) -> None:
    """Says that an item's goods went back to the merchant."""
    session = open_session()
    found, place = _item(receipt, item)
    line = _line(session, found, place, whole=False)
    _send(session, f"mark item {place}", "markReturned", line.words, found.words(place))
    print(f"Item {place} of payment {found.payment} is returned: it cannot be sold on.")


@told
def offers() -> None:
    """Lists what is offered, paid for or disputed."""
    session = open_session()
    rows = []
    for event in past_events(session, NAME, "ReceiptOffered"):
        _, member, price, amount, _, until, status, _ = session[NAME].listing(event["token"])
        row = (f"{event['token']:064x}"[:16], STATES[status], str(member), money(price), money(amount), str(until))
        if status and row not in rows:
            rows.append(row)
    show("Receipts", ("token", "state", "member", "price", "was bought for", "until"), rows)


def find_token(session: Session, text: str) -> int:
    """The token whose number begins with these hexadecimal characters. Raises Trouble when it is not one alone."""
    start = text.lower().removeprefix("0x")
    known = {event["token"] for event in past_events(session, NAME, "ReceiptOffered")}
    found = [token for token in known if f"{token:064x}".startswith(start)]
    if not start or len(found) != 1:
        raise Trouble(f"{len(found)} tokens begin with {text!r}; offer_receipt offers lists them")
    return found[0]


def line_of(session: Session, token: int) -> tuple[Any, ...]:
    """ILedgerDoors.ProvenLeaf of the line that an offered item stands on."""
    leaf = bytes(session[NAME].listing(token)[0])
    event = next(e for e in reversed(past_events(session, NAME, "ReceiptOffered")) if e["token"] == token)
    for line in prove(session, f"{event['stream']}-{event['sequence']}"):
        if bytes(line.leaf.hash) == leaf:
            return line.words
    raise Trouble("the line of this item is not among those of its payment")


def _item(receipt: str, item: str) -> tuple[Receipt, int]:
    found = read_receipt(typed_path(receipt))
    return found, read_whole(item, "an item's place", high=len(found.items) - 1)


def _line(session: Session, receipt: Receipt, place: int, *, whole: bool = True) -> Proven:
    """A line of the payment that carries this receipt, with enough left for the item."""
    lines = prove(session, receipt.payment)
    if all(bytes(line.leaf.items_root) != receipt.root for line in lines):
        raise Trouble(f"these are not the items of payment {receipt.payment}")
    amount = receipt.items[place].amount
    for line in lines:
        undone, _ = session["RewardToken"].refunded(line.leaf.hash)
        if not whole or line.leaf.amount - undone >= amount:
            return line
    raise Trouble(f"of no line of payment {receipt.payment} {money(amount)} are left")


def _send(session: Session, what: str, name: str, *arguments: Any) -> None:
    pipeline = session.pipeline()
    method = getattr(session[NAME], name)
    pipeline.checked_call(what, method, arguments, gas=GAS)
    pipeline.finish()


def _show(session: Session, token: int) -> None:
    _, member, price, amount, _, until, status, _ = session[NAME].listing(token)
    rows = [
        ("token", f"{token:064x}"),
        ("state", STATES[status]),
        ("member", str(member)),
        ("price", money(price)),
        ("was bought for", money(amount)),
        ("until", str(until)),
    ]
    show("Receipt", ("", "now"), rows)


def _now(session: Session) -> int:
    return int(session.web3.eth.get_block("latest")["timestamp"])
