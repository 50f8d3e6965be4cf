"""Limits of merchants, stores and terminals: what they may recharge, what points they may buy, and their credit.

    brownie run set_limits recharge MERCHANT LEFT PERDAY [SCOPE] [NUMBER] --network FOLDER
    brownie run set_limits points MERCHANT LEFT PERDAY [SCOPE] [NUMBER] --network FOLDER

      LEFT    money that may be recharged (for which points may be bought) in all; used up: refused
      PERDAY  the same for one day of the network
      SCOPE   merchant, store or terminal; a store with a limit of its own is restricted
      NUMBER  the store's or the terminal's number

    brownie run set_limits raised WHAT MERCHANT MORE [SCOPE] [NUMBER] --network FOLDER     adds to what is left
    brownie run set_limits remove WHAT MERCHANT [SCOPE] [NUMBER] --network FOLDER          WHAT: recharge or points
    brownie run set_limits bind WHAT MERCHANT ACCOUNT STORE --network FOLDER               acts for this store
    brownie run set_limits show WHAT MERCHANT [SCOPE] [NUMBER] --network FOLDER
    brownie run set_limits credit MERCHANT LIMIT DAYS [COVER] --network FOLDER             points on credit, due in DAYS
    brownie run set_limits correct WHICH PERDAY [MERCHANT] --network FOLDER
    brownie run set_limits counters PERDAY --network FOLDER    pay-outs of closed cards without their members' keys

      COVER   share of what is owed that must lie in the merchant's deposit: 50% (0% = none)
      WHICH   grant, clawback (coins, with a merchant), give, take (money): corrections by hand a day; finance does this

The operator does all but the last two, which are finance's.
"""

from typing import Any, Final

from scripts.amounts import coins, money, read_coins, read_money, read_whole
from scripts.names import read_address
from scripts.parties import percent, read_merchant, read_percent
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

SCOPES: Final = ("merchant", "store", "terminal")
CONTRACTS: Final = {"recharge": "StoredValue", "points": "PointSale"}
KINDS: Final = {"grant": 1, "clawback": 2, "give": 3, "take": 4}
OF_MERCHANTS: Final = ("grant", "clawback")
GAS: Final = 200_000


@told
def recharge(merchant: str, left: str, per_day: str, scope: str = "merchant", number: str = "0") -> None:
    """Sets what may be recharged and prints the limit."""
    _set("recharge", merchant, left, per_day, scope, number)


@told
def points(merchant: str, left: str, per_day: str, scope: str = "merchant", number: str = "0") -> None:
    """Sets what points may be bought and prints the limit."""
    _set("points", merchant, left, per_day, scope, number)


@told
def raised(what: str, merchant: str, more: str, scope: str = "merchant", number: str = "0") -> None:
    """Raises a limit and prints it."""
    session = open_session()
    place = _place(session, merchant, scope, number)
    _do(session, "raise the limit", _contract(session, what).raiseLimit, (*place, read_money(more)))
    _show(session, what, place)


@told
def remove(what: str, merchant: str, scope: str = "merchant", number: str = "0") -> None:
    """Removes a limit."""
    session = open_session()
    place = _place(session, merchant, scope, number)
    _do(session, "remove the limit", _contract(session, what).removeLimit, place)
    print(f"Removed: the {scope}'s limit of merchant {place[0]}.")


@told
def bind(what: str, merchant: str, account: str, store: str) -> None:
    """Binds a merchant's account to a store."""
    session = open_session()
    shop, address = read_merchant(session, merchant), read_address(account)
    number = read_whole(store, "a store's number", high=2**32 - 1)
    _do(session, "bind the account", _contract(session, what).bindAccount, (shop, address, number, True))
    print(f"What {address} does counts against store {number} of merchant {shop} too.")


@told
def show(what: str, merchant: str, scope: str = "merchant", number: str = "0") -> None:
    """Prints a limit."""
    session = open_session()
    _show(session, what, _place(session, merchant, scope, number))


