"""The guarantee for sales that took place offline and overdrew, and what members owe for them (docs/bridge.md).

    brownie run guarantee_offline show --network FOLDER
    brownie run guarantee_offline main AMOUNT --network FOLDER                   pays in, and what is due to merchants
    brownie run guarantee_offline take AMOUNT ACCOUNT --network FOLDER           finance takes out what is not due
    brownie run guarantee_offline pay MERCHANT --network FOLDER                  pays what is due to one
    brownie run guarantee_offline collect MEMBER [MERCHANT] --network FOLDER     takes what a member owes
    brownie run guarantee_offline forgive SALE VALUE COINS --network FOLDER      the merchant lets its member off
    brownie run guarantee_offline forgive_guarantee SALE VALUE COINS --network FOLDER

      MERCHANT      whom the member owes it beside the guarantee
      SALE          stream and sequence under which it was booked, as shown: 1-43
      VALUE, COINS  money that is owed in stored value, and in coins at par; 0 for none

How far a terminal's sales are guaranteed is its floor limit (manage_terminals floor). Anybody pays in, pays and
collects; finance lets members off what they owe the guarantee (forgive_guarantee), a merchant's finance group what they
owe the merchant: name the key's file in TILLNET_OPERATOR_KEY.
"""

from collections.abc import Iterator
from typing import Any, Final

from scripts.amounts import money, read_money, read_whole
from scripts.names import read_address
from scripts.parties import bring_cash, read_member, read_merchant
from scripts.past_events import past_events
from scripts.pipeline import Pipeline
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

GAS: Final = 300_000
COLLECT_GAS: Final = 900_000
LARGEST: Final = 2**48 - 1
GUARANTEE: Final = 0
HEAD: Final = ("whose", "to whom", "in value", "in coins")


@told
def show() -> None:
    """Prints the fund, what it owes, and what members owe."""
    _show(open_session())


@told
def main(amount: str) -> None:
    """Pays into the fund, and from it what is due to merchants."""
    session = open_session()
    paid = read_money(amount, high=LARGEST)
    contract, pipeline = session["Advices"], session.pipeline()
    bring_cash(pipeline, session, contract, paid)
    pipeline.call("pay into the guarantee", contract.payIntoGuarantee, (paid,), gas=GAS)
    pipeline.finish()
    left = int(_now(session, "guarantee"))
    for merchant, due in _dues(session):
        if left:
            _pay(session, pipeline, merchant)
        left -= min(left, due)
    pipeline.finish()
    _show(session)


@told
def take(amount: str, account: str) -> None:
    """Takes out of the fund what is not due to merchants."""
    session = open_session()
    arguments = (read_money(amount, high=LARGEST), read_address(account))
    pipeline = session.pipeline()
    pipeline.checked_call("take out of the guarantee", session["Advices"].takeFromGuarantee, arguments, gas=GAS)
    pipeline.finish()
    _show(session)


@told
def pay(merchant: str) -> None:
    """Pays what is due to a merchant, as far as the fund reaches."""
    session = open_session()
    shop = read_merchant(session, merchant)
    if not int(_now(session, "guaranteeDue", shop)):
        raise Trouble(f"nothing is due to merchant {shop}")
    pipeline = session.pipeline()
    _pay(session, pipeline, shop)
    pipeline.finish()
    _show(session)


@told
def collect(member: str, merchant: str = "") -> None:
    """Takes what a member owes from what it has."""
    session = open_session()
    number, shop = read_member(session, member), read_merchant(session, merchant) if merchant else GUARANTEE
    if not int(_now(session, "owing", number)):
        raise Trouble(f"member {number} owes nothing for sales offline")
    pipeline = session.pipeline()
    pipeline.checked_call(f"collect from member {number}", session["Advices"].collect, (shop, number), gas=COLLECT_GAS)
    pipeline.finish()
    _show(session)


@told
def forgive(sale: str, value: str, coins: str) -> None:
    """Lets a member off what it owes the merchant for a sale."""
    _let_off(sale, value, coins, by_guarantee=False)


@told
def forgive_guarantee(sale: str, value: str, coins: str) -> None:
    """Lets a member off what it owes the guarantee for a sale."""
    _let_off(sale, value, coins, by_guarantee=True)


def _let_off(sale: str, value: str, coins: str, *, by_guarantee: bool) -> None:
    session = open_session()
    stream, sequence = _read_sale(sale)
    amounts = tuple(0 if each == "0" else read_money(each, high=LARGEST) for each in (value, coins))
    contract, pipeline = session["Advices"], session.pipeline()
    if not past_events(session, "Advices", "AdviceBooked", stream=stream, sequence=sequence):
        raise Trouble(f"no sale that overdrew was booked as {sale}")
    method = contract.forgiveGuarantee if by_guarantee else contract.forgive
    what = f"let the member of sale {sale} off {money(sum(amounts))}"
    pipeline.checked_call(what, method, (stream, sequence, *amounts), gas=GAS)
    pipeline.finish()
    _show(session)


def _read_sale(text: str) -> tuple[int, int]:
    stream, separator, sequence = text.partition("-")
    if not separator:
        raise Trouble(f"{text} is no sale: stream and sequence of its booking, such as 1-43")
    return read_whole(stream, "the stream", low=1, high=2**32 - 1), read_whole(sequence, "the sequence", low=1)


def _pay(session: Session, pipeline: Pipeline, merchant: int) -> None:
    what = f"pay merchant {merchant} what is due"
    pipeline.checked_call(what, session["Advices"].payGuaranteeDue, (merchant,), gas=GAS)


def _dues(session: Session) -> Iterator[tuple[int, int]]:
    """Merchants that the guarantee owes something."""
    shops = dict.fromkeys(int(_booked(event)[0]) for event in past_events(session, "Advices", "AdviceBooked"))
    for shop in shops:
        due = int(_now(session, "guaranteeDue", shop))
        if due:
            yield shop, due


def _arrears(session: Session) -> Iterator[tuple[int, int, int, int]]:
    """Who owes whom how much, in value and in coins."""
    booked = past_events(session, "Advices", "AdviceBooked")
    pairs = [(int(each["member"]), to) for each in booked for to in (GUARANTEE, int(_booked(each)[0]))]
    moved = past_events(session, "Advices", "AdviceArrearsMoved")
    pairs += [(int(each["into"]), int(each["merchant"])) for each in moved]
    for member, to in dict.fromkeys(pairs):
        value, coins = (int(each) for each in _now(session, "adviceArrears", to, member))
        if value or coins:
            yield member, to, value, coins


def _sales(session: Session, owing: set[tuple[int, int]]) -> Iterator[tuple[str, str, str, str, str]]:
    """Sales of those who owe something for them or others: what each left owing, less what was forgiven of it."""
    for event in past_events(session, "Advices", "AdviceBooked"):
        stream, sequence, member = (int(event[name]) for name in ("stream", "sequence", "member"))
        booking = _now(session, "bookingOf", stream, sequence)
        debtor = int(session["RewardToken"].survivorOf(member))
        shop = int(booking[0])
        for creditor, value, coins in ((GUARANTEE, booking[4], booking[9]), (shop, booking[5], booking[10])):
            off = _now(session, "forgiven", stream, sequence, creditor)
            left = int(value) - int(off[0]), int(coins) - int(off[1])
            if shop and (debtor, creditor) in owing and any(left):
                yield (f"{stream}-{sequence}", f"member {debtor}", _name(creditor), *(money(each) for each in left))


def _name(creditor: int) -> str:
    return f"merchant {creditor}" if creditor else "the guarantee"


def _booked(event: Any) -> Any:
    """The booking in an AdviceBooked."""
    found = event["booking"]
    return tuple(found.values()) if hasattr(found, "values") else found


def _now(session: Session, name: str, *arguments: int) -> Any:
    # by the block's number: brownie keeps answers about the newest one
    return getattr(session["Advices"], name)(*arguments, block_identifier=session.web3.eth.block_number)


def _show(session: Session) -> None:
    rows = [("fund", money(int(_now(session, "guarantee"))))]
    rows += [(f"due to merchant {shop}", money(due)) for shop, due in _dues(session)]
    table("Guarantee of sales offline", ("what", "money"), rows)
    arrears = list(_arrears(session))
    owed = [(f"member {member}", _name(to), money(value), money(coins)) for member, to, value, coins in arrears]
    table("Members owe", HEAD, owed)
    sales = list(_sales(session, {(member, to) for member, to, _, _ in arrears}))
    table("Sales that overdrew, of those who owe", ("sale", *HEAD), sales)