@told
def credit(merchant: str, limit: str, days: str, cover: str = "0%") -> None:
    """Sets a merchant's credit for points and prints it."""
    session = open_session()
    shop = read_merchant(session, merchant)
    amount = 0 if limit == "0" else read_money(limit)
    term = read_whole(days, "a number of days", low=1, high=3_650)
    share = read_percent(cover)
    _do(session, "set the credit", session["PointSale"].setLine, (shop, amount, term * 86_400, share))
    rows = [("limit", money(amount)), ("due after", f"{term} days"), ("deposit asked for", percent(share))]
    table(f"Credit of merchant {shop}", ("", "now"), rows)


@told
def correct(which: str, per_day: str, merchant: str = "0") -> None:
    """Sets how much may be corrected by hand in a day and prints it."""
    session = open_session()
    if which not in KINDS:
        raise Trouble(f"{which!r} is none of {', '.join(KINDS)}")
    of_merchant = which in OF_MERCHANTS
    if of_merchant == (merchant == "0"):
        raise Trouble(f"{which} is {'of one merchant: name it' if of_merchant else 'of no merchant'}")
    shop = read_merchant(session, merchant) if of_merchant else 0
    amount = 0 if per_day == "0" else read_coins(per_day) if of_merchant else read_money(per_day)
    _do(session, "set the limit", session["Corrections"].setDayLimit, (shop, KINDS[which], amount))
    left = int(session["Corrections"].leftToday(shop, KINDS[which]))
    said = coins if of_merchant else money
    table(f"Corrections by hand: {which}", ("", "now"), [("a day", said(amount)), ("left today", said(left))])


@told
def counters(per_day: str) -> None:
    """Sets how much the operator may pay out a day without members' keys and prints it."""
    session = open_session()
    amount = 0 if per_day == "0" else read_money(per_day)
    value = session["StoredValue"]
    _do(session, "set the limit", value.setCounterLimit, (amount,))
    rows = [("a day", money(amount)), ("left today", money(int(value.counterLeft())))]
    table("Paid out without members' keys", ("", "now"), rows)


def _set(what: str, merchant: str, left: str, per_day: str, scope: str, number: str) -> None:
    session = open_session()
    place = _place(session, merchant, scope, number)
    amounts = tuple(0 if text == "0" else read_money(text) for text in (left, per_day))
    _do(session, "set the limit", _contract(session, what).setLimit, (*place, *amounts))
    _show(session, what, place)


def _show(session: Session, what: str, place: tuple[int, int, int]) -> None:
    contract = _contract(session, what)
    left, per_day, _, used, is_set = contract.limitOf(*place)
    if not is_set:
        raise Trouble(f"merchant {place[0]} has no such limit")
    rows = [
        ("left", money(left)),
        ("a day", money(per_day)),
        ("used today", money(used)),
        ("may be done now", money(contract.leftOf(*place))),
    ]
    where = "" if not place[1] else f", {SCOPES[place[1]]} {place[2]}"
    table(f"{what.capitalize()}: merchant {place[0]}{where}", ("", "now"), rows)


def _contract(session: Session, what: str) -> Any:
    if what not in CONTRACTS:
        raise Trouble(f"{what!r} is neither {' nor '.join(CONTRACTS)}")
    return session[CONTRACTS[what]]


def _place(session: Session, merchant: str, scope: str, number: str) -> tuple[int, int, int]:
    shop = read_merchant(session, merchant)
    if scope not in SCOPES:
        raise Trouble(f"{scope!r} is none of {', '.join(SCOPES)}")
    which = read_whole(number, f"a {scope}'s number", high=2**32 - 1)
    stores, terminals = session["Registry"].merchant(shop)[2:4]
    if scope != "merchant" and which >= (stores if scope == "store" else terminals):
        raise Trouble(f"merchant {shop} has no {scope} {which}")
    return shop, SCOPES.index(scope), 0 if scope == "merchant" else which


def _do(session: Session, what: str, method: Any, arguments: Any) -> None:
    pipeline = session.pipeline()
    pipeline.checked_call(what, method, arguments, gas=GAS)
    pipeline.finish()
